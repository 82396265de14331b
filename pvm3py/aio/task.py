# SPDX-License-Identifier: MIT
"""This process as a task of the machine, in an event loop."""

from __future__ import annotations

import asyncio
import functools
import os
from collections.abc import AsyncIterator, Callable, Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import asynccontextmanager
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any, ClassVar, Literal, ParamSpec, Self, TypeVar

from pvm3py import classic
from pvm3py import task as sync
from pvm3py.binding.errors import Timeout
from pvm3py.binding.items import in_memory
from pvm3py.task.context import within
from pvm3py.task.message import Message, Received, receive_into
from pvm3py.task.spawning import What
from pvm3py.task.take import ANY, described, require_numbers, unpacked

from .dispatch import Letter, Wish
from .group import Group
from .inflow import Content, Inflow
from .notices import Notices
from .sources import Sources

if TYPE_CHECKING:
    from typing_extensions import Buffer

_P = ParamSpec("_P")
_T = TypeVar("_T")

# The context in which a coroutine sends and receives.
_current: ContextVar[int] = ContextVar("pvm3py context", default=0)


class Task:
    """This process in the machine, with calls to await. There is one: Task() is Task().

    `async with` makes it a task, and its loop the one that receives; all is called in that loop's
    thread. A receive takes the messages of its context as they come, also those that it does not
    want: these wait here, for receives of this class.

    Cancelling a receive loses no message.
    """

    _one: ClassVar[Task | None] = None
    _blocking: sync.Task
    _depth: int
    _inflow: Inflow | None
    _sources: Sources
    _threads: ThreadPoolExecutor | None

    def __new__(cls) -> Task:
        if Task._one is None:
            one = super().__new__(cls)
            one._blocking = sync.Task()
            one._depth = 0
            one._inflow = one._threads = None
            Task._one = one
        return Task._one

    async def __aenter__(self) -> Self:
        if self._depth == 0:
            self._threads = ThreadPoolExecutor(thread_name_prefix="pvm3py-aio")
            loop = asyncio.get_running_loop()
            try:
                await loop.run_in_executor(self._threads, self._blocking.__enter__)
                self._inflow = Inflow(loop)
                self._sources = Sources(self._inflow, self.ask)
            except BaseException:
                self._threads.shutdown(wait=False)
                raise
        elif self._in.loop is not asyncio.get_running_loop():
            raise RuntimeError("the task is used in another event loop")
        self._depth += 1
        return self

    async def __aexit__(self, *_: object) -> None:
        self._depth -= 1
        if self._depth or self._inflow is None or self._threads is None:
            return
        inflow, threads, self._inflow, self._threads = self._inflow, self._threads, None, None
        self._sources.close()
        inflow.close()
        loop = asyncio.get_running_loop()
        await asyncio.shield(loop.run_in_executor(threads, self._blocking.__exit__, None))
        threads.shutdown(wait=False)

    def __repr__(self) -> str:
        return f"<aio {self._blocking!r}>"

    @property
    def entered(self) -> bool:
        """Whether it is used, inside `async with`."""
        return self._inflow is not None

    @property
    def _in(self) -> Inflow:
        if self._inflow is None:
            raise RuntimeError("use it inside `async with Task() as task:`")
        return self._inflow

    # ---- who it is ------------------------------------------------------------------

    @property
    def tid(self) -> sync.Tid:
        """Its tid."""
        return self._blocking.tid

    @property
    def parent(self) -> sync.Tid | None:
        """The task that spawned it, None if there is none."""
        return self._blocking.parent

    @property
    def siblings(self) -> tuple[sync.Tid, ...]:
        """The tasks that were started by the same spawn, this one included."""
        return self._blocking.siblings

    async def host(self) -> sync.HostInfo:
        """The host on which it was started."""
        return await self.ask(lambda: self._blocking.host)

    # ---- requests ----------------------------------------------------------------------

    async def ask(self, function: Callable[_P, _T], /, *args: _P.args, **kwargs: _P.kwargs) -> _T:
        """Call a function that waits for the daemon or others, in a thread of its own.

        It sends and receives in the context of the caller. What was asked for may be done even if
        the wait is cancelled. For receives there is `recv`: both would compete for messages.
        """
        inflow, threads, context = self._in, self._threads, _current.get()
        loop = asyncio.get_running_loop()
        assert threads is not None

        def call() -> _T:
            with within(context):
                return function(*args, **kwargs)

        def over(_: Future[_T]) -> None:
            try:
                loop.call_soon_threadsafe(inflow.asked)
            except RuntimeError:
                pass  # the loop is closed

        inflow.asks()
        answer = threads.submit(call)
        answer.add_done_callback(over)
        return await asyncio.wrap_future(answer)

    async def spawn(self, what: What, *args: object, **options: Any) -> list[sync.Tid]:
        """Start tasks, as pvm3py.Task.spawn, whose options these are."""
        return await self.ask(functools.partial(self._blocking.spawn, what, *args, **options))

    async def migrate(self, tid: int, host: str | None = None) -> None:
        """Move a task to another host, as pvm3py.migrate."""
        await self.ask(sync.migrate, tid, host)

    async def can_migrate(self, tid: int, host: str | None = None) -> sync.Reason | None:
        """Why a task could not be moved to a host, as pvm3py.can_migrate; None: it could."""
        return await self.ask(sync.can_migrate, tid, host)

    async def hold(self, tid: int) -> None:
        """Stop a task until it is released, as pvm3py.hold."""
        await self.ask(sync.hold, tid)

    async def release(self, tid: int) -> None:
        """Let a task go on that was stopped, as pvm3py.release."""
        await self.ask(sync.release, tid)

    async def checkpoint(
        self,
        path: str | os.PathLike[str] | None = None,
        tids: Iterable[int] | None = None,
        *,
        jobs: bool = False,
        every: int | None = None,
        keep: int | None = None,
        incremental: bool = False,
    ) -> int:
        """Write the images of tasks to files, as pvm3py.checkpoint.

        NotMovable: this task, which has threads, is one of them, or of its job.
        """
        options: dict[str, Any] = {"every": every, "keep": keep, "incremental": incremental}
        return await self.ask(sync.checkpoint, path, tids, jobs=jobs, **options)

    async def restart(
        self,
        path: str | os.PathLike[str] | None = None,
        number: int | None = None,
        hosts: Iterable[str] = (),
    ) -> list[sync.Tid]:
        """Start tasks again from a checkpoint, as pvm3py.restart; their tids."""
        return await self.ask(sync.restart, path, number, hosts)

    # ---- sending ---------------------------------------------------------------------------

    async def send(self, obj: object, to: int | Iterable[int], tag: int = 0) -> None:
        """Send any object that pickle takes to a task, or to several by one multicast.

        It waits for room as pvm3py.Task.send does: the loop stands still as long.
        """
        self._send(self._blocking.send, obj, to, tag)

    async def Send(
        self,
        buf: Buffer | Message,
        to: int | Iterable[int],
        tag: int = 0,
        *,
        encoding: Literal["auto", "xdr", "raw"] = "auto",
    ) -> None:
        """Send the items of a buffer, or a message, as pvm3py.Task.Send."""
        self._send(self._blocking.Send, buf, to, tag, encoding=encoding)

    def _send(self, function: Callable[..., None], *args: Any, **kwargs: Any) -> None:
        """Send in the coroutine's context. Sending may take in messages."""
        inflow = self._in
        context = _current.get()
        if context == inflow.context:
            function(*args, **kwargs)
        else:
            with within(context):
                function(*args, **kwargs)
        if inflow.dispatcher.waiting:
            inflow.look_soon()

    # ---- receiving ---------------------------------------------------------------------------

    async def recv(self, source: int = ANY, tag: int = ANY, *, timeout: float | None = None) -> Any:
        """Wait for an object, and return it.

        timeout  seconds; None: for ever; 0: only what is there

        Raises Timeout; NoTask if the source has ended, and nothing is there of it; NotAnObject,
        which has the message, if what came is no object.
        """
        try:
            waits = timeout is None or timeout > 0
            came = self._in.catch(source, tag, _current.get()) if waits else None
        except TypeError:
            require_numbers(source, tag, timeout)
            raise
        if came is not None:
            return unpacked(*came)
        letter = await self._letter("recv", source, tag, timeout)
        return unpacked(letter.content, letter.source, letter.tag)

    async def receive(
        self, source: int = ANY, tag: int = ANY, *, timeout: float | None = None
    ) -> Message:
        """Wait for any message, also of a task in C or Fortran. Raises Timeout, NoTask."""
        return _message(await self._letter("receive", source, tag, timeout))

    async def Recv(
        self, buf: Buffer, source: int = ANY, tag: int = ANY, *, timeout: float | None = None
    ) -> Received:
        """Wait for a message of as many items as a writable buffer has, and fill it.

        Raises Timeout; NoTask as `recv`; Mismatch, before anything is written, if what came does
        not fit.
        """
        place = in_memory(buf, writable=True)
        return receive_into(await self.receive(source, tag, timeout=timeout), place)

    async def probe(
        self, source: int = ANY, tag: int = ANY, *, timeout: float | None = 0
    ) -> tuple[sync.Tid, int] | None:
        """Sender and tag of a message that is there, or comes in time, and stays; None: none."""
        try:
            letter = await self._letter("probe", source, tag, timeout, leave=True)
        except Timeout:
            return None
        return sync.Tid(letter.source), letter.tag

    async def messages(
        self, source: int = ANY, tag: int = ANY, *, idle: float | None = None
    ) -> AsyncIterator[Message]:
        """Messages as they come, until none has come for `idle` seconds (None: for ever)."""
        while True:
            try:
                message = await self.receive(source, tag, timeout=idle)
            except Timeout:
                return
            yield message

    async def receive_in(self, context: int, timeout: float | None) -> Message:
        """Wait for a message of another context. Raises Timeout."""
        return _message(await self._letter("receive", ANY, ANY, timeout, context=context))

    async def _letter(
        self,
        function: str,
        source: int,
        tag: int,
        timeout: float | None,
        *,
        context: int | None = None,
        leave: bool = False,
    ) -> Letter[Content]:
        """Wait for a message; context None: of the coroutine's."""
        require_numbers(source, tag, timeout)
        inflow = self._in
        answer: asyncio.Future[Letter[Content] | None] = inflow.loop.create_future()
        where = _current.get() if context is None else context
        wish = Wish(source, tag, where, answer, leave)
        inflow.dispatcher.ask(wish)
        if not answer.done():
            inflow.look()
        if not answer.done():
            inflow.begin_wait()
        let_others = inflow.let_others(at_once=answer.done())
        if answer.done() or source == ANY or leave:
            letter = await _in_time(inflow, wish, answer, timeout, let_others)
        else:
            sources = self._sources
            sources.begin(wish, function)
            try:
                letter = await _in_time(inflow, wish, answer, timeout, let_others)
            finally:
                sources.end(wish)
        if letter is None:
            raise Timeout(0, function, "", described(source, tag))
        return letter

    # ---- groups, notices --------------------------------------------------------------------

    def group(self, name: str) -> Group:
        """A group, which `async with` joins and leaves."""
        return Group(self, name)

    async def notify_exit(self, *who: int) -> Notices:
        """Notices of the end of tasks; of those that have ended already, at once."""
        return Notices(await self.ask(self._blocking.notify_exit, *who), self)

    async def notify_hosts(self) -> Notices:
        """Notices of hosts that are added, and of those that go."""
        return Notices(await self.ask(self._blocking.notify_hosts), self)

    # ---- contexts -------------------------------------------------------------------------------

    @asynccontextmanager
    async def context(self, number: int | None = None) -> AsyncIterator[int]:
        """Send and receive in another message context inside; None: in one of its own.

        It holds for the calling coroutine, and for those that it starts meanwhile.
        """
        own = number is None
        chosen = await self.ask(classic.newcontext) if number is None else number
        before = _current.get()
        _current.set(chosen)
        try:
            yield chosen
        finally:
            _current.set(before)
            if own and self._inflow is not None:
                await self.ask(classic.freecontext, chosen)


