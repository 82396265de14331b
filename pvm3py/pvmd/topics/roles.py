# SPDX-License-Identifier: MIT
"""Who has which role; manager.py and registry.py say what follows when that changes."""

from __future__ import annotations

from collections.abc import Callable

from pvm3py.places import birth_host
from pvm3py.wire import constants as c
from pvm3py.wire.hosts import TraceTargets
from pvm3py.wire.system import ExecRequest

from ..core import Pvmd, Table
from ..state.plain import Plain
from ..state.task import Target
from .notify import Notices

# Bits of roles in the TM_TASK reply.
_RM = 0x100
_HOSTER = 0x200
_TASKER = 0x400
_TRACER = 0x800


class Managers:
    """The resource managers that this daemon knows; the current one is who serves new tasks.

    A task of this host comes first (or who it has handed over to), else the one that registered
    last on any host.
    """

    def __init__(self) -> None:
        self._own = 0
        self._others: list[int] = []
        # Managers, present and replaced, that tasks of this host deal with.
        self.dealers: set[int] = set()

    @property
    def current(self) -> int:
        """The resource manager of this host, 0: none."""
        return self._own or (self._others[-1] if self._others else 0)

    def register(self, tid: int) -> None:
        """A task of this host becomes manager."""
        self._own = tid

    def announced(self, pvmd: Pvmd, tid: int, by: int) -> None:
        """The daemon of host `by` says who is manager there; 0: nobody any more."""
        self.host_lost(pvmd, birth_host(by))
        if tid and not pvmd.owns(tid):
            self.forget(tid)
            self._others.append(tid)
            self.watch(pvmd)

    def hand_over(self, pvmd: Pvmd, tid: int) -> None:
        """The current manager names the next one, of any host."""
        self.forget(self.current)
        if pvmd.owns(tid):
            self._own = tid
        else:
            self.forget(tid)
            self._others.append(tid)
            self.watch(pvmd)

    def watch(self, pvmd: Pvmd) -> None:
        """Be told of the ends of managers of other hosts, as far as these are in the table."""
        for tid in self._others:
            if pvmd.hosts.get(tid) is not None:
                Notices.of(pvmd).watch(pvmd, tid)

    def forget(self, tid: int) -> bool:
        """A task is manager no more. False: it was not."""
        if self._own == tid:
            self._own = 0
        elif tid in self._others:
            self._others.remove(tid)
        else:
            return False
        return True

    def host_lost(self, pvmd: Pvmd, host: int) -> None:
        """The tasks of another host are managers no more."""
        self._others = [tid for tid in self._others if pvmd.place(tid) != host]


def manager_setting(tid: int) -> tuple[int, str]:
    """Who is manager, as DM_SLCONF tells it."""
    return c.DM_SLCONF_SCHED, f"{tid & 0xFFFFFFFF:x}"


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


class Registry(Table):
    """Who has which role; tid 0 is nobody."""

    def __init__(self) -> None:
        self.managers = Managers()
        self.roles = {c.TM_HOSTER: 0, c.TM_TASKER: 0}
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
            out = out if out.tid else tracer.out.of_tracer()
            trc = trc if trc.tid else tracer.trc.of_tracer()
        return out, trc

    def settings(self, of: Callable[[int], bool] = bool) -> list[tuple[int, str]]:
        """Who is resource manager and tracer, as DM_SLCONF tells it, as far as `of` their tids."""
        items: list[tuple[int, str]] = []
        if of(self.sched):
            items.append(manager_setting(self.sched))
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
