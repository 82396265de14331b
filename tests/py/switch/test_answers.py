# SPDX-License-Identifier: MIT
"""What the switch answers for the daemon: what that has answered before, contexts, the clock."""

from __future__ import annotations

import struct
import time
from collections.abc import Iterator

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support.impostors.switchbed import A, B, Bed, C, Peer, tid
from support.system import PATIENCE

from pvm3py.pvmd.io.switch import frame
from pvm3py.pvmd.state.events import CloseEvent, MessageEvent
from pvm3py.wire import constants as c

HOST = 0x40000
LAST = c.TIDLOCAL - c.NUM_SYSCTX
ASKED_MAX, ROOM = 256, 1 << 20


@pytest.fixture
def bed() -> Iterator[Bed]:
    """A switch that does nothing while it is not run."""
    with Bed(standby_us=-1) as bed:
        yield bed


def request(tag: int, body: bytes = b"") -> bytes:
    """A request as a task sends it, with a context and a wait id."""
    return frame(c.TIDPVMD, -1, tag, 5, 9, body)


def ask(peer: Peer, tag: int, body: bytes = b"") -> bytes:
    """Send a request as a task; the body of the answer, which has its context and wait id."""
    peer.send(request(tag, body))
    (answer,) = peer.fragments(1)
    expected = frame(answer.dst, c.TIDPVMD, tag, 5, 9, b"")[c.TDFRAGHDR :]
    assert (answer.src, answer.flags) == (c.TIDPVMD, c.FFSOM | c.FFEOM)
    assert answer.payload[: c.MSGHDRLEN] == expected
    return answer.payload[c.MSGHDRLEN :]


def code(peer: Peer, tag: int, *words: int) -> int:
    """The number with which a request of some words is answered."""
    (number,) = struct.unpack(">i", ask(peer, tag, struct.pack(f">{len(words)}i", *words)))
    return int(number)


def reported(peer: Peer, tag: int, body: bytes = b"") -> None:
    """Send a request as a task that the daemon must get."""
    peer.send(request(tag, body))
    (event,) = peer.bed.wait(MessageEvent)
    assert (event.tag, event.ctx, event.wid, event.body) == (tag, 5, 9, body)
    peer.bed.run()


# ---- answers that are kept ----------------------------------------------------------


@pytest.mark.parametrize("answer", [b"", b"abcd", bytes(100_000)], ids=len)
def test_kept_answer_is_given_until_it_is_forgotten(bed: Bed, answer: bytes) -> None:
    a, b = bed.peer(A), bed.peer(B)
    bed.switch.keep_answer(c.TM_CONFIG, b"", answer)
    assert [ask(peer, c.TM_CONFIG) for peer in (a, b, a)] == [answer] * 3
    assert bed.events == []
    bed.switch.forget_answers()
    reported(a, c.TM_CONFIG)


def test_only_the_same_tag_and_body_have_the_answer(bed: Bed) -> None:
    a = bed.peer(A)
    bed.switch.keep_answer(c.TM_MSTAT, b"abcd", b"yes!")
    for body in (b"", b"abc", b"abce", b"abcdabcd"):
        reported(a, c.TM_MSTAT, body)
    reported(a, c.TM_TASK, b"abcd")
    assert ask(a, c.TM_MSTAT, b"abcd") == b"yes!"
    bed.switch.keep_answer(c.TM_MSTAT, b"abcd", b"no")
    assert ask(a, c.TM_MSTAT, b"abcd") == b"no"


def test_only_tasks_are_answered(bed: Bed) -> None:
    a, stranger = bed.peer(A), bed.peer()
    bed.switch.keep_answer(c.TM_CONFIG, b"", b"kept")
    reported(stranger, c.TM_CONFIG)
    bed.switch.forget(A)
    reported(a, c.TM_CONFIG)


def test_answer_waits_for_what_came_before(bed: Bed) -> None:
    a, b = bed.peer(A), bed.peer(B)
    bed.switch.keep_answer(c.TM_CONFIG, b"", b"kept")
    a.sock.send(request(c.TM_SETOPT) + request(c.TM_CONFIG))
    assert [event.tag for event in bed.wait(MessageEvent, 2)] == [c.TM_SETOPT, c.TM_CONFIG]
    a.sock.send(request(c.TM_SETOPT))
    b.sock.send(request(c.TM_CONFIG))
    assert [event.tag for event in bed.wait(MessageEvent, 2)] == [c.TM_SETOPT, c.TM_CONFIG]
    bed.run()
    assert ask(b, c.TM_CONFIG) == b"kept"


