# SPDX-License-Identifier: MIT
"""Notices of ends of tasks that the switch keeps for tasks of its host."""

from __future__ import annotations

import struct
from collections.abc import Iterator

import pytest
from support.impostors.switchbed import A, B, Bed, C, Peer

from pvm3py.pvmd.io.switch import frame
from pvm3py.pvmd.state.events import CloseEvent, MessageEvent
from pvm3py.wire import constants as c
from pvm3py.wire.task import NotifyRequest

BOUND = 10
LOOKS = 4096
CANCEL = c.PvmTaskExit | c.PvmNotifyCancel


@pytest.fixture
def bed() -> Iterator[Bed]:
    """A switch that keeps some notices for each task."""
    with Bed(standby_us=-1, notices=BOUND) as bed:
        yield bed


def request(what: int, tag: int, tids: list[int], ctx: int = 5, wid: int = 9) -> bytes:
    """A request for notices as a task sends it."""
    body = NotifyRequest(what, ctx, tag, len(tids), tids).encode()
    return frame(c.TIDPVMD, -1, c.TM_NOTIFY, 0, wid, body)


def notified(peer: Peer, *expected: tuple[int, ...]) -> None:
    """The next that a task gets are these notices: tag, tid, and context and wait id if unusual."""
    for got, (tag, about, *rest) in zip(peer.fragments(len(expected)), expected, strict=True):
        ctx, wid = rest or (5, 9)
        message = frame(got.dst, c.TIDPVMD, tag, ctx, wid, struct.pack(">i", about))
        assert (got.src, got.flags) == (c.TIDPVMD, c.FFSOM | c.FFEOM)
        assert got.payload == message[c.TDFRAGHDR :]


def settle(peer: Peer) -> None:
    """What a task has sent before is served, and it has got nothing for that."""
    peer.send(frame(c.TIDPVMD, -1, c.TM_PSTAT, 0, 77, struct.pack(">i", A)))
    (got,) = peer.fragments(1)
    assert struct.unpack_from(">i", got.payload, c.WIRE_MSG_WID) == (77,)


def asked(peer: Peer, wish: bytes) -> None:
    """A task sends a request that the daemon must get."""
    peer.send(wish)
    (event,) = peer.bed.wait(MessageEvent)
    assert event.tag == c.TM_NOTIFY
    peer.bed.run()


def end(bed: Bed, tid: int) -> None:
    """The daemon finds that a task has ended."""
    bed.switch.forget(tid)
    bed.switch.notify_end(tid)


def test_end_of_a_task_is_told_in_the_order_of_the_wishes(bed: Bed) -> None:
    a, b, _ = bed.peer(A), bed.peer(B), bed.peer(C)
    a.send(request(c.PvmTaskExit, 1, [C, B]) + request(c.PvmTaskExit, 2, [C], ctx=6, wid=10))
    b.send(request(c.PvmTaskExit, 3, [C]))
    settle(a)
    settle(b)
    assert [bed.switch.notices(tid) for tid in (A, B, C)] == [3, 1, 0]
    end(bed, C)
    notified(a, (1, C), (2, C, 6, 10))
    notified(b, (3, C))
    assert [bed.switch.notices(tid) for tid in (A, B)] == [1, 0]
    assert bed.events == []


def test_unknown_task_is_told_at_once(bed: Bed) -> None:
    a = bed.peer(A)
    a.send(request(c.PvmTaskExit, 1, [B, C]))
    notified(a, (1, B), (1, C))
    assert bed.switch.notices(A) == 0


def test_task_whose_connection_has_ended_is_told_when_the_daemon_says_so(bed: Bed) -> None:
    a, b = bed.peer(A), bed.peer(B)
    b.sock.close()
    bed.wait(CloseEvent)
    bed.run()
    a.send(request(c.PvmTaskExit, 1, [B]))
    settle(a)
    end(bed, B)
    notified(a, (1, B))


