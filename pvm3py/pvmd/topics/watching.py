# SPDX-License-Identifier: MIT
"""What this host tells a resource manager once a second, if something has changed (SM_HOSTSTAT).

While tasks run here that were spawned, and the owner is not there, the daemon looks more often for
what costs little, so that they can be stopped at once.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import time
from collections.abc import Coroutine
from typing import Self

from pvm3py.wire import constants as c
from pvm3py.wire.moves import HostStat, OwnerWord, TaskStat
from pvm3py.wire.task import Status

from ..core import Pvmd, Table
from ..dispatch import Request, handles
from ..io import usage
from ..io.owner import Owner
from ..io.process import spawn_process
from ..occasions import CHILD_ENDED, END, on
from ..state.hooks import parse_owner
from ..state.moves import NotMovedError
from ..state.task import GROUP_SERVER, Task
from . import movable
from .placing import can_move

# Seconds between reports, and between two looks for an owner who may return.
_SECOND = 1.0
_LOOK = 0.05
# Reports for which what was found out about whether a task can move is taken to be still true.
_LASTING = 10
# Seconds that a command of the host file may take.
_COMMAND_SECONDS = 10.0


class Watch(Table):
    """What is looked at. manager: who is told, 0: nobody; said: a WIRE_OWNER_ word of a user."""

    def __init__(self, pvmd: Pvmd) -> None:
        self.manager = 0
        self.said = c.WIRE_OWNER_AUTO
        self.meter = usage.Meter()
        self.owner = Owner(parse_owner(pvmd.settings.owner), pvmd.loop.time, time.time)
        self.trigger = usage.Trigger()
        self.looked = pvmd.loop.time()
        self.reports = 0
        self.last: tuple[object, ...] = ()
        self.reasons: dict[int, int] = {}
        self.timer: asyncio.TimerHandle | None = None
        self.command = 0  # the process of a command that is running
        self.command_until = 0.0

    @classmethod
    def new(cls, pvmd: Pvmd) -> Self:
        return cls(pvmd)


def report_to(pvmd: Pvmd, manager: int) -> None:
    """Report to this manager from now on; 0: to nobody."""
    if not manager:
        _stop(pvmd)
        return
    watch = Watch.of(pvmd)
    watch.manager, watch.last, watch.looked = manager, (), pvmd.loop.time()
    if watch.trigger.fd >= 0:
        pvmd.loop.add_reader(watch.trigger.fd, _woken, pvmd)
    _look(pvmd)


def _stop(pvmd: Pvmd) -> None:
    """Look at nothing any more."""
    watch = pvmd.tables.pop(Watch, None)
    if watch is None:
        return
    if watch.timer is not None:
        watch.timer.cancel()
    if watch.trigger.fd >= 0:
        pvmd.loop.remove_reader(watch.trigger.fd)
    watch.trigger.close()
    watch.owner.close()


def _woken(pvmd: Pvmd) -> None:
    """Something waits for a processor: look who needs it."""
    watch = Watch.of(pvmd)
    watch.trigger.take()
    if pvmd.loop.time() - watch.looked > _LOOK:
        _report(pvmd, watch)


def _look(pvmd: Pvmd) -> None:
    """Report if the time has come, or the owner."""
    watch = Watch.of(pvmd)
    if watch.timer is not None:
        watch.timer.cancel()
    stirs = watch.owner.stirs()
    if stirs or pvmd.loop.time() - watch.looked >= _SECOND - _LOOK or not watch.last:
        _report(pvmd, watch)
    often = not watch.owner.here and any(task.forked for task in pvmd.tasks)
    watch.timer = pvmd.loop.call_later(_LOOK if often else _SECOND, _look, pvmd)


def _report(pvmd: Pvmd, watch: Watch) -> None:
    """Tell the manager, if that is news."""
    stat = _stat(pvmd, watch)
    _ask_commands(pvmd, watch)
    news = _essence(stat)
    if news != watch.last:
        watch.last = news
        pvmd.send(watch.manager, c.SM_HOSTSTAT, c.BASECONTEXT, stat.encode())


def _stat(pvmd: Pvmd, watch: Watch) -> HostStat:
    """How things are now."""
    now = pvmd.loop.time()
    tasks = [task for task in pvmd.tasks if task.runs()]
    listed = [task for task in tasks if task.flags >= 0 and task.name != GROUP_SERVER]
    pids = [os.getpid(), *(task.pid for task in tasks)]
    used = watch.meter.look(pids, now - watch.looked)
    watch.looked, watch.reports = now, watch.reports + 1
    watch.owner.judge(used.others)
    here = watch.said == c.WIRE_OWNER_HERE or (watch.owner.here and watch.said == c.WIRE_OWNER_AUTO)
    return HostStat(
        usage.cores(),
        round(used.others * 1000),
        round(used.ours * 1000),
        usage.free_megabytes(),
        round(usage.pressure() * 100),
        watch.owner.idle(),
        c.WIRE_OWNER_HERE if here else watch.said,
        [_task_stat(pvmd, watch, task, used.shares.get(task.pid, 0.0)) for task in listed],
    )


def _task_stat(pvmd: Pvmd, watch: Watch, task: Task, share: float) -> TaskStat:
    size = movable.size(task) >> 10
    thousandths, reason = round(share * 1000), _reason(pvmd, watch, task)
    return TaskStat(task.tid, size, thousandths, task.held, reason, task.job or task.tid)


def _reason(pvmd: Pvmd, watch: Watch, task: Task) -> int:
    """Why a task cannot be moved; looked up now and then."""
    if watch.reports % _LASTING == 0 or task.tid not in watch.reasons:
        if watch.reports % _LASTING == 0:
            watch.reasons = {tid: why for tid, why in watch.reasons.items() if pvmd.tasks.get(tid)}
        try:
            movable.check(pvmd, task)
            watch.reasons[task.tid] = 0
        except NotMovedError as error:
            watch.reasons[task.tid] = error.reason
    return watch.reasons[task.tid]


def _essence(stat: HostStat) -> tuple[object, ...]:
    """What makes a report news: small changes do not, nor that time passes."""
    tasks = [(t.tid, t.kilobytes >> 12, t.share // 100, t.held, t.reason) for t in stat.tasks]
    load = (stat.others // 50, stat.ours // 50, stat.pressure // 500)
    return (*load, stat.free >> 8, stat.owner, stat.idle == 0, tuple(tasks))


# ---- commands ------------------------------------------------------------------------------


def _ask_commands(pvmd: Pvmd, watch: Watch) -> None:
    """Have the shell run what the host file says, one at a time; its status is the answer."""
    now = pvmd.loop.time()
    if not watch.owner.commands:
        return
    if watch.command:
        if now > watch.command_until:
            with contextlib.suppress(ProcessLookupError):
                os.kill(watch.command, signal.SIGKILL)
        return
    text = " || ".join(f"{{ {command}; }}" for command in watch.owner.commands)
    nowhere = os.open(os.devnull, os.O_WRONLY | os.O_CLOEXEC)
    try:
        watch.command = spawn_process("/bin/sh", ["sh", "-c", text], [], None, nowhere)
        watch.command_until = now + _COMMAND_SECONDS
    except OSError as error:
        pvmd.log(f"owner: {text}: {error}")
    finally:
        os.close(nowhere)


@on(CHILD_ENDED)
def child_ended(pvmd: Pvmd, pid: int, status: int, user: float, system: float) -> None:
    """A child has ended: it has used processor time, and may have been a command."""
    watch: Watch | None = pvmd.tables.get(Watch)
    if watch is None:
        return
    watch.meter.child_ended(pid, user + system)
    if pid == watch.command:
        watch.command = 0
        watch.owner.told(status == 0)
        if status == 0 and not watch.owner.here:
            _look(pvmd)


@on(END)
def end(pvmd: Pvmd) -> None:
    """The daemon ends."""
    _stop(pvmd)


# ---- what users say ------------------------------------------------------------------------


@handles(c.TM_OWNER, OwnerWord)
def owner(pvmd: Pvmd, _request: Request, body: OwnerWord) -> Status | Coroutine[None, None, Status]:
    """A user says whether the owner of a host uses it."""
    host = pvmd.hosts.named(body.host)
    if host is None:
        return Status(c.PvmNoHost)
    if host is pvmd.hosts.own:
        return _say(pvmd, body.word)
    if not can_move(pvmd, host.tid):
        return Status(c.PvmNotImpl)
    return pvmd.peers.request(host.tid, c.DM_OWNER, OwnerWord(host.name, body.word), Status)


@handles(c.DM_OWNER, OwnerWord, hosts=True, reply_tag=c.DM_OWNERACK)
def dm_owner(pvmd: Pvmd, _request: Request, body: OwnerWord) -> Status:
    """The same, said by a user of another host."""
    return _say(pvmd, body.word)


def _say(pvmd: Pvmd, word: int) -> Status:
    watch: Watch | None = pvmd.tables.get(Watch)
    if word not in (c.WIRE_OWNER_AUTO, c.WIRE_OWNER_HERE, c.WIRE_OWNER_GONE):
        return Status(c.PvmBadParam)
    if watch is None:
        return Status(c.PvmNoTask)
    watch.said = word
    # What was found out before may be what the user knows better.
    watch.command = 0
    watch.owner.told(False)
    _look(pvmd)
    _report(pvmd, watch)
    return Status(0)
