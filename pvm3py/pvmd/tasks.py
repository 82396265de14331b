# SPDX-License-Identifier: MIT
"""The task table, and requests about tasks: tables, status, signals, options."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Coroutine, Iterator
from typing import TYPE_CHECKING

from pvm3py.wire import constants as c
from pvm3py.wire.constants import signed
from pvm3py.wire.daemon import TaskList
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

from . import output
from .config import data_signature
from .dispatch import Refused, Request, handles
from .peers import HostFailed
from .plain import Plain, field

if TYPE_CHECKING:
    from .daemon import Pvmd
    from .manager import Dealings
    from .output import OutputPipe

# Task flags in the TM_TASK reply (those of a role are in registry.py).
FORKED = 0x2
CONNECTED = 0x4


class Target(Plain):
    """Where output or trace events of a task go; tid 0 is nowhere."""

    tid: int = 0
    ctx: int = 0
    tag: int = 0

    def copy(self) -> Target:
        """One that can be changed by itself."""
        return Target(self.tid, self.ctx, self.tag)


class Task(Plain):
    """A task of this host.

    forked: this daemon's child, whose end is the end of its process; else that of its connection.
    disowned: the process started was another one, which shares its output; that is read until
    all who hold it have closed it, for a task flushes its output after its connection.
    born: when its process began, as process_start tells it; None for a child of this daemon, whose
    number nobody else can get before it is reaped.
    conn: its connection, None while it has none; left: it said that it leaves. status: of its
    process, when that has ended, as are the processor times in seconds. flags, path: how it was
    spawned, -1 if it was not. sched: the resource manager to tell of its end; dealings: what it has
    open with the one that it was told of.
    """

    tid: int
    ptid: int
    pid: int
    name: str = ""
    cookie: int = 0
    forked: bool = False
    disowned: bool = False
    born: int | None = None
    tasker: int = 0
    conn: int | None = None
    left: bool = False
    status: int | None = None
    user_time: float = 0.0
    system_time: float = 0.0
    flags: int = -1
    path: str = ""
    sched: int = 0
    out: Target = field(factory=Target)
    trc: Target = field(factory=Target)
    pipe: OutputPipe | None = None
    output_ended: bool = False
    dealings: Dealings | None = None
    waits: set[asyncio.Task[None]] | None = None

    def runs(self) -> bool:
        """Whether its process number is known and still that of its process."""
        if self.pid <= 0 or self.status is not None:
            return False
        return self.born is None or 0 < self.born == process_start(self.pid)

    def waiting(self) -> set[asyncio.Task[None]]:
        """Its requests that wait for something; most tasks never have one."""
        if self.waits is None:
            self.waits = set()
        return self.waits


def process_start(pid: int) -> int:
    """When a process began, in clock ticks since the system did (proc(5)); 0: there is none."""
    try:
        with open(f"/proc/{pid}/stat", "rb") as file:
            after_name = file.read().rpartition(b")")[2]
    except OSError:
        return 0
    return int(after_name.split()[19])


class TaskTable:
    """Tasks of this host by tid, by the cookie they enrol with, and by process if forked."""

    def __init__(self, host_tid: int) -> None:
        self._host = host_tid
        self._last = 0
        self._tasks: dict[int, Task] = {}
        self._cookies: dict[int, Task] = {}
        self._children: dict[int, Task] = {}

    def __len__(self) -> int:
        return len(self._tasks)

    def __iter__(self) -> Iterator[Task]:
        return iter(list(self._tasks.values()))

    def next_tid(self) -> int:
        """Use up the next local number: 1, 2, 3, ... around, without those alive."""
        if len(self._tasks) >= c.TIDLOCAL:
            raise Refused(c.PvmOutOfRes, "all numbers of tasks are in use")
        while True:
            self._last = self._last % c.TIDLOCAL + 1
            if self._host | self._last not in self._tasks:
                return self._host | self._last

    def add(self, task: Task) -> None:
        """A task appeared; its cookie and process, if it has them, lead to it."""
        self._tasks[task.tid] = task
        if task.cookie:
            self._cookies[task.cookie] = task
        if task.forked:
            self._children[task.pid] = task

    def remove(self, task: Task) -> bool:
        """A task is gone. False: it was already."""
        if self._tasks.pop(task.tid, None) is None:
            return False
        self._cookies.pop(task.cookie, None)
        self._children.pop(task.pid, None)
        return True

    def get(self, tid: int) -> Task | None:
        """The task with this tid."""
        return self._tasks.get(tid)

    def started(self, cookie: int) -> Task | None:
        """The task that was started with this cookie and is not connected."""
        task = self._cookies.get(cookie)
        return task if task is not None and task.conn is None else None

    def child(self, pid: int) -> Task | None:
        """The task whose process is this child of the daemon."""
        return self._children.get(pid)

    def disown(self, task: Task, pid: int) -> None:
        """The task is another process than the one started: it ends with its connection."""
        self._children.pop(task.pid, None)
        task.forked = False
        task.disowned = task.pipe is not None
        task.pid, task.born = pid, process_start(pid)


def is_task(tid: int) -> bool:
    """Whether a word is a task's tid."""
    return not tid & (c.TIDPVMD | c.TIDGID) and bool(tid & c.TIDLOCAL)


