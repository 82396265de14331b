# SPDX-License-Identifier: MIT
"""Tasks that the switch enrols as the daemon has enrolled one before, and their tids."""

from __future__ import annotations

import os
import struct
import time
from collections.abc import Callable, Iterator

import pytest
from support.impostors.strangers import proven, stranger
from support.impostors.switchbed import DAEMON, A, Bed, Peer, cut, message, tid
from support.system import PATIENCE
from support.vectors.mail import MessageHead, StoredMessage

from pvm3py.pvmd.io import switch as sw
from pvm3py.pvmd.state.events import (
    AnsweredEvent,
    CloseEvent,
    EnrolledEvent,
    MessageEvent,
)
from pvm3py.wire import constants as c
from pvm3py.wire.mailbox import MailRequest, NamesReply
from pvm3py.wire.task import EnrolRequest, Extension, NotifyRequest, Option, SetOptRequest

ABILITIES = Extension(c.WIRE_EXT_MAGIC, c.WIRE_EXT_MANAGER | c.WIRE_EXT_MEMORY, 1000)
# What the daemon has answered: the tid is the second word.
ANSWER = struct.pack(">5i", 1, A, 0, 7, 8)
# Quiet events of a batch, at most.
MANY = 64


@pytest.fixture(params=[0, -1], ids=["standby", "no standby"])
def bed(request: pytest.FixtureRequest) -> Iterator[Bed]:
    """A switch that has a welcome for tasks of this project."""
    with Bed(standby_us=request.param, notices=10) as bed:
        bed.switch.serve_enrolments(f"{bed.dir}/file.", 20)
        bed.switch.serve_mail()
        keep(bed)
        yield bed
        assert [*bed.dir.glob("file.*")] == []


def keep(bed: Bed, *, shares: bool = False) -> None:
    bed.switch.keep_welcome(asks("first"), ANSWER, shares=shares)


def asks(name: str | None, **other: int) -> bytes:
    """The body of a TM_CONN2."""
    able = other.get("able", 1)
    return EnrolRequest(
        other.get("pid", os.getpid()),
        other.get("cookie", 0),
        name,
        ABILITIES if able else None,
    ).encode()


def second(body: bytes) -> bytes:
    """The second round of an enrolment."""
    return sw.frame(DAEMON, -1, c.TM_CONN2, 5, 9, body)


def welcomed(peer: Peer) -> int:
    """Take the answer to a TM_CONN2 that the switch gave; the tid in it."""
    (answer,) = peer.fragments(1)
    (task,) = struct.unpack_from(">i", answer.payload, c.MSGHDRLEN + 4)
    body = ANSWER[:4] + struct.pack(">i", task) + ANSWER[8:]
    assert sw.frame(task, DAEMON, c.TM_CONN2, 5, 9, body)[c.TDFRAGHDR :] == answer.payload
    assert (answer.dst, answer.src) == (task, DAEMON)
    return int(task)


def enrol(bed: Bed, name: str = "task") -> tuple[Peer, int]:
    """A task that the switch has enrolled and told of."""
    peer = proven(bed)
    peer.send(second(asks(name)))
    task = welcomed(peer)
    (event,) = bed.wait(EnrolledEvent)
    assert (event.tid, event.name) == (task, name)
    peer.conn = event.conn
    return peer, task


def decided(bed: Bed, peer: Peer, body: bytes) -> None:
    """The daemon gets this TM_CONN2 to decide."""
    peer.send(second(body))
    (event,) = bed.wait(MessageEvent)
    assert (type(event), event.src, event.tag, event.body) == (MessageEvent, -1, c.TM_CONN2, body)
    assert peer.messages_here() == 0


# ---- who is welcome ------------------------------------------------------------------------


def test_task_is_answered_and_told_of(bed: Bed) -> None:
    peer, before = proven(bed), time.clock_gettime_ns(time.CLOCK_BOOTTIME)
    peer.send(second(asks("näme")))
    task = welcomed(peer)
    after = time.clock_gettime_ns(time.CLOCK_BOOTTIME)
    (event,) = bed.wait(EnrolledEvent)
    assert (event.tid, event.pid, event.name) == (task, os.getpid(), "näme")
    assert before <= event.seen <= after
    peer.send(message(DAEMON, b"?", tag=c.TM_GETOPT))
    (asked,) = bed.wait(MessageEvent)
    assert (asked.conn, asked.src, asked.tag) == (event.conn, task, c.TM_GETOPT)
    assert bed.events == []


@pytest.mark.parametrize("name", [None, ""])
def test_task_may_have_no_name(bed: Bed, name: str | None) -> None:
    bed.switch.keep_welcome(asks(name, able=0), ANSWER, shares=False)
    peer = proven(bed)
    peer.send(second(asks(name, able=0)))
    task = welcomed(peer)
    (event,) = bed.wait(EnrolledEvent)
    assert (event.tid, event.name) == (task, "")


