# SPDX-License-Identifier: MIT
"""Whether those whom receives wait for still run: one look at all of them, now and then."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable

from pvm3py.binding.errors import PvmError
from pvm3py.task.take import LOOK_SECONDS, ended, has_ended

from .dispatch import Wish
from .inflow import Inflow


class Sources:
    """The receives of one loop that wait for one task each.

    Those that are over soon cost next to nothing: nobody looks for them.

    ask  calls a function of a tid that waits for the daemon
    """

    def __init__(
        self, inflow: Inflow, ask: Callable[[Callable[[int], bool], int], Awaitable[bool]]
    ) -> None:
        self._inflow = inflow
        self._ask = ask
        self._fresh: dict[Wish, str] = {}
        self._waits: dict[Wish, str] = {}
        self._timer: asyncio.TimerHandle | None = None
        self._looking: asyncio.Task[None] | None = None

    def begin(self, wish: Wish, function: str) -> None:
        """A receive waits from now on, which the function's name tells an error."""
        self._fresh[wish] = function
        if self._timer is None and self._looking is None:
            self._rest()

    def end(self, wish: Wish) -> None:
        """Its wait is over."""
        if self._fresh.pop(wish, None) is None:
            self._waits.pop(wish, None)

    def close(self) -> None:
        """Look no more."""
        self._fresh.clear()
        self._waits.clear()
        if self._timer is not None:
            self._timer.cancel()
        if self._looking is not None:
            self._looking.cancel()

    def _rest(self) -> None:
        self._timer = self._inflow.loop.call_later(LOOK_SECONDS, self._begin)

    def _begin(self) -> None:
        """Look at the sources of those that waited the last time already."""
        self._timer = None
        if self._waits:
            self._looking = self._inflow.loop.create_task(self._look())
        else:
            self._go_on()

    def _go_on(self) -> None:
        self._waits |= self._fresh
        self._fresh.clear()
        if self._waits:
            self._rest()

    async def _look(self) -> None:
        """Look at all sources; the receives from those that have ended end."""
        # Without the daemon all waits end, by what they wait for.
        with contextlib.suppress(PvmError):
            for source in {wish.source for wish in self._waits}:
                if await self._ask(has_ended, source):
                    await self._fail(source)
        self._looking = None
        self._go_on()

    async def _fail(self, source: int) -> None:
        """A source has ended: what it has sent is here, or comes now."""
        while not self._inflow.look():
            await asyncio.sleep(0)
        for wish, function in list(self._waits.items()):
            answer = wish.answer
            if wish.source == source and isinstance(answer, asyncio.Future) and not answer.done():
                self._inflow.dispatcher.withdraw(wish)
                answer.set_exception(ended(function, source, wish.tag))
