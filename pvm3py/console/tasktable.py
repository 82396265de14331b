# SPDX-License-Identifier: MIT
"""Tasks in a table, as `ps` and `jobs -l` show them; tids as people write them."""

from __future__ import annotations

from typing import Any

import pvm3py.classic as pvm

from .output import HOST, Column

_CONNECTED = 0x4
_FLAGS = (
    (0x400, "T"),
    (0x200, "H"),
    (0x100, "R"),
    (0x20, "s"),
    (0x10, "o"),
    (0x8, "a"),
    (_CONNECTED, "c"),
    (0x2, "f"),
)

_LONG = (Column("PTID", 8), Column("PID", 6))
_COMMAND = Column("COMMAND", -12)


def parse_tid(word: str) -> int | None:
    """A tid: hexadecimal, with t or 0x before it or nothing; None: it is none."""
    try:
        tid = int(word.removeprefix("t"), 16)
    except ValueError:
        return None
    return tid if 0 < tid < 1 << 31 else None


def flag_text(flags: int) -> str:
    """The flags of a task: number, and letters of those that are known."""
    letters = ",".join(letter for bit, letter in _FLAGS if flags & bit)
    return f"{flags:x}/{letters}"


def connected(task: pvm.TaskInfo) -> bool:
    """Whether a task has enrolled, and has not left."""
    return bool(task.flags & _CONNECTED)


class TaskTable:
    """Lines of a table of tasks.

    me     tid of the console, which is shown by name
    hosts  hosts of the machine
    long   with parent and process
    """

    def __init__(self, me: int, hosts: list[pvm.Host], *, long: bool = False) -> None:
        self._me = me
        self._names = {host.tid: host.name for host in hosts}
        self._long = long
        middle = _LONG if long else ()
        columns = (HOST, Column("TID", 8), *middle, Column("FLAG 0x", 9), _COMMAND)
        self.columns: tuple[Column, ...] = columns

    def row(self, task: pvm.TaskInfo) -> list[str]:
        """What the columns say about a task."""
        cells = [self.host(task), self._tid(task.tid)]
        if self._long:
            cells += [self._tid(task.parent) if task.parent else "-", str(task.pid)]
        return [*cells, flag_text(task.flags), task.program or "-"]

    def record(self, task: pvm.TaskInfo) -> dict[str, Any]:
        """A task for programs; parent null if it has none."""
        return {
            "tid": task.tid,
            "host": self.host(task),
            "parent": task.parent if task.parent > 0 else None,
            "pid": task.pid,
            "flags": flag_text(task.flags),
            "program": task.program or None,
        }

    def host(self, task: pvm.TaskInfo) -> str:
        """Name of a task's host."""
        return self.name(task.host)

    def name(self, daemon: int) -> str:
        """Name of a host by its daemon's tid."""
        return self._names.get(daemon, "-")

    def _tid(self, tid: int) -> str:
        return "(cons)" if tid == self._me else f"{tid & 0xFFFFFFFF:x}"
