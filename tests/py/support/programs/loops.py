# SPDX-License-Identifier: MIT
"""Event loops of tests, with the task of this process in them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine
from contextlib import asynccontextmanager
from typing import Any

import uvloop

from pvm3py import aio

Runner = Callable[[Coroutine[Any, Any, None]], None]

# libuv keeps some descriptors from its first loop on.
uvloop.run(asyncio.sleep(0))


def in_loop(main: Callable[[aio.Task], Awaitable[None]], run: Runner = asyncio.run) -> None:
    """Run a coroutine function with the task in a loop."""

    async def all_of_it() -> None:
        async with aio.Task() as task:
            await main(task)

    run(all_of_it())


@asynccontextmanager
async def other_work() -> AsyncIterator[None]:
    """The loop has other work meanwhile, and gets to it."""
    turns = 0

    async def count_turns() -> None:
        nonlocal turns
        while True:
            turns += 1
            await asyncio.sleep(0)

    counter = asyncio.create_task(count_turns())
    yield
    counter.cancel()
    assert turns >= 10
