# SPDX-License-Identifier: MIT
"""Which worker gets which item. No I/O, no lock: its caller sees to both.

A worker has a few items at a time, of which it runs the first; so it finds the next one without
waiting for the pool. How many depends on how long items take: of long ones it has only the one that
it runs, as another worker may be free before; of very short ones it has many, sent at once.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from concurrent.futures import Future
from typing import Any

# Seconds: an item that takes longer waits in the pool, not at a worker.
LONG = 0.02
# Seconds of work that a worker has in front of it, and items at most.
AHEAD = 0.01
DEEP = 32
# Bytes of arguments that a worker has, if that is more than one item.
HEAVY = 1 << 20
# Share of the newest item in the mean.
_WEIGHT = 0.1


class Item:
    """One call.

    future    its result
    function  what is called
    parts     the packed call, as pvm3py.binding.objects has it; buffers are the caller's own memory
    size      bytes of it
    deaths    workers that died while they ran it
    """

    __slots__ = ("deaths", "function", "future", "parts", "size")

    def __init__(self, future: Future[Any], function: object, parts: list[Any]) -> None:
        self.future = future
        self.function = function
        self.parts = parts
        self.size = sum(memoryview(part).nbytes for part in parts)
        self.deaths = 0

    def start(self) -> bool:
        """It cannot be cancelled from now on. False: it was."""
        return self.future.running() or self.future.set_running_or_notify_cancel()


class Hand:
    """A worker as the schedule sees it: what it has, the running item first; what it has done."""

    __slots__ = ("busy", "done", "items", "size", "tid")

    def __init__(self, tid: int) -> None:
        self.tid = tid
        self.items: deque[Item] = deque()
        self.size = 0
        self.done = 0
        self.busy = 0.0


class Schedule:
    """Items that wait, and workers that have some.

    prefetch  items of a worker, of those that are neither long nor very short
    """

    def __init__(self, prefetch: int) -> None:
        if prefetch < 1:
            raise ValueError(f"prefetch is at least 1, not {prefetch}")
        self.prefetch = prefetch
        self.queue: deque[Item] = deque()
        self.hands: dict[int, Hand] = {}
        self._idle: dict[int, Hand] = {}
        self._hungry: dict[int, Hand] = {}
        self.mean: float | None = None

    # ---- what happens -----------------------------------------------------------

    def join(self, tid: int) -> None:
        """There is a worker."""
        self.hands[tid] = self._idle[tid] = Hand(tid)

    def leave(self, tid: int) -> Item | None:
        """A worker has gone; the item that it was running. What waited there is to be run first."""
        hand = self.hands.pop(tid)
        self._idle.pop(tid, None)
        self._hungry.pop(tid, None)
        running = hand.items.popleft() if hand.items else None
        self.queue.extendleft(reversed(hand.items))
        return running

    def again(self, item: Item) -> None:
        """Run an item once more, before the others."""
        self.queue.appendleft(item)

    def done(self, tid: int, seconds: float | None) -> Item | None:
        """A worker has run its first item; None: it had none.

        seconds  what that took, if it is known
        """
        hand = self.hands.get(tid)
        if hand is None or not hand.items:
            return None
        item = hand.items.popleft()
        hand.size -= item.size
        hand.done += 1
        if seconds is not None:
            hand.busy += seconds
            self.mean = (
                seconds if self.mean is None else self.mean + _WEIGHT * (seconds - self.mean)
            )
        self._rate(hand, self._depth())
        return item

    @property
    def busy(self) -> bool:
        """Whether any item waits or is run."""
        return bool(self.queue) or any(hand.items for hand in self.hands.values())

    @property
    def has_room(self) -> bool:
        """Whether a worker is to get an item that is queued now, at once.

        Very short items are sent together, when a worker has finished one of those that it has.
        """
        return bool(self._idle) or (bool(self._hungry) and self._depth() < DEEP)

    def clear(self) -> list[Item]:
        """Forget all items and workers; the items."""
        items = [*self.queue, *(item for hand in self.hands.values() for item in hand.items)]
        for table in (self.queue, self.hands, self._idle, self._hungry):
            table.clear()
        return items

    # ---- handing out --------------------------------------------------------------

    def assign(self) -> Iterator[tuple[Hand, list[Item]]]:
        """Hand out what can be handed out: who gets what. Cancelled items are dropped."""
        share = max(1, len(self.queue) // max(1, len(self.hands)))
        while self.queue and (self._idle or self._hungry):
            fed = self._idle or self._hungry
            hand = fed.pop(next(iter(fed)))
            depth = self._depth()
            items = self._take(hand, min(share, depth - len(hand.items)))
            if items or not self.queue:
                self._rate(hand, depth)
            if items:
                yield hand, items

    def _take(self, hand: Hand, count: int) -> list[Item]:
        """Give a worker so many items, as far as they are not too heavy together."""
        items: list[Item] = []
        while self.queue and len(items) < count:
            item = self.queue[0]
            if hand.items and hand.size + item.size > HEAVY:
                break
            self.queue.popleft()
            if item.start():
                items.append(item)
                hand.items.append(item)
                hand.size += item.size
        return items

    def _rate(self, hand: Hand, depth: int) -> None:
        """List a worker as idle, hungry or neither."""
        if not hand.items:
            self._hungry.pop(hand.tid, None)
            self._idle[hand.tid] = hand
        elif len(hand.items) <= depth // 2 and hand.size < HEAVY:
            self._hungry[hand.tid] = hand

    def _depth(self) -> int:
        """How many items a worker may have now."""
        if self.prefetch == 1 or self.mean is None or self.mean > LONG:
            return 1
        return max(self.prefetch, min(DEEP, int(AHEAD / max(self.mean, 1e-6))))
