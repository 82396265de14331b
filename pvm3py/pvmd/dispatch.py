# SPDX-License-Identifier: MIT
"""Which function serves which message.

A handler is a function, plain or async, of a daemon, a request and the decoded body:

    @handles(c.TM_PSTAT, TidBody)
    def pstat(pvmd: Pvmd, request: Request, body: TidBody) -> Status: ...

What it returns is sent back under the request's tag, context and wait id; None sends nothing.
`raise Refused(code)` answers with an error code.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar

from pvm3py.wire.record import Record
from pvm3py.wire.task import Empty

if TYPE_CHECKING:
    from .connections import Connection
    from .tasks import Task

Handler = TypeVar("Handler", bound=Callable[..., Any])


class Refused(Exception):
    """A request is answered with an error code."""

    def __init__(self, code: int) -> None:
        super().__init__(code)
        self.code = code


@dataclass(slots=True)
class Request:
    """A message to the daemon, and who sent it. `task` is None while the sender enrols."""

    connection: Connection
    task: Task | None
    src: int
    tag: int
    ctx: int
    wid: int
    body: bytes


@dataclass(slots=True, frozen=True)
class Route:
    """How a message is served. reply_tag is 0 if the message has no reply."""

    function: Callable[..., Any]
    body: type[Record]
    reply_tag: int
    enrolling: bool


ROUTES: dict[int, Route] = {}


def handles(
    tag: int,
    body: type[Record] = Empty,
    *,
    reply: bool = True,
    reply_tag: int | None = None,
    enrolling: bool = False,
) -> Callable[[Handler], Handler]:
    """The function serves message `tag` with this body.

    reply: whether a sender waits for an answer; reply_tag: the answer's tag if not the same;
    enrolling: the message is for connections without a task, and for those only.
    """

    def add(function: Handler) -> Handler:
        assert tag not in ROUTES, f"{tag:x} has a handler"
        answer = (reply_tag or tag) if reply else 0
        ROUTES[tag] = Route(function, body, answer, enrolling)
        return function

    return add
