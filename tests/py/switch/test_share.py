# SPDX-License-Identifier: MIT
"""The switch between tasks that share memory: who is introduced to whom, and with what."""

from __future__ import annotations

import struct
from collections.abc import Callable

import pytest
from support.impostors.sharer import Make, Sharer, Text, Word, ask, descriptors, link, talk
from support.impostors.switchbed import DAEMON, OWN_TID, A, B, Bed, message, tid

from pvm3py.pvmd.io.switch import frame
from pvm3py.pvmd.state.events import CloseEvent, LogEvent
from pvm3py.wire import constants as c

ELSEWHERE = 0x80001


def links(bed: Bed) -> int:
    return bed.switch.statistics().links


# ---- links -----------------------------------------------------------------------------------


def test_link_and_its_acceptance_bring_the_descriptors(bed: Bed, a: Sharer, b: Sharer) -> None:
    link(a, b)
    assert (links(bed), bed.switch.statistics().offers) == (1, 2)


def test_link_without_an_offer_asks_for_one(a: Sharer, make: Make) -> None:
    other = make(tid(3))
    other.say(c.SHARE_LINK, A, 1)
    assert other.heard() == Word(c.SHARE_OFFER, A)
    other.offer()
    ask(other, a)


def test_later_offer_replaces_the_one_before(bed: Bed, a: Sharer, b: Sharer) -> None:
    before = descriptors()
    a.enclose(talk(c.SHARE_OFFER), [b.segment, b.bell])
    a.say(c.SHARE_LINK, B, 1)
    assert b.heard() == Word(c.SHARE_LINK, A, 1, b.inode)
    assert descriptors() == before


def test_link_comes_at_its_place_of_the_stream(a: Sharer, b: Sharer) -> None:
    a.send(message(B, b"before") + talk(c.SHARE_LINK, B, 1) + message(B, b"after"))
    heard = [b.heard() for _ in range(3)]
    assert heard == [Text(A, b"before"), Word(c.SHARE_LINK, A, 1, a.inode), Text(A, b"after")]


def test_links_keep_their_places_in_a_long_queue(bed: Bed, b: Sharer, make: Make) -> None:
    # So many that queued pieces are copied, and single calls send many of them.
    others = [make(tid(10 + i)).offer() for i in range(20)]
    parts = [message(B, bytes([i]) * 30000) for i in range(8)]
    for other in others:
        other.start(b"".join([*parts[:4], talk(c.SHARE_LINK, B, 1), *parts[4:]]))
    bed.until(lambda: bed.switch.statistics().queued_bytes > 1 << 20)
    heard = [b.heard() for _ in range(20 * 9)]
    for other in others:
        own = [w for w in heard if other.tid in (getattr(w, "src", 0), getattr(w, "peer", 0))]
        assert own[4] == Word(c.SHARE_LINK, other.tid, 1, other.inode)
        assert own[:4] + own[5:] == [Text(other.tid, bytes([i]) * 30000) for i in range(8)]


def test_of_crossing_links_the_first_one_stands(bed: Bed, a: Sharer, b: Sharer) -> None:
    ask(a, b)
    b.say(c.SHARE_LINK, A, 1)
    assert a.hears_nothing()
    b.say(c.SHARE_ACCEPT, A, 4)
    assert a.heard() == Word(c.SHARE_ACCEPT, B, 4, b.inode)
    assert links(bed) == 1


def test_acceptance_without_an_offer_refuses(bed: Bed, a: Sharer, make: Make) -> None:
    other = make(B)
    ask(a, other)
    other.say(c.SHARE_ACCEPT, A, 4)
    assert a.heard() == Word(c.SHARE_REFUSE, B, c.SHARE_NEVER)
    assert other.heard() == Word(c.SHARE_REFUSE, A, c.SHARE_NEVER)
    assert not links(bed)


# ---- refusals --------------------------------------------------------------------------------


def expected(bed: Bed, _make: Make) -> None:
    bed.switch.expect(B)


