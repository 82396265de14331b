# SPDX-License-Identifier: MIT
"""The virtual machine, with calls to await."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Self, TypeVar

from pvm3py import task as sync

from .task import Task

_T = TypeVar("_T")


class VirtualMachine:
    """A private machine while `async with` lasts; the arguments are pvm3py.VirtualMachine's.

    `await VirtualMachine.attach()` is for the one that runs anyway.
    """

    def __init__(
        self,
        hosts: Iterable[str] = (),
        *,
        ssh: str | None = None,
        env: Mapping[str, str] | None = None,
        keep: bool = False,
    ) -> None:
        self._machine: sync.VirtualMachine | None = None
        self._make: Callable[[], sync.VirtualMachine] = lambda: sync.VirtualMachine(
            hosts, ssh=ssh, env=env, keep=keep
        )

    @classmethod
    async def attach(cls, *, start: bool = False) -> Self:
        """The machine that runs, as pvm3py.VirtualMachine.attach."""
        self = cls()
        self._machine = await asyncio.to_thread(lambda: sync.VirtualMachine.attach(start=start))
        return self

    async def __aenter__(self) -> Self:
        if self._machine is None:
            self._machine = await asyncio.to_thread(self._make)
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    @property
    def blocking(self) -> sync.VirtualMachine:
        """The same machine, with calls that wait. RuntimeError: it has not been started."""
        if self._machine is None:
            raise RuntimeError("start it with `async with VirtualMachine() as machine:`")
        return self._machine

    @property
    def task(self) -> Task:
        """This process as a task, to be entered with `async with`."""
        return Task()

    @property
    def current(self) -> bool:
        """Whether this is the machine of this process: neither ended nor left."""
        return self._machine is not None and self._machine.current

    async def close(self) -> None:
        """Let go of it: a private machine ends, unless it is kept; others go on."""
        await asyncio.to_thread(self.blocking.close)

    async def halt(self) -> None:
        """End the machine with all its tasks but this process."""
        await asyncio.to_thread(self.blocking.halt)

    async def reset(self) -> None:
        """End all tasks but this one, and delete what ended ones have left in the mailbox."""
        await self._ask(self.blocking.reset)

    async def hosts(self) -> dict[str, sync.HostInfo]:
        """The hosts by name, as they are now."""
        return await self._ask(self.blocking.hosts.snapshot)

    async def add_hosts(self, *names: str) -> list[sync.HostInfo]:
        """Add hosts, as Hosts.add. Raises HostsNotAdded."""
        return await self._ask(self.blocking.hosts.add, *names)

    async def remove_hosts(self, *names: str) -> None:
        """Take hosts out of the machine, as Hosts.remove."""
        await self._ask(self.blocking.hosts.remove, *names)

    async def tasks(self) -> dict[sync.Tid, sync.TaskInfo]:
        """The tasks by tid, as they are now."""
        return await self._ask(self.blocking.tasks.snapshot)

    async def mailbox(self) -> dict[str, list[sync.Entry]]:
        """The mailbox's entries by name, as they are now."""
        return await self._ask(self.blocking.mailbox.snapshot)

    async def _ask(self, function: Callable[..., _T], *args: Any) -> _T:
        """Call what waits for the daemon in a thread; messages for the task come meanwhile."""
        if Task().entered:
            return await Task().ask(function, *args)
        return await asyncio.to_thread(function, *args)

    def __repr__(self) -> str:
        return (
            "<aio VirtualMachine, not started>"
            if self._machine is None
            else (f"<aio {self._machine!r}>")
        )
