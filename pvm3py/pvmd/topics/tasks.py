# SPDX-License-Identifier: MIT
"""The task table, and requests about tasks: tables, status, signals, options."""

from __future__ import annotations

import os
import signal
from collections.abc import Coroutine

from pvm3py.wire import constants as c
from pvm3py.wire.constants import signed
from pvm3py.wire.daemon import TaskList, TaskQuestion, TaskStatus
from pvm3py.wire.record import Record
from pvm3py.wire.task import (
    Empty,
    SetOptRequest,
    Settings,
    SignalRequest,
    Status,
    TaskEntry,
    TaskReply,
    TidBody,
)

from ..core import Pvmd
from ..dispatch import Request, handles
from ..occasions import TASK_GONE, Step, on
from ..state.config import data_signature
from ..state.errors import HostFailed, Refused
from ..state.task import Task, is_task
from . import output
from .roles import Registry

# Task flags in the TM_TASK reply (those of a role are in roles.py).
FORKED = 0x2
CONNECTED = 0x4
LEFT = 0x10


def _entry(pvmd: Pvmd, task: Task) -> TaskEntry:
    flags = FORKED * task.forked
    flags |= (CONNECTED | LEFT) if task.left else CONNECTED * (task.conn is not None)
    flags |= Registry.of(pvmd).flags(task.tid)
    return TaskEntry(task.tid, task.ptid, pvmd.hosts.own.tid, flags, task.name, task.pid)


def _entries(pvmd: Pvmd, where: int) -> list[TaskEntry]:
    """The tasks of this host: one, if `where` is its tid, or all."""
    if where & c.TIDLOCAL:
        task = pvmd.tasks.expected(where)
        return [_entry(pvmd, task)] if task else []
    return [_entry(pvmd, task) for task in pvmd.tasks]


@on(TASK_GONE, Step.PLACES)
def task_gone(pvmd: Pvmd, tid: int, _task: Task | None) -> None:
    """A task of any host is gone: it has no place."""
    pvmd.hosts.places.ended(tid)


@handles(c.TM_TASK, TidBody, kept=True)
def task_table(
    pvmd: Pvmd, _request: Request, body: TidBody
) -> Record | Coroutine[None, None, TaskReply]:
    """All tasks (0), those of a host, or one."""
    host = pvmd.hosts.get(body.tid)
    if host is None and body.tid:
        return Status(c.PvmNoHost)
    hosts = [host] if host else pvmd.hosts.hosts
    if hosts == [pvmd.hosts.own]:
        return TaskReply(0, _entries(pvmd, body.tid))
    return _collect(pvmd, [host.tid for host in hosts], body.tid)


async def _collect(pvmd: Pvmd, hosts: list[int], where: int) -> TaskReply:
    """The tasks of several hosts; of one that fails meanwhile, none."""
    asked = [
        None if pvmd.owns(host) else pvmd.peers.request(host, c.DM_TASK, TidBody(where), TaskList)
        for host in hosts
    ]
    entries: list[TaskEntry] = []
    for answer in asked:
        try:
            entries += (await answer).tasks if answer else _entries(pvmd, where)
        except (HostFailed, Refused) as error:
            pvmd.log(f"tasks of a host are not known: {error}")
    return TaskReply(0, entries)


def elsewhere(pvmd: Pvmd, tid: int) -> bool:
    """Whether a task has moved to another host, which a daemon that asks here has yet to learn."""
    places = pvmd.hosts.places
    return places.wanders(tid) and not pvmd.owns(tid) and pvmd.tasks.expected(tid) is None


@handles(c.DM_TASK, TidBody, hosts=True, reply_tag=c.DM_TASKACK)
def dm_task(
    pvmd: Pvmd, _request: Request, body: TidBody
) -> TaskList | Coroutine[None, None, TaskList]:
    """The tasks of this host, or one."""
    if elsewhere(pvmd, body.tid):
        return pvmd.peers.request(body.tid, c.DM_TASK, body, TaskList)
    return TaskList(_entries(pvmd, body.tid))


@handles(c.TM_PSTAT, TidBody, kept=True)
def pstat(pvmd: Pvmd, _request: Request, body: TidBody) -> Status | Coroutine[None, None, Status]:
    """Whether a task is alive."""
    if not is_task(body.tid):
        return Status(c.PvmBadParam)
    if pvmd.hosts.get(body.tid) is None or pvmd.owns(body.tid):
        return Status(0 if pvmd.tasks.expected(body.tid) else c.PvmNoTask)
    return pvmd.peers.request(body.tid, c.DM_PSTAT, body, Status)


