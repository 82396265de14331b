# SPDX-License-Identifier: MIT
"""The command `top`: tasks with what they use, shown again and again."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

from ..output import HOST, Column, fitted, size_text, tid_text
from ..session import Session
from ..table import JSON, Given, Option, command
from ..usage import Usage, Watch

# Seconds between looks.
_INTERVAL = 2.0
_SHORTEST = 0.1
# Seconds that other hosts have to tell their figures.
_PATIENCE = 3.0

_BOLD, _REVERSE, _NORMAL = "\x1b[1m", "\x1b[7m", "\x1b[0m"


@dataclass(frozen=True)
class _Field:
    """A column. key: what sorts by it; falling: the largest first."""

    key: str
    column: Column
    text: Callable[[Usage], str]
    value: Callable[[Usage], float | str | None]
    falling: bool = True


def _number(value: float | None, digits: int = 0) -> str:
    return "-" if value is None else f"{value:.{digits}f}"


def _program(usage: Usage) -> str:
    return usage.task.program or "-"


_FIELDS = (
    _Field("t", Column("TID", 8), lambda u: tid_text(u.task.tid), lambda u: u.task.tid, False),
    _Field("h", HOST, lambda u: u.host, lambda u: u.host, False),
    _Field("c", Column("CPU%", 6), lambda u: _number(u.cpu, 1), lambda u: u.cpu),
    _Field("m", Column("MEMORY", 7), lambda u: size_text(u.memory), lambda u: u.memory),
    _Field("s", Column("MSG/S", 8), lambda u: _number(u.messages), lambda u: u.messages),
    _Field("b", Column("BYTE/S", 7), lambda u: size_text(u.bytes), lambda u: u.bytes),
    _Field("n", Column("COMMAND", -12), _program, _program, False),
)
_KEYS = {field.key: field for field in _FIELDS}
_KEY_NAMES = ", ".join(f"{field.key} {field.column.title}" for field in _FIELDS)


class _Order:
    """How the tasks are sorted."""

    def __init__(self) -> None:
        self._field = _KEYS["c"]
        self._reverse = False

    def press(self, key: str) -> None:
        """Sort by another column, or the other way round."""
        if key in _KEYS:
            self._field, self._reverse = _KEYS[key], False
        elif key == "r":
            self._reverse = not self._reverse

    @property
    def title(self) -> str:
        """The column that sorts."""
        return self._field.column.title

    def sort(self, usages: list[Usage]) -> list[Usage]:
        """The tasks in order; those of which the figure is not known are the last ones."""
        value = self._field.value
        known = sorted((u for u in usages if value(u) is not None), key=value)  # type: ignore[arg-type]
        if self._field.falling != self._reverse:
            known.reverse()
        return known + [u for u in usages if value(u) is None]


def _cells(usage: Usage) -> list[str]:
    return [field.text(usage) for field in _FIELDS]


_COLUMNS = tuple(field.column for field in _FIELDS)


@command(
    "top",
    summary="show what tasks use: processor, memory, messages",
    options=(
        Option("-d", "seconds between looks, 2 if not given", "SECONDS"),
        Option("-n", "end after this many", "COUNT"),
        Option("-s", f"sort by a column: {_KEY_NAMES}", "KEY"),
        JSON,
    ),
    notes=(
        "On a terminal it goes on until q; the keys of -s sort, r turns the order round.",
        "MSG/S and BYTE/S are what a task sends to others, without what goes by direct routes to",
        "other hosts. They are - where a daemon of PVM 3.4.6 is the task's or this console's.",
    ),
)
def top(session: Session, given: Given) -> None:
    """Look at the tasks, once or again and again."""
    try:
        seconds = max(float(given.options.get("-d", _INTERVAL)), _SHORTEST)
        count = int(given.options.get("-n", 0))
    except ValueError:
        session.complain("-d and -n have a number glued to them, as in -d5")
        return
    order = _Order()
    order.press(given.options.get("-s", ""))
    watch = Watch(session)
    try:
        if session.out.live and "--json" not in given:
            _show(session, watch, order, seconds, count)
        else:
            _print(session, watch, order, seconds, count or 1, json="--json" in given)
    finally:
        watch.close()


def _print(
    session: Session, watch: Watch, order: _Order, seconds: float, count: int, *, json: bool
) -> None:
    """Print tables, or lists for programs. Rates need a look before the first one."""
    watch.look()
    for _ in range(count):
        watch.settle(_PATIENCE)
        session.mail.wait(lambda: False, seconds)
        watch.look()
        watch.settle(_PATIENCE)
        usages = order.sort(watch.known())
        if json:
            session.out.json([usage.record() for usage in usages])
        else:
            session.out.table(_COLUMNS, map(_cells, usages))


def _show(session: Session, watch: Watch, order: _Order, seconds: float, count: int) -> None:
    """Draw the table until a key ends it."""
    from ..screen import Screen  # noqa: PLC0415

    with Screen(session.mail) as screen:
        due, shown = 0.0, 0
        while True:
            if time.monotonic() >= due:
                if shown and shown == count:
                    return
                watch.look()
                due, shown = time.monotonic() + seconds, shown + 1
            screen.draw(_picture(watch, order, *screen.size()))
            key = screen.key(max(due - time.monotonic(), 0))
            if key in ("q", "\x04"):
                return
            order.press(key)


def _picture(watch: Watch, order: _Order, columns: int, lines: int) -> list[str]:
    """Lines for a screen of this size."""
    usages = order.sort(watch.known())
    head, *rows = map("  ".join, fitted(_COLUMNS, map(_cells, usages[: lines - 3])))
    told = f"hosts {len(watch.hosts)}, tasks {len(usages)}, sorted by {order.title}"
    keys = f"q quit, r reverse, sort: {_KEY_NAMES}"
    plain = [told[:columns], f"{head[:columns]:<{columns}}", *(row[:columns] for row in rows)]
    plain[0] = f"{_BOLD}{plain[0]}{_NORMAL}"
    plain[1] = f"{_REVERSE}{plain[1]}{_NORMAL}"
    return [*plain, keys[:columns]]
