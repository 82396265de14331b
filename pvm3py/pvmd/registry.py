# SPDX-License-Identifier: MIT
"""System tasks: resource manager, tasker, hoster, tracer; and the SM_ messages they send."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pvm3py.wire import constants as c
from pvm3py.wire.hosts import SlaveSettings, TraceTargets
from pvm3py.wire.system import ExecRequest, TaskEnd
from pvm3py.wire.task import (
    Codes,
    Empty,
    Registration,
    SchedReply,
    Status,
    TidBody,
    TracerRequest,
)

from . import addhost, leaving, spawn
from .dispatch import Refused, Request, handles
from .plain import Plain
from .tasks import Target, is_task

if TYPE_CHECKING:
    from .daemon import Pvmd

# Bits of roles in the TM_TASK reply.
_RM = 0x100
_HOSTER = 0x200
_TASKER = 0x400
_TRACER = 0x800
# What other hosts are told when the tracer is gone; the mask is one of 3.4.6's without an event.
_NO_TRACER = TraceTargets(0, 0, 0, 0, 0, 0, 0, 0, "@" * 35)


class Tracer(Plain):
    """Where events and output of tasks go that have no target of their own, and how to trace."""

    tid: int
    trc: Target
    out: Target
    mask: str
    buffer: int
    option: int

    def targets(self) -> TraceTargets:
        """As other hosts are told."""
        out, trc = self.out, self.trc
        return TraceTargets(
            trc.tid,
            trc.ctx,
            trc.tag,
            out.tid,
            out.ctx,
            out.tag,
            self.buffer,
            self.option,
            self.mask,
        )

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

    def targets(self, job: ExecRequest) -> tuple[Target, Target]:
        """Where output and trace events of tasks go: as the request says, else to the tracer."""
        out = Target(job.outtid, job.outctx, job.outtag)
        trc = Target(job.trctid, job.trcctx, job.trctag)
        tracer = self.tracer
        if tracer is not None:
            out = out if out.tid else tracer.out
            trc = trc if trc.tid else tracer.trc
        return out, trc

    def set_tracer(self, targets: TraceTargets | None) -> None:
        """Take over who is tracer in the machine; None, or targets without a tid: nobody."""
        self.tracer = None
        if targets is not None and (tid := targets.trctid or targets.outtid):
            self.tracer = Tracer(
                tid,
                Target(targets.trctid, targets.trcctx, targets.trctag),
                Target(targets.outtid, targets.outctx, targets.outtag),
                targets.mask,
                targets.buffer,
                targets.option,
            )

    def set_sched(self, pvmd: Pvmd, tid: int) -> None:
        """Take over who is resource manager in the machine, unless this host has one of its own."""
        if pvmd.tasks.get(self.sched) is None:
            self.sched = tid

    def forget(self, pvmd: Pvmd, tid: int) -> None:
        """A task of this host is gone: its roles are free, and other hosts that know them told."""
        if self.sched == tid:
            self.sched = 0
            _tell_others(pvmd, c.DM_SLCONF_SCHED, "0")
        for role, holder in self.roles.items():
            if holder == tid:
                self.roles[role] = 0
                addhost.hoster_left(pvmd, tid)
        if self.tracer is not None and self.tracer.tid == tid:
            self.tracer = None
            _tell_others(pvmd, c.DM_SLCONF_TRACE, _NO_TRACER.text())

    def host_lost(self, pvmd: Pvmd, host: int) -> None:
        """A host is gone, and with it the roles of its tasks; the master tells the RM."""
        part = host & c.TIDHOST
        if self.sched & c.TIDHOST == part:
            self.sched = 0
        if self.tracer is not None and self.tracer.tid & c.TIDHOST == part:
            self.tracer = None
        if self.sched and pvmd.hosts.is_master:
            pvmd.send(self.sched, c.SM_HOSTX, c.BASECONTEXT, TidBody(c.TIDPVMD | part).encode())


def _tell_others(pvmd: Pvmd, setting: int, text: str) -> None:
    """Have all other daemons take over a setting."""
    body = SlaveSettings([(setting, text)]).encode()
    for host in pvmd.hosts.others():
        pvmd.peers.send(host.tid, c.DM_SLCONF, body)


@handles(c.TM_TASKER, Registration)
@handles(c.TM_HOSTER, Registration)
def register(pvmd: Pvmd, request: Request, body: Registration) -> Status:
    """Take or give up the role of task starter or host starter."""
    roles = pvmd.registry.roles
    holder = roles[request.tag]
    if body.register:
        if request.tag == c.TM_HOSTER and not pvmd.hosts.is_master:
            return Status(c.PvmHostrNMstr)
        if holder:
            return Status(c.PvmAlready)
        roles[request.tag] = request.src
    else:
        if holder != request.src:
            return Status(c.PvmNoTask)
        roles[request.tag] = 0
        if request.tag == c.TM_HOSTER:
            addhost.hoster_left(pvmd, request.src)
        else:
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
        _tell_others(pvmd, c.DM_SLCONF_TRACE, _NO_TRACER.text())
        return Status(0)
    if registry.tracer is not None:
        return Status(c.PvmAlready)
    full = TracerRequest.decode(request.body)
    targets = TraceTargets(
        src,
        full.trcctx,
        full.trctag,
        src,
        full.outctx,
        full.outtag,
        full.buffer,
        full.option,
        full.mask,
    )
    registry.set_tracer(targets)
    _tell_others(pvmd, c.DM_SLCONF_TRACE, targets.text())
    return Status(0)


@handles(c.TM_SCHED)
def register_sched(pvmd: Pvmd, request: Request, _body: Empty) -> SchedReply:
    """Become the resource manager, in place of the one before; all hosts are told."""
    previous = pvmd.registry.sched
    pvmd.registry.sched = request.src
    _tell_others(pvmd, c.DM_SLCONF_SCHED, f"{request.src:x}")
    master = pvmd.hosts.get(pvmd.hosts.master) or pvmd.hosts.own
    return SchedReply(
        previous, master.tid, master.name, master.arch, master.speed, master.signature
    )


def _only(holder: int, request: Request) -> None:
    if request.src != holder:
        raise Refused(c.PvmDenied)


@handles(c.SM_EXEC, ExecRequest, reply_tag=c.SM_EXECACK, system=True)
def sm_exec(pvmd: Pvmd, request: Request, body: ExecRequest) -> Codes:
    """Start tasks here for the resource manager, of whatever host it is."""
    _only(pvmd.registry.sched, request)
    spawn.check_count(body.count)
    return Codes(spawn.start_tasks(pvmd, body, sched=request.src))


@handles(c.SM_HANDOFF, TidBody, reply=False, system=True)
def sm_handoff(pvmd: Pvmd, request: Request, body: TidBody) -> None:
    """The resource manager names another one, of this host or another."""
    _only(pvmd.registry.sched, request)
    known = pvmd.tasks if pvmd.owns(body.tid) else pvmd.hosts
    if not is_task(body.tid) or known.get(body.tid) is None:
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
