# SPDX-License-Identifier: MIT
"""Messages into an event loop: it watches the library's descriptors while anybody waits.

Descriptors do not show what is in the library already. So it looks when a receive begins, after
sends, which may take in, and now and then while a request waits for its answer in another thread.
From the begin on this process takes no messages through shared memory, which has no descriptor.
"""

from __future__ import annotations

import asyncio
import time

from pvm3py import classic
from pvm3py._task import lib
from pvm3py.binding.errors import ConnectionLost
from pvm3py.task.message import Message
from pvm3py.task.take import packed_there

from .dispatch import Dispatcher

Content = bytes | Message

# Seconds that a turn takes messages; then others have theirs.
_TURN = 0.002
# Seconds between two looks while a thread that waits for an answer takes messages in.
_WHILE_ASKING = 0.002


class Inflow:
    """What comes in for one loop, in whose thread all is called.

    context  in which the loop's thread is
    """

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self.dispatcher: Dispatcher[Content] = Dispatcher()
        self.loop = loop
        self.context = classic.getcontext()
        self._watched: set[int] = set()
        self._due = False
        self._asking = 0
        self._open = True
        classic.getfds()

    # ---- looking ------------------------------------------------------------------

    def look(self) -> None:
        """Take what is there, as long as somebody waits for messages."""
        end = time.perf_counter() + _TURN
        try:
            for context in self.dispatcher.contexts:
                if not self._look_in(context, end):
                    self.look_soon()
                    break
            self._watch()
        except ConnectionLost as error:
            self._lose(error)

    def _look_in(self, context: int, end: float) -> bool:
        """Take the messages of one context. False: the turn is over."""
        if context != self.context:
            lib.pvm_setcontext(context)
        try:
            while self.dispatcher.waits_in(context):
                came = packed_there()
                if came is None:
                    break
                packed, source, tag = came
                self.dispatcher.arrive(source, tag, context, packed)
                if time.perf_counter() > end:
                    return False
            return True
        finally:
            if context != self.context:
                lib.pvm_setcontext(self.context)

    def look_soon(self) -> None:
        """Look in the loop's next turn."""
        if not self._due and self._open:
            self._due = True
            self.loop.call_soon(self._look_now)

    def _look_now(self) -> None:
        self._due = False
        if self._open and self.dispatcher.waiting:
            self.look()

    # ---- requests in other threads ----------------------------------------------------

    def asks(self) -> None:
        """A thread waits for an answer, and may take in messages."""
        self._asking += 1
        if self._asking == 1:
            self._look_while_asking()

    def asked(self) -> None:
        """It has the answer."""
        self._asking -= 1
        self.look_soon()

    def _look_while_asking(self) -> None:
        if self._asking and self._open:
            self._look_now()
            self.loop.call_later(_WHILE_ASKING, self._look_while_asking)

    # ---- watching ---------------------------------------------------------------------

    def _watch(self) -> None:
        """Watch the descriptors as they are now, if anybody waits."""
        if not self.dispatcher.waiting:
            return
        now = set(classic.getfds())
        if now == self._watched:
            return
        for fd in self._watched - now:
            self.loop.remove_reader(fd)
        for fd in now - self._watched:
            self.loop.add_reader(fd, self._readable)
        self._watched = now

    def _readable(self) -> None:
        if self.dispatcher.waiting:
            self.look()
        else:
            self._ignore()  # nobody wants it yet: its sender feels that

    def _ignore(self) -> None:
        """Watch nothing."""
        for fd in self._watched:
            self.loop.remove_reader(fd)
        self._watched = set()

    # ---- the end ------------------------------------------------------------------------

    def _lose(self, error: ConnectionLost) -> None:
        """The daemon has gone: nobody waits any longer."""
        self._ignore()
        for wish in self.dispatcher.fail():
            answer = wish.answer
            assert isinstance(answer, asyncio.Future)
            answer.set_exception(error)

    def close(self) -> None:
        """Watch nothing any more; who waits is cancelled."""
        self._open = False
        self._ignore()
        for wish in self.dispatcher.fail():
            answer = wish.answer
            assert isinstance(answer, asyncio.Future)
            answer.cancel()
