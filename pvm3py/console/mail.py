# SPDX-License-Identifier: MIT
"""Messages for the console: each tag has a function that takes it; waiting for what they bring."""

from __future__ import annotations

import select
import time
from collections.abc import Callable, Sequence

import pvm3py.classic as pvm
from pvm3py.classic import NoData

from .interrupts import Interrupts

Handler = Callable[[pvm.MessageInfo], None]

# Tags of the console's own are above those that people use.
_FIRST_TAG = 0x43000000


class Mail:
    """The messages of this task. idle: called before each sleep."""

    def __init__(self, idle: Callable[[], None], interrupts: Interrupts) -> None:
        self._idle = idle
        self._interrupts = interrupts
        self._handlers: dict[int, Handler] = {}
        # Tags of messages that tasks send; all others come from daemons.
        self._of_tasks: set[int] = set()
        self._next = _FIRST_TAG

    def new_tag(self, handler: Handler, *, tasks: bool = False) -> int:
        """A tag of whose messages this function takes each, as the receive buffer.

        tasks  not only those of daemons, but also those of tasks, which may be anybody's
        """
        tag = self._next
        self._next += 1
        self._handlers[tag] = handler
        if tasks:
            self._of_tasks.add(tag)
        return tag

    def hand_over(self, tag: int, handler: Handler) -> None:
        """Messages of this tag are another function's from now on."""
        self._handlers[tag] = handler

    def forget(self, tag: int) -> None:
        """Messages of this tag are dropped from now on."""
        self._handlers.pop(tag, None)
        self._of_tasks.discard(tag)

    def take_in(self) -> None:
        """Have all messages taken that are there. Others than ours are dropped."""
        # Ctrl-C between the receipt of a message and the end of its handler would lose it.
        while self._interrupts.shield(self._take_one):
            pass

    def _take_one(self) -> bool:
        """Have a message taken; whether there was one."""
        message = pvm.nrecv()
        if message is None:
            return False
        handler = self._handlers.get(message.tag)
        wanted = _of_daemon(message) or message.tag in self._of_tasks
        if handler is not None and wanted:
            try:
                handler(message)
            except NoData:
                pass  # it ends too early
        return True

    def wait(self, done: Callable[[], object], seconds: float | None = None) -> bool:
        """Take messages until `done()` is true; false if that took longer than `seconds`.

        Ctrl-C ends it with KeyboardInterrupt.
        """
        deadline = None if seconds is None else time.monotonic() + seconds
        while True:
            self.take_in()
            if done():
                return True
            left = None if deadline is None else deadline - time.monotonic()
            if left is not None and left <= 0:
                return False
            self._idle()
            select.select(pvm.getfds(), [], [], left)

    def wait_with(self, fds: Sequence[int], seconds: float) -> list[int]:
        """Take messages until a descriptor of these is readable, or for so long; those that are."""
        deadline = time.monotonic() + seconds
        while True:
            self.take_in()
            left = max(deadline - time.monotonic(), 0)
            ready = set(select.select([*fds, *pvm.getfds()], [], [], left)[0])
            if not ready or ready & set(fds):
                return [fd for fd in fds if fd in ready]


def _of_daemon(message: pvm.MessageInfo) -> bool:
    """Whether a daemon has sent it: bit 31 of its tid is set."""
    return message.tid < 0