@handles(c.DM_PSTAT, TaskQuestion, hosts=True, reply_tag=c.DM_PSTATACK)
def dm_pstat(
    pvmd: Pvmd, _request: Request, body: TaskQuestion
) -> TaskStatus | Coroutine[None, None, TaskStatus]:
    """Whether a task of this host, or this daemon, is alive; what it has sent, if that is asked."""
    if elsewhere(pvmd, body.tid):
        return pvmd.peers.request(body.tid, c.DM_PSTAT, body, TaskStatus)
    alive = body.tid == pvmd.daemon_tid or pvmd.tasks.expected(body.tid) is not None
    return TaskStatus(0 if alive else c.PvmNoTask, sent(pvmd, body.tid) if body.sent else None)


def sent(pvmd: Pvmd, tid: int) -> list[int]:
    """Messages and bytes that a task here has sent to others, each as high and low 31 bits.

    Nothing if there is no such task.
    """
    if pvmd.tasks.get(tid) is None:
        return []
    return [part for n in pvmd.switch.sent(tid) for part in (n >> 31 & 0x7FFFFFFF, n & 0x7FFFFFFF)]


@handles(c.TM_SENDSIG, SignalRequest, kept=True)
def sendsig(pvmd: Pvmd, request: Request, body: SignalRequest) -> Empty | None:
    """Answer, then signal a task; an unknown one is not an error."""
    if not is_task(body.tid):
        raise Refused(c.PvmBadParam, f"t{body.tid & 0xFFFFFFFF:x} is no task")
    if pvmd.owns(body.tid) and pvmd.tasks.expected(body.tid) is None:
        return Empty()
    pvmd.reply(request, Empty())
    if pvmd.owns(body.tid):
        dm_sendsig(pvmd, request, body)
    else:
        pvmd.peers.send(body.tid, c.DM_SENDSIG, body)
    return None


@handles(c.DM_SENDSIG, SignalRequest, reply=False, hosts=True)
def dm_sendsig(pvmd: Pvmd, _request: Request, body: SignalRequest) -> None:
    """Signal a task of this host, if there is such a one."""
    task = pvmd.tasks.expected(body.tid)
    if task is not None:
        signal_task(pvmd, task, body.signum)
    elif elsewhere(pvmd, body.tid):
        pvmd.peers.send(body.tid, c.DM_SENDSIG, body)


def signal_task(pvmd: Pvmd, task: Task, signum: int) -> None:
    """Send a signal to the process of a task, if it is known, still the task's, and not init.

    A task that is held goes on for SIGTERM, which is to end it.
    """
    for later in (task.unborn, task.frozen):
        if later is not None and signum not in later and len(later) < signal.NSIG:
            later.append(signum)
    if task.frozen is not None or task.pid == 1 or not task.runs():
        return
    try:
        os.kill(task.pid, signum)
        if task.held and signum == signal.SIGTERM:
            os.kill(task.pid, signal.SIGCONT)
    except (OSError, ValueError, OverflowError) as error:
        pvmd.log(f"signal {signum} to t{task.tid:x} pid {task.pid}: {error}")


def settings(pvmd: Pvmd, task: Task, fragment: int) -> Settings:
    """What a task learns of itself and its daemon."""
    out, trc = task.out, task.trc
    address = pvmd.hosts.own.address_text()
    return Settings(
        task.tid,
        task.ptid,
        *(out.tid, out.ctx, out.tag),
        *(trc.tid, trc.ctx, trc.tag),
        fragment,
        data_signature(),
        address,
        Registry.of(pvmd).sched,
    )


@handles(c.TM_GETOPT)
def getopt(pvmd: Pvmd, request: Request, _body: Empty) -> Settings:
    """The settings given at enrolment, as they are now."""
    assert request.task is not None
    return settings(pvmd, request.task, c.WIRE_FRAG_DEFAULT)


@handles(c.TM_SETOPT, SetOptRequest)
def setopt(pvmd: Pvmd, request: Request, body: SetOptRequest) -> Empty:
    """Set output and trace targets; each change of the former tells the old and the new one."""
    task = request.task
    assert task is not None
    fields = {
        c.TS_OUTTID: (task.out, "tid"),
        c.TS_OUTCTX: (task.out, "ctx"),
        c.TS_OUTTAG: (task.out, "tag"),
        c.TS_TRCTID: (task.trc, "tid"),
        c.TS_TRCCTX: (task.trc, "ctx"),
        c.TS_TRCTAG: (task.trc, "tag"),
    }
    for option in body.options:
        if option.number not in fields:
            continue
        target, name = fields[option.number]
        try:
            value = signed(int(option.value, 16))
        except ValueError:
            pvmd.log(f"TM_SETOPT from t{task.tid:x}: bad value {option.value!r}")
            continue
        if getattr(target, name) == value:
            continue
        if target is task.out:
            output.send_end(pvmd, task)
        setattr(target, name, value)
        if target is task.out:
            output.send_start(pvmd, target, task.tid, c.TO_SPAWN, task.ptid)
            output.send_start(pvmd, target, task.tid, c.TO_NEW, task.ptid)
    return Empty()
