# SPDX-License-Identifier: MIT
"""Groups of tasks: who is a member, waiting for each other, and collective calls.

Capital letters are libgpvm3's calls on buffers, which members in C and Fortran take part in. Small
letters are for objects, and for members in Python: messages in a context that nothing else uses.
"""

from __future__ import annotations

import threading
import time
import zlib
from collections.abc import Callable, Iterator, Sequence
from functools import partial, reduce
from typing import TYPE_CHECKING, Any, ClassVar, Self, TypeVar

from pvm3py import classic
from pvm3py._task import lib
from pvm3py.binding import groups
from pvm3py.binding.enums import Code
from pvm3py.binding.errors import DupGroup, NoTask, NotFound, NotInGroup, PvmError, Timeout
from pvm3py.binding.groups import Items
from pvm3py.binding.items import in_memory
from pvm3py.binding.post import send_object
from pvm3py.wire import constants as c

from .context import within
from .html import table
from .members import Tid
from .message import Message, receive_into
from .operations import OnBuffers, Operation, combining
from .take import LOOK_SECONDS, Receive, from_living, take, take_object

if TYPE_CHECKING:
    from typing_extensions import Buffer

_Got = TypeVar("_Got")
# The context of objects. In it a tag is a number of the group and of the call.
_CONTEXT = c.SYSCTX_RS8
_BCAST, _GATHER, _SCATTER = range(3)
_CALLS = 4
# Seconds between looks whether the group server has heard of a death.
_PAUSE = 0.001


class MemberDied(PvmError):
    """A member of the group has died for which others wait."""

    def __init__(self, function: str, group: str) -> None:
        super().__init__(Code.NO_TASK, function, f"a member of group {group!r} has died")
        self.group = group

    def __reduce__(self) -> tuple[Any, ...]:
        return MemberDied, (self.function, self.group)


class _Failed:
    """What members get instead of a result that the root could not have."""


class _Barrier(threading.Thread):
    """A barrier that a member has arrived at and may not have waited for to its end."""

    def __init__(self, group: str, count: int) -> None:
        super().__init__(name=f"barrier of {group}", daemon=True)
        self.group = group
        self.count = count
        self.tid = classic.mytid()
        self._error: BaseException | None = None
        self._over = threading.Event()
        self.start()

    def run(self) -> None:
        """Wait as long as it takes."""
        try:
            classic.barrier(self.group, self.count)
        except BaseException as error:
            self._error = error
        finally:
            self._over.set()

    def wait(self, timeout: float | None) -> bool:
        """Whether it is over in time; raises what it has raised. Signals end this alone."""
        if not self._over.wait(timeout):
            return False
        if self._error is not None:
            raise self._error
        return True


