# SPDX-License-Identifier: MIT
"""The switch: cutting, forwarding, multicast, what goes to the daemon and comes from it."""

from __future__ import annotations

import errno
import os
import re
import signal
import struct
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support.impostors.switchbed import (
    CHUNK,
    DAEMON,
    OWN_TID,
    A,
    B,
    Bed,
    C,
    Fragment,
    cut,
    fragment,
    message,
    multicast_list,
    tid,
)
from support.machines.vm import wait_until
from support.system import resident
from support.vectors.mail import MessageHead, StoredMessage

from pvm3py.pvmd.io.switch import frame
from pvm3py.pvmd.state.events import LogEvent, MessageEvent
from pvm3py.wire import constants as c
from pvm3py.wire.mailbox import MailRequest

SOM, EOM = c.FFSOM, c.FFEOM
HEAD = bytes(c.MSGHDRLEN)


# ---- task to task ----------------------------------------------------------


def test_source_is_replaced_and_header_cleaned(bed: Bed) -> None:
    a, b = bed.peer(A), bed.peer(B)
    data = bytearray(fragment(B, HEAD + b"body", 0xFF, src=0x12345))
    data[13:16] = b"abc"
    a.send(bytes(data))
    assert b.fragments(1) == [Fragment(B, A, SOM | EOM, HEAD + b"body")]


def test_words_of_the_message_header_pass_unchanged(bed: Bed) -> None:
    a, b = bed.peer(A), bed.peer(B)
    head = bytes(range(200, 232))
    a.send(fragment(B, head, SOM | EOM))
    assert b.fragments(1)[0].payload == head


def test_fragments_cut_at_every_byte(bed: Bed) -> None:
    a, b = bed.peer(A), bed.peer(B)
    data = fragment(B, HEAD + b"0123", SOM) + fragment(B, b"", 0) + fragment(B, b"456", EOM)
    for at in range(1, len(data)):
        a.send(data[:at])
        bed.run()
        bed.run()
        a.send(data[at:])
        assert [f.payload for f in b.fragments(3)] == [HEAD + b"0123", b"", b"456"]


def test_one_byte_at_a_time(bed: Bed) -> None:
    a, b = bed.peer(A), bed.peer(B)
    data = message(B, b"slow") + message(DAEMON, b"down")
    for byte in data:
        a.send(bytes([byte]))
        bed.run()
    assert b.message() == (A, b"slow")
    assert bed.wait(MessageEvent)[0].body == b"down"


def test_fragments_of_two_senders_are_not_mixed_up(bed: Bed) -> None:
    a, b, c3 = bed.peer(A), bed.peer(B), bed.peer(C)
    first, second = message(C, b"a" * 70000), message(C, b"b" * 70000)
    a.send(first[:40000])
    b.send(second[:50000])
    a.send(first[40000:])
    b.send(second[50000:])
    found = c3.fragments(2)
    assert {f.src: f.payload[32:] for f in found} == {A: b"a" * 70000, B: b"b" * 70000}


def test_message_to_itself(bed: Bed) -> None:
    a = bed.peer(A)
    a.send(message(A, b"note"))
    assert a.message() == (A, b"note")


@pytest.mark.parametrize(
    "dst", [tid(77), B & c.TIDLOCAL, 0x80001, c.TIDPVMD | 0x80000, 0, B | c.TIDGID]
)
def test_unknown_destination_is_dropped_and_counted(bed: Bed, dst: int) -> None:
    a, b = bed.peer(A), bed.peer(B)
    a.send(message(dst, b"lost") + message(B, b"found"))
    assert b.message() == (A, b"found")
    assert bed.switch.statistics().dropped == 1


def test_short_first_fragment_is_dropped_with_a_log_event(bed: Bed) -> None:
    a, b = bed.peer(A), bed.peer(B)
    for dst in (B, DAEMON):
        a.send(fragment(dst, HEAD[1:], SOM | EOM))
        assert bed.wait(LogEvent)[0].conn == a.conn
    a.send(message(B, b"still there"))
    assert b.message() == (A, b"still there")


