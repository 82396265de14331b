# SPDX-License-Identifier: MIT
"""Requests about hosts that change nothing: TM_CONFIG, TM_MSTAT, TM_HOSTSYNC, DM_HOSTSYNC."""

from __future__ import annotations

import time
from collections.abc import Coroutine

from pvm3py.wire import constants as c
from pvm3py.wire.constants import signed
from pvm3py.wire.daemon import Clock
from pvm3py.wire.record import Record
from pvm3py.wire.task import (
    ConfigReply,
    Empty,
    HostName,
    HostSyncReply,
    Status,
    TidBody,
)

from ..core import Pvmd
from ..dispatch import Request, handles


@handles(c.TM_CONFIG, kept=True)
def config(pvmd: Pvmd, _request: Request, _body: Empty) -> ConfigReply:
    """The host table."""
    return ConfigReply([host.entry() for host in pvmd.hosts.hosts])


@handles(c.TM_MSTAT, HostName, kept=True)
def mstat(pvmd: Pvmd, _request: Request, body: HostName) -> Status | Coroutine[None, None, Status]:
    """Whether a host is in the machine and its daemon answers."""
    host = pvmd.hosts.named(body.name)
    if host is None:
        return Status(c.PvmNoHost)
    if pvmd.owns(host.tid):
        return Status(c.PvmOk)
    return pvmd.peers.request(host.tid, c.DM_PSTAT, TidBody(c.TIDPVMD | host.tid), Status)


@handles(c.TM_HOSTSYNC, TidBody)
def hostsync(
    pvmd: Pvmd, _request: Request, body: TidBody
) -> Record | Coroutine[None, None, HostSyncReply]:
    """The clock of a host; the switch nearly always tells that of this one."""
    if pvmd.hosts.get(body.tid) is None:
        return Status(c.PvmNoHost)
    if not pvmd.owns(body.tid):
        return _clock_of(pvmd, body.tid)
    clock = _clock()
    return HostSyncReply(0, clock.seconds, clock.microseconds)


async def _clock_of(pvmd: Pvmd, host: int) -> HostSyncReply:
    clock = await pvmd.peers.request(host, c.DM_HOSTSYNC, Empty(), Clock)
    return HostSyncReply(0, clock.seconds, clock.microseconds)


@handles(c.DM_HOSTSYNC, hosts=True, reply_tag=c.DM_HOSTSYNCACK)
def dm_hostsync(_pvmd: Pvmd, _request: Request, _body: Empty) -> Clock:
    """This host's clock."""
    return _clock()


def _clock() -> Clock:
    seconds, microseconds = divmod(time.time_ns() // 1000, 1000000)
    return Clock(signed(seconds), microseconds)