class Group:
    """A group of which this task is a member, from its making to `leave` or the `with` block's end.

    It can be made again while this task is one. `root` is a member's instance, `tag` is what C and
    Fortran members give the call.

    A call of all members raises MemberDied in those that wait for one that has died, and once in
    each one whose last call was before that. Then the members that are left can go on.
    """

    # Barriers of this process that a time-out has left, which is one at most.
    _standing: ClassVar[_Barrier | None] = None
    # Deaths that this task has been told of, by its tid and the group's name.
    _told: ClassVar[dict[tuple[int, str], int]] = {}

    def __init__(self, name: str) -> None:
        self.name = name
        self._joined = True
        try:
            self.instance = classic.joingroup(name)
            self._tell()
        except DupGroup:
            self._joined = False
            self.instance = classic.getinst(name, classic.mytid())

    # ---- members ---------------------------------------------

    @property
    def size(self) -> int:
        """The number of members. Raises NoGroup: this one was the last, and has left."""
        return classic.gsize(self.name)

    @property
    def members(self) -> list[Tid]:
        """The members, by instance."""
        return [Tid(tid) for tid in groups.members(self.name)]

    def __getitem__(self, instance: int) -> Tid:
        """The member with an instance. Raises NoInst."""
        return Tid(classic.gettid(self.name, instance))

    def __len__(self) -> int:
        return self.size

    def __iter__(self) -> Iterator[Tid]:
        return iter(self.members)

    def freeze(self, size: int | None = None) -> int:
        """Wait until `size` members (None: all) have called this; nobody joins from then on.

        Questions about the members need no messages any more. Returns the size.
        """
        return classic.freezegroup(self.name, classic.ALL if size is None else size)

    def leave(self) -> None:
        """Be a member no more."""
        try:
            classic.lvgroup(self.name)
        except (NotFound, NotInGroup):
            pass  # it has left, or all members have with the group server

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self._joined and int(lib.pvmmytid) != -1:
            self.leave()

    def __repr__(self) -> str:
        return f"<Group {self.name!r}, instance {self.instance}>"

    def _repr_html_(self) -> str:
        rows = [(number, tid) for number, tid in enumerate(self.members)]
        return table(f"Group {self.name}", ("instance", "task"), rows)

    # ---- waiting for each other ------------------------------

    def barrier(self, count: int | None = None, timeout: float | None = None) -> None:
        """Wait until `count` members have called this; None: as many as the first one found.

        timeout  seconds; this member counts as arrived afterwards, and its next barrier of the
                 group goes on with the same one

        Raises Timeout; MemberDied; Mismatch: others wait for another number; RuntimeError: this
        process has not waited for a barrier of another group to its end.
        """
        number = classic.ALL if count is None else count
        standing = Group._standing
        if standing is not None and standing.tid != classic.mytid():
            standing = None  # of a machine that was left
        if standing is not None and standing.group != self.name:
            raise RuntimeError(f"the barrier of group {standing.group!r} goes on: wait for it")
        if standing is None and count is None:
            self._require_all("barrier")
        try:
            self._arrive(standing, number, timeout)
        except NoTask:
            if self._untold():
                raise self._died("barrier") from None
            # The server refuses once who missed a barrier that a death has broken.
            self._arrive_again(number, timeout)

    def _arrive_again(self, count: int, timeout: float | None) -> None:
        try:
            self._arrive(None, count, timeout)
        except NoTask:
            raise self._died("barrier") from None

    def _arrive(self, standing: _Barrier | None, count: int, timeout: float | None) -> None:
        """Wait for a barrier, which stands or begins."""
        if standing is None and timeout is None:
            classic.barrier(self.name, count)
        else:
            self._wait(standing or _Barrier(self.name, count), timeout)

    def _wait(self, barrier: _Barrier, timeout: float | None) -> None:
        Group._standing = barrier
        try:
            over = barrier.wait(timeout)
        except Exception:
            Group._standing = None
            raise
        if not over:
            raise Timeout(0, "barrier", "", f"of group {self.name!r}")
        Group._standing = None

    # ---- buffers ---------------------------------------------

    def Bcast(self, buf: Buffer, root: int = 0, tag: int = 0) -> None:
        """Give all members the root's items; C members call pvm_bcast and pvm_recv.

        Raises MemberDied; Mismatch if the buffers differ.
        """
        self._require_all("Bcast")
        if root == self.instance:
            others = self._others()
            if others:
                Message().pack(buf).deliver(others, tag)
            return
        place = in_memory(buf, writable=True)
        receive_into(self._awaited(partial(take, "Bcast"), "Bcast", self[root], tag), place)

    def Gather(
        self, sendbuf: Buffer, recvbuf: Buffer | None = None, root: int = 0, tag: int = 0
    ) -> None:
        """Collect the items of all members in the root's `recvbuf`, by instance. Raises MemberDied.

        Only the root needs one, as large as all together: Overflow if it is not.
        """
        every = None if recvbuf is None else Items(recvbuf, writable=True)
        own = Items(sendbuf)
        self._collective("Gather", lambda: groups.gather(self.name, own, every, root, tag))

    def Scatter(self, sendbuf: Buffer | None, recvbuf: Buffer, root: int = 0, tag: int = 0) -> None:
        """Give each member its part of the root's `sendbuf`, by instance. Raises MemberDied.

        Only the root needs one, as large as all together: Overflow if it is not.
        """
        every = None if sendbuf is None else Items(sendbuf)
        own = Items(recvbuf, writable=True)
        self._collective("Scatter", lambda: groups.scatter(self.name, every, own, root, tag))

    def Reduce(self, buf: Buffer, op: Operation, root: int = 0, tag: int = 0) -> None:
        """Combine the items of all members; the root's buffer has the result. Raises MemberDied.

        op  "sum", "product", "max", "min" item by item, or a function of two arrays, which returns
            the result or changes the first; the order of the members is not fixed

        The items of other members are undefined afterwards.
        """
        own = Items(buf, writable=True)
        operation = OnBuffers(op, buf, own)
        try:
            self._collective(
                "Reduce", lambda: groups.reduce(self.name, operation.pointer, own, root, tag)
            )
        except PvmError:
            if operation.failures:
                raise operation.failures[0] from None
            raise

    def _collective(self, function: str, call: Callable[[], None]) -> None:
        """A call of the library, which looks itself whether members live."""
        self._require_all(function)
        try:
            call()
        except NoTask:
            raise self._died(function) from None
        # It asked for the members after this did.
        self._require_all(function)

    def _awaited(self, receive: Receive[_Got], function: str, sender: Tid, tag: int) -> _Got:
        """What a receive from a member gives, as long as nobody has died."""
        while True:
            try:
                return from_living(receive, function, sender, tag, 2 * LOOK_SECONDS)
            except NoTask:
                raise self._died(function) from None
            except Timeout:
                # The sender may have been told of a death, and not send.
                self._require_all(function)

    # ---- members that die ------------------------------------

    def _require_all(self, function: str) -> None:
        """Raise MemberDied if there were deaths that this task was not told of."""
        if self._untold():
            self._tell()
            raise MemberDied(function, self.name)

    def _untold(self) -> bool:
        return groups.deaths(self.name) > self._deaths_told()

    def _deaths_told(self) -> int:
        return Group._told.get((classic.mytid(), self.name), 0)

    def _died(self, function: str) -> MemberDied:
        """The error for a death that was found; this task is not told of it again."""
        end = time.monotonic() + LOOK_SECONDS
        try:
            # The group server hears of it at another time than this task.
            while time.monotonic() < end and not all(tid.alive() for tid in self.members):
                time.sleep(_PAUSE)
            self._tell()
        except NotFound:
            pass  # the group was frozen, and is no more
        return MemberDied(function, self.name)

    def _tell(self) -> None:
        Group._told[classic.mytid(), self.name] = groups.deaths(self.name)

    # ---- objects ---------------------------------------------

    def bcast(self, obj: Any, root: int = 0) -> Any:
        """Give all members the root's object; returns it. Raises MemberDied."""
        self._require_all("bcast")
        if root != self.instance:
            return self._take(self[root], _BCAST, "bcast")
        self._send(self._others(), self._tag(_BCAST), obj)
        return obj

    def gather(self, obj: Any, root: int = 0) -> list[Any] | None:
        """Collect an object of each member; the root gets them by instance. Raises MemberDied."""
        self._require_all("gather")
        if root != self.instance:
            self._send([self[root]], self._tag(_GATHER), obj)
            return None
        me = classic.mytid()
        return [obj if tid == me else self._take(tid, _GATHER, "gather") for tid in self.members]

    def scatter(self, objects: Sequence[Any] | None, root: int = 0) -> Any:
        """Give each member one of the root's objects, by instance; returns the own one.

        Raises MemberDied; at the root ValueError if their number is not that of the members.
        """
        self._require_all("scatter")
        if root != self.instance:
            return self._take(self[root], _SCATTER, "scatter")
        members, parts = self.members, list(objects or ())
        if len(parts) != len(members):
            raise ValueError(f"{len(parts)} objects for {len(members)} members")
        own = None
        for tid, part in zip(members, parts, strict=True):
            if tid == classic.mytid():
                own = part
            else:
                self._send([tid], self._tag(_SCATTER), part)
        return own

    def reduce(self, obj: Any, op: Operation = "sum", root: int = 0) -> Any:
        """Combine an object of each member, in the order of instances; None but for the root.

        op  "sum", "product", "max", "min", or a function of two objects

        Raises MemberDied.
        """
        combine = combining(op)
        every = self.gather(obj, root)
        return None if every is None else reduce(combine, every)

    def allgather(self, obj: Any) -> list[Any]:
        """Collect an object of each member at all of them, by instance. Raises MemberDied."""
        every: list[Any] = self._for_all("allgather", lambda root: self.gather(obj, root))
        return every

    def allreduce(self, obj: Any, op: Operation = "sum") -> Any:
        """Combine as `reduce`; all members have the result. Raises MemberDied."""
        return self._for_all("allreduce", lambda root: self.reduce(obj, op, root))

    def _for_all(self, function: str, collect: Callable[[int], Any]) -> Any:
        """What a root has, given to all; or that it has failed."""
        self._require_all(function)
        root = classic.getinst(self.name, self.members[0])
        tag = self._tag(_BCAST)
        try:
            result = collect(root)
        except Exception:
            if root == self.instance:
                self._send(self._others(), tag, _Failed())
            raise
        result = self.bcast(result, root)
        if isinstance(result, _Failed):
            raise MemberDied(function, self.name)
        return result

    def _others(self) -> list[Tid]:
        return [tid for tid in self.members if tid != classic.mytid()]

    def _send(self, to: Sequence[int], tag: int, obj: Any) -> None:
        if to:
            with within(_CONTEXT):
                send_object(to, tag, obj)

    def _take(self, sender: Tid, call: int, function: str) -> Any:
        with within(_CONTEXT):
            return self._awaited(take_object, function, sender, self._tag(call))

    def _tag(self, call: int) -> int:
        """The tag of a call's objects: another one after a death, since some may have been sent."""
        number = zlib.crc32(self.name.encode(), self._deaths_told())
        return number % (1 << 28) * _CALLS + call