def incapable(_bed: Bed, make: Make) -> None:
    make(B, shares=False)


def closing(bed: Bed, make: Make) -> None:
    bed.switch.send_conn(make(B).conn, message(B, bytes(1 << 20)))
    bed.switch.close_conn(bed.peers[-1].conn)


def manager(bed: Bed, make: Make) -> None:
    make(B)
    bed.switch.manager(bed.peers[0].conn, B, 0)


def managed(bed: Bed, make: Make) -> None:
    bed.switch.manager(make(B).conn, A, 0)


def spoken_to(bed: Bed, make: Make) -> None:
    bed.switch.manager(make(B).conn, tid(9), A)


@pytest.mark.parametrize(
    "prepare,peer,why",
    [
        (None, B, c.SHARE_LATER),
        (expected, B, c.SHARE_LATER),
        (closing, B, c.SHARE_LATER),
        (incapable, B, c.SHARE_NEVER),
        (manager, B, c.SHARE_NEVER),
        (managed, B, c.SHARE_NEVER),
        (spoken_to, B, c.SHARE_NEVER),
        (None, ELSEWHERE, c.SHARE_NEVER),
    ],
)
def test_link_that_cannot_be_is_refused(
    bed: Bed,
    a: Sharer,
    make: Make,
    prepare: Callable[[Bed, Make], None] | None,
    peer: int,
    why: int,
) -> None:
    if prepare:
        prepare(bed, make)
    a.say(c.SHARE_LINK, peer, 1)
    assert a.heard() == Word(c.SHARE_REFUSE, peer, why)
    assert bed.switch.statistics().dropped == 0


def test_refusal_of_a_task_is_passed_on_and_ends_the_pair(a: Sharer, b: Sharer) -> None:
    ask(a, b)
    b.say(c.SHARE_REFUSE, A, c.SHARE_LATER)
    assert a.heard() == Word(c.SHARE_REFUSE, B, c.SHARE_LATER)
    link(a, b)
    a.say(c.SHARE_REFUSE, B, c.SHARE_NEVER)
    assert b.heard() == Word(c.SHARE_REFUSE, A, c.SHARE_NEVER)
    link(b, a)


def test_asker_does_not_refuse_what_it_has_asked(bed: Bed, a: Sharer, b: Sharer) -> None:
    ask(a, b)
    a.say(c.SHARE_REFUSE, B, c.SHARE_LATER)
    assert b.hears_nothing()
    b.say(c.SHARE_ACCEPT, A, 4)
    assert a.heard() == Word(c.SHARE_ACCEPT, B, 4, b.inode)


@pytest.mark.parametrize(
    "words",
    [
        talk(c.SHARE_LINK, A),
        talk(c.SHARE_LINK, OWN_TID),
        talk(c.SHARE_LINK, DAEMON),
        talk(c.SHARE_LINK, 0),
        talk(c.SHARE_LINK, A | c.TIDGID),
        talk(c.SHARE_ACCEPT, B),
        talk(0, B),
        talk(c.SHARE_GONE, B),
        talk(c.SHARE_STOP, B),
        talk(-1, B),
        frame(DAEMON, -1, c.TM_SHARE, c.SYSCTX_TM, 0, struct.pack("!ii", c.SHARE_LINK, B)),
        frame(DAEMON, -1, c.TM_SHARE, c.SYSCTX_TM, 0, b""),
    ],
)
def test_senseless_talk_is_counted_and_ignored(
    bed: Bed, a: Sharer, b: Sharer, words: bytes
) -> None:
    a.send(words)
    bed.wait(LogEvent)
    assert bed.switch.statistics().dropped == 1
    link(a, b)


def test_second_acceptance_is_counted_and_ignored(bed: Bed, a: Sharer, b: Sharer) -> None:
    link(a, b)
    b.say(c.SHARE_ACCEPT, A, 4)
    a.say(c.SHARE_ACCEPT, B, 4)
    bed.wait(LogEvent, 2)
    assert a.hears_nothing() and b.hears_nothing()


