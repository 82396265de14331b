# SPDX-License-Identifier: MIT
"""Expected tasks that the switch enrols, as they are invited and others have been welcome."""

from __future__ import annotations

import errno
import os
import struct
from collections.abc import Iterator

import pytest
from support.impostors.strangers import proven, stranger
from support.impostors.switchbed import DAEMON, A, B, Bed, Peer, message
from support.system import PATIENCE

from pvm3py.pvmd.io import switch as sw
from pvm3py.pvmd.state.events import CloseEvent, EnrolledEvent, MessageEvent
from pvm3py.wire import constants as c
from pvm3py.wire.task import EnrolRequest, Extension, NotifyRequest

ABILITIES = Extension(c.WIRE_EXT_MAGIC, c.WIRE_EXT_MANAGER | c.WIRE_EXT_MEMORY, 1000)
# What the daemon has answered another child, and the words of the next one.
ANSWER = struct.pack(">6i", 1, B, 10, 20, 7, 8)
OWN = struct.pack(">3i", A, 30, 40)
# Invitations to processes with the same number modulo this share a place.
PLACES = 1024
PID = os.getpid()


@pytest.fixture(params=[0, -1], ids=["standby", "no standby"])
def bed(request: pytest.FixtureRequest) -> Iterator[Bed]:
    """A switch that has welcomed a child, and expects another one, which is invited."""
    with Bed(standby_us=request.param, notices=10) as bed:
        bed.switch.serve_enrolments(f"{bed.dir}/file.", 20)
        keep(bed)
        bed.switch.expect(A)
        bed.switch.invite(A, PID, OWN)
        yield bed


def keep(bed: Bed, answer: bytes = ANSWER) -> None:
    bed.switch.keep_welcome(asks(pid=5, cookie=6), answer, child=True)


def asks(*, pid: int = PID, cookie: int = PID, able: Extension | None = ABILITIES) -> bytes:
    """The body of a TM_CONN2."""
    return EnrolRequest(pid, cookie, "x", able).encode()


def second(body: bytes) -> bytes:
    """The second round of an enrolment."""
    return sw.frame(DAEMON, -1, c.TM_CONN2, 5, 9, body)


def welcomed(bed: Bed, body: bytes, after: bytes = b"") -> Peer:
    """The child, which asks so and sends more behind that, when it has its answer."""
    peer = proven(bed)
    peer.send(second(body) + after)
    (answer,) = peer.fragments(1)
    expected = sw.frame(A, DAEMON, c.TM_CONN2, 5, 9, ANSWER[:4] + OWN + ANSWER[16:])
    assert answer.payload == expected[c.TDFRAGHDR :]
    assert (answer.dst, answer.src) == (A, DAEMON)
    return peer


def told(bed: Bed) -> int:
    """The connection of the child, of which nothing but its enrolment is told."""
    (event,) = bed.wait(EnrolledEvent)
    assert (event.tid, event.pid, event.name) == (A, PID, "x")
    assert bed.events == []
    return int(event.conn)


def decided(bed: Bed, peer: Peer, body: bytes) -> None:
    """The daemon gets this TM_CONN2 to decide."""
    peer.send(second(body))
    (event,) = bed.wait(MessageEvent)
    assert (event.src, event.tag, event.body) == (-1, c.TM_CONN2, body)
    assert peer.messages_here() == 0


# ---- who is welcome ------------------------------------------------------------------------


@pytest.mark.parametrize(
    "body",
    [asks(), asks(cookie=0), asks(pid=5)],
    ids=["process and cookie", "process", "cookie"],
)
def test_invited_child_gets_the_answer_with_its_own_words(bed: Bed, body: bytes) -> None:
    welcomed(bed, body)
    told(bed)


@pytest.mark.parametrize(
    "body",
    [
        asks(cookie=PID + 1),
        asks(pid=PID + 1, cookie=0),
        asks(able=None),
        asks() + b"more",
        asks()[:-4],
        asks()[:4],
        b"",
    ],
    ids=[
        "another's cookie",
        "another process",
        "other abilities",
        "more abilities",
        "fewer abilities",
        "half a request",
        "nothing",
    ],
)
def test_others_are_the_daemons_to_decide(bed: Bed, body: bytes) -> None:
    decided(bed, proven(bed), body)


def test_who_has_not_proven_its_user_is_the_daemons_to_decide(bed: Bed) -> None:
    decided(bed, stranger(bed), asks())


@pytest.mark.parametrize("pid", [PID + 1, PID + PLACES], ids=["no place", "this place"])
def test_another_process_than_the_invited_one_is_the_daemons_to_decide(bed: Bed, pid: int) -> None:
    bed.switch.forget(A)
    bed.switch.expect(A)
    bed.switch.invite(A, pid, OWN)
    decided(bed, proven(bed), asks())


def test_of_two_with_one_place_the_younger_is_welcome(bed: Bed) -> None:
    bed.switch.expect(B)
    bed.switch.invite(B, PID + PLACES, struct.pack(">i", B))
    decided(bed, proven(bed), asks())
    bed.switch.invite(A, PID, OWN)
    welcomed(bed, asks())


def test_child_that_is_expected_no_more_is_the_daemons_to_decide(bed: Bed) -> None:
    bed.switch.forget(A)
    decided(bed, proven(bed), asks())


