# SPDX-License-Identifier: MIT
"""What a task has open with its resource manager, and with those that took that one's place."""

from __future__ import annotations

from pvm3py.wire import constants as c

from .events import MessageEvent, SpokeEvent
from .plain import Plain, field

# Notices that one task may have outstanding, with the daemon or a resource manager.
NOTICES_MAX = c.WIRE_NOTICES_MAX
# Requests of one task that may wait for something at a time, of which the library makes one in each
# thread, and the bytes of their bodies together, if there is more than one.
WAITS_MAX = 100
WAITS_BYTES = 1 << 24


class Asked(Plain):
    """A request that was passed on to the manager `server`."""

    server: int
    event: MessageEvent


class Wish(Plain):
    """A notice that the manager owes: about tid, or `count` times about new hosts."""

    what: int
    ctx: int
    tag: int
    tid: int
    count: int


class Dealings(Plain):
    """What a task has open. manager: as it was told; gone: that one has ended."""

    manager: int
    gone: bool = False
    asked: list[Asked] = field(factory=list)
    wishes: list[Wish] = field(factory=list)

    def may_ask(self, event: MessageEvent) -> bool:
        """Whether one more request may wait for the manager."""
        size = sum(len(one.event.body) for one in self.asked) + len(event.body)
        return not self.asked or (len(self.asked) < WAITS_MAX and size <= WAITS_BYTES)

    def may_wish(self, count: int) -> bool:
        """Whether so many more notices may be outstanding."""
        return len(self.wishes) + count <= NOTICES_MAX

    def answered(self, event: SpokeEvent) -> None:
        """An answer has passed.

        Not every manager repeats the wait id; then it is that to the oldest request of the kind.
        """
        answers = [
            one for one in self.asked if (one.server, one.event.tag) == (event.src, event.tag)
        ]
        exact = [one for one in answers if one.event.wid == event.wid]
        for one in (exact or answers)[:1]:
            self.asked.remove(one)

    def noticed(self, event: SpokeEvent) -> None:
        """A message that may be a notice has passed.

        Not every manager tells the tid; then it is the oldest wish for such a message.
        """
        wishes = [w for w in self.wishes if (w.ctx, w.tag) == (event.ctx, event.tag)]
        tid = int.from_bytes(event.body[:4], "big", signed=True)
        exact = [wish for wish in wishes if wish.what != c.PvmHostAdd and wish.tid == tid]
        for wish in (exact or wishes)[:1]:
            if wish.count == 1:
                self.wishes.remove(wish)
            elif wish.count > 0:
                wish.count -= 1