@pytest.mark.parametrize("size", [CHUNK - 100, CHUNK, CHUNK + 1, 3 * CHUNK + 5, 8 << 20])
def test_long_fragment_is_cut_again_into_whole_words(bed: Bed, size: int) -> None:
    a, b = bed.peer(A), bed.peer(B)
    body = os.urandom(size)
    a.start(message(B, body) + message(B, b"next"))
    pieces: list[Fragment] = []

    def arrived() -> bool:
        b.drain()
        found, b.stream = cut(b.stream)
        pieces.extend(found)
        return sum(bool(f.flags & EOM) for f in pieces) == 2

    bed.until(arrived)
    last = [bool(f.flags & EOM) for f in pieces].index(True)
    assert last == len(pieces) - 2
    assert b"".join(f.payload for f in pieces[:-1])[32:] == body
    assert [f.flags & SOM for f in pieces] == [SOM] + [0] * last + ([SOM])
    assert all(len(f.payload) % 4 == 0 for f in pieces[:last])
    assert pieces[-1].payload[32:] == b"next"


def test_other_sender_passes_between_the_pieces_of_a_long_fragment(bed: Bed) -> None:
    a, b, c3 = bed.peer(A), bed.peer(B), bed.peer(C)
    long = message(C, bytes(2 * CHUNK))
    a.send(long[: CHUNK + 1000])
    b.send(message(C, b"short"))
    found: list[Fragment] = []

    def arrived() -> bool:
        c3.drain()
        rest, c3.stream = cut(c3.stream)
        found.extend(rest)
        return any(f.src == B for f in found)

    bed.until(arrived)
    a.send(long[CHUNK + 1000 :])
    bed.until(lambda: arrived() and found[-1].flags & EOM and found[-1].src == A)
    assert sum(len(f.payload) for f in found if f.src == A) == 2 * CHUNK + 32


def test_giant_announced_length_takes_no_memory(bed: Bed) -> None:
    bed.peer(B)
    peers = [bed.peer(tid(10 + i)) for i in range(20)]
    before = resident(os.getpid())
    for i, peer in enumerate(peers):
        head = bytearray(message(B if i % 2 else DAEMON, b"begin"))
        head[8:12] = b"\xff\xff\xff\xf0"
        peer.send(bytes(head))
    for _ in range(20):
        bed.run()
    assert resident(os.getpid()) - before < 8 << 20


# ---- to the daemon ---------------------------------------------------------


@pytest.mark.parametrize("dst", [DAEMON, OWN_TID])
def test_message_for_the_daemon_has_all_its_fields(bed: Bed, dst: int) -> None:
    a = bed.peer(A)
    a.send(frame(dst, -1, c.TM_PSTAT, 0x7FFFE, 9, b"body", enc=0x408C41))
    assert bed.wait(MessageEvent) == [
        MessageEvent(a.conn, dst, A, 0x408C41, c.TM_PSTAT, 0x7FFFE, 9, b"body")
    ]


@pytest.mark.parametrize("size", [0, 1, 4095, 4096, 4097, 100000, CHUNK, 5 << 20])
@pytest.mark.parametrize("cut_at", [0, 500, 4080])
def test_message_for_the_daemon_is_put_together(bed: Bed, size: int, cut_at: int) -> None:
    a = bed.peer(A)
    body = os.urandom(size)
    a.send(frame(DAEMON, -1, 5, 0, 0, body, fragment=cut_at))
    assert [e.body for e in bed.wait(MessageEvent)] == [body]


def test_status_of_a_reachable_task_is_answered_without_the_daemon(bed: Bed) -> None:
    a = bed.peer(A)
    bed.switch.expect(B)
    for running in (A, B):
        a.send(frame(DAEMON, -1, c.TM_PSTAT, 0x7FFFE, 9, struct.pack(">i", running)))
        (reply,) = a.fragments(1)
        assert cut(frame(A, DAEMON, c.TM_PSTAT, 0x7FFFE, 9, bytes(4)))[0] == [reply]
    assert bed.events == []


