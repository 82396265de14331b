# SPDX-License-Identifier: MIT
"""The switch: connections, the tids that they are bound to, and their ends."""

from __future__ import annotations

import errno
import os
import resource
import socket

import pytest
from support.impostors.switchbed import (
    DAEMON,
    A,
    B,
    Bed,
    C,
    fragment,
    message,
    multicast_list,
    tid,
)

from pvm3py.pvmd.io import switch as sw
from pvm3py.pvmd.state.events import CloseEvent, LogEvent, MessageEvent, OpenEvent
from pvm3py.wire import constants as c

SOM, EOM = c.FFSOM, c.FFEOM
HEAD = bytes(c.MSGHDRLEN)


# ---- connections -----------------------------------------------------------


def test_open_tells_process_and_user(bed: Bed) -> None:
    bed.socket()
    (event,) = bed.wait(OpenEvent)
    assert (event.pid, event.uid) == (os.getpid(), os.geteuid())


def test_other_user_is_refused_at_once() -> None:
    with Bed(uid=os.geteuid() + 1) as bed, bed.socket() as sock:
        (event,) = bed.wait(LogEvent)
        assert "refused" in event.text
        assert sock.recv(1) == b""
        assert bed.switch.statistics().refused == 1


def test_end_of_peer_is_reported_after_its_messages(bed: Bed) -> None:
    a = bed.peer(A)
    a.send(message(DAEMON, b"x" * 10) + message(DAEMON, b"y" * 5000) + b"half a fragment")
    a.sock.close()
    bed.until(lambda: any(isinstance(e, CloseEvent) for e in bed.events))
    assert [type(e) for e in bed.events] == [MessageEvent, MessageEvent, CloseEvent]
    assert bed.events[-1] == CloseEvent(a.conn, sw.EOF, "")


def test_identity_of_a_connection_is_not_reused(bed: Bed) -> None:
    first = bed.peer(A)
    first.sock.close()
    bed.wait(CloseEvent)
    second = bed.peer(A)
    assert second.conn != first.conn
    bed.switch.send_conn(first.conn, message(A, b"for the first"))
    bed.switch.send_conn(second.conn, message(A, b"for the second"))
    assert second.fragments(1)[0].payload.endswith(b"for the second")


def test_thousand_connections_leave_no_descriptor(bed: Bed) -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(hard, 4096), hard))
    try:
        bed.peer(A).send(message(DAEMON, b"first"))
        before = len(os.listdir("/proc/self/fd"))
        for _ in range(10):
            socks = [bed.socket() for _ in range(100)]
            for i, sock in enumerate(socks):
                sock.send(message(DAEMON, b"abc")[: i % 51])
            bed.wait(OpenEvent, 100)
            for sock in socks:
                sock.close()
            bed.wait(CloseEvent, 100)
        assert len(os.listdir("/proc/self/fd")) == before
        assert bed.switch.statistics().connections == 1
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def test_without_free_descriptors_peers_are_hung_up_on(bed: Bed) -> None:
    socks = [socket.socket(socket.AF_UNIX) for _ in range(3)]
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(s.fileno() for s in socks) + 1, hard))
    try:
        for sock in socks:
            sock.connect(str(bed.dir / "s"))
        events = bed.wait(LogEvent, 3)
        assert all("no free file descriptor" in e.text for e in events)
        assert [sock.recv(1) for sock in socks] == [b""] * 3
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
        for sock in socks:
            sock.close()
    bed.peer()


# ---- before a tid is bound -------------------------------------------------


@pytest.mark.parametrize(
    "data",
    [
        message(B, b"to a task"),
        fragment(DAEMON, HEAD + bytes(4049), SOM | EOM),
        fragment(DAEMON, b"", 0x7F)[:8] + b"\xff\xff\xff\xff" + b"\x03\0\0\0",
        fragment(DAEMON, HEAD + bytes(2000), SOM) + fragment(DAEMON, bytes(2049), EOM),
        multicast_list(A),
    ],
    ids=["to task", "long", "giant length", "long in sum", "multicast"],
)
def test_violation_before_enrolment_ends_the_connection(bed: Bed, data: bytes) -> None:
    peer = bed.peer()
    peer.send(data)
    (event,) = bed.wait(CloseEvent)
    assert (event.conn, event.reason) == (peer.conn, sw.PROTOCOL)
    assert "enrolment" in event.text
    bed.until(peer.ended)


def test_longest_message_before_enrolment(bed: Bed) -> None:
    peer = bed.peer()
    peer.send(fragment(DAEMON, HEAD + bytes(2000), SOM) + fragment(DAEMON, bytes(2048), EOM))
    (event,) = bed.wait(MessageEvent)
    assert (event.src, len(event.body)) == (-1, 4048)


# ---- tids ------------------------------------------------------------------


def test_kept_messages_follow_what_the_connection_was_sent(bed: Bed) -> None:
    a = bed.peer(A)
    bed.switch.expect(B)
    a.send(message(B, b"early") + message(B, bytes(100000)))
    bed.until(lambda: bed.switch.queued(B) > 100000)
    bed.switch.send(B, DAEMON, 1, 0, 0, b"daemon")
    b = bed.peer()
    bed.switch.send_conn(b.conn, message(B, b"reply"))
    bed.switch.bind(b.conn, B)
    a.send(message(B, b"late"))
    bodies = [f.payload[32:] for f in b.fragments(5)]
    assert bodies == [b"reply", b"early", bytes(100000), b"daemon", b"late"]