def test_tasks_reach_each_other(bed: Bed) -> None:
    (one, first), (other, last) = enrol(bed), enrol(bed)
    one.send(message(last, b"hello"))
    assert other.message() == (first, b"hello")
    other.send(message(first, b"too"))
    assert one.message() == (last, b"too")


@pytest.mark.parametrize(
    "body",
    [
        asks("x", cookie=5),
        asks("x", pid=os.getpid() + 1),
        asks("x", able=0),
        asks(None, able=0),
        asks("x")[:-4],
        asks("x") + b"more",
        asks("x")[:12],
        struct.pack(">iii", os.getpid(), 0, -1) + bytes(16),
        struct.pack(">iii", os.getpid(), 0, 0) + bytes(16),
        b"",
    ],
    ids=[
        "cookie",
        "another process",
        "other abilities",
        "3.4.6",
        "fewer abilities",
        "more abilities",
        "half a name",
        "huge name",
        "name of no length",
        "nothing",
    ],
)
def test_others_are_the_daemons_to_decide(bed: Bed, body: bytes) -> None:
    decided(bed, proven(bed), body)


def test_who_has_not_proven_its_user_is_the_daemons_to_decide(bed: Bed) -> None:
    decided(bed, stranger(bed), asks("x"))


def test_welcome_that_is_forgotten_is_not_given(bed: Bed) -> None:
    bed.switch.forget_answers()
    decided(bed, proven(bed), asks("x"))


def test_nobody_is_welcome_while_an_event_waits_for_the_daemon(bed: Bed) -> None:
    """What the daemon has not handled may be that nobody is welcome any more."""
    (other, _), peer = enrol(bed), proven(bed)
    other.start(message(DAEMON, b"", tag=c.TM_SCHED))
    peer.start(second(asks("x")))
    bed.switch.run(PATIENCE)
    bed.switch.dispatch()
    tags = [event.tag for event in bed.wait(MessageEvent, 2)]
    assert sorted(tags) == sorted([c.TM_SCHED, c.TM_CONN2])


@pytest.mark.parametrize(
    ("answer", "name", "kept"),
    [
        (ANSWER + bytes(256 - len(ANSWER)), "x", True),
        (ANSWER + bytes(260 - len(ANSWER)), "x", False),
        (ANSWER[:4], "x", False),
        (ANSWER, "x" * 5000, False),
    ],
)
def test_welcome_that_is_out_of_bounds_is_not_kept(
    bed: Bed, answer: bytes, name: str, kept: bool
) -> None:
    bed.switch.forget_answers()
    bed.switch.keep_welcome(asks(name), answer, shares=False)
    peer = proven(bed)
    peer.send(second(asks("y")))
    bed.until(lambda: len(bed.events) >= 1)
    assert any(isinstance(event, EnrolledEvent) for event in bed.events) == kept


def test_daemon_that_is_behind_decides_about_the_rest(bed: Bed) -> None:
    """Nothing is told before all of this has been served, as all of it is there at once."""
    changes, strangers = 30, 40
    (busy, _), peers = enrol(bed), [proven(bed) for _ in range(strangers)]
    words = [c.TS_TRCTID, c.TS_TRCTAG]
    for number in range(changes):
        option = SetOptRequest([Option(words[number % 2], "1")]).encode()
        busy.start(message(DAEMON, option, tag=c.TM_SETOPT))
    for peer in peers:
        peer.start(second(asks("x")))
    bed.switch.run(PATIENCE)
    bed.switch.dispatch()
    assert len(bed.wait(AnsweredEvent, changes)) == changes
    assert len(bed.wait(EnrolledEvent, MANY - changes)) == MANY - changes
    assert len(bed.wait(MessageEvent)) == strangers - (MANY - changes)


# ---- tids ----------------------------------------------------------------------------------


def test_tids_go_round_without_those_alive(bed: Bed) -> None:
    first = bed.switch.next_tid()
    bed.switch.expect(first)
    _, task = enrol(bed)
    assert task == first + 1
    assert [bed.switch.next_tid() for _ in range(c.TIDLOCAL - 2)][-1] == tid(c.TIDLOCAL)
    assert bed.switch.next_tid() == task + 1
    bed.switch.forget(first)
    assert [bed.switch.next_tid() for _ in range(c.TIDLOCAL - 3)][-1] == tid(c.TIDLOCAL)
    assert bed.switch.next_tid() == first


def test_without_a_free_tid_the_daemon_decides(bed: Bed) -> None:
    peer = proven(bed)
    for local in range(1, c.TIDLOCAL + 1):
        bed.switch.expect(tid(local))
    assert bed.switch.next_tid() == 0
    decided(bed, peer, asks("x"))


# ---- what is told when ---------------------------------------------------------------------