def test_child_that_is_expected_anew_needs_an_invitation(bed: Bed) -> None:
    bed.switch.forget(A)
    bed.switch.expect(A)
    decided(bed, proven(bed), asks())
    bed.switch.invite(A, PID, OWN)
    welcomed(bed, asks())


def test_child_is_welcome_once(bed: Bed) -> None:
    welcomed(bed, asks())
    told(bed)
    decided(bed, proven(bed), asks())


def test_only_the_welcome_for_children_is_given_to_them(bed: Bed) -> None:
    bed.switch.forget_child_welcome()
    bed.switch.keep_welcome(asks(cookie=0), ANSWER)
    decided(bed, proven(bed), asks())


def test_welcome_for_children_is_kept_when_other_answers_are_forgotten(bed: Bed) -> None:
    bed.switch.keep_welcome(asks(cookie=0), ANSWER)
    bed.switch.forget_answers()
    welcomed(bed, asks())


def test_invitation_holds_until_there_is_a_welcome_again(bed: Bed) -> None:
    bed.switch.forget_child_welcome()
    decided(bed, proven(bed), asks())
    keep(bed)
    welcomed(bed, asks())


def test_answer_that_is_shorter_than_the_words_is_not_given(bed: Bed) -> None:
    keep(bed, ANSWER[:12])
    decided(bed, proven(bed), asks())


def test_child_is_not_welcome_while_an_event_waits_for_the_daemon(bed: Bed) -> None:
    """What the daemon has not handled may be that nobody is welcome any more."""
    waiting, peer = proven(bed), proven(bed)
    waiting.start(second(b""))
    peer.start(second(asks()))
    bed.switch.run(PATIENCE)
    bed.switch.dispatch()
    assert [event.body for event in bed.wait(MessageEvent, 2)] == [b"", asks()]


# ---- what the daemon asks for --------------------------------------------------------------


@pytest.mark.parametrize(
    ("task", "words", "code"),
    [
        (B, OWN, errno.ENOENT),
        (c.TIDPVMD, OWN, errno.ENOENT),
        (A, bytes(36), errno.EINVAL),
    ],
    ids=["not expected", "no task", "too many words"],
)
def test_invitation_that_cannot_be_kept_is_refused(
    bed: Bed, task: int, words: bytes, code: int
) -> None:
    with pytest.raises(OSError, match="invite") as caught:
        bed.switch.invite(task, PID, words)
    assert caught.value.errno == code
    welcomed(bed, asks())


def test_connected_task_is_not_invited(bed: Bed) -> None:
    welcomed(bed, asks())
    with pytest.raises(OSError, match="invite"):
        bed.switch.invite(A, PID, OWN)


# ---- what follows --------------------------------------------------------------------------


def test_what_was_kept_for_the_child_follows_its_answer(bed: Bed) -> None:
    bed.switch.send(A, DAEMON, 3, 0, 0, b"kept")
    peer = proven(bed)
    peer.send(second(asks()))
    answer, kept = peer.fragments(2)
    assert answer.payload[c.MSGHDRLEN :] == ANSWER[:4] + OWN + ANSWER[16:]
    assert kept.payload[c.MSGHDRLEN :] == b"kept"
    bed.switch.send(A, DAEMON, 3, 0, 0, b"later")
    assert peer.message() == (DAEMON, b"later")


def test_what_the_child_does_is_told_behind_its_enrolment(bed: Bed) -> None:
    peer = proven(bed)
    peer.start(second(asks()) + message(DAEMON, b"", tag=c.TM_GETOPT))
    bed.until(lambda: len(bed.events) == 2)
    enrolled, asked = bed.events
    assert isinstance(enrolled, EnrolledEvent)
    assert isinstance(asked, MessageEvent)
    assert (asked.conn, asked.src, asked.tag) == (enrolled.conn, A, c.TM_GETOPT)


def test_child_that_leaves_at_once_is_told_of_and_keeps_what_it_has(bed: Bed) -> None:
    """Its end is that of its process: until then its notices hold, and its tid is its own."""
    notice = NotifyRequest(c.PvmTaskExit, 5, 6, 1, [A]).encode()
    wish, leave = message(DAEMON, notice, tag=c.TM_NOTIFY), message(DAEMON, b"", tag=c.TM_EXIT)
    peer = proven(bed)
    peer.start(second(asks()) + wish + leave)
    bed.until(lambda: len(bed.events) == 2)
    enrolled, left = bed.events
    assert isinstance(enrolled, EnrolledEvent)
    assert isinstance(left, MessageEvent)
    assert (left.conn, left.src, left.tag) == (enrolled.conn, A, c.TM_EXIT)
    assert bed.switch.notices(A) == 1
    bed.until(lambda: not peer.drain() and peer.ended())


def test_end_without_farewell_is_told(bed: Bed) -> None:
    peer = proven(bed)
    peer.start(second(asks()))
    peer.sock.close()
    bed.until(lambda: len(bed.events) == 2)
    enrolled, closed = bed.events
    assert isinstance(enrolled, EnrolledEvent)
    assert closed == CloseEvent(enrolled.conn, sw.EOF, "")
    bed.peers.clear()
