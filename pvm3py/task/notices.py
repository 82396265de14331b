# SPDX-License-Identifier: MIT
"""Notices: what the daemon tells about tasks and hosts."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from typing import Literal, NamedTuple, Self

from pvm3py import classic
from pvm3py.binding.enums import Event
from pvm3py.binding.errors import NotFound, PvmError

from .context import within
from .members import Tid
from .message import Message
from .take import ANY, look, take

What = Literal["task exit", "host deleted", "host added"]
# In the context of a Notices object the tag is the event's number.
_EVENTS: dict[What, Event] = {
    "task exit": Event.TASK_EXIT,
    "host deleted": Event.HOST_DELETE,
    "host added": Event.HOST_ADD,
}
_WHATS = {int(event): what for what, event in _EVENTS.items()}


class Notice(NamedTuple):
    """Something has happened.

    what  "task exit", "host deleted" or "host added"
    tid   of the task, or of the host's daemon
    """

    what: What
    tid: Tid


class Notices:
    """Notices of what has been asked for, in the order in which they come.

    They come in a message context of their own, so that no other receive takes one. Iterating
    waits for the next one; it ends with `close`, or when no more can come, as all tasks that were
    asked for have ended. `callback` has a function called instead.
    """

    def __init__(self) -> None:
        self.context = classic.newcontext()
        self._asked: list[tuple[Event, list[int]]] = []
        self._ready: deque[Notice] = deque()
        self._handler: int | None = None
        # Tasks whose end was not told yet.
        self._left = 0
        self.closed = False

    # ---- asking for them ---------------------------------------------------------

    def watch_exit(self, *tids: int) -> None:
        """Tell when each of these tasks ends; of one that has ended already, at once."""
        if tids:
            self._ask(Event.TASK_EXIT, tids)
            self._left += len(tids)

    def watch_hosts(self) -> None:
        """Tell when hosts are added, and when one goes."""
        self._ask(Event.HOST_ADD, [])
        self._ask(Event.HOST_DELETE, [host.tid for host in classic.config()])

    def _ask(self, event: Event, tids: Iterable[int]) -> None:
        listed = [int(tid) for tid in tids]
        with within(self.context):
            classic.notify(event, int(event), listed)
        self._asked.append((event, listed))

    # ---- getting them --------------------------------------------------------------

    @property
    def expects(self) -> bool:
        """Whether any can come that was not read from a message yet."""
        return not self.closed and (
            self._left > 0 or any(event != Event.TASK_EXIT for event, _ in self._asked)
        )

    def next(self, *, timeout: float | None = None) -> Notice:
        """Wait for the next one, `timeout` seconds at most (None: for ever).

        Raises Timeout; ValueError if this is closed.
        """
        if self.closed:
            raise ValueError("the notices are closed")
        while not self._ready:
            with within(self.context):
                message = take("notices", timeout=timeout)
            self._ready.extend(self.read(message))
        return self._ready.popleft()

    def __iter__(self) -> Iterator[Notice]:
        while not self.closed and (self._ready or self.expects):
            yield self.next()

    def callback(self, function: Callable[[Notice], object]) -> Self:
        """Call a function with each notice: at once with those that are there, then as they come.

        It runs inside any PVM call that takes in messages, and must not wait for others.
        """

        def handle(info: classic.MessageInfo) -> None:
            for notice in self.read(Message.of_handler(info.bufid)):
                function(notice)

        for notice in self._waiting():
            function(notice)
        self._handler = classic.addmhf(handle, context=self.context)
        return self

    def _waiting(self) -> Iterator[Notice]:
        """Take the notices that have come and that nobody has had."""
        while self._ready or self._fetch():
            yield self._ready.popleft()

    def _fetch(self) -> bool:
        """Read a message that has come, if there is one."""
        with within(self.context):
            if look(ANY, ANY, 0) is None:
                return False
            self._ready.extend(self.read(take("notices", timeout=0)))
        return True

    def read(self, message: Message) -> list[Notice]:
        """The notices of a message of their context."""
        what = _WHATS[message.tag]
        count = message.unpack("int") if what == "host added" else 1
        tids = [Tid(tid) for tid in message.unpack("int", count)]
        if what == "host added":
            self._ask(Event.HOST_DELETE, tids)
        elif what == "task exit":
            self._left -= 1
        return [Notice(what, tid) for tid in tids]

    # ---- the end ----------------------------------------------------------------------

    def close(self) -> None:
        """Ask for no more. What has not been taken is dropped."""
        if self.closed:
            return
        self.closed = True
        try:
            with within(self.context):
                for event, tids in self._asked:
                    self._cancel(event, tids)
                while classic.nrecv():
                    pass
            if self._handler is not None:
                classic.delmhf(self._handler)
            classic.freecontext(self.context)
        except (NotFound, PvmError):
            pass  # the task has left the machine, and its notices went with that

    def _cancel(self, event: Event, tids: list[int]) -> None:
        if event == Event.HOST_ADD:
            classic.notify(event, int(event), count=0)
        else:
            classic.notify(event | Event.CANCEL, int(event), tids)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
