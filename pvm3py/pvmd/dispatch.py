# SPDX-License-Identifier: MIT
"""Which function serves which message.

A handler is a function, plain or async, of a daemon, a request and the decoded body:

    @handles(c.TM_PSTAT, TidBody)
    def pstat(pvmd: Pvmd, request: Request, body: TidBody) -> Status: ...

What it returns is sent back under the request's tag, context and wait id; None sends nothing.
`raise Refused(code, why)` answers with an error code.
"""

from __future__ import annotations

from collections.abc import Callable
from enum import Enum, auto
from typing import Any, TypeVar

from pvm3py.wire import constants as c
from pvm3py.wire.record import Record
from pvm3py.wire.task import Empty

from .state.connections import Connection
from .state.errors import Refused
from .state.events import AnsweredEvent, MessageEvent
from .state.hosts import Host
from .state.plain import Plain
from .state.task import Task

Handler = TypeVar("Handler", bound=Callable[..., Any])


def only(holder: int, request: Request) -> None:
    """Refuse a request that only the task with some role may make, unless it comes from that."""
    if request.src != holder:
        raise Refused(c.PvmDenied, "only the task that has the role may")


class Sender(Enum):
    """Who sends a message: a connection that is to become a task, a task of this host, ..."""

    ENROLLING = auto()
    TASK = auto()
    DAEMON = auto()
    REMOTE_TASK = auto()


# A member takes a call of Python code to find (3.11).
_ENROLLING, _TASK, _DAEMON, _REMOTE_TASK = Sender


class Request(Plain):
    """A message to the daemon, and who sent it.

    Local senders have a connection and, once enrolled, a task; what comes from another host has
    that host, and `src` says whether its daemon or (SM_ messages) a task of it sent it.
    manager: tid and tag with which it is answered, if it was meant for a resource manager.
    too_long: it was longer than the daemon takes, so it has no body. answered: the switch has
    answered it, so its handler's answer goes nowhere.
    """

    local: Connection | None
    task: Task | None
    host: Host | None
    src: int
    tag: int
    ctx: int
    wid: int
    body: bytes
    manager: tuple[int, int] | None = None
    too_long: bool = False
    answered: bool = False

    @classmethod
    def of(cls, event: MessageEvent, local: Connection | None, host: Host | None) -> Request:
        """The request that a message is; its sender has a connection here or is of a host."""
        _, _, src, _, tag, ctx, wid, body, too_long = event
        task = local.task if local else None
        answered = type(event) is AnsweredEvent
        return cls(local, task, host, src, tag, ctx, wid, body, None, too_long, answered)

    @property
    def connection(self) -> Connection:
        """The connection of a local sender."""
        assert self.local is not None
        return self.local

    @property
    def sender(self) -> Sender:
        """Which kind of sender it is."""
        if self.local is not None:
            return _ENROLLING if self.task is None else _TASK
        return _DAEMON if self.src & c.TIDPVMD else _REMOTE_TASK


class Route(Plain):
    """How a message is served, and for whom. reply_tag is 0 if the message has no reply.

    context: whether an answer to another host has the context of its request.
    kept: whether who asks the same again may get the same answer, see handles().
    """

    function: Callable[..., Any]
    body: type[Record]
    reply_tag: int
    senders: tuple[Sender, ...]
    context: bool
    kept: bool


ROUTES: dict[int, Route] = {}
# Tags of the answers that other daemons give.
ANSWERS: set[int] = set()


def handles(
    tag: int,
    body: type[Record] = Empty,
    *,
    reply: bool = True,
    reply_tag: int | None = None,
    enrolling: bool = False,
    hosts: bool = False,
    system: bool = False,
    context: bool = False,
    kept: bool = False,
) -> Callable[[Handler], Handler]:
    """The function serves message `tag` with this body.

    reply: whether a sender waits for an answer; reply_tag: the answer's tag if not the same.
    Messages come from enrolled tasks of this host unless one of these says otherwise: enrolling:
    from connections without a task, and those only; hosts: from other daemons, and those only;
    system: from tasks of other hosts as well.
    context: another daemon's request and its answer have the same context, as those of tasks do;
    else the answer has none.
    kept: the function only looks things up, whoever asks: a record that it returns is true until
    something else happens to the daemon, and the switch gives it to tasks that ask the same.
    """
    senders: tuple[Sender, ...] = (Sender.TASK,)
    if enrolling:
        senders = (Sender.ENROLLING,)
    elif hosts:
        senders = (Sender.DAEMON,)
    elif system:
        senders = (Sender.TASK, Sender.REMOTE_TASK)

    def add(function: Handler) -> Handler:
        assert tag not in ROUTES, f"{tag:x} has a handler"
        answer = (reply_tag or tag) if reply else 0
        ROUTES[tag] = Route(function, body, answer, senders, context or system, kept)
        if hosts and reply:
            assert answer == tag + 1, "Peers.ask() expects it"
            ANSWERS.add(answer)
        return function

    return add
