# SPDX-License-Identifier: MIT
"""The nursery of a host: a task that forks workers, and tells the pool how they fare.

It has loaded all that a worker needs, so a worker costs one fork. It ends its workers when the
pool's process has gone, and they end with it.
"""

from __future__ import annotations

import ctypes
import os
import selectors
import signal
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from pvm3py import classic
from pvm3py._task import lib
from pvm3py.binding.errors import ConnectionLost, Timeout
from pvm3py.binding.post import send_object
from pvm3py.task.take import take_packed, unpacked

from .words import Setup, Word
from .worker import Worker

# Seconds that idle workers have to end in; then they are killed.
GRACE = 10.0
_SLICE = 1 << 16
_DIES_WITH_PARENT = 1  # prctl's PR_SET_PDEATHSIG


@dataclass
class _Child:
    """One worker.

    pidfd  readable once the process has ended
    pipe   of its output, -1 once that has ended
    """

    serial: int
    pid: int
    pidfd: int
    pipe: int


class Nursery:
    """The nursery's loop.

    pool     tid of the pool's task
    context  in which they speak
    """

    def __init__(self, pool: int, context: int) -> None:
        self._pool = [pool]
        self._context = context
        self.setup: Setup | None = None
        self._children: dict[int, _Child] = {}
        self._selector = selectors.DefaultSelector()
        self._sources: set[int] = set()
        self._over = False
        self._deadline: float | None = None
        self._born: int | None = None
        self._words: dict[int, Callable[[Any], None]] = {
            Word.SETUP: self._prepare,
            Word.FORK: self._fork_all,
            Word.KILL: self._kill,
            Word.QUIT: self._quit,
        }

    def run(self) -> int | None:
        """Serve until the pool is over: None. In each worker that is forked: its serial number."""
        lib.pvm_setcontext(self._context)
        classic.notify(classic.Event.TASK_EXIT, Word.GONE, self._pool)
        self._say(Word.HELLO, len(os.sched_getaffinity(0)))
        try:
            self._take_words()
            while self._born is None and (self._children or not self._over):
                self._turn()
        except ConnectionLost:
            self._kill(None)
        return self._born

    def _turn(self) -> None:
        """Wait for something and see to it."""
        self._watch()
        for key, _ in self._selector.select(self._patience()):
            if key.data is not None:
                key.data()
        self._take_words()

    def _patience(self) -> float | None:
        """Seconds to wait: until workers that do not end are to be killed."""
        if self._deadline is None:
            return None
        left = self._deadline - time.monotonic()
        if left <= 0:
            self._deadline = None
            self._kill(None)
        return max(left, 0)

    # ---- what the pool says -------------------------------------------------------

    def _watch(self) -> None:
        """Select the library's descriptors as they are now."""
        now = set(classic.getfds())
        for fd in self._sources - now:
            self._selector.unregister(fd)
        for fd in now - self._sources:
            self._selector.register(fd, selectors.EVENT_READ)
        self._sources = now

    def _take_words(self) -> None:
        """Take every message that is there."""
        while self._born is None:
            try:
                packed, sender, word = take_packed(timeout=0)
            except Timeout:
                return
            if word == Word.GONE:
                self._kill(None)
                self._over = True
            elif word in self._words:
                self._words[word](unpacked(packed, sender, word))

    def _prepare(self, setup: Setup) -> None:
        self.setup = setup
        sys.path[:] = setup.path
        sys.argv[:] = setup.argv
        if os.path.isdir(setup.directory):
            os.chdir(setup.directory)

    def _kill(self, serial: int | None) -> None:
        chosen = list(self._children) if serial is None else [serial]
        for number in chosen:
            if number in self._children:
                signal.pidfd_send_signal(self._children[number].pidfd, signal.SIGKILL)

    def _quit(self, _: None) -> None:
        self._over = True
        self._deadline = time.monotonic() + GRACE

    # ---- workers --------------------------------------------------------------------

    def _fork_all(self, serials: list[int]) -> None:
        for serial in serials:
            if not self._fork(serial):
                self._born = serial
                return

    def _fork(self, serial: int) -> bool:
        """Fork a worker. False in the worker."""
        reading, writing = os.pipe()
        sys.stdout.flush()
        sys.stderr.flush()
        pid = os.fork()
        if pid == 0:
            self._become_worker(writing)
            return False
        os.close(writing)
        child = _Child(serial, pid, os.pidfd_open(pid), reading)
        self._children[serial] = child
        self._selector.register(reading, selectors.EVENT_READ, lambda: self._print(child))
        self._selector.register(child.pidfd, selectors.EVENT_READ, lambda: self._ended(child))
        return True

    def _become_worker(self, output: int) -> None:
        """Keep nothing of the nursery's; what is printed goes to the pipe."""
        _end_with_parent()
        os.dup2(output, 1)
        os.dup2(output, 2)
        self._selector.close()
        for child in self._children.values():
            os.close(child.pidfd)
            if child.pipe >= 0:
                os.close(child.pipe)
        self._children.clear()
        if output > 2:
            os.close(output)

    def _print(self, child: _Child) -> None:
        """Pass on what a worker has printed."""
        data = os.read(child.pipe, _SLICE)
        if data:
            self._say(Word.PRINTED, (child.serial, data))
        else:
            self._selector.unregister(child.pipe)
            os.close(child.pipe)
            child.pipe = -1

    def _ended(self, child: _Child) -> None:
        """A worker's process has ended; what it has printed goes before."""
        if child.pipe >= 0:
            self._selector.unregister(child.pipe)
            os.set_blocking(child.pipe, False)
            self._drain(child)
            os.close(child.pipe)
        self._selector.unregister(child.pidfd)
        os.close(child.pidfd)
        del self._children[child.serial]
        _, status = os.waitpid(child.pid, 0)
        self._say(Word.ENDED, (child.serial, os.waitstatus_to_exitcode(status)))

    def _drain(self, child: _Child) -> None:
        """Pass on the rest; a worker's own children may have the pipe, too."""
        try:
            while data := os.read(child.pipe, _SLICE):
                self._say(Word.PRINTED, (child.serial, data))
        except BlockingIOError:
            pass

    def _say(self, word: Word, obj: object) -> None:
        send_object(self._pool, word, obj)


def _end_with_parent() -> None:
    """Have the kernel kill this process when its parent ends."""
    ctypes.CDLL(None).prctl(_DIES_WITH_PARENT, signal.SIGKILL)


def main() -> None:
    """Run a nursery, and in each process that it forks a worker: arguments pool and context."""
    pool, context = int(sys.argv[1]), int(sys.argv[2])
    nursery = Nursery(pool, context)
    serial = nursery.run()
    if serial is not None and nursery.setup is not None:
        Worker(pool, context, serial, nursery.setup).run()


if __name__ == "__main__":
    main()