def test_task_may_send_as_soon_as_it_has_its_answer(bed: Bed) -> None:
    """The answer and the binding are one step, also for the standby thread."""
    b = bed.peer(B)
    for i in range(50):
        a = bed.peer()
        a.sock.setblocking(True)
        bed.switch.bind(a.conn, tid(100 + i), message(A, b"answer"))
        assert a.sock.recv(1000).endswith(b"answer")
        a.sock.send(message(B, b"at once"))
        a.sock.setblocking(False)
        assert b.message() == (tid(100 + i), b"at once")


def test_bind_and_expect_refuse_what_is_taken(bed: Bed) -> None:
    a, b = bed.peer(A), bed.peer()
    for call in (
        lambda: bed.switch.bind(a.conn, B),
        lambda: bed.switch.bind(b.conn, A),
        lambda: bed.switch.expect(A),
    ):
        with pytest.raises(OSError) as error:
            call()
        assert error.value.errno == errno.EEXIST
    with pytest.raises(OSError) as error:
        bed.switch.expect(c.TIDPVMD)
    assert error.value.errno == errno.EINVAL


def test_forgotten_tid_gets_nothing_more_and_can_come_again(bed: Bed) -> None:
    a, b = bed.peer(A), bed.peer(B)
    bed.switch.expect(C)
    a.send(message(C, b"kept"))
    bed.until(lambda: bed.switch.queued(C))
    for gone in (B, C):
        bed.switch.forget(gone)
    a.send(message(B, b"lost") + message(C, b"lost"))
    bed.until(lambda: bed.switch.statistics().dropped == 2)
    assert bed.switch.statistics().queued_bytes == 0
    again = bed.peer(B)
    a.send(message(B, b"new"))
    assert again.message() == (A, b"new")
    assert not b.drain()


def test_tid_ends_with_its_connection(bed: Bed) -> None:
    a, b = bed.peer(A), bed.peer(B)
    b.sock.close()
    bed.wait(CloseEvent)
    a.send(message(B, b"lost"))
    bed.until(lambda: bed.switch.statistics().dropped == 1)
    again = bed.peer(B)
    a.send(message(B, b"new"))
    assert again.message() == (A, b"new")


# ---- closing ---------------------------------------------------------------


def test_close_sends_what_is_queued(bed: Bed) -> None:
    b = bed.peer(B)
    bed.switch.send(B, DAEMON, 1, 0, 0, bytes(3 << 20))
    bed.switch.close_conn(b.conn)
    assert b.message() == (DAEMON, bytes(3 << 20))
    (event,) = bed.wait(CloseEvent)
    assert (event.conn, event.reason) == (b.conn, sw.CLOSED)
    bed.until(b.ended)


def test_close_without_flush_drops_the_queue(bed: Bed) -> None:
    b = bed.peer(B)
    bed.switch.send(B, DAEMON, 1, 0, 0, bytes(3 << 20))
    bed.switch.close_conn(b.conn, flush=False)
    bed.wait(CloseEvent)
    assert bed.switch.statistics().queued_bytes == 0
    bed.until(lambda: b.drain() or b.ended())


def test_closing_connection_whose_peer_dies_is_closed(bed: Bed) -> None:
    b = bed.peer(B)
    bed.switch.send(B, DAEMON, 1, 0, 0, bytes(3 << 20))
    bed.switch.close_conn(b.conn)
    b.sock.close()
    bed.wait(CloseEvent)
    assert bed.switch.statistics().queued_bytes == 0


def test_finish_takes_in_everything_though_a_child_holds_the_socket() -> None:
    with Bed(queue_low=10000, queue_high=10000) as bed:
        a, b = bed.peer(A), bed.peer(B)
        a.send(b"".join(message(B, bytes([i]) * 9000) for i in range(20)))
        requests = [b"%d" % i for i in range(10)]
        a.sock.send(b"".join(message(DAEMON, r) for r in requests) + message(B, b"last")[:-1])
        heir = a.sock.dup()
        a.sock.close()
        bed.switch.finish(a.conn)
        (event,) = bed.wait(CloseEvent)
        assert (event.conn, event.reason) == (a.conn, sw.CLOSED)
        assert [e.body for e in bed.wait(MessageEvent)] == requests
        assert [f.payload[32] for f in b.fragments(20)] == list(range(20))
        heir.close()


def test_dead_receiver_does_not_silence_what_it_sent(bed: Bed) -> None:
    a, b = bed.peer(A), bed.peer(B)
    b.sock.send(message(A, b"testament") + message(DAEMON, b"request"))
    a.sock.send(message(B, bytes(1000)) * 50)
    b.sock.close()
    assert a.message() == (B, b"testament")
    assert bed.wait(MessageEvent)[0].body == b"request"
    assert bed.wait(CloseEvent)[0].conn == b.conn
