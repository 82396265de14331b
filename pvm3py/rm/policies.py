# SPDX-License-Identifier: MIT
"""The resource managers that come with pvm3py."""

from __future__ import annotations

import heapq

from pvm3py.placement import Placement

from .load import LoadWatch
from .machine import Host, Order
from .manager import ResourceManager


class RoundRobin(ResourceManager):
    """Hosts take turns, exactly as without a resource manager."""

    def __init__(self) -> None:
        super().__init__()
        self._turns: dict[int, Placement] = {}

    def place(self, order: Order) -> list[Host]:
        """Each host has a turn of its own for what its tasks spawn, as daemons have."""
        home = self.machine.places.place(order.task)
        turn = self._turns.setdefault(home, Placement(home))
        blocks = turn.blocks(order.hosts, order.count)
        return [block.host for block in blocks for _ in range(block.count)]

    def host_lost(self, host: Host) -> None:
        """One that comes later in its place begins anew."""
        self._turns.pop(host.tid, None)


class LeastLoaded(ResourceManager):
    """Each task goes where there is least to do for a processor.

    What there is to do is the load average, or the number of tasks if that is larger: a task that
    has just been started does not show in the load, nor other users' programs among the tasks.
    """

    def __init__(self) -> None:
        super().__init__()
        self.watch = LoadWatch(self)

    def host_added(self, host: Host) -> None:
        """Begin to watch its load."""
        self.watch.begin(host)

    def task_ended(self, tid: int, host: Host, status: int) -> None:
        """It may have been the probe."""
        self.watch.task_ended(tid, host)

    def task_output(self, tid: int, text: str) -> None:
        """A report."""
        self.watch.output(tid, text)

    def place(self, order: Order) -> list[Host]:
        """Give each task to the host that has least to do with it; neighbours stay together."""
        busy = [self._busy(host) for host in order.hosts]
        power = [host.cores * max(host.speed, 1) / 1000 for host in order.hosts]
        chosen = [0] * len(busy)
        heap = [((busy[i] + 1) / power[i], i) for i in range(len(busy))]
        heapq.heapify(heap)
        for _ in range(order.count):
            at = heap[0][1]
            chosen[at] += 1
            heapq.heapreplace(heap, ((busy[at] + chosen[at] + 1) / power[at], at))
        return [host for host, n in zip(order.hosts, chosen, strict=True) for _ in range(n)]

    def _busy(self, host: Host) -> float:
        """What there is to do on a host."""
        return max(host.load, len(host.tasks - self.watch.probes - {self.tid}))


POLICIES: dict[str, type[ResourceManager]] = {
    "round-robin": RoundRobin,
    "least-loaded": LeastLoaded,
}
