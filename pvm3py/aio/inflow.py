# SPDX-License-Identifier: MIT
"""Messages into an event loop: it watches the library's descriptors while anybody waits.

Descriptors do not show what is in the library already. So it looks when a receive begins, after
sends, which may take in, and now and then while a request waits for its answer in another thread.
From the begin on this process takes no messages through shared memory, which has no descriptor.
"""

from __future__ import annotations

import asyncio
import os
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
# Waking a process that sleeps takes longer than most answers. If the last wait was no longer than
# this, the next one looks so long before the loop sleeps, a look in each of its turns.
_BRIEF = 200e-6
# A turn of the processor's others that takes longer tells that it is wanted elsewhere: then waits
# sleep at once, for so many times as long.
_YIELD_MAX = 100e-6
_RESPECT = 64
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
        self._brief = True
        self._since = self._sleep_until = 0.0
        classic.getfds()

    # ---- looking ------------------------------------------------------------------

    def look(self) -> bool:
        """Take what is there, as long as somebody waits. False: the turn is over before that."""
        end = time.perf_counter() + _TURN
        try:
            for context in self.dispatcher.contexts:
                if not self._look_in(context, end):
                    self.look_soon()
                    return False
        except ConnectionLost as error:
            self._lose(error)
        return True

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

    def begin_wait(self) -> None:
        """Nothing is there for a receive that begins: look often for a while, or let it sleep."""
        self._since = time.perf_counter()
        if self._brief and self._since > self._sleep_until:
            self.look_soon()
        else:
            self._watch()

    def _go_on(self) -> None:
        """Somebody waits still: look in the next turn, too, unless the wait is long."""
        now = time.perf_counter()
        self._brief = now - self._since < _BRIEF
        if not self._brief or now < self._sleep_until:
            self._watch()
            return
        os.sched_yield()
        took = time.perf_counter() - now
        if took > _YIELD_MAX:
            self._sleep_until = now + _RESPECT * took
        self.look_soon()

    def look_soon(self) -> None:
        """Look in the loop's next turn."""
        if not self._due and self._open:
            self._due = True
            self.loop.call_soon(self._look_now)

    def _look_now(self) -> None:
        self._due = False
        if self._open and self.dispatcher.waiting:
            self.look()
            if self.dispatcher.waiting:
                self._go_on()

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
        if not self.dispatcher.waiting or not self._open:
            return
        try:
            now = set(classic.getfds())
        except ConnectionLost as error:
            self._lose(error)
            return
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
            self._brief = time.perf_counter() - self._since < _BRIEF
            self._watch()
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
