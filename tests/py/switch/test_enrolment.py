# SPDX-License-Identifier: MIT
"""Enrolments and farewells that the switch serves: files, times, and what the caller is told."""

from __future__ import annotations

import os
import struct
from collections.abc import Iterator
from pathlib import Path

import pytest
from support.impostors.strangers import connect, own_file, proven, stranger
from support.impostors.switchbed import DAEMON, Bed, Peer, cut, message, tid
from support.machines.vm import wait_until

from pvm3py.pvmd.io import switch as sw
from pvm3py.pvmd.state.events import (
    CloseEvent,
    Event,
    LogEvent,
    MessageEvent,
    OpenEvent,
)
from pvm3py.wire import constants as c
from pvm3py.wire.task import ConnectReply, ConnectRequest

A, B = tid(1), tid(2)
NOBODY = 65534


@pytest.fixture(params=[0, -1], ids=["standby", "no standby"])
def bed(request: pytest.FixtureRequest) -> Iterator[Bed]:
    with Bed(standby_us=request.param) as bed:
        bed.switch.serve_enrolments(f"{bed.dir}/file.", 20)
        yield bed
        assert [*bed.dir.glob("file.*")] == []


def introduced(bed: Bed, *, written: bool = True) -> tuple[Peer, list[Event]]:
    """A connection that has sent TM_CONN2, and the events of that."""
    peer = stranger(bed)
    answer = connect(bed, peer, own_file(bed))
    assert (bed.dir / "own").read_bytes() == b"/"
    assert bed.events == []
    if written:
        Path(answer.auth_file).write_bytes(b"/")
    peer.start(message(DAEMON, b"second", tag=c.TM_CONN2))
    bed.until(lambda: len(bed.events) >= 2)
    events = bed.events[:]
    bed.events.clear()
    peer.conn = events[0].conn  # type: ignore[union-attr]
    return peer, events


def enrolled(bed: Bed, task: int) -> Peer:
    peer, _ = introduced(bed)
    bed.switch.bind(peer.conn, task)
    return peer


@pytest.mark.parametrize("written", [True, False])
def test_second_round_tells_whether_the_first_has_proven_the_user(bed: Bed, written: bool) -> None:
    peer, (opened, asked) = introduced(bed, written=written)
    assert opened == OpenEvent(peer.conn, os.getpid(), os.geteuid(), written)
    assert isinstance(asked, MessageEvent)
    assert (asked.conn, asked.src, asked.tag, asked.body) == (peer.conn, -1, c.TM_CONN2, b"second")


def test_task_of_our_library_needs_no_file_of_ours(bed: Bed) -> None:
    peer = stranger(bed)
    for _ in range(2):
        answer = connect(bed, peer, own_file(bed), magic=c.WIRE_EXT_MAGIC)
        assert answer == ConnectReply(c.TDPROTOCOL, 1, "")
        assert (bed.dir / "own").read_bytes() == b"/"
    assert [*bed.dir.glob("file.*")] == []
    peer.start(message(DAEMON, b"second", tag=c.TM_CONN2))
    assert bed.wait(OpenEvent)[0].proven
    assert bed.wait(MessageEvent)[0].body == b"second"


def test_task_that_asks_once_for_a_file_must_write_into_it(bed: Bed) -> None:
    peer = stranger(bed)
    connect(bed, peer, own_file(bed), magic=c.WIRE_EXT_MAGIC)
    assert connect(bed, peer, own_file(bed), magic=1).auth_file
    peer.start(message(DAEMON, b"second", tag=c.TM_CONN2))
    assert not bed.wait(OpenEvent)[0].proven
    bed.wait(MessageEvent)


@pytest.mark.skipif(os.geteuid() != 0, reason="acts as another user")
def test_task_of_another_user_gets_a_file_whatever_it_needs() -> None:
    with Bed(uid=-1) as bed:
        bed.switch.serve_enrolments(f"{bed.dir}/file.", 20)
        for path in (bed.dir, bed.dir / "s"):
            path.chmod(0o777)
        os.seteuid(NOBODY)
        try:
            peer = stranger(bed)
        finally:
            os.seteuid(0)
        assert connect(bed, peer, own_file(bed), magic=c.WIRE_EXT_MAGIC).auth_file


