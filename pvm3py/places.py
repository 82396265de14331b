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


# Tasks that have ended of which the last move is remembered.
_ENDED_MAX = 1024


class Places:
    """The places of tasks, as far as some have moved.

    An epoch is the number of a move. It is greater than those of all moves that the daemon knew of
    which has begun it, so that older news of a task, or of one that had its tid before, are known
    as such when they come late. A host is given by its tid.
    """

    def __init__(self) -> None:
        # Host and epoch of tasks that are away from their birth hosts; epoch of those back there.
        self._away: dict[int, tuple[int, int]] = {}
        self._home: dict[int, int] = {}
        # Epochs of moves that are going on, and of the last ones of tasks that have ended.
        self._moving: dict[int, int] = {}
        self._ended: dict[int, int] = {}
        self._latest = 0

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
        self._settle(tid, epoch)
        self._away[tid] = host, epoch
        return True

    def home_again(self, tid: int, epoch: int) -> bool:
        """A task runs on its birth host again. False: that is older than what is known."""
        if epoch <= self.epoch(tid):
            return False
        self._settle(tid, epoch)
        self._home[tid] = epoch
        return True

    def _settle(self, tid: int, epoch: int) -> None:
        """A task has moved: what was known of its place before is over."""
        self._away.pop(tid, None)
        self._home.pop(tid, None)
        self._ended.pop(tid, None)
        if self.moving(tid) <= epoch:
            self._moving.pop(tid, None)
        self._latest = max(self._latest, epoch)

    def next_epoch(self) -> int:
        """The number of a move that begins here."""
        return self._latest + 1

    def begin(self, tid: int, epoch: int) -> bool:
        """A move has begun. False: that is older than what is known."""
        if epoch <= max(self.epoch(tid), self._moving.get(tid, 0)):
            return False
        self._moving[tid] = epoch
        self._latest = max(self._latest, epoch)
        return True

    def moving(self, tid: int) -> int:
        """The number of a move of a task that is going on, 0: none is."""
        return self._moving.get(tid, 0)

    def wanders(self, tid: int) -> bool:
        """Whether a task that has not ended has moved, or is about to."""
        return tid in self._away or tid in self._home or tid in self._moving

    def epoch(self, tid: int) -> int:
        """The number of the last move of a task, or of one that had its tid; 0: none is known."""
        away = self._away.get(tid)
        return away[1] if away else self._home.get(tid, self._ended.get(tid, 0))

    def ended(self, tid: int) -> None:
        """A task has ended: its tid may be another's."""
        if not self.wanders(tid):
            return
        last = max(self.epoch(tid), self.moving(tid))
        self._settle(tid, last)
        self._ended[tid] = last
        if len(self._ended) > _ENDED_MAX:
            del self._ended[next(iter(self._ended))]

    def host_lost(self, host: int) -> None:
        """A host is gone, and the tasks with it that ran there."""
        for tid in [tid for tid, (place, _) in self._away.items() if place == host]:
            del self._away[tid]
        for tid in [tid for tid in self._home if birth_host(tid) == host]:
            del self._home[tid]

    def at(self, host: int) -> list[int]:
        """The tasks on a host that have moved, by tids."""
        away = [tid for tid, (place, _) in self._away.items() if place == host]
        return sorted(away + [tid for tid in self._home if birth_host(tid) == host])
