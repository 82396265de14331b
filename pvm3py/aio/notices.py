# SPDX-License-Identifier: MIT
"""Notices that are awaited."""

from __future__ import annotations

from collections import deque
from collections.abc import Awaitable, Callable
from typing import Any, Protocol, Self, TypeVar

from pvm3py import task as sync
from pvm3py.task.message import Message

_T = TypeVar("_T")


class Port(Protocol):
    """A task, as far as notices need it."""

    async def ask(self, function: Callable[..., _T], /, *args: Any) -> _T:
        """Call a function that waits for the daemon."""

    def receive_in(self, context: int, timeout: float | None) -> Awaitable[Message]:
        """Wait for a message of a context. Raises Timeout."""


class Notices:
    """Notices of what has been asked for, in the order in which they come.

    `async for` waits for the next one. It ends when they are closed, as they are at the end of
    `async with`, or when no more can come.
    """

    def __init__(self, notices: sync.Notices, port: Port) -> None:
        self._notices = notices
        self._port = port
        self._ready: deque[sync.Notice] = deque()

    @property
    def closed(self) -> bool:
        """Whether nothing will come any more."""
        return self._notices.closed

    async def watch_exit(self, *tids: int) -> None:
        """Tell when each of these tasks ends; of one that has ended already, at once."""
        await self._port.ask(self._notices.watch_exit, *tids)

    async def watch_hosts(self) -> None:
        """Tell when hosts are added, and when one goes."""
        await self._port.ask(self._notices.watch_hosts)

    async def next(self, *, timeout: float | None = None) -> sync.Notice:
        """Wait for the next one, `timeout` seconds at most (None: for ever).

        Raises Timeout; ValueError if this is closed.
        """
        if self.closed:
            raise ValueError("the notices are closed")
        while not self._ready:
            message = await self._port.receive_in(self._notices.context, timeout)
            self._ready.extend(self._notices.read(message))
        return self._ready.popleft()

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> sync.Notice:
        if self.closed or not (self._ready or self._notices.expects):
            raise StopAsyncIteration
        return await self.next()

    async def close(self) -> None:
        """Ask for no more. What has not been taken is dropped."""
        await self._port.ask(self._notices.close)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()