def test_second_round_alone_proves_nothing(bed: Bed) -> None:
    stranger(bed).start(message(DAEMON, b"", tag=c.TM_CONN2))
    (opened,) = bed.wait(OpenEvent)
    assert not opened.proven


def test_stranger_that_leaves_halfway_is_no_event(bed: Bed) -> None:
    silent, half = stranger(bed), stranger(bed)
    connect(bed, half, own_file(bed))
    assert len([*bed.dir.glob("file.*")]) == 1
    silent.sock.close()
    half.sock.close()
    bed.until(lambda: not bed.switch.statistics().connections)
    assert bed.events == []


def test_stranger_that_leaves_while_the_caller_serves_it_is_gone_at_once() -> None:
    """The caller does not come back to the switch meanwhile."""
    with Bed() as bed:
        bed.switch.serve_enrolments(f"{bed.dir}/file.", 20)
        peer, _ = introduced(bed)
        peer.sock.close()
        wait_until(lambda: not bed.switch.statistics().connections, "it is gone")
        with pytest.raises(FileNotFoundError):
            bed.switch.bind(peer.conn, A)
        assert bed.wait(CloseEvent) == [CloseEvent(peer.conn, sw.EOF, "")]


def test_request_of_a_stranger_that_has_left_is_followed_by_its_end(bed: Bed) -> None:
    peer = stranger(bed)
    peer.send(message(DAEMON, b"second", tag=c.TM_CONN2))
    peer.sock.close()
    bed.until(lambda: len(bed.events) == 3)
    assert [type(event) for event in bed.events] == [OpenEvent, MessageEvent, CloseEvent]
    bed.events.clear()


@pytest.mark.parametrize(
    ("content", "protocol", "why"),
    [
        (b"", 1, f"task protocol 1, need {c.TDPROTOCOL}"),
        (b"used", c.TDPROTOCOL, "it is no empty file of this user"),
        (None, c.TDPROTOCOL, "No such file or directory"),
    ],
)
def test_first_round_that_is_refused_is_answered_and_logged(
    bed: Bed, content: bytes | None, protocol: int, why: str
) -> None:
    path = bed.dir / "own"
    if content is not None:
        path.write_bytes(content)
    peer = stranger(bed)
    assert connect(bed, peer, path, protocol) == ConnectReply(c.TDPROTOCOL, 0, "")
    bed.until(peer.ended)
    (logged,) = bed.wait(LogEvent)
    assert logged.text.startswith(f"connection of pid {os.getpid()} dropped: ")
    assert logged.text.endswith(why)
    assert bed.events == []
    assert content is None or path.read_bytes() == content


@pytest.mark.parametrize(
    "body",
    [b"", b"\0" * 4, struct.pack(">ii", c.TDPROTOCOL, 4) + b"abcd", b"\0" * 7, b"\xff" * 12],
    ids=["empty", "no path", "no end", "odd", "huge"],
)
def test_malformed_first_round_is_refused(bed: Bed, body: bytes) -> None:
    peer = stranger(bed)
    peer.start(message(DAEMON, body, tag=c.TM_CONNECT))
    assert ConnectReply.decode(peer.message()[1]) == ConnectReply(c.TDPROTOCOL, 0, "")
    bed.until(peer.ended)
    (logged,) = bed.wait(LogEvent)
    assert logged.text.endswith("malformed TM_CONNECT")


def test_who_is_not_bound_in_time_is_ended(bed: Bed) -> None:
    bed.switch.serve_enrolments(f"{bed.dir}/file.", 1)
    silent, half = stranger(bed), stranger(bed)
    connect(bed, half, own_file(bed))
    known, _ = introduced(bed, written=False)
    for peer in (silent, half, known):
        bed.until(peer.ended)
    logged = bed.wait(LogEvent, 2)
    why = "not enrolled within 1 s"
    assert [event.text for event in logged] == [
        f"connection of pid {os.getpid()} closed: {why}"
    ] * 2
    assert bed.wait(CloseEvent) == [CloseEvent(known.conn, sw.CLOSED, why)]


