# SPDX-License-Identifier: MIT
"""What goes with a task that moves: all that its daemon knows of it, and has promised to it."""

from __future__ import annotations

from pvm3py.wire.moves import MoveGo, TaskRecord
from pvm3py.wire.task import Extension

from ..core import Pvmd
from ..state.task import HELD_BY_HAND, Target, Task
from . import awaited, manager, output
from .notify import Notices


def _words(target: Target | None) -> list[int]:
    return [] if target is None else [target.tid, target.ctx, target.tag]


def _record(task: Task) -> TaskRecord:
    can = task.announced
    words = (can.magic, can.capabilities, can.fragment, can.signal, can.image) if can else ()
    return TaskRecord(
        task.ptid,
        task.name,
        task.flags,
        task.sched,
        task.tells_status,
        task.output_ended,
        _words(task.out),
        _words(task.trc),
        _words(task.begun),
        [word or 0 for word in words],
        task.held & HELD_BY_HAND,
        task.job,
    )


def pack(pvmd: Pvmd, task: Task, epoch: int, *, take: bool) -> MoveGo:
    """All of a task that has stopped here.

    take: it goes, and from now on this daemon has nothing for it; else it may, and what it has
    written is left out.
    """
    rest = b""
    if take and task.pipe is not None:
        rest = task.pipe.take_rest()
        task.pipe = None
    return MoveGo(
        task.tid,
        epoch,
        _record(task),
        Notices.of(pvmd).list_of(pvmd, task.tid, take=take),
        manager.open_with(task),
        awaited.of_task(pvmd, task),
        task.frozen or [],
        rest,
    )


def unpack(task: Task, record: TaskRecord) -> None:
    """What another daemon knew of a task that has come."""
    task.ptid, task.name, task.flags = record.ptid, record.name, record.flags
    task.sched, task.job = record.sched, record.job
    task.tells_status = bool(record.tells_status)
    task.output_ended = bool(record.output_ended)
    task.out, task.trc = Target(*record.out), Target(*record.trc)
    task.begun = Target(*record.begun) if record.begun else None
    task.announced = Extension(*record.announced) if record.announced else None
    task.held = record.held


def unpack_promises(pvmd: Pvmd, task: Task, go: MoveGo) -> None:
    """What another daemon had promised to a task that is connected here now."""
    for record in go.managers:
        manager.take_over(pvmd, task, record)
    Notices.of(pvmd).keep_for(pvmd, task.tid, go.notices)
    awaited.watch(pvmd, task, go.requests, go.epoch)


def pass_on_output(pvmd: Pvmd, task: Task, text: bytes) -> None:
    """Pass on what a task had written before it came."""
    for start in range(0, len(text), output.TEXT_MAX):
        output.send_text(pvmd, task, text[start : start + output.TEXT_MAX])
