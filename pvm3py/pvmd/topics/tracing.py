# SPDX-License-Identifier: MIT
"""Trace events of the daemon: a task began, was spawned, ended. Each goes to the task's tracer.

What 3.4.6 does not know, like moves, are events of the user in words, from the daemon.
"""

from __future__ import annotations

import time

from pvm3py.wire import constants as c

from ..core import Pvmd, Table
from ..occasions import TASK_GONE, Step, on
from ..state.task import Target, Task

# Name, type code and value of an item of an event.
_Item = tuple[str, int, int | str]


# Destinations whose knowledge is kept. One that has been forgotten is told everything again.
_TOLD_MAX = 1000


class Tracers(Table):
    """What each destination of trace events has been told: kinds of events, by tid, ctx and tag."""

    def __init__(self) -> None:
        self._told: dict[tuple[int, int, int], set[str]] = {}

    def describe(self, tid: int, ctx: int, tag: int, event: str) -> tuple[bool, bool]:
        """Whether the destination needs the table of items, and the event's description."""
        key = tid, ctx, tag
        first = key not in self._told
        told = self._told.setdefault(key, set())
        unknown = event not in told
        told.add(event)
        if len(self._told) > _TOLD_MAX:
            del self._told[next(iter(self._told))]
        return first, unknown

    def forget(self, tid: int) -> None:
        """A task is gone: its tid may come back as another's."""
        for key in [key for key in self._told if key[0] == tid]:
            del self._told[key]


def task_started(pvmd: Pvmd, task: Task) -> None:
    """A task was started here, or one started by hand connected."""
    if task.trc.tid <= 0:
        return
    task.begun = task.trc.copy()
    spawned = task.flags >= 0
    _send(
        pvmd,
        task.trc,
        task.tid,
        "newtask",
        _int("PT", task.ptid or -1),
        _int("TF", task.flags),
        ("TN", c.TEV_DATA_STRING, task.name if spawned else "-"),
    )


def task_spawned(pvmd: Pvmd, trc: Target, tid: int, ptid: int) -> None:
    """The request that started a task is being answered."""
    if trc.tid > 0:
        _send(pvmd, trc, tid, "spntask", _int("PT", ptid))


@on(TASK_GONE, Step.TRACE)
def task_gone(pvmd: Pvmd, tid: int, task: Task | None) -> None:
    """A task is gone; it may have been a tracer."""
    if task is not None:
        task_ended(pvmd, task)
    Tracers.of(pvmd).forget(tid)


def task_ended(pvmd: Pvmd, task: Task) -> None:
    """A task of this host is gone: tell its tracer, or if it has none now the one it began with."""
    to = task.trc if task.trc.tid > 0 else task.begun
    if to is None:
        return
    _send(
        pvmd,
        to,
        task.tid,
        "endtask",
        _int("TST", task.status or 0),
        *_seconds("TU", task.user_time),
        *_seconds("TS", task.system_time),
    )


def task_told(pvmd: Pvmd, task: Task, text: str) -> None:
    """Something has been done to a task of this host: its tracer gets that as the user's event."""
    if task.trc.tid <= 0:
        return
    from pvm3py.trace.message import Event, Item, encode  # noqa: PLC0415

    items = (*_when(pvmd.daemon_tid), ("USR0", c.TEV_DATA_STRING, f"t{task.tid:x} {text}"))
    event = Event("user_defined", "", tuple(Item(*item) for item in items), described=True)
    pvmd.send(task.trc.tid, task.trc.tag, task.trc.ctx, encode([event]))


def _when(tid: int) -> tuple[_Item, _Item, _Item]:
    """Items of every event: the time, and whose it is."""
    second, micro = divmod(time.time_ns() // 1000, 1000000)
    return _int("TS", second), _int("TU", micro), _int("TID", tid)


def _int(name: str, value: int) -> _Item:
    return name, c.TEV_DATA_INT, value


def _seconds(name: str, seconds: float) -> tuple[_Item, _Item]:
    """Items for seconds and microseconds of a span of time."""
    whole, micro = divmod(round(seconds * 1000000), 1000000)
    return _int(f"{name}S", whole), _int(f"{name}U", micro)


def _send(pvmd: Pvmd, to: Target, tid: int, name: str, *items: _Item) -> None:
    # Most machines have no tracer.
    from pvm3py.trace.message import Event, Item, ItemTable, encode  # noqa: PLC0415

    table, described = Tracers.of(pvmd).describe(to.tid, to.ctx, to.tag, name)
    if table:
        pvmd.send(to.tid, to.tag, to.ctx, encode([ItemTable()]))
    event = Event(name, "", tuple(Item(*item) for item in (*_when(tid), *items)), described)
    pvmd.send(to.tid, to.tag, to.ctx, encode([event]))
