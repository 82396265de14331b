# SPDX-License-Identifier: MIT
"""Messages into an event loop: it watches the library's descriptor while anybody waits.

The descriptor does not show what is in the library already. So it looks when a receive begins,
after sends, which may take in, and now and then while a request waits for its answer in another
thread. What peers put into shared memory does not show either, unless they were told that the loop
sleeps (pvmdoze): so that is said each time before it does.
"""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Sized

from pvm3py import classic
from pvm3py._task import lib
from pvm3py.binding.errors import ConnectionLost, check
from pvm3py.task.message import Message
from pvm3py.task.take import packed_soon, packed_there

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
# Receives in a row that find their message at once, until others have a turn.
_AT_ONCE = 64
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
        self._descriptor: int = check("getfds", lib.pvmwatch())
        self._watched = False
        self._timer: asyncio.TimerHandle | None = None
        # What else is to run in this turn, if the loop says that.
        self._ready: Sized = getattr(loop, "_ready", ())
        self._row = 0
        self._due = False
        self._asking = 0
        self._open = True
        self._brief = True
        self._since = self._sleep_until = 0.0

    # ---- looking ------------------------------------------------------------------

    def catch(self, source: int, tag: int, context: int) -> tuple[Content, int, int] | None:
        """A message, its sender and tag, for a receive that alone waits in its context.

        It is there, or comes so soon that a sleep is not worth it, as the last one did. None: the
        receive is to wait among the others, which includes that the loop has other work.
        """
        if (
            not self._brief
            or self._ready
            or self._row >= _AT_ONCE
            or context != self.context
            or self.dispatcher.concerned(context)
        ):
            return None
        came = packed_soon(source, tag)
        if came is not None:
            self._row += 1
        return came

    def let_others(self, at_once: bool) -> bool:
        """A receive has found its message at once, or not. True: others have a turn now."""
        self._row = self._row + 1 if at_once else 0
        if self._row < _AT_ONCE:
            return False
        self._row = 0
        return True

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
        """Let the loop sleep until something comes, if anybody waits."""
        if not self.dispatcher.waiting or not self._open:
            return
        try:
            milliseconds = check("getfds", lib.pvmdoze())
        except ConnectionLost as error:
            self._lose(error)
            return
        if milliseconds == 0:
            self.look_soon()
            return
        if milliseconds < lib.PVM_DOZE_MAX and self._timer is None:
            self._timer = self.loop.call_later(milliseconds / 1000, self._rested)
        if not self._watched:
            self.loop.add_reader(self._descriptor, self._readable)
            self._watched = True

    def _rested(self) -> None:
        """The library has something to do meanwhile."""
        self._timer = None
        self._look_now()

    def _readable(self) -> None:
        if self.dispatcher.waiting:
            self.look()
            self._brief = time.perf_counter() - self._since < _BRIEF
            self._watch()
        else:
            self._ignore()  # nobody wants it yet: its sender feels that

    def _ignore(self) -> None:
        """Watch nothing."""
        if self._watched:
            self.loop.remove_reader(self._descriptor)
        self._watched = False
        if self._timer is not None:
            self._timer.cancel()
        self._timer = None

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