def _entry(pvmd: Pvmd, task: Task) -> TaskEntry:
    flags = FORKED * task.forked | CONNECTED * (task.conn is not None)
    flags |= pvmd.registry.flags(task.tid)
    return TaskEntry(task.tid, task.ptid, pvmd.hosts.own.tid, flags, task.name, task.pid)


def _entries(pvmd: Pvmd, where: int) -> list[TaskEntry]:
    """The tasks of this host: one, if `where` is its tid, or all."""
    if where & c.TIDLOCAL:
        task = pvmd.tasks.get(where)
        return [_entry(pvmd, task)] if task else []
    return [_entry(pvmd, task) for task in pvmd.tasks]


@handles(c.TM_TASK, TidBody)
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


@handles(c.DM_TASK, TidBody, hosts=True, reply_tag=c.DM_TASKACK)
def dm_task(pvmd: Pvmd, _request: Request, body: TidBody) -> TaskList:
    """The tasks of this host, or one."""
    return TaskList(_entries(pvmd, body.tid))


@handles(c.TM_PSTAT, TidBody)
def pstat(pvmd: Pvmd, _request: Request, body: TidBody) -> Status | Coroutine[None, None, Status]:
    """Whether a task is alive."""
    if not is_task(body.tid):
        return Status(c.PvmBadParam)
    if pvmd.hosts.get(body.tid) is None or pvmd.owns(body.tid):
        return Status(0 if pvmd.tasks.get(body.tid) else c.PvmNoTask)
    return pvmd.peers.request(body.tid, c.DM_PSTAT, body, Status)


@handles(c.DM_PSTAT, TidBody, hosts=True, reply_tag=c.DM_PSTATACK)
def dm_pstat(pvmd: Pvmd, _request: Request, body: TidBody) -> Status:
    """Whether a task of this host, or this daemon, is alive."""
    alive = body.tid == pvmd.daemon_tid or pvmd.tasks.get(body.tid) is not None
    return Status(0 if alive else c.PvmNoTask)


@handles(c.TM_SENDSIG, SignalRequest)
def sendsig(pvmd: Pvmd, request: Request, body: SignalRequest) -> None:
    """Answer, then signal a task; an unknown one is not an error."""
    if not is_task(body.tid):
        raise Refused(c.PvmBadParam, f"t{body.tid & 0xFFFFFFFF:x} is no task")
    pvmd.reply(request, Empty())
    if pvmd.owns(body.tid):
        dm_sendsig(pvmd, request, body)
    else:
        pvmd.peers.send(body.tid, c.DM_SENDSIG, body)


@handles(c.DM_SENDSIG, SignalRequest, reply=False, hosts=True)
def dm_sendsig(pvmd: Pvmd, _request: Request, body: SignalRequest) -> None:
    """Signal a task of this host, if there is such a one."""
    task = pvmd.tasks.get(body.tid)
    if task is not None:
        signal_task(pvmd, task, body.signum)


def signal_task(pvmd: Pvmd, task: Task, signum: int) -> None:
    """Send a signal to the process of a task, if it is known, still the task's, and not init."""
    if task.pid == 1 or not task.runs():
        return
    try:
        os.kill(task.pid, signum)
    except (OSError, ValueError, OverflowError) as error:
        pvmd.log(f"signal {signum} to t{task.tid:x} pid {task.pid}: {error}")


def settings(pvmd: Pvmd, task: Task, fragment: int) -> Settings:
    """What a task learns of itself and its daemon."""
    out, trc = task.out, task.trc
    address = pvmd.hosts.own.address_text()
    return Settings(
        tid=task.tid,
        ptid=task.ptid,
        outtid=out.tid,
        outctx=out.ctx,
        outtag=out.tag,
        trctid=trc.tid,
        trcctx=trc.ctx,
        trctag=trc.tag,
        fragment=fragment,
        signature=data_signature(),
        address=address,
        schedtid=pvmd.registry.sched,
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