def test_expected_task_is_alive(bed: Bed) -> None:
    a = bed.peer(A)
    bed.switch.expect(B)
    a.send(request(c.PvmTaskExit, 1, [B]))
    settle(a)
    end(bed, B)
    notified(a, (1, B))


def test_cancelled_notice_is_given_once(bed: Bed) -> None:
    a, _ = bed.peer(A), bed.peer(B)
    a.send(request(c.PvmTaskExit, 1, [B], wid=10) + request(c.PvmTaskExit, 1, [B], wid=11))
    for other in (request(CANCEL, 2, [B]), request(CANCEL, 1, [B], 6), request(CANCEL, 1, [C])):
        a.send(other)
    settle(a)
    a.send(request(CANCEL, 1, [B], wid=12))
    notified(a, (1, B, 5, 10))
    end(bed, B)
    notified(a, (1, B, 5, 11))


def test_wishes_of_a_task_end_with_it(bed: Bed) -> None:
    a, b = bed.peer(A), bed.peer(B)
    a.send(request(c.PvmTaskExit, 1, [B]))
    b.send(request(c.PvmTaskExit, 2, [A, B]))
    settle(a)
    settle(b)
    end(bed, B)
    notified(a, (1, B))
    assert [bed.switch.notices(tid) for tid in (A, B)] == [0, 0]
    bed.switch.expect(B)
    end(bed, A)
    assert b.messages_here() == 0


def test_daemon_gets_what_is_not_ordinary(bed: Bed) -> None:
    a, _ = bed.peer(A), bed.peer(B)
    other_host = 0x80001
    for tids in ([other_host], [B, other_host], [c.TIDPVMD | A], [0], []):
        asked(a, request(c.PvmTaskExit, 1, tids))
    for what in (c.PvmHostDelete, c.PvmHostAdd, 0, c.PvmNotifyCancel):
        asked(a, request(what, 1, [B]))
    for body in (b"", bytes(15), struct.pack(">5i", c.PvmTaskExit, 5, 1, 2, B)):
        asked(a, frame(c.TIDPVMD, -1, c.TM_NOTIFY, 0, 9, body))
    whole = NotifyRequest(c.PvmTaskExit, 5, 1, 1, [B]).encode()
    asked(a, frame(c.TIDPVMD, -1, c.TM_NOTIFY, 0, 9, whole + b"x"))
    assert bed.switch.notices(A) == 0


def test_daemon_gets_what_goes_beyond_the_bounds(bed: Bed) -> None:
    a, _ = bed.peer(A), bed.peer(B)
    asked(a, request(c.PvmTaskExit, 1, [B] * (BOUND + 1)))
    a.send(request(c.PvmTaskExit, 1, [B] * BOUND))
    settle(a)
    asked(a, request(c.PvmTaskExit, 1, [B]))
    asked(a, request(CANCEL, 2, [B] * (LOOKS // (BOUND + 1) + 1)))
    a.send(request(CANCEL, 1, [B]))
    notified(a, (1, B))
    a.send(request(c.PvmTaskExit, 1, [B]))
    settle(a)
    assert bed.switch.notices(A) == BOUND


def test_request_waits_for_what_its_task_has_asked_before(bed: Bed) -> None:
    a = bed.peer(A)
    a.sock.send(frame(c.TIDPVMD, -1, c.TM_SETOPT, 0, 9, b"") + request(c.PvmTaskExit, 1, [B]))
    tags = [event.tag for event in bed.wait(MessageEvent, 2)]
    assert tags == [c.TM_SETOPT, c.TM_NOTIFY]


def test_daemon_does_the_same_itself(bed: Bed) -> None:
    a, _ = bed.peer(A), bed.peer(B)
    bed.switch.notify(A, B, 5, 1, 9)
    bed.switch.notify(A, B, 5, 2, 9)
    bed.switch.notify(A, B, 5, 2, 10, cancel=True)
    notified(a, (2, B))
    bed.switch.notify(A, C, 5, 3, 9)
    notified(a, (3, C))
    end(bed, B)
    notified(a, (1, B))
