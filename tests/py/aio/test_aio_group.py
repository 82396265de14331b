# SPDX-License-Identifier: MIT
"""aio.Group: collectives together with members that block."""

from __future__ import annotations

import array
import asyncio

import pytest
from support.programs import awaited

from pvm3py import aio

pytestmark = pytest.mark.usefixtures("machine")


def test_collectives_are_done_with_blocking_members() -> None:
    async def run() -> None:
        async with aio.Task() as task, task.group("grid") as group:
            assert group.instance == 0
            await task.spawn(awaited.member, "grid", 3, n=2)
            await group.barrier(3)
            assert await group.size() == 3
            assert (await group.members())[0] == task.tid
            assert await group.bcast("to all") == "to all"
            assert await group.gather(0) == [0, 10, 20]
            assert await group.allreduce(1) == 3
            numbers = array.array("d", [1.0, 2.0])
            await group.Reduce(numbers, "sum", 0, 5)
            assert list(numbers) == [3.0, 6.0]
            await group.barrier(3)

    asyncio.run(run())
