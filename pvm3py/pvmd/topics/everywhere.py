# SPDX-License-Identifier: MIT
"""Daemons of several hosts are asked the same, at the same time."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

from pvm3py.wire.record import Record

from ..core import Pvmd
from ..state.errors import Refused
from ..state.hosts import Host
from ..state.moves import NotMovedError
from . import migration

Reply = TypeVar("Reply", bound=Record)


async def everywhere(
    pvmd: Pvmd,
    hosts: list[Host],
    tag: int,
    body: Record,
    reply: type[Reply],
    own: Callable[[], Any],
) -> list[Reply]:
    """The answers of daemons to a request; own: how this one serves it. Raises HostFailed."""
    works: list[Any] = [
        None if host is pvmd.hosts.own else pvmd.peers.request(host.tid, tag, body, reply)
        for host in hosts
    ]
    if None in works:
        works[works.index(None)] = own()
    waits = [pvmd.background(work) for work in works if isinstance(work, Coroutine)]
    if waits:
        await asyncio.wait(waits)
    answers = iter(waits)
    try:
        return [next(answers).result() if isinstance(work, Coroutine) else work for work in works]
    except Refused as refused:
        raise NotMovedError(refused.code, 0, f"{refused}") from refused


def check_replies(replies: list[Any]) -> None:
    """Raises NotMovedError for the first answer that is a refusal."""
    for reply in replies:
        if reply.code < 0:
            raise migration.told(reply.code, reply.reason, reply.text)