def test_bound_connection_has_all_the_time(bed: Bed) -> None:
    bed.switch.serve_enrolments(f"{bed.dir}/file.", 1)
    peer = enrolled(bed, A)
    late = stranger(bed)
    bed.until(late.ended)
    peer.send(message(DAEMON, b"here"))
    assert bed.wait(MessageEvent)[0].body == b"here"


def test_what_follows_the_second_round_waits_until_the_caller_has_bound_it(bed: Bed) -> None:
    receiver = enrolled(bed, B)
    peer = proven(bed)
    first = message(DAEMON, b"", tag=c.TM_CONNECT)
    peer.start(message(DAEMON, b"", tag=c.TM_CONN2) + message(B, b"hello") + first)
    bed.until(lambda: len(bed.events) >= 2)
    assert [type(event) for event in bed.events] == [OpenEvent, MessageEvent]
    bed.switch.bind(bed.wait(OpenEvent)[0].conn, A)
    assert receiver.message() == (A, b"hello")
    # A task that connects again: the caller's business.
    asked = bed.wait(MessageEvent, 2)[1]
    assert (asked.src, asked.tag) == (A, c.TM_CONNECT)


def test_stranger_that_sends_something_else_is_the_callers_business(bed: Bed) -> None:
    peer = stranger(bed)
    peer.start(message(DAEMON, b"?", tag=c.TM_CONFIG))
    (opened,) = bed.wait(OpenEvent)
    assert not opened.proven
    assert bed.wait(MessageEvent)[0].body == b"?"
    bed.switch.close_conn(opened.conn)
    bed.until(peer.ended)
    assert bed.wait(CloseEvent) == [CloseEvent(opened.conn, sw.CLOSED, "")]


def test_many_strangers_at_once(bed: Bed) -> None:
    path = own_file(bed)
    peers = [stranger(bed) for _ in range(100)]
    body = ConnectRequest(c.TDPROTOCOL, str(path)).encode()
    names = set()
    for peer in peers:
        peer.start(message(DAEMON, body, tag=c.TM_CONNECT))
        answer = ConnectReply.decode(peer.message()[1])
        names.add(answer.auth_file)
        path.write_bytes(b"")
    assert len(names) == len(peers)
    for peer in peers:
        peer.sock.close()
    bed.until(lambda: not bed.switch.statistics().connections)
    assert bed.events == []


# ---- farewells -----------------------------------------------------------------------------


def test_exit_is_answered_and_the_last_event_of_its_connection(bed: Bed) -> None:
    peer, other = enrolled(bed, A), enrolled(bed, B)
    peer.start(sw.frame(DAEMON, -1, c.TM_EXIT, 7, 8, b"") + message(B, b"behind"))
    (told,) = bed.wait(MessageEvent)
    assert (told.conn, told.src, told.tag) == (peer.conn, A, c.TM_EXIT)
    (answer,) = peer.fragments(1)
    assert (answer.dst, answer.src, answer.flags) == (A, DAEMON, c.FFSOM | c.FFEOM)
    assert struct.unpack(">iiiiii", answer.payload[4:28])[:2] == (c.TM_EXIT, 7)
    bed.until(peer.ended)
    dropped = bed.switch.statistics().dropped
    other.send(message(A, b"too late"))
    bed.until(lambda: bed.switch.statistics().dropped == dropped + 1)
    assert other.messages_here() == 0
    assert bed.events == []


def test_exit_of_a_task_that_reads_nothing_is_told_at_once(bed: Bed) -> None:
    peer, other = enrolled(bed, A), enrolled(bed, B)
    other.send(message(A, bytes(1 << 20)))
    peer.start(message(DAEMON, b"", tag=c.TM_EXIT))
    assert bed.wait(MessageEvent)[0].tag == c.TM_EXIT
    bed.until(lambda: peer.messages_here() == 2)
    found, peer.stream = cut(peer.stream)
    assert [fragment.src for fragment in found if fragment.flags & c.FFEOM] == [B, DAEMON]
    bed.until(peer.ended)
    assert bed.events == []


def test_exit_before_enrolment_is_the_callers_business(bed: Bed) -> None:
    peer = stranger(bed)
    peer.start(message(DAEMON, b"", tag=c.TM_EXIT))
    assert bed.wait(MessageEvent)[0].src == -1
    assert not peer.ended()
