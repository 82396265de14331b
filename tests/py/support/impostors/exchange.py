# SPDX-License-Identifier: MIT
"""A daemon of two tasks that share memory with each other; it moves one of them."""

from __future__ import annotations

import os
import select
import struct
import time
from collections.abc import Callable
from contextlib import suppress

from pvm3py.wire import constants as c
from support.impostors.mover import Mover
from support.impostors.rawtask import fragment, ints
from support.scoped import Scoped
from support.system import PATIENCE


class Exchange(Scoped):
    """Passes on what the tasks send, and introduces them as csrc/switch/routing/share.c does.

    passed  messages that did not go by memory
    links   that have been made
    """

    def __init__(self, moved: Mover, peer: Mover) -> None:
        self.moved, self.peer = moved, peer
        self.passed = self.links = 0
        self._held: list[tuple[bytes, tuple[int, ...]]] | None = None
        self._frozen: bytes | None = None
        self._offers: dict[int, tuple[int, ...]] = {}
        self._paired = self._linked = False
        self._closing: set[int] = set()

    def leave(self, failed: bool) -> None:
        for fds in self._offers.values():
            for fd in fds:
                os.close(fd)

    # ---- passing on -----------------------------------------------------------------

    def pump(self, done: Callable[[], bool]) -> None:
        """Pass on until that is so."""
        while not done():
            ready = select.select([self.moved, self.peer], [], [], PATIENCE)[0]
            assert ready, f"nothing comes: {self.words()}"
            for task in ready:
                self._pass_on(task)

    def pump_for(self, seconds: float) -> None:
        """Pass on for a while."""
        end = time.monotonic() + seconds
        while (left := end - time.monotonic()) > 0:
            for task in select.select([self.moved, self.peer], [], [], left)[0]:
                self._pass_on(task)

    def pump_to_end(self) -> None:
        """Pass on until both tasks have closed."""
        tasks = [self.moved, self.peer]
        while tasks:
            ready = select.select(tasks, [], [], PATIENCE)[0]
            assert ready, f"nothing comes: {self.words()}"
            for task in ready:
                try:
                    self._pass_on(task)
                except EOFError:
                    tasks.remove(task)

    def words(self) -> list[str]:
        """What the tasks have printed."""
        return [task.output.read_text() for task in (self.moved, self.peer)]

    def _pass_on(self, task: Mover) -> None:
        task.take()
        while frame := task.taken():
            self._route(task, frame)

    def _other(self, task: Mover) -> Mover:
        return self.peer if task is self.moved else self.moved

    def _route(self, task: Mover, frame: bytes) -> None:
        (dst,) = struct.unpack_from("!i", frame)
        (tag,) = struct.unpack_from("!i", frame, c.TDFRAGHDR + 4) if len(frame) > 24 else (0,)
        body = frame[c.TDFRAGHDR + c.MSGHDRLEN :]
        if dst == self._other(task).tid:
            self.passed += 1
            self._give(self._other(task), frame)
        elif tag == c.TM_SHARE:
            self._talk(task, *struct.unpack("!iii", body))
        elif tag == c.TM_FROZEN:
            self._frozen = body

    def _give(self, task: Mover, frame: bytes, fds: tuple[int, ...] = ()) -> None:
        if task is self.moved and self._held is not None:
            self._held.append((frame, fds))
        else:
            with suppress(BrokenPipeError):  # it has ended
                task.send(frame, fds)

    # ---- memory -----------------------------------------------------------------------

    def _say(
        self, to: Mover, what: int, peer: int, number: int = 0, fds: tuple[int, ...] = ()
    ) -> None:
        head = struct.pack("!iii4xii8x", c.WIRE_ENC_XDR, c.TC_SHARE, c.SYSCTX_TC, 0, 0)
        body = head + ints(what, peer, number)
        self._give(to, fragment(to.tid, c.TIDPVMD, body, c.FFSOM | c.FFEOM), fds)

    def _talk(self, task: Mover, what: int, peer: int, number: int) -> None:
        other = self._other(task)
        if what == c.SHARE_OFFER:
            for fd in self._offers.get(task.tid, ()):
                os.close(fd)
            self._offers[task.tid] = tuple(task.fds[:2])
            del task.fds[:2]
        elif what == c.SHARE_LINK and not self._paired:
            if task.tid not in self._offers:
                self._say(task, c.SHARE_OFFER, peer)
                return
            self._paired = True
            self._say(other, what, task.tid, number, self._offers[task.tid])
        elif what == c.SHARE_ACCEPT and self._paired and not self._linked:
            self._linked = True
            self.links += 1
            self._say(other, what, task.tid, number, self._offers[task.tid])
        elif what == c.SHARE_REFUSE and self._paired:
            self._say(other, what, task.tid, number)
            self._part()
        elif what == c.SHARE_CLOSE and self._linked and task.tid not in self._closing:
            self._closing.add(task.tid)
            self._say(other, what, task.tid)
        elif what == c.SHARE_DONE and self._linked:
            self._closing.discard(other.tid)
            self._say(other, what, task.tid)
            if task.tid not in self._closing:
                self._part()

    def _part(self) -> None:
        self._paired = self._linked = False
        self._closing.clear()

    # ---- a move ------------------------------------------------------------------------

    def freeze(self) -> None:
        """The first steps, until the task is frozen; what is sent to it is held."""
        self._held, self._frozen = [], None
        self.moved.order_freeze()
        self.pump(lambda: self._frozen is not None)
        self.moved.check_frozen(self._frozen or b"")
        self.moved.take_image()

    def move(self) -> None:
        """Move the task. For its peer, its end of the memory is gone."""
        self.freeze()
        self.moved.start_restarter()
        self.moved.commit()
        held, self._held = self._held or [], None
        if self._paired:
            self._say(self.peer, c.SHARE_GONE, self.moved.tid)
        self._part()
        for fd in self._offers.pop(self.moved.tid, ()):
            os.close(fd)
        for frame, _ in held:
            if struct.unpack_from("!i", frame, c.TDFRAGHDR + 4) != (c.TC_SHARE,):
                self.moved.send(frame)

    def give_up(self) -> None:
        """Begin to move the task, then let it go on where it is."""
        self.freeze()
        self.moved.give_up_image()
        self.moved.thaw()
        held, self._held = self._held or [], None
        for frame, fds in held:
            self.moved.send(frame, fds)
