# SPDX-License-Identifier: MIT
"""Groups, with calls to await."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, Protocol, Self, TypeVar

from pvm3py import task as sync

if TYPE_CHECKING:
    from typing_extensions import Buffer

    from pvm3py.task.operations import Operation

_T = TypeVar("_T")


class Port(Protocol):
    """A task, as far as groups need it."""

    async def ask(self, function: Callable[..., _T], /, *args: Any, **kwargs: Any) -> _T:
        """Call a function that waits for others, in a thread."""


class Group:
    """A group of which this task is a member: pvm3py.Group, each call in a thread of its own.

    `async with task.group("grid") as group` joins and leaves. A member makes one call at a
    time. The buffers of a Bcast come in the caller's context: no receive may wait there meanwhile.
    """

    def __init__(self, port: Port, name: str) -> None:
        self._port = port
        self._name = name
        self._group: sync.Group | None = None

    @property
    def blocking(self) -> sync.Group:
        """The same group, with calls that wait. RuntimeError: it was not joined."""
        if self._group is None:
            raise RuntimeError("join it with `async with task.group(name) as group:`")
        return self._group

    async def __aenter__(self) -> Self:
        self._group = await self._port.ask(sync.Group, self._name)
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._port.ask(self.blocking.__exit__)

    def __repr__(self) -> str:
        return f"<aio Group {self._name!r}>"

    @property
    def instance(self) -> int:
        """This member's number."""
        return self.blocking.instance

    async def size(self) -> int:
        """The number of members."""
        return await self._port.ask(lambda: self.blocking.size)

    async def members(self) -> list[sync.Tid]:
        """The members, by instance."""
        return await self._port.ask(lambda: self.blocking.members)

    async def freeze(self, size: int | None = None) -> int:
        """Wait until `size` members have called this; nobody joins from then on."""
        return await self._port.ask(self.blocking.freeze, size)

    async def leave(self) -> None:
        """Be a member no more."""
        await self._port.ask(self.blocking.leave)

    async def barrier(self, count: int | None = None, timeout: float | None = None) -> None:
        """Wait until `count` members have called this, as Group.barrier."""
        await self._port.ask(self.blocking.barrier, count, timeout)

    # ---- buffers ---------------------------------------------

    async def Bcast(self, buf: Buffer, root: int = 0, tag: int = 0) -> None:
        """Give all members the root's items, as Group.Bcast."""
        await self._port.ask(self.blocking.Bcast, buf, root, tag)

    async def Gather(
        self, sendbuf: Buffer, recvbuf: Buffer | None = None, root: int = 0, tag: int = 0
    ) -> None:
        """Collect the items of all members at the root, as Group.Gather."""
        await self._port.ask(self.blocking.Gather, sendbuf, recvbuf, root, tag)

    async def Scatter(
        self, sendbuf: Buffer | None, recvbuf: Buffer, root: int = 0, tag: int = 0
    ) -> None:
        """Give each member its part of the root's items, as Group.Scatter."""
        await self._port.ask(self.blocking.Scatter, sendbuf, recvbuf, root, tag)

    async def Reduce(self, buf: Buffer, op: Operation, root: int = 0, tag: int = 0) -> None:
        """Combine the items of all members at the root, as Group.Reduce."""
        await self._port.ask(self.blocking.Reduce, buf, op, root, tag)

    # ---- objects ---------------------------------------------

    async def bcast(self, obj: Any, root: int = 0) -> Any:
        """Give all members the root's object, as Group.bcast."""
        return await self._port.ask(self.blocking.bcast, obj, root)

    async def gather(self, obj: Any, root: int = 0) -> list[Any] | None:
        """Collect an object of each member at the root, as Group.gather."""
        return await self._port.ask(self.blocking.gather, obj, root)

    async def scatter(self, objects: Sequence[Any] | None, root: int = 0) -> Any:
        """Give each member one of the root's objects, as Group.scatter."""
        return await self._port.ask(self.blocking.scatter, objects, root)

    async def reduce(self, obj: Any, op: Operation = "sum", root: int = 0) -> Any:
        """Combine an object of each member at the root, as Group.reduce."""
        return await self._port.ask(self.blocking.reduce, obj, op, root)

    async def allgather(self, obj: Any) -> list[Any]:
        """Collect an object of each member at all of them, as Group.allgather."""
        return await self._port.ask(self.blocking.allgather, obj)

    async def allreduce(self, obj: Any, op: Operation = "sum") -> Any:
        """Combine an object of each member at all of them, as Group.allreduce."""
        return await self._port.ask(self.blocking.allreduce, obj, op)