@pytest.mark.parametrize("body", [struct.pack(">i", B), struct.pack(">i", -1), b"abc", b""])
def test_status_of_anything_else_is_the_daemon_s_to_answer(bed: Bed, body: bytes) -> None:
    bed.peer(A).send(message(DAEMON, body, c.TM_PSTAT))
    assert [e.body for e in bed.wait(MessageEvent)] == [body]


def test_fragments_for_daemon_and_task_interleave(bed: Bed) -> None:
    a, b = bed.peer(A), bed.peer(B)
    a.send(
        fragment(DAEMON, HEAD + b"da", SOM)
        + fragment(B, HEAD + b"ta", SOM)
        + fragment(DAEMON, b"emon", EOM)
        + fragment(B, b"sk", EOM)
    )
    assert b.message() == (A, b"task")
    assert bed.wait(MessageEvent)[0].body == b"daemon"


def test_fragments_out_of_order_are_dropped_with_log_events(bed: Bed) -> None:
    a = bed.peer(A)
    a.send(fragment(DAEMON, b"stray", EOM) + fragment(DAEMON, HEAD + b"fir", SOM))
    a.send(message(DAEMON, b"second start") + fragment(DAEMON, b"st", EOM))
    assert bed.wait(MessageEvent)[0].body == b"first"
    assert len(bed.wait(LogEvent, 2)) == 2


def test_message_above_the_limit_is_reported_without_its_body() -> None:
    with Bed(message_max=100000) as bed:
        a = bed.peer(A)
        a.send(message(DAEMON, bytes(100000)))
        assert len(bed.wait(MessageEvent)[0].body) == 100000
        for body in (bytes(100001), bytes(1000000)):
            a.start(message(DAEMON, body, tag=7) + message(DAEMON, b"next"))
            long, following = bed.wait(MessageEvent, 2)
            assert (long.tag, long.body, long.too_long) == (7, b"", True)
            assert (following.body, following.too_long) == (b"next", False)


def test_unfinished_messages_share_a_limit() -> None:
    with Bed(message_max=100000, queue_total=150000) as bed:
        a, b = bed.peer(A), bed.peer(B)
        whole = message(DAEMON, bytes(90000))
        begin, end = fragment(DAEMON, HEAD + bytes(90000), SOM), fragment(DAEMON, b"", EOM)
        a.send(begin)
        b.send(begin + end)
        assert [event.too_long for event in bed.wait(MessageEvent)] == [True]
        a.send(end)
        b.send(whole)
        assert [len(event.body) for event in bed.wait(MessageEvent, 2)] == [90000, 90000]


def test_multicast_list_of_more_tasks_than_there_can_be_is_dropped(bed: Bed) -> None:
    a, b = bed.peer(A), bed.peer(B)
    receivers = struct.pack(">i", 1 << 20) + struct.pack(">i", B) * (1 << 20)
    a.start(message(DAEMON, receivers, c.TM_MCA) + message(DAEMON, b"last"))
    bed.wait(MessageEvent)
    one_more = struct.pack(">i", (1 << 20) + 1) + struct.pack(">i", B) * ((1 << 20) + 1)
    a.start(message(DAEMON, one_more, c.TM_MCA) + message(B, b"alive"))
    assert "multicast list too long" in bed.wait(LogEvent)[0].text
    assert b.fragments(1)[0].payload.endswith(b"alive")


def test_entry_that_will_be_too_long_takes_no_room_from_its_first_fragment_on() -> None:
    with Bed(message_max=100000, queue_total=100000) as bed:
        a, b = bed.peer(A), bed.peer(B)
        record = StoredMessage(MessageHead(1900000000, 1, 7, 0, c.WIRE_ENC_XDR, 0, A, 0), [b""])
        put = MailRequest(c.TMDB_PUT, A, "name", 0, 0, record.encode()).encode()
        head = frame(DAEMON, -1, c.TM_DB, 0, 0, b"")[c.TDFRAGHDR :]
        a.send(fragment(DAEMON, head + put + bytes(50000), SOM))
        b.send(fragment(DAEMON, HEAD + bytes(90000), SOM) + fragment(DAEMON, b"", EOM))
        assert [len(event.body) for event in bed.wait(MessageEvent)] == [90000]
        a.send(fragment(DAEMON, b"", EOM))
        (long,) = bed.wait(MessageEvent)
        assert (long.tag, long.body, long.too_long) == (c.TM_DB, b"", True)