@pytest.mark.parametrize("bound", [A, 0], ids=["incapable", "not enrolled"])
def test_talk_of_who_cannot_share_is_ignored(bed: Bed, b: Sharer, make: Make, bound: int) -> None:
    other = make(bound, shares=False)
    before = descriptors()
    other.enclose(talk(c.SHARE_OFFER))
    bed.wait(LogEvent)
    other.send(talk(c.SHARE_LINK, B))
    bed.wait(LogEvent)
    assert bed.switch.statistics().offers == 1
    assert descriptors() == before
    assert b.hears_nothing() and other.hears_nothing()


# ---- ends ------------------------------------------------------------------------------------


def test_link_ends_with_the_answer_to_its_end(bed: Bed, a: Sharer, b: Sharer) -> None:
    link(a, b)
    a.say(c.SHARE_CLOSE, B)
    assert b.heard() == Word(c.SHARE_CLOSE, A)
    assert links(bed) == 1
    b.say(c.SHARE_DONE, A)
    assert a.heard() == Word(c.SHARE_DONE, B)
    assert links(bed) == 0
    link(b, a)


def test_both_sides_may_close_and_answer(bed: Bed, a: Sharer, b: Sharer) -> None:
    link(a, b)
    a.say(c.SHARE_CLOSE, B)
    b.say(c.SHARE_CLOSE, A)
    a.say(c.SHARE_DONE, B)
    assert links(bed) == 1
    b.say(c.SHARE_DONE, A)
    assert links(bed) == 0
    assert [a.heard() for _ in range(2)] == [Word(c.SHARE_CLOSE, B), Word(c.SHARE_DONE, B)]
    assert [b.heard() for _ in range(2)] == [Word(c.SHARE_CLOSE, A), Word(c.SHARE_DONE, A)]


def test_answer_to_nothing_ends_the_link(bed: Bed, a: Sharer, b: Sharer) -> None:
    link(a, b)
    b.say(c.SHARE_DONE, A)
    assert a.heard() == Word(c.SHARE_DONE, B)
    assert links(bed) == 0


@pytest.mark.parametrize("what", [c.SHARE_CLOSE, c.SHARE_DONE, c.SHARE_REFUSE])
def test_word_about_no_link_is_ignored(bed: Bed, a: Sharer, b: Sharer, what: int) -> None:
    a.say(what, B)
    assert b.hears_nothing()
    assert bed.switch.statistics().dropped == 0


@pytest.mark.parametrize("what", [c.SHARE_CLOSE, c.SHARE_DONE])
def test_link_that_is_only_asked_for_cannot_be_closed(a: Sharer, b: Sharer, what: int) -> None:
    ask(a, b)
    a.say(what, B)
    b.say(what, A)
    assert a.hears_nothing() and b.hears_nothing()


def asked_for(a: Sharer, b: Sharer) -> None:
    ask(a, b)


def asking(a: Sharer, b: Sharer) -> None:
    ask(b, a)


@pytest.mark.parametrize("state", [link, asked_for, asking])
def test_peer_is_told_of_the_end_behind_the_last_message(
    bed: Bed, a: Sharer, b: Sharer, state: Callable[[Sharer, Sharer], None]
) -> None:
    state(a, b)
    texts = [bytes([i]) * 50000 for i in range(60)]
    a.start(b"".join(message(B, text) for text in texts))
    bed.until(lambda: not a.unsent or bed.switch.statistics().parked)
    while a.unsent:
        assert b.heard() == Text(A, texts.pop(0))
        a.pump()
    a.close()
    for text in texts:
        assert b.heard() == Text(A, text)
    assert b.heard() == Word(c.SHARE_GONE, A)
    assert links(bed) == 0
    # Words that were on their way then.
    for what in (c.SHARE_ACCEPT, c.SHARE_CLOSE, c.SHARE_DONE, c.SHARE_REFUSE):
        b.say(what, A)
    assert b.hears_nothing()
    assert bed.switch.statistics().dropped == 0


