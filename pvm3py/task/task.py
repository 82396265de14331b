# SPDX-License-Identifier: MIT
"""This process as a task of the machine."""

from __future__ import annotations

import contextlib
import os
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import partial
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, ClassVar, Literal, Protocol, Self, TextIO, TypeVar

from pvm3py import classic
from pvm3py._task import lib
from pvm3py.binding.errors import Timeout, check
from pvm3py.binding.items import in_memory
from pvm3py.binding.post import send_object, send_to_one
from pvm3py.places import birth_host

from . import context, spawning, take
from .collected import Collector, Lines, Taker, Written
from .group import Group
from .members import HostInfo, Tid, tids
from .message import Message, Received, send_buffer
from .notices import Notices
from .take import ANY
from .warm import Nurseries

if TYPE_CHECKING:
    from typing_extensions import Buffer

_RECEIVE = partial(take.take, "receive")
_F = TypeVar("_F", bound=Callable[[Message], object])


class Machine(Protocol):
    """A VirtualMachine."""

    @property
    def current(self) -> bool:
        """Whether it is this process's."""


class Task:
    """This process in the machine. There is one: Task() is Task().

    It enrols at `with`, or with the first call; it leaves at the end of the outermost `with`, or of
    the process. Afterwards it can enrol again, with another tid. Every thread may use it.
    """

    _one: ClassVar[Task | None] = None
    _making: ClassVar[threading.Lock] = threading.Lock()
    _depth: int
    _handlers: dict[Callable[[Message], object], list[int]]
    _collector: Collector | None
    _nurseries: Nurseries
    _awaited: set[Taker]

    def __new__(cls, *, machine: Machine | None = None, name: str | None = None) -> Task:
        with cls._making:
            if Task._one is None:
                one = super().__new__(cls)
                one._depth = 0
                one._handlers = {}
                one._collector = None
                one._nurseries = Nurseries()
                one._awaited = set()
                # Each thread has active buffers and a context of its own.
                classic.setopt(classic.Option.THREAD_BUFFERS, 1)
                Task._one = one
        return Task._one

    def __init__(self, *, machine: Machine | None = None, name: str | None = None) -> None:
        """The task of this process.

        machine  in which it is to be: the one that this process has made or attached to
        name     that tables of tasks show; it is given before the first call that enrols

        Raises RuntimeError: that is another machine; Exists: it is too late for a name.
        """
        if machine is not None and not machine.current:
            raise RuntimeError(f"{machine!r} is not the machine of this process")
        if name is not None:
            check("settaskname", lib.pvmsettaskname(os.fsencode(name)))

    def __enter__(self) -> Self:
        classic.mytid()
        self._depth += 1
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        self._depth -= 1
        if self._depth == 0:
            self.leave(wait=kind is None)

    def __repr__(self) -> str:
        return f"<Task {self.tid}>" if self.enrolled else "<Task, not enrolled>"

    def leave(self, *, wait: bool = True) -> None:
        """Leave the machine: what was sent is delivered, what was received is discarded.

        wait  until all tasks have ended that were spawned with an `output`, and pass that on; the
              end of a `with` block does so unless an exception ends it
        """
        collector, self._collector = self._collector, None
        awaited, self._awaited = self._awaited, set()
        self._nurseries = Nurseries()
        if not self.enrolled:
            if collector is not None:
                collector.forget()
            return
        try:
            if collector is not None:
                if wait:
                    collector.wait(awaited)
                collector.close()
        finally:
            classic.exit()

    # ---- who it is ------------------------------------------------------------------

    @property
    def enrolled(self) -> bool:
        """Whether it has a tid now."""
        return int(lib.pvmmytid) != -1

    @property
    def tid(self) -> Tid:
        """Its tid; it enrols if need be. Raises ConnectionLost if no daemon answers."""
        return Tid(classic.mytid())

    @property
    def parent(self) -> Tid | None:
        """The task that spawned it, None if there is none."""
        number = classic.parent()
        return None if number is None else Tid(number)

    @property
    def siblings(self) -> tuple[Tid, ...]:
        """The tasks that were started by the same spawn, this one included."""
        return tuple(map(Tid, classic.siblings()))

    @property
    def host(self) -> HostInfo:
        """The host on which it was started."""
        return self.tid.host

    # ---- objects ----------------------------------------------------------------------

    def send(self, obj: object, to: int | Iterable[int], tag: int = 0) -> None:
        """Send any object that pickle takes to a task, or to several by one multicast.

        This task may be one of them, other than with pvm_mcast. Large buffers in the object, as of
        numpy arrays, are not copied before; it may be changed when this returns. TypeError: `to` is
        no tid.
        """
        try:
            if isinstance(to, int):
                send_to_one(to, tag, obj)
            else:
                send_object(tids(to), tag, obj)
        except TypeError:
            _require_tag(tag)
            raise

    def recv(self, source: int = ANY, tag: int = ANY, *, timeout: float | None = None) -> Any:
        """Wait for an object, and return it.

        timeout  seconds; None: for ever; 0: only what is there

        Raises Timeout; NoTask if the source has ended, and nothing is there of it; NotAnObject,
        which has the message, if what came is no object.
        """
        return take.from_living(take.take_object, "recv", source, tag, timeout)

    # ---- messages ------------------------------------------------------------------------

    def receive(
        self, source: int = ANY, tag: int = ANY, *, timeout: float | None = None
    ) -> Message:
        """Wait for any message, also of a task in C or Fortran. Raises Timeout, NoTask."""
        return take.from_living(_RECEIVE, "receive", source, tag, timeout)

    def probe(
        self, source: int = ANY, tag: int = ANY, *, timeout: float | None = 0
    ) -> Message | None:
        """Describe a message that is there, or comes in time, and leave it; None: there is none."""
        return take.look(source, tag, timeout)

    def messages(
        self, source: int = ANY, tag: int = ANY, *, idle: float | None = None
    ) -> Iterator[Message]:
        """Messages as they come, until none has come for `idle` seconds (None: for ever)."""
        while True:
            try:
                yield self.receive(source, tag, timeout=idle)
            except Timeout:
                return

    # ---- buffers ---------------------------------------------------------------------------

    def Send(
        self,
        buf: Buffer | Message,
        to: int | Iterable[int],
        tag: int = 0,
        *,
        encoding: Literal["auto", "xdr", "raw"] = "auto",
    ) -> None:
        """Send the items of a buffer, or a message, which can be sent again.

        to        a task, or several, of which this one may be one
        encoding  of a buffer's items; "auto": raw if the receivers' hosts understand that

        A C or Fortran task receives them with the unpacking function of their type. TypeError: the
        items have no type in PVM, or the buffer is not in one piece.
        """
        receivers = tids(to)
        _require_tag(tag)
        if encoding not in _FORMS:
            raise ValueError(f"encoding {encoding!r}: there are {', '.join(map(repr, _FORMS))}")
        if isinstance(buf, Message):
            buf.deliver(receivers, tag)
            return
        view = memoryview(buf)
        if encoding == "raw" or (encoding == "auto" and self._one_signature(receivers)):
            send_buffer(receivers, tag, view)
        else:
            Message("xdr").pack(view).deliver(receivers, tag)

    def Recv(
        self, buf: Buffer, source: int = ANY, tag: int = ANY, *, timeout: float | None = None
    ) -> Received:
        """Wait for a message of as many items as a writable buffer has, and fill it.

        Raises Timeout; NoTask as `recv`; Mismatch, before anything is written, if what came does
        not fit. The error's `message` has it then.
        """
        place = in_memory(buf, writable=True)
        return take.from_living(partial(take.fill, place), "Recv", source, tag, timeout)

    def _one_signature(self, receivers: list[int]) -> bool:
        """Whether the hosts of these tasks and the own one have one data signature."""
        own = int(lib.pvmmytid)
        if own > 0:
            home = birth_host(own)
            for tid in receivers:
                if birth_host(tid) != home:
                    break
            else:
                return True
        hosts = {classic.tidtohost(tid) for tid in (classic.mytid(), *receivers)}
        if not hosts <= _signatures.keys():
            _signatures.update((host.tid, host.dsig) for host in classic.config())
        return len({_signatures.get(host) for host in hosts}) == 1

    # ---- handlers, contexts, groups ----------------------------------------------------------

    def handler(self, source: int = ANY, tag: int = ANY) -> Callable[[_F], _F]:
        """Have a function called with each matching message, which no receive then gets.

        A decorator. It runs inside any PVM call that takes in messages, in the context of the call
        that set it; an exception in it is printed. The message is the handler's until it returns.
        `remove_handler` ends that. Raises Exists if another handler could match the same message.
        """
        if callable(source):
            raise TypeError("the decorator has parentheses: @task.handler()")

        def install(function: _F) -> _F:
            def handle(info: classic.MessageInfo) -> None:
                message = Message.of_handler(info.bufid)
                try:
                    function(message)
                finally:
                    # The library gives its id to another message.
                    message.release()

            number = classic.addmhf(handle, src=source, tag=tag, context=classic.getcontext())
            self._handlers.setdefault(function, []).append(number)
            return function

        return install

    def remove_handler(self, function: Callable[[Message], object]) -> None:
        """Have a function of `handler` called no more. Raises NotFound."""
        numbers = self._handlers.pop(function, None)
        if numbers is None:
            raise classic.NoEntry(classic.Code.NOT_FOUND, "remove_handler", "no handler")
        for number in numbers:
            classic.delmhf(number)

    def context(self, number: int | None = None) -> contextlib.AbstractContextManager[int]:
        """Send and receive in another message context inside `with`; None: in one of its own.

        It holds for the calling thread. The value is the number, which others need to take part.
        """
        return context.fresh() if number is None else context.within(number)

    # ---- starting tasks -----------------------------------------------------------------------

    def spawn(
        self,
        what: spawning.What,
        *args: object,
        n: int = 1,
        where: str | None = None,
        cwd: str | os.PathLike[str] | None = None,
        env: Mapping[str, str] | None = None,
        output: TextIO | Callable[[Tid, str], object] | None = None,
        trace: bool = False,
        exact: bool = True,
    ) -> list[Tid]:
        """Start `n` tasks; return their tids.

        what    a function that a module or the script defines (others need cloudpickle); the path
                of a script, which ends in .py; or a program, by a path or by a name that the
                daemon looks for
        args    for the function: any objects; for others: words of the command line
        where   a host, an architecture, or "host:directory"; None: any host
        cwd     directory of the tasks, if their host has it; None: the current one
        env     further variables of their environment
        output  a file gets each line that they print with its task in front, a function is called
                with tid and line, inside any PVM call that takes in messages; None: they go where
                this task's own output is collected, or else to sys.stdout
        trace   under PVM's tracing, as the flag of pvm_spawn
        exact   False: return fewer tids if not all can be started

        A function that raises ends its task with a traceback, which is part of what it prints.
        Raises SpawnError, which says why not all run; NoHost; TypeError if the function or its
        arguments cannot be sent.
        """
        if n < 1:
            raise ValueError(f"{n} tasks")
        launch = spawning.launch_of(what, args)
        flags, place = spawning.place(where, cwd)
        if trace:
            flags |= classic.SpawnFlag.TRACE
        taker = self._taker(output)
        if output is not None and taker is not None:
            self._awaited.add(taker)
        return self.start(launch, taker, n=n, place=(flags, place), env=env or {}, exact=exact)

    def start(
        self,
        launch: spawning.Launch,
        taker: Taker | None,
        *,
        n: int,
        place: tuple[classic.SpawnFlag, str],
        env: Mapping[str, str] = MappingProxyType({}),
        exact: bool = True,
    ) -> list[Tid]:
        """What `spawn` does with its arguments, for other parts of this package.

        taker  gets what the tasks print and how they end; None: as this task's own output
        """
        collector = self.collecting()
        if launch.job is not None:
            self._nurseries.prepare(n, place)
        return spawning.spawn(
            launch,
            count=n,
            place=place,
            env=env,
            output=None if taker is None else collector.target(taker),
            context=collector.context,
            exact=exact,
        )

    def collecting(self) -> Collector:
        """What collects the output of tasks, from the first spawn on."""
        if self._collector is None:
            self._collector = Collector()
        return self._collector

    def _taker(self, output: TextIO | Callable[[Tid, str], object] | None) -> Taker | None:
        """Who takes the lines of spawned tasks; None: who takes those of this one.

        TypeError: it is neither a file nor a function.
        """
        if output is not None and not callable(output) and not hasattr(output, "write"):
            raise TypeError(f"output is a file or a function, not {type(output).__name__}")
        if output is None:
            collected = classic.getopt(classic.Option.OUTPUT_TID) > 0
            return None if collected else Written(None)
        return Lines(output) if callable(output) else Written(output)

    # ---- groups -------------------------------------------------------------------------------

    def group(self, name: str) -> Group:
        """Join a group; the end of a `with` block leaves it.

        A member already stays one at that end. Raises NotInGroup: the group is frozen.
        """
        return Group(name)

    # ---- notices -------------------------------------------------------------------------------

    def notify_exit(self, *who: int) -> Notices:
        """Notices of the end of tasks; of those that have ended already, at once."""
        notices = Notices()
        notices.watch_exit(*who)
        return notices

    def notify_hosts(self) -> Notices:
        """Notices of hosts that are added, and of those that go."""
        notices = Notices()
        notices.watch_hosts()
        return notices


def _require_tag(tag: object) -> None:
    """Raise TypeError if it is no number."""
    if not hasattr(tag, "__index__"):
        raise TypeError(f"the tag is a number, not {type(tag).__name__}")


# Encodings of a buffer that is sent.
_FORMS = ("auto", "xdr", "raw")
# Data signatures of hosts, by their daemons' tids.
_signatures: dict[int, int] = {}
