# SPDX-License-Identifier: MIT
"""System tasks: tasker, hoster, tracer; and the SM_ messages that they and managers send."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from pvm3py.wire import constants as c
from pvm3py.wire.hosts import SlaveSettings, TraceTargets
from pvm3py.wire.system import ExecRequest, TaskEnd
from pvm3py.wire.task import Codes, Registration, Status, TidBody, TracerRequest

from . import addhost, leaving, manager, spawn
from .dispatch import Refused, Request, handles, only
from .plain import Plain
from .tasks import Target

if TYPE_CHECKING:
    from .daemon import Pvmd
    from .hosts import Host

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
        self.managers = manager.Managers()
        self.roles = {c.TM_TASKER: 0, c.TM_HOSTER: 0}
        self.tracer: Tracer | None = None

    @property
    def sched(self) -> int:
        """The resource manager that serves this host, or 0."""
        return self.managers.current

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

    def settings(self, of: Callable[[int], bool] = bool) -> list[tuple[int, str]]:
        """Who is resource manager and tracer, as DM_SLCONF tells it, as far as `of` their tids."""
        items: list[tuple[int, str]] = []
        if of(self.sched):
            items.append(manager.setting(self.sched))
        if self.tracer is not None and of(self.tracer.tid):
            items.append((c.DM_SLCONF_TRACE, self.tracer.targets().text()))
        return items

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

    def forget(self, pvmd: Pvmd, tid: int) -> None:
        """A task of any host is gone: its roles are free, and other hosts that know them told."""
        current = self.sched
        if self.managers.forget(tid) or tid in self.managers.dealers:
            if current == tid and pvmd.owns(tid):
                manager.announce(pvmd)
            manager.manager_gone(pvmd, tid)
        if self.roles[c.TM_HOSTER] == tid:
            self.roles[c.TM_HOSTER] = 0
            addhost.hoster_left(pvmd, tid)
        if self.roles[c.TM_TASKER] == tid:
            self.roles[c.TM_TASKER] = 0
            leaving.tasker_left(pvmd, tid)
        if self.tracer is not None and self.tracer.tid == tid and pvmd.owns(tid):
            self.tracer = None
            pvmd.peers.tell_all(c.DM_SLCONF_TRACE, _NO_TRACER.text())

    def hosts_added(self, pvmd: Pvmd, hosts: list[Host]) -> None:
        """A slave has new hosts in its table: the master may not have told them who is here."""
        self.managers.watch(pvmd)
        items = self.settings(pvmd.owns)
        for host in hosts if items else ():
            pvmd.peers.send(host.tid, c.DM_SLCONF, SlaveSettings(items))

    def host_lost(self, pvmd: Pvmd, host: int) -> None:
        """A host is gone, and with it the roles of its tasks; the master tells the RM."""
        part = host & c.TIDHOST
        self.managers.host_lost(part)
        if self.tracer is not None and self.tracer.tid & c.TIDHOST == part:
            self.tracer = None
        if self.sched and pvmd.hosts.is_master:
            pvmd.send(self.sched, c.SM_HOSTX, c.BASECONTEXT, TidBody(c.TIDPVMD | part).encode())


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
        pvmd.peers.tell_all(c.DM_SLCONF_TRACE, _NO_TRACER.text())
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
    pvmd.peers.tell_all(c.DM_SLCONF_TRACE, targets.text())
    return Status(0)


@handles(c.SM_EXEC, ExecRequest, reply_tag=c.SM_EXECACK, system=True)
def sm_exec(pvmd: Pvmd, request: Request, body: ExecRequest) -> Codes:
    """Start tasks here for the resource manager, of whatever host it is."""
    only(pvmd.registry.sched, request)
    spawn.check_count(body.count)
    return Codes(spawn.start_tasks(pvmd, body, sched=request.src))


@handles(c.SM_TASKX, TaskEnd, reply=False)
def sm_taskx(pvmd: Pvmd, request: Request, body: TaskEnd) -> None:
    """The tasker reports the end of a task it was to start."""
    only(pvmd.registry.tasker, request)
    task = pvmd.tasks.get(body.tid)
    if task is None and pvmd.owns(body.tid):
        return  # it had left before its process ended
    if task is None or task.tasker != request.src:
        raise Refused(c.PvmNoTask, f"t{body.tid & 0xFFFFFFFF:x} is no task of the tasker")
    leaving.process_ended(pvmd, task, body.status)