def test_stranger_is_not_told_of_the_end(bed: Bed, a: Sharer, b: Sharer, make: Make) -> None:
    link(a, b)
    b.say(c.SHARE_DONE, A)
    a.heard()
    other = make(tid(3)).offer()
    a.close()
    bed.wait(CloseEvent)
    assert b.hears_nothing() and other.hears_nothing()


@pytest.mark.parametrize("end", ["close_conn", "finish"])
def test_end_by_the_daemon_is_told_at_once(bed: Bed, a: Sharer, b: Sharer, end: str) -> None:
    link(a, b)
    getattr(bed.switch, end)(a.conn)
    assert b.readable(), "it is told without a further turn"
    assert b.heard() == Word(c.SHARE_GONE, A)


def test_task_that_enrols_anew_is_another_one(bed: Bed, a: Sharer, b: Sharer, make: Make) -> None:
    link(a, b)
    bed.switch.forget(A)
    again = make(A).offer()
    again.say(c.SHARE_LINK, B, 1)
    assert again.heard() == Word(c.SHARE_REFUSE, B, c.SHARE_LATER)
    a.close()
    assert b.heard() == Word(c.SHARE_GONE, A)
    link(again, b)


def test_segment_outlives_its_task_on_the_way(bed: Bed, a: Sharer, b: Sharer) -> None:
    bed.switch.send_conn(b.conn, message(B, bytes(1 << 20)))
    a.say(c.SHARE_LINK, B, 1)
    a.close()
    bed.wait(CloseEvent)
    b.heard()
    assert b.heard() == Word(c.SHARE_LINK, A, 1, a.inode)
    assert b.heard() == Word(c.SHARE_GONE, A)


def test_end_of_a_receiver_closes_what_waits_for_it(bed: Bed, a: Sharer, b: Sharer) -> None:
    bed.switch.send_conn(b.conn, message(B, bytes(1 << 20)))
    before = descriptors()
    a.say(c.SHARE_LINK, B, 1)
    b.close()
    bed.wait(CloseEvent)
    assert descriptors() == before - 4, "both ends of its socket, and its two"
    assert a.heard() == Word(c.SHARE_GONE, B)


# ---- managers --------------------------------------------------------------------------------


@pytest.mark.parametrize("words", [(B, 0), (tid(9), B)], ids=["manager", "speaker"])
def test_manager_of_a_linked_task_stops_the_link_once(
    bed: Bed, a: Sharer, b: Sharer, words: tuple[int, int]
) -> None:
    link(a, b)
    for _ in range(2):
        bed.switch.manager(a.conn, *words)
    assert a.readable() and b.readable(), "both are told without a further turn"
    assert a.heard() == Word(c.SHARE_STOP, B)
    assert b.heard() == Word(c.SHARE_STOP, A)
    assert a.hears_nothing() and b.hears_nothing()
    assert links(bed) == 1, "what is in memory is still received"
    a.say(c.SHARE_CLOSE, B)
    b.say(c.SHARE_DONE, A)
    assert links(bed) == 0
    a.heard()
    a.say(c.SHARE_LINK, B)
    assert a.heard() == Word(c.SHARE_REFUSE, B, c.SHARE_NEVER)


def test_manager_of_who_has_asked_stops_the_link_behind_its_acceptance(
    bed: Bed, a: Sharer, b: Sharer
) -> None:
    ask(a, b)
    bed.switch.manager(a.conn, B, 0)
    assert a.hears_nothing() and b.hears_nothing()
    b.say(c.SHARE_ACCEPT, A, 4)
    assert a.heard() == Word(c.SHARE_ACCEPT, B, 4, b.inode)
    assert a.heard() == Word(c.SHARE_STOP, B)
    assert b.heard() == Word(c.SHARE_STOP, A)


def test_manager_leaves_other_links_alone(bed: Bed, a: Sharer, b: Sharer, make: Make) -> None:
    link(a, b)
    bed.switch.manager(a.conn, tid(9), tid(8))
    assert a.hears_nothing() and b.hears_nothing()
    assert links(bed) == 1