def test_flood_of_requests_comes_in_small_batches(bed: Bed) -> None:
    a, b = bed.peer(A), bed.peer(B)

    def served() -> int:
        return sum(getattr(e, "src", 0) == A for e in bed.events)

    a.start(b"".join(message(DAEMON, b"%d" % i) for i in range(1000)))
    b.start(message(DAEMON, b"other"))
    while a.unsent or b.unsent or not served():
        before = served()
        bed.run()
        assert served() - before <= 4
        a.pump()
    found = []
    while len(found) < 1001:
        found += bed.wait(MessageEvent)
    assert [e.body for e in found if e.src == A] == [b"%d" % i for i in range(1000)]
    assert [e.src for e in found].index(B) < 20


# ---- multicast -------------------------------------------------------------


@pytest.mark.parametrize("size", [0, 10, 900, 5000, 70000, 2 * CHUNK])
def test_multicast_reaches_each_receiver_once(bed: Bed, size: int) -> None:
    a = bed.peer(A)
    receivers = [bed.peer(tid(10 + i)) for i in range(5)]
    body = os.urandom(size)
    tids = [tid(10 + i) for i in range(5)]
    a.send(multicast_list(*tids[:2], tid(99), *tids[2:]))
    a.send(frame(A | c.TIDGID, -1, 1, 0, 0, body, fragment=CHUNK // 5))
    for peer, dst in zip(receivers, tids, strict=True):
        bed.until(lambda p=peer: p.messages_here())
        found, rest = cut(peer.stream)
        assert not rest
        assert {(f.dst, f.src) for f in found} == {(dst, A)}
        assert b"".join(f.payload for f in found)[32:] == body


def test_multicast_list_serves_one_message(bed: Bed) -> None:
    a, b = bed.peer(A), bed.peer(B)
    a.send(multicast_list(B) + message(A | c.TIDGID, b"one") + message(A | c.TIDGID, b"two"))
    a.send(message(B, b"end"))
    assert [f.payload[32:] for f in b.fragments(2)] == [b"one", b"end"]


def test_receiver_named_twice_gets_two_copies(bed: Bed) -> None:
    a, b = bed.peer(A), bed.peer(B)
    a.send(multicast_list(B, A, B) + message(A | c.TIDGID, b"x"))
    assert [f.payload[32:] for f in b.fragments(2)] == [b"x", b"x"]
    assert a.message() == (A, b"x")


@pytest.mark.parametrize("body", [b"", b"\0\0", b"\0\0\0\2\0\4\0\1", b"\xff\xff\xff\xff"])
def test_malformed_multicast_list_is_dropped(bed: Bed, body: bytes) -> None:
    a, b = bed.peer(A), bed.peer(B)
    a.send(message(DAEMON, body, c.TM_MCA) + message(B, b"alive"))
    assert b.message() == (A, b"alive")
    assert "multicast" in bed.wait(LogEvent)[0].text


# ---- the daemon's own messages ---------------------------------------------


def test_order_of_everything_that_is_sent_to_a_task() -> None:
    # A standby thread could forward what the other task sends before this one runs the switch.
    with Bed(standby_us=-1) as bed:
        a, b = bed.peer(A), bed.peer(B)
        bed.switch.send(B, DAEMON, 1, 0, 0, b"1")
        bed.switch.send_conn(b.conn, message(B, b"2"))
        bed.switch.send(B, DAEMON, 1, 0, 0, b"3")
        a.send(message(B, b"4"))
        bed.until(lambda: bed.switch.statistics().fragments)
        bed.switch.send(B, DAEMON, 1, 0, 0, b"5")
        assert b"".join(f.payload[32:] for f in b.fragments(5)) == b"12345"


@pytest.mark.parametrize("size", [0, 4032, 4033, 6000, 12096])
def test_frame_cuts_as_the_original_does(size: int) -> None:
    found, rest = cut(frame(A, DAEMON, 1, 0, 0, bytes(size), fragment=4080))
    assert not rest
    data = [len(f.payload) - (32 if f.flags & SOM else 0) for f in found]
    assert data == [4032] * (max(size - 1, 0) // 4032) + [size - max(size - 1, 0) // 4032 * 4032]
    assert found[0].flags & SOM
    assert found[-1].flags & EOM


def test_frames_that_overrun_are_refused(bed: Bed) -> None:
    bed.peer(A)
    bed.switch.send_frames(message(A, b"whole") + message(A, b"cut")[:-1])
    with pytest.raises(OSError) as error:
        bed.switch.flush()
    assert error.value.errno == errno.EINVAL


# ---- any segmentation ------------------------------------------------------

_frames = st.lists(
    st.tuples(
        st.sampled_from([A, B, DAEMON]),
        st.sampled_from([0, 1, 3, 4, 31, 100, 4000, 70000, CHUNK - 49, CHUNK - 48, CHUNK + 2]),
    ),
    min_size=1,
    max_size=12,
)


@settings(max_examples=40)
@given(_frames, st.lists(st.integers(1, 300000), max_size=12))
def test_any_segmentation_gives_the_same_deliveries(
    frames: list[tuple[int, int]], cuts: list[int]
) -> None:
    with Bed() as bed:
        a, b = bed.peer(A), bed.peer(B)
        wanted: dict[int, list[bytes]] = {A: [], B: [], DAEMON: []}
        stream = b""
        for i, (dst, size) in enumerate(frames):
            body = bytes([i]) * size
            wanted[dst].append(body)
            stream += message(dst, body)
        for size in cuts:
            a.start(stream[:size])
            stream = stream[size:]
            bed.until(lambda: not a.unsent)
            bed.run()
        a.start(stream)
        for peer, dst in ((a, A), (b, B)):
            bed.until(lambda p=peer, d=dst: p.messages_here() >= len(wanted[d]))
            assert bodies(peer.stream) == wanted[dst]
        assert [e.body for e in bed.wait(MessageEvent, len(wanted[DAEMON]))] == wanted[DAEMON]


def bodies(stream: bytes) -> list[bytes]:
    """The bodies of the messages of one sender."""
    found, rest = cut(stream)
    assert not rest
    result: list[bytes] = []
    for f in found:
        if f.flags & SOM:
            result.append(f.payload[32:])
        else:
            result[-1] += f.payload
    return result


# ---- the standby thread ------------------------------------------------------------------------


def blocked(thread: str) -> set[int]:
    """The signals that a thread of this process blocks."""
    status = Path(f"/proc/self/task/{thread}/status").read_text(encoding="ascii")
    found = re.search(r"^SigBlk:\s*(\w+)$", status, re.MULTILINE)
    assert found
    mask = int(found[1], 16)
    return {number + 1 for number in range(64) if mask >> number & 1}


def test_standby_thread_leaves_signals_to_the_caller_but_those_of_its_own_faults() -> None:
    """Where a fault's signal is blocked the process ends without a word of any handler."""
    faults = {signal.SIGSEGV, signal.SIGBUS, signal.SIGILL, signal.SIGFPE, signal.SIGABRT}
    before = set(os.listdir("/proc/self/task"))
    with Bed():
        (standby,) = set(os.listdir("/proc/self/task")) - before
        # While a thread begins all are blocked.
        wait_until(lambda: not blocked(standby) & faults, "a fault's signal is not blocked")
        mask = blocked(standby)
    assert {signal.SIGTERM, signal.SIGCHLD, signal.SIGINT, signal.SIGALRM} <= mask
