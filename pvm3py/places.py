# SPDX-License-Identifier: MIT
"""Where tasks run.

A tid bears the number of a host: of a task that is where it began, its birth host. It runs there
unless it has moved, which a table tells. Nothing else looks at the bits of a tid for its host.
"""

from __future__ import annotations

from collections.abc import Iterator

from pvm3py.wire import constants as c

_HOST = c.TIDHOST
# Position of the host's number in a tid.
_SHIFT = 18


def birth_host(tid: int) -> int:
    """The tid of the host whose number a tid bears, be it a task's, a daemon's or a host's."""
    return tid & _HOST


def host_number(tid: int) -> int:
    """The number of that host."""
    return (tid & _HOST) >> _SHIFT


def host_tid(number: int) -> int:
    """The tid of the host with this number."""
    return number << _SHIFT


class Places:
    """The places of tasks, as far as some have moved.

    An epoch counts the moves of a task, so that older news which come late are known as such. A
    host is given by its tid.
    """

    def __init__(self) -> None:
        # Host and epoch of tasks that are away from their birth hosts; epoch of those back there.
        self._away: dict[int, tuple[int, int]] = {}
        self._home: dict[int, int] = {}

    def __len__(self) -> int:
        return len(self._away)

    def __iter__(self) -> Iterator[tuple[int, int, int]]:
        """Tid, host and epoch of each task that is away from its birth host, by tids."""
        return iter([(tid, *self._away[tid]) for tid in sorted(self._away)])

    def place(self, tid: int) -> int:
        """The host where a task runs; of the tid of a daemon or host, that host."""
        if self._away and tid in self._away:
            return self._away[tid][0]
        return tid & _HOST

    def moved(self, tid: int, host: int, epoch: int) -> bool:
        """A task runs on this host now. False: that is older than what is known."""
        if host == birth_host(tid):
            return self.home_again(tid, epoch)
        if epoch <= self.epoch(tid):
            return False
        self._home.pop(tid, None)
        self._away[tid] = host, epoch
        return True

    def home_again(self, tid: int, epoch: int) -> bool:
        """A task runs on its birth host again. False: that is older than what is known."""
        if epoch <= self.epoch(tid):
            return False
        self._away.pop(tid, None)
        self._home[tid] = epoch
        return True

    def epoch(self, tid: int) -> int:
        """The number of a task's last move, 0: it has never moved."""
        away = self._away.get(tid)
        return away[1] if away else self._home.get(tid, 0)

    def ended(self, tid: int) -> None:
        """A task has ended: its tid may be another's."""
        self._away.pop(tid, None)
        self._home.pop(tid, None)

    def host_lost(self, host: int) -> None:
        """A host is gone, and the tasks with it that ran there."""
        for tid in [tid for tid, (place, _) in self._away.items() if place == host]:
            del self._away[tid]
        for tid in [tid for tid in self._home if birth_host(tid) == host]:
            del self._home[tid]
