# SPDX-License-Identifier: MIT
"""System tasks: tasker, hoster, tracer; and the SM_ messages that they and managers send."""

from __future__ import annotations

from pvm3py.wire import constants as c
from pvm3py.wire.hosts import SlaveSettings, TraceTargets
from pvm3py.wire.system import ExecRequest, TaskEnd
from pvm3py.wire.task import Registration, Started, Status, TracerRequest

from ..core import Pvmd
from ..dispatch import Request, handles, only
from ..occasions import HOST_LOST, HOSTS_ADDED, ROLE_FREE, TASK_GONE, TASK_LEFT, Step, on
from ..state.errors import Refused
from ..state.hosts import Host
from ..state.task import Task
from . import leaving, spawn
from .roles import Registry

# What other hosts are told when the tracer is gone; the mask is one of 3.4.6's without an event.
_NO_TRACER = TraceTargets(0, 0, 0, 0, 0, 0, 0, 0, "@" * 35)


@on(TASK_LEFT, Step.ROLES)
@on(TASK_GONE, Step.ROLES)
def task_gone(pvmd: Pvmd, tid: int, _task: Task | None) -> None:
    """The roles of a task are free, and other hosts that know of them are told."""
    registry = Registry.of(pvmd)
    for role, holder in registry.roles.items():
        if holder == tid:
            _free(pvmd, role)
    if registry.tracer is not None and registry.tracer.tid == tid and pvmd.owns(tid):
        _free_tracer(pvmd)


def _free(pvmd: Pvmd, role: int) -> None:
    roles = Registry.of(pvmd).roles
    holder, roles[role] = roles[role], 0
    ROLE_FREE.tell(pvmd, role, holder)


def _free_tracer(pvmd: Pvmd) -> None:
    Registry.of(pvmd).tracer = None
    pvmd.peers.tell_all(c.DM_SLCONF_TRACE, _NO_TRACER.text())


@on(HOSTS_ADDED, Step.ROLES)
def hosts_added(pvmd: Pvmd, hosts: list[Host]) -> None:
    """A slave has new hosts in its table: the master may not have told them who is here."""
    if pvmd.hosts.is_master:
        return
    items = Registry.of(pvmd).settings(pvmd.owns)
    for host in hosts if items else ():
        pvmd.peers.send(host.tid, c.DM_SLCONF, SlaveSettings(items))


@on(HOST_LOST, Step.ROLES)
def host_lost(pvmd: Pvmd, host: int) -> None:
    """A host is gone: a tracer there is none any more."""
    registry = Registry.of(pvmd)
    if registry.tracer is not None and pvmd.place(registry.tracer.tid) == host:
        registry.tracer = None


@handles(c.TM_TASKER, Registration)
@handles(c.TM_HOSTER, Registration)
def register(pvmd: Pvmd, request: Request, body: Registration) -> Status:
    """Take or give up the role of task starter or host starter."""
    roles = Registry.of(pvmd).roles
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
        _free(pvmd, request.tag)
    return Status(0)


@handles(c.TM_TRACER, Registration)
def register_tracer(pvmd: Pvmd, request: Request, body: Registration) -> Status:
    """Become, or cease to be, the target of events and output of tasks that have none."""
    registry, src = Registry.of(pvmd), request.src
    if not body.register:
        if registry.tracer is None or registry.tracer.tid != src:
            return Status(c.PvmNoTask)
        _free_tracer(pvmd)
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
def sm_exec(pvmd: Pvmd, request: Request, body: ExecRequest) -> Started:
    """Start tasks here for the resource manager, of whatever host it is."""
    only(Registry.of(pvmd).sched, request)
    spawn.check_count(body.count)
    return spawn.start_tasks(pvmd, body, sched=request.src)


@handles(c.SM_TASKX, TaskEnd, reply=False)
def sm_taskx(pvmd: Pvmd, request: Request, body: TaskEnd) -> None:
    """The tasker reports the end of a task it was to start."""
    only(Registry.of(pvmd).tasker, request)
    task = pvmd.tasks.get(body.tid)
    if task is None and pvmd.owns(body.tid):
        return  # it had left before its process ended
    if task is None or task.tasker != request.src:
        raise Refused(c.PvmNoTask, f"t{body.tid & 0xFFFFFFFF:x} is no task of the tasker")
    leaving.process_ended(pvmd, task, body.status)
