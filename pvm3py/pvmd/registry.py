# SPDX-License-Identifier: MIT
"""System tasks: resource manager, tasker, hoster, tracer; and the SM_ messages they send."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from pvm3py.wire import constants as c
from pvm3py.wire.system import ExecRequest, TaskEnd
from pvm3py.wire.task import (
    AddHostReply,
    Codes,
    Empty,
    HostNames,
    Registration,
    SchedReply,
    Status,
    TidBody,
    TracerRequest,
)

from . import hosts, leaving, spawn
from .dispatch import Refused, Request, handles
from .tasks import Target, is_task

if TYPE_CHECKING:
    from .daemon import Pvmd

# Bits of roles in the TM_TASK reply.
_RM = 0x100
_HOSTER = 0x200
_TASKER = 0x400
_TRACER = 0x800


@dataclass(slots=True)
class Tracer:
    """Where events and output of tasks go that have no target of their own, and how to trace."""

    tid: int
    trc: Target
    out: Target
    mask: str
    buffer: int
    option: int

    def environment(self) -> list[str]:
        """The trace settings of a task that is started."""
        return [
            f"PVMTMASK={self.mask}",
            f"PVMTRCBUF={self.buffer}",
            f"PVMTRCOPT={self.option}",
        ]


class Registry:
    """Who has which role; tid 0 is nobody."""

    def __init__(self) -> None:
        self.sched = 0
        self.roles = {c.TM_TASKER: 0, c.TM_HOSTER: 0}
        self.tracer: Tracer | None = None

    @property
    def tasker(self) -> int:
        """The task that starts tasks, or 0."""
        return self.roles[c.TM_TASKER]

    def flags(self, tid: int) -> int:
        """The role bits of a task in the TM_TASK reply."""
        return (
            _RM * (tid == self.sched)
            | _HOSTER * (tid == self.roles[c.TM_HOSTER])
            | _TASKER * (tid == self.roles[c.TM_TASKER])
            | _TRACER * (self.tracer is not None and tid == self.tracer.tid)
        )

    def forget(self, tid: int) -> None:
        """A task is gone: its roles are free."""
        if self.sched == tid:
            self.sched = 0
        for role, holder in self.roles.items():
            if holder == tid:
                self.roles[role] = 0
        if self.tracer is not None and self.tracer.tid == tid:
            self.tracer = None


@handles(c.TM_TASKER, Registration)
@handles(c.TM_HOSTER, Registration)
def register(pvmd: Pvmd, request: Request, body: Registration) -> Status:
    """Take or give up the role of task starter or host starter."""
    roles = pvmd.registry.roles
    holder = roles[request.tag]
    if body.register:
        if holder:
            return Status(c.PvmAlready)
        roles[request.tag] = request.src
    else:
        if holder != request.src:
            return Status(c.PvmNoTask)
        roles[request.tag] = 0
        if request.tag == c.TM_TASKER:
            leaving.tasker_left(pvmd, request.src)
    return Status(0)


@handles(c.TM_TRACER, Registration)
def register_tracer(pvmd: Pvmd, request: Request, body: Registration) -> Status:
    """Become, or cease to be, the target of events and output of tasks that have none."""
    registry, src = pvmd.registry, request.src
    if not body.register:
        if registry.tracer is None or registry.tracer.tid != src:
            return Status(c.PvmNoTask)
        registry.tracer = None
        return Status(0)
    if registry.tracer is not None:
        return Status(c.PvmAlready)
    full = TracerRequest.decode(request.body)
    registry.tracer = Tracer(
        src,
        Target(src, full.trcctx, full.trctag),
        Target(src, full.outctx, full.outtag),
        full.mask,
        full.buffer,
        full.option,
    )
    return Status(0)


@handles(c.TM_SCHED)
def register_sched(pvmd: Pvmd, request: Request, _body: Empty) -> SchedReply:
    """Become the resource manager of this daemon, in place of the one before."""
    previous = pvmd.registry.sched
    pvmd.registry.sched = request.src
    own = pvmd.hosts.own
    return SchedReply(previous, own.tid, own.name, own.arch, own.speed, own.signature)


def _only(holder: int, request: Request) -> None:
    if request.src != holder:
        raise Refused(c.PvmDenied)


@handles(c.SM_EXEC, ExecRequest, reply_tag=c.SM_EXECACK)
def sm_exec(pvmd: Pvmd, request: Request, body: ExecRequest) -> Codes:
    """Start tasks here for the resource manager."""
    _only(pvmd.registry.sched, request)
    return Codes(spawn.start_tasks(pvmd, body, sched=request.src))


@handles(c.SM_ADD, HostNames, reply_tag=c.SM_ADDACK)
async def sm_add(pvmd: Pvmd, request: Request, body: HostNames) -> AddHostReply:
    """Add hosts for the resource manager."""
    _only(pvmd.registry.sched, request)
    return await hosts.add_hosts(pvmd, request, body)


@handles(c.SM_HANDOFF, TidBody, reply=False)
def sm_handoff(pvmd: Pvmd, request: Request, body: TidBody) -> None:
    """The resource manager names another one."""
    _only(pvmd.registry.sched, request)
    if not is_task(body.tid) or pvmd.tasks.get(body.tid) is None:
        raise Refused(c.PvmNoTask)
    pvmd.registry.sched = body.tid


@handles(c.SM_TASKX, TaskEnd, reply=False)
def sm_taskx(pvmd: Pvmd, request: Request, body: TaskEnd) -> None:
    """The tasker reports the end of a task it was to start."""
    _only(pvmd.registry.tasker, request)
    task = pvmd.tasks.get(body.tid)
    if task is None or task.tasker != request.src:
        raise Refused(c.PvmNoTask)
    leaving.process_ended(pvmd, task, body.status)