def test_answer_waits_for_the_end_of_another_task(bed: Bed) -> None:
    a, b = bed.peer(A), bed.peer(B)
    bed.switch.keep_answer(c.TM_CONFIG, b"", b"kept")
    a.sock.close()
    b.sock.send(request(c.TM_CONFIG))
    bed.wait(MessageEvent)
    bed.wait(CloseEvent)


def test_nothing_is_answered_for_a_daemon_that_is_busy() -> None:
    with Bed(standby_us=1) as bed:
        a = bed.peer(A)
        bed.switch.keep_answer(c.TM_CONFIG, b"", b"kept")
        bed.run()
        taken = bed.switch.statistics().fragments
        a.sock.send(request(c.TM_CONFIG) + request(c.TM_PSTAT, struct.pack(">i", A)))
        # The standby thread takes it in while this thread is not in the switch.
        end = time.monotonic() + PATIENCE
        while bed.switch.statistics().fragments == taken:
            assert time.monotonic() < end, "nobody has read the requests"
        bed.switch.forget_answers()
        tags = [event.tag for event in bed.wait(MessageEvent, 2)]
        assert tags == [c.TM_CONFIG, c.TM_PSTAT]


def test_bounds_of_what_is_kept(bed: Bed) -> None:
    a, keep = bed.peer(A), bed.switch.keep_answer
    keep(c.TM_MSTAT, bytes(ASKED_MAX), b"kept")
    keep(c.TM_MSTAT, bytes(ASKED_MAX + 1), b"too long")
    keep(c.TM_CONFIG, b"", bytes(ROOM))
    assert ask(a, c.TM_MSTAT, bytes(ASKED_MAX)) == b"kept"
    reported(a, c.TM_MSTAT, bytes(ASKED_MAX + 1))
    reported(a, c.TM_CONFIG)
    keep(c.TM_CONFIG, b"", bytes(ROOM - 280))
    assert ask(a, c.TM_CONFIG) == bytes(ROOM - 280)
    # All others made room for it, and it makes room for the next.
    reported(a, c.TM_MSTAT, bytes(ASKED_MAX))
    keep(c.TM_MSTAT, b"", bytes(1000))
    reported(a, c.TM_CONFIG)
    assert ask(a, c.TM_MSTAT) == bytes(1000)


def test_task_that_asks_without_reading_has_to_wait(bed: Bed) -> None:
    a = bed.peer(A)
    bed.switch.keep_answer(c.TM_CONFIG, b"", bytes(1 << 16))
    a.start(request(c.TM_CONFIG) * 200)
    bed.until(lambda: bed.switch.statistics().parked)
    assert bed.switch.statistics().queued_bytes < 4 << 20
    size = len(frame(A, c.TIDPVMD, c.TM_CONFIG, 5, 9, bytes(1 << 16)))
    bed.until(lambda: a.drain() or len(a.stream) == 200 * size)
    bed.until(lambda: not a.drain() and len(a.stream) == 200 * size)
    assert bed.events == []


STEPS = st.lists(
    st.tuples(
        st.sampled_from(["ask", "ask", "ask", "change", "other"]),
        st.sampled_from([A, B]),
        st.integers(0, 400),
    ),
    max_size=60,
)


@settings(max_examples=40)
@given(STEPS)
def test_whoever_asks_what_gets_the_answer_of_now(steps: list[tuple[str, int, int]]) -> None:
    """A daemon with a number that changes; every answer must be made of the present one."""
    number = 0

    def serve(bed: Bed) -> None:
        nonlocal number
        for event in bed.wait(MessageEvent):
            if event.tag == c.TM_SETOPT:
                number += 1
                bed.switch.forget_answers()
                answer = b""
            else:
                answer = event.body + number.to_bytes(4)
                bed.switch.keep_answer(event.tag, event.body, answer)
            bed.switch.send(event.src, c.TIDPVMD, event.tag, event.ctx, event.wid, answer)

    with Bed(standby_us=-1) as bed:
        peers = {who: bed.peer(who) for who in (A, B)}
        for what, who, which in steps:
            peer, body = peers[who], which.to_bytes(4) * (which % 3)
            tag = c.TM_SETOPT if what == "change" else c.TM_MSTAT
            peer.send(request(c.TM_SETOPT) * (what == "other") + request(tag, body))
            while not peer.messages_here() >= 1 + (what == "other"):
                bed.run(0.002)
                if any(isinstance(event, MessageEvent) for event in bed.events):
                    serve(bed)
            answers = peer.fragments(1 + (what == "other"))
            expected = b"" if what == "change" else body + number.to_bytes(4)
            assert answers[-1].payload[c.MSGHDRLEN :] == expected


# ---- contexts -----------------------------------------------------------------------