def test_what_a_task_does_is_told_behind_its_enrolment(bed: Bed) -> None:
    peer = proven(bed)
    option = SetOptRequest([Option(c.TS_TRCTID, "1")]).encode()
    peer.start(
        second(asks("x"))
        + message(DAEMON, option, tag=c.TM_SETOPT)
        + message(DAEMON, b"", tag=c.TM_GETOPT)
        + message(DAEMON, b"", tag=c.TM_EXIT)
    )
    bed.until(lambda: len(bed.events) == 4)
    kinds = [type(event) for event in bed.events]
    assert kinds == [EnrolledEvent, AnsweredEvent, MessageEvent, MessageEvent]
    assert [getattr(event, "tag", 0) for event in bed.events[2:]] == [c.TM_GETOPT, c.TM_EXIT]


def test_what_others_do_later_is_told_behind_an_enrolment(bed: Bed) -> None:
    (other, task), peer = enrol(bed), proven(bed)
    peer.start(second(asks("x")) + message(task, b"I am here"))
    assert other.message()[1] == b"I am here"
    other.send(message(DAEMON, b"", tag=c.TM_TASK))
    bed.until(lambda: len(bed.events) == 2)
    assert [type(event) for event in bed.events] == [EnrolledEvent, MessageEvent]


def test_end_without_farewell_is_told(bed: Bed) -> None:
    peer = proven(bed)
    peer.start(second(asks("x")))
    peer.sock.close()
    bed.until(lambda: len(bed.events) == 2)
    enrolled, closed = bed.events
    assert isinstance(enrolled, EnrolledEvent)
    assert closed == CloseEvent(enrolled.conn, sw.EOF, "")
    bed.peers.clear()


def test_farewell_of_a_task_that_has_been_told_of_is_told(bed: Bed) -> None:
    peer, task = enrol(bed)
    peer.start(message(DAEMON, b"", tag=c.TM_EXIT))
    (event,) = bed.wait(MessageEvent)
    assert (event.conn, event.src, event.tag) == (peer.conn, task, c.TM_EXIT)
    bed.until(lambda: not peer.drain() and peer.ended())


# ---- tasks that leave at once --------------------------------------------------------------


def hasten(bed: Bed, requests: Callable[[int], list[bytes]]) -> tuple[int, list[bytes]]:
    """A task enrols, makes the requests that one with its tid is to make, and leaves at once.

    That is within one run of the switch, which what the task sends to another one ends. If the
    system lets it wait in between for so long that the enrolment is told, another task is tried.
    Returns its tid, and the bodies of the answers to its requests.
    """
    other, listener = enrol(bed)
    for _ in range(20):
        peer, task = proven(bed), bed.switch.next_tid() + 1
        begin, end = second(asks("x")), message(DAEMON, b"", tag=c.TM_EXIT)
        peer.start(b"".join([begin, *requests(task), message(listener, b"bye"), end]))
        bed.switch.watch(other.sock.fileno(), 1)
        bed.switch.run(PATIENCE)
        bed.switch.watch(other.sock.fileno(), 0)
        bed.switch.dispatch()
        assert other.message() == (task, b"bye")
        told, bed.events[:] = bed.events[:], []
        if not told:
            break
    bed.until(lambda: not peer.drain() and peer.ended())
    answers = [fragment.payload[c.MSGHDRLEN :] for fragment in cut(peer.stream)[0]]
    assert answers[-1] == b""
    assert told == bed.events == []
    return task, answers[1:-1]


def test_task_that_leaves_before_it_is_told_of_is_no_event(bed: Bed) -> None:
    task, _ = hasten(bed, lambda _: [])
    bed.switch.expect(task)


def test_what_it_has_used_is_free_again(bed: Bed) -> None:
    def requests(task: int) -> list[bytes]:
        wish = NotifyRequest(c.PvmTaskExit, 5, 6, 1, [task]).encode()
        head = MessageHead(0, 1, 7, 2, c.WIRE_ENC_XDR, 0, task, 3)
        entry = StoredMessage(head, [b""]).encode()
        put = MailRequest(c.TMDB_PUT, task, "x", -1, 0, entry).encode()
        bodies = {c.TM_NOTIFY: wish, c.TM_CONTEXT: struct.pack(">i", 0), c.TM_DB: put}
        return [message(DAEMON, body, tag=tag) for tag, body in bodies.items()]

    task, (context, mail) = hasten(bed, requests)
    assert struct.unpack(">i", mail) == (0,)
    names = MailRequest(c.TMDB_NAMES, task, "", 0, 0).encode()
    assert bed.switch.mail(names) == NamesReply(0, []).encode()
    assert bed.switch.notices(task) == 0
    (number,) = struct.unpack(">i", context)
    assert number > 0
    assert bed.switch.context(number, task) == c.PvmNotFound
