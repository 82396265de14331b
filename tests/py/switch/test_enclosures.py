# SPDX-License-Identifier: MIT
"""What tasks that share memory enclose: descriptors, how many are taken, what is read of them."""

from __future__ import annotations

import gc
import os
import resource
import struct
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest
from support.impostors.sharer import Make, Sharer, Text, Word, ask, descriptors, link, talk
from support.impostors.switchbed import DAEMON, A, B, Bed, message, tid

from pvm3py.pvmd.io.figures import Sharing
from pvm3py.pvmd.io.switch import frame
from pvm3py.pvmd.state.events import CloseEvent, MessageEvent
from pvm3py.wire import constants as c

ELSEWHERE = 0x80001
NOBODY = 65534
REFUSED = Word(c.SHARE_REFUSE, 0, c.SHARE_NEVER)


@contextmanager
def files_limited(most: int) -> Iterator[None]:
    """Descriptors of this process, and so of the switch, have lower numbers than this."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    # What other tests have left is not to be found now, with a complaint that needs a descriptor.
    gc.collect()
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


# ---- descriptors -----------------------------------------------------------------------------


def lowest_free() -> int:
    """The number that the next descriptor has; there may be higher ones."""
    fd = os.open(os.devnull, os.O_RDONLY)
    os.close(fd)
    return fd


def extra(sharer: Sharer) -> list[int]:
    return [sharer.segment, sharer.bell, sharer.bell]


@pytest.mark.parametrize(
    "fds",
    [lambda _: [], lambda s: [s.segment], extra, lambda s: extra(s) * 20],
    ids=["none", "one", "three", "sixty"],
)
def test_set_that_is_no_pair_is_closed_and_no_offer(
    bed: Bed, a: Sharer, make: Make, fds: Callable[[Sharer], list[int]]
) -> None:
    other = make(B)
    before = descriptors()
    sent = fds(other)
    if sent:
        other.enclose(talk(c.SHARE_OFFER), sent)
    else:
        other.send(talk(c.SHARE_OFFER))
    assert other.heard() == REFUSED
    assert descriptors() == before
    assert bed.switch.statistics().offers == 1
    other.offer()


def test_offer_that_the_system_has_no_descriptors_for_is_refused(bed: Bed, make: Make) -> None:
    other = make(A)
    with files_limited(lowest_free() + 1):
        other.enclose(talk(c.SHARE_OFFER))
        bed.run()
    assert other.heard() == REFUSED


def test_offers_leave_half_of_the_descriptors_to_others(bed: Bed, make: Make) -> None:
    other = make(A)
    before = descriptors()
    with files_limited(2 * lowest_free() + 2):
        other.enclose(talk(c.SHARE_OFFER))
        assert other.heard() == REFUSED
        assert descriptors() == before
    other.offer()


def test_words_go_without_descriptors_when_too_many_are_on_their_way(
    bed: Bed, a: Sharer, make: Make
) -> None:
    # The system counts those that nobody has received yet, and lets the privileged have any number.
    others = [make(tid(100 + i)) for i in range(8)]
    privileged = os.geteuid() == 0
    with files_limited(8):
        if privileged:
            os.seteuid(NOBODY)
        for other in others:
            a.say(c.SHARE_LINK, other.tid, 1)
            a.send(message(other.tid, b"behind"))
        bed.until(lambda: all(other.readable() for other in others))
        if privileged:
            os.seteuid(0)
    heard = [other.heard() for other in others]
    assert heard[-1] == Word(c.SHARE_LINK, A, 1, 0)
    assert {word[:3] for word in heard} == {(c.SHARE_LINK, A, 1)}
    assert [other.heard() for other in others] == [Text(A, b"behind")] * 8
    others[-1].say(c.SHARE_REFUSE, A, c.SHARE_LATER)
    assert a.heard() == Word(c.SHARE_REFUSE, others[-1].tid, c.SHARE_LATER)
    ask(a, others[-1])


def test_one_unclaimed_set_is_kept(bed: Bed, a: Sharer, b: Sharer) -> None:
    before = descriptors()
    for i in range(10):
        a.enclose(message(B, b"%d" % i))
    assert [b.heard() for _ in range(10)] == [Text(A, b"%d" % i) for i in range(10)]
    assert descriptors() == before + 2
    a.enclose(message(B, b"more"), extra(a))
    assert b.heard() == Text(A, b"more")
    assert descriptors() == before + 2


@pytest.mark.parametrize("bound", [True, False], ids=["enrolled", "not enrolled"])
def test_descriptors_of_who_cannot_share_are_closed(bed: Bed, make: Make, bound: bool) -> None:
    other = make(A if bound else 0, shares=False)
    before = descriptors()
    other.enclose(frame(DAEMON, -1, c.TM_TASK, c.SYSCTX_TM, 1, b"x"))
    bed.wait(MessageEvent)
    assert descriptors() == before


def test_all_behind_descriptors_is_read(a: Sharer, b: Sharer) -> None:
    parts = [message(B, b"%d" % i) for i in range(9)]
    for i in range(0, 9, 3):
        a.enclose(parts[i])
        a.sock.send(parts[i + 1])
        a.enclose(parts[i + 2], extra(a))
    assert [b.heard() for _ in range(9)] == [Text(A, b"%d" % i) for i in range(9)]


def test_offer_in_pieces_is_taken(bed: Bed, make: Make) -> None:
    other = make(A)
    request = talk(c.SHARE_OFFER)
    other.enclose(request[:1])
    for i in range(1, len(request)):
        bed.run()
        other.sock.send(request[i : i + 1])
    bed.until(lambda: bed.switch.statistics().offers)


# ---- bounds ----------------------------------------------------------------------------------


def test_task_has_so_many_peers(bed: Bed, b: Sharer, make: Make) -> None:
    others = [make(tid(100 + i)).offer() for i in range(c.SHARE_SLOTS + 1)]
    for other in others[:-1]:
        ask(other, b)
    others[-1].say(c.SHARE_LINK, B, 1)
    assert others[-1].heard() == Word(c.SHARE_REFUSE, B, c.SHARE_LATER)
    b.say(c.SHARE_LINK, others[-1].tid, 1)
    assert b.heard() == Word(c.SHARE_REFUSE, others[-1].tid, c.SHARE_LATER)
    b.say(c.SHARE_REFUSE, others[0].tid, c.SHARE_NEVER)
    ask(others[-1], b)


def test_descriptors_of_the_dead_do_not_pile_up_before_a_sleeper(
    bed: Bed, b: Sharer, make: Make
) -> None:
    bed.switch.send_conn(b.conn, message(B, bytes(1 << 20)))
    before = descriptors()
    asked = 0
    while True:
        other = make(tid(100 + asked)).offer()
        other.say(c.SHARE_LINK, B, 1)
        if other.readable():
            break
        other.close()
        bed.wait(CloseEvent)
        asked += 1
    assert asked == c.SHARE_SLOTS
    assert other.heard() == Word(c.SHARE_REFUSE, B, c.SHARE_LATER)
    assert descriptors() - before <= 4 * asked + 6, "those of the dead, and the switch's own"
    b.heard()
    heard = [b.heard() for _ in range(2 * asked)]
    assert [w.what for w in heard[::2] if isinstance(w, Word)] == [c.SHARE_LINK] * asked
    ask(other, b)


@pytest.mark.parametrize(
    "words",
    [talk(c.SHARE_LINK, tid(99)), talk(c.SHARE_OFFER), talk(c.SHARE_LINK, 0)],
    ids=["refused", "no offer", "malformed"],
)
def test_flood_of_requests_harms_nobody_else(
    bed: Bed, a: Sharer, b: Sharer, make: Make, words: bytes
) -> None:
    other = make(tid(3))
    flood = words * 200000
    other.start(flood)
    for _ in range(200):
        bed.run()
        other.pump()
    assert bed.switch.statistics().queued_bytes < 2 << 20
    link(a, b)
    a.send(message(B, b"text"))
    assert b.heard() == Text(A, b"text")


# ---- home ------------------------------------------------------------------------------------


def home(sharer: Sharer, magic: int = c.SHARE_MAGIC) -> bytes:
    """The beginning of a segment whose counters are 1, 2, 3 ..."""
    words = struct.pack("=6I", magic, c.SHARE_VERSION, sharer.tid, 1, c.SHARE_SIZE, c.SHARE_RING)
    return words + bytes(128 - len(words)) + struct.pack("=12Q", *range(1, 13))


def test_counters_of_a_task_are_read_when_asked_for(bed: Bed, a: Sharer) -> None:
    assert bed.switch.sharing(A) is None, "an empty segment"
    os.write(a.segment, home(a))
    counters = bed.switch.sharing(A)
    assert counters is not None
    assert [getattr(counters, name) for name in Sharing.__annotations__] == list(range(1, 13))
    os.pwrite(a.segment, struct.pack("=Q", 77), 128)
    again = bed.switch.sharing(A)
    assert again is not None and again.messages == 77


def test_counters_of_others_are_not_there(bed: Bed, b: Sharer, make: Make) -> None:
    make(A)
    bed.switch.expect(tid(3))
    assert [bed.switch.sharing(t) for t in (A, tid(3), tid(4), ELSEWHERE)] == [None] * 4
    os.write(b.segment, home(b, c.SHARE_MAGIC + 1))
    assert bed.switch.sharing(B) is None


def test_segment_that_is_no_memory_is_not_read(bed: Bed, make: Make) -> None:
    other = make(A)
    ends = os.pipe()
    other.enclose(talk(c.SHARE_OFFER), list(ends))
    bed.until(lambda: bed.switch.statistics().offers)
    assert bed.switch.sharing(A) is None
    for fd in ends:
        os.close(fd)