def test_contexts_never_include_those_of_the_system(bed: Bed) -> None:
    context = bed.switch.context
    given = [context(0, A) for _ in range(LAST)]
    assert given == [HOST + 1 + number for number in range(LAST)]
    assert given[-1] < HOST + c.SYSCTX_LAST
    assert context(0, B) == c.PvmOutOfRes
    assert context(HOST + 70_000, A) == 0
    assert context(0, B) == HOST + 70_000
    bed.switch.free_contexts(A)
    assert context(HOST + 5, A) == c.PvmNotFound
    assert context(0, A) == HOST + 70_001
    assert context(HOST + 70_000, B) == 0


def test_tasks_get_contexts_without_the_daemon(bed: Bed) -> None:
    a, b = bed.peer(A), bed.peer(B)
    first = code(a, c.TM_CONTEXT, 0)
    assert (first, code(b, c.TM_CONTEXT, 0, 77)) == (HOST + 1, HOST + 2)
    for other in (first, -3, HOST, HOST + c.TIDLOCAL, 2 * HOST + 2, c.TIDPVMD | HOST + 2):
        assert code(b, c.TM_CONTEXT, other) == c.PvmNotFound
    assert [code(a, c.TM_CONTEXT, first) for _ in range(2)] == [0, c.PvmNotFound]
    assert bed.events == []


def test_daemon_gets_what_is_malformed_or_out_of_order(bed: Bed) -> None:
    a = bed.peer(A)
    reported(a, c.TM_CONTEXT, bytes(3))
    a.sock.send(request(c.TM_SETOPT) + request(c.TM_CONTEXT, bytes(4)))
    assert [event.tag for event in bed.wait(MessageEvent, 2)] == [c.TM_SETOPT, c.TM_CONTEXT]
    bed.run()
    assert code(a, c.TM_CONTEXT, 0) == HOST + 1


@settings(max_examples=60)
@given(
    st.lists(
        st.tuples(
            st.sampled_from(["get", "get", "free", "end"]),
            st.sampled_from([A, B, C]),
            st.integers(0, 12),
        ),
        max_size=80,
    )
)
def test_contexts_by_the_rules(steps: list[tuple[str, int, int]]) -> None:
    owners: dict[int, int] = {}
    last = 0
    with Bed() as bed:
        for what, who, number in steps:
            if what == "get":
                last += 1
                owners[HOST + last] = who
                assert bed.switch.context(0, who) == HOST + last
            elif what == "free":
                has = owners.get(HOST + number) == who
                expected = 0 if has else c.PvmNotFound
                assert bed.switch.context(HOST + number, who) == expected
                if has:
                    del owners[HOST + number]
            else:
                bed.switch.free_contexts(who)
                owners = {key: owner for key, owner in owners.items() if owner != who}


# ---- the clock ----------------------------------------------------------------------


@pytest.mark.parametrize("whose", [c.TIDPVMD | HOST, HOST, A, tid(99)])
def test_clock_of_this_host_is_told_without_the_daemon(bed: Bed, whose: int) -> None:
    a, before = bed.peer(A), time.time()
    status, seconds, micro = struct.unpack(">3i", ask(a, c.TM_HOSTSYNC, struct.pack(">i", whose)))
    assert status == 0
    assert before - 1e-5 <= seconds + micro / 1e6 <= time.time()
    assert bed.events == []


def test_clocks_of_others_are_the_daemon_s_to_ask_for(bed: Bed) -> None:
    a = bed.peer(A)
    for whose in (c.TIDPVMD | 2 * HOST, c.TIDPVMD, 0):
        reported(a, c.TM_HOSTSYNC, struct.pack(">i", whose))
    reported(a, c.TM_HOSTSYNC, b"abc")


def test_contexts_that_a_task_had_are_given_again(bed: Bed) -> None:
    switch = bed.switch
    first, second, third = (switch.context(0, A) for _ in range(3))
    assert switch.list_contexts(A) == [first, second, third]
    assert switch.list_contexts(B) == []
    switch.free_contexts(A)
    assert switch.list_contexts(A) == []
    switch.take_context(second, B)
    switch.take_context(second, B)
    assert switch.list_contexts(B) == [second]
    with pytest.raises(OSError, match="File exists"):
        switch.take_context(second, A)
    for wrong in (0, HOST, HOST * 2 + 5, c.TIDPVMD | HOST | 5):
        with pytest.raises(OSError, match="Invalid argument"):
            switch.take_context(wrong, A)
    given = [switch.context(0, A) for _ in range(LAST - 1)]
    assert second not in given and switch.context(0, A) == c.PvmOutOfRes