async def _in_time(
    inflow: Inflow,
    wish: Wish,
    answer: asyncio.Future[Letter[Content] | None],
    timeout: float | None,
    let_others: bool,
) -> Letter[Content] | None:
    """The letter of a wish, None if none came in time. Cancelled, it gives back what it has.

    let_others  have a turn of the loop, though the letter is there
    """
    timer = None
    if timeout is not None and not answer.done():
        timer = inflow.loop.call_later(max(timeout, 0), _expire, inflow, wish, answer)
    try:
        if let_others:
            await asyncio.sleep(0)
        return await answer
    except asyncio.CancelledError:
        inflow.dispatcher.withdraw(wish)
        if not answer.cancelled() and answer.exception() is None:
            letter = answer.result()
            if letter is not None and not wish.leave:
                inflow.dispatcher.give_back(letter)
        raise
    finally:
        if timer is not None:
            timer.cancel()


def _expire(inflow: Inflow, wish: Wish, answer: asyncio.Future[Letter[Content] | None]) -> None:
    """A wish has waited long enough."""
    if not answer.done():
        inflow.dispatcher.withdraw(wish)
        answer.set_result(None)


def _message(letter: Letter[Content]) -> Message:
    """The message of a letter; that of a small object was freed when it was read."""
    content = letter.content
    if isinstance(content, Message):
        return content
    message = Message.remade(content, sync.Tid(letter.source), letter.tag)
    message.context = letter.context
    return message
