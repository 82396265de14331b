# SPDX-License-Identifier: MIT
"""aio.VirtualMachine: a private machine, and what it tells, in an event loop."""

from __future__ import annotations

import asyncio

from support.machines.private import nothing_left
from support.programs import awaited

from pvm3py import aio


def test_a_private_machine_lasts_as_long_as_its_block() -> None:
    async def run() -> None:
        async with aio.VirtualMachine() as machine:
            (host,) = (await machine.hosts()).values()
            async with machine.task as task:
                assert (await task.host()).name == host.name
                (child,) = await task.spawn(awaited.echo)
                assert {child, task.tid} <= (await machine.tasks()).keys()
                await task.send(None, child)
            assert await machine.mailbox() == {}
            assert machine.current
        assert not machine.current

    with nothing_left():
        asyncio.run(run())
