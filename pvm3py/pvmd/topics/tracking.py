# SPDX-License-Identifier: MIT
"""New tasks of jobs that are written every so often: the master learns of each.

They are in no checkpoint yet. The job has to recover also if they are lost with their host.
"""

from __future__ import annotations

from pvm3py.wire import constants as c
from pvm3py.wire.checkpoints import Member, Track

from ..core import Pvmd, Table
from ..dispatch import Request, handles
from ..occasions import HOSTS_ADDED, TASK_GONE, TASK_STARTED, on
from ..state.hosts import Host
from ..state.task import Task
from .notify import Notices


class Tracked(Table):
    """The jobs, by their roots; at the master with their tasks that no checkpoint has."""

    def __init__(self) -> None:
        self.jobs: dict[int, set[int]] = {}


def _able(pvmd: Pvmd, hosts: list[Host]) -> list[Host]:
    """The other hosts of these that know of such jobs."""
    return [
        host
        for host in hosts
        if host is not pvmd.hosts.own and pvmd.hosts.capabilities(host.tid) & c.WIRE_DAEMON_CAN_MOVE
    ]


def track(pvmd: Pvmd, root: int, *, on: bool) -> None:
    """As the master: have the hosts tell of new tasks of a job, or no more."""
    jobs = Tracked.of(pvmd).jobs
    if (root in jobs) == on:
        return
    if on:
        jobs[root] = set()
    else:
        del jobs[root]
    for host in _able(pvmd, pvmd.hosts.hosts):
        pvmd.peers.send(host.tid, c.DM_CKPT_TRACK, Track(root, int(on)))


@handles(c.DM_CKPT_TRACK, Track, hosts=True, reply=False)
def dm_track(pvmd: Pvmd, _request: Request, body: Track) -> None:
    """Tell the master of new tasks of a job from now on, or no more."""
    if body.on:
        Tracked.of(pvmd).jobs[body.root] = set()
    else:
        Tracked.of(pvmd).jobs.pop(body.root, None)


@on(TASK_STARTED)
def started(pvmd: Pvmd, task: Task) -> None:
    """A task has been started here."""
    jobs = Tracked.of(pvmd).jobs
    if task.job not in jobs:
        return
    if pvmd.hosts.is_master:
        jobs[task.job].add(task.tid)
    else:
        pvmd.peers.send(pvmd.hosts.master, c.DM_CKPT_BORN, Member(task.tid, task.job))


@handles(c.DM_CKPT_BORN, Member, hosts=True, reply=False)
def born(pvmd: Pvmd, _request: Request, body: Member) -> None:
    """A host has started a task of a job."""
    if body.job in Tracked.of(pvmd).jobs:
        Tracked.of(pvmd).jobs[body.job].add(body.tid)
        Notices.of(pvmd).watch(pvmd, body.tid)


@on(TASK_GONE)
def forget(pvmd: Pvmd, tid: int, _task: Task | None) -> None:
    """A task has ended by itself, or with its host, of which others have heard before."""
    for tids in Tracked.of(pvmd).jobs.values():
        tids.discard(tid)


@on(HOSTS_ADDED)
def hosts_added(pvmd: Pvmd, hosts: list[Host]) -> None:
    """The master has new hosts tell, too."""
    if pvmd.hosts.is_master:
        for host in _able(pvmd, hosts):
            for root in Tracked.of(pvmd).jobs:
                pvmd.peers.send(host.tid, c.DM_CKPT_TRACK, Track(root, 1))
