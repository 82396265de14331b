# SPDX-License-Identifier: MIT
"""The switch between tasks and their resource manager: what is handed over, reported, renamed."""

from __future__ import annotations

import time
from collections.abc import Iterator

import pytest
from support.impostors.switchbed import Bed, Peer, tid
from support.system import PATIENCE

from pvm3py.pvmd.io.switch import frame
from pvm3py.pvmd.state.events import MessageEvent, SpokeEvent
from pvm3py.wire import constants as c

TASK, MANAGER, SUCCESSOR, OTHER = tid(1), tid(2), tid(3), tid(4)
LONG = bytes(range(250)) * 40


@pytest.fixture
def bed() -> Iterator[Bed]:
    with Bed() as bed:
        yield bed


@pytest.fixture
def task(bed: Bed) -> Peer:
    """A task that was told of the manager."""
    peer = bed.peer(TASK)
    bed.switch.manager(peer.conn, MANAGER, 0)
    return peer


@pytest.mark.parametrize("body", [b"", b"body", LONG], ids=len)
@pytest.mark.parametrize("size", [0, 4080], ids=["whole", "fragments"])
def test_request_to_the_manager_is_handed_over(
    bed: Bed, task: Peer, body: bytes, size: int
) -> None:
    manager = bed.peer(MANAGER)
    task.send(frame(MANAGER, -1, c.SM_SPAWN, 0, 7, body, fragment=size))
    (event,) = bed.wait(MessageEvent)
    assert event == (task.conn, MANAGER, TASK, c.WIRE_ENC_XDR, c.SM_SPAWN, 0, 7, body, False)
    task.send(frame(MANAGER, -1, 5, 0, 0, b"user"))
    assert manager.message() == (TASK, b"user"), "other messages pass"


def test_message_behind_a_request_does_not_overtake_it() -> None:
    with Bed(standby_us=1) as bed:
        task, manager, other = bed.peer(TASK), bed.peer(MANAGER), bed.peer(OTHER)
        bed.switch.manager(task.conn, MANAGER, 0)
        task.send(frame(MANAGER, -1, c.SM_NOTIFY, 0, 7, b"first"))
        task.start(frame(MANAGER, -1, 5, 0, 0, b"second"))
        bed.until(lambda: any(isinstance(e, MessageEvent) for e in bed.events))
        # The handler is not done yet, and others are served meanwhile.
        other.start(frame(MANAGER, -1, 5, 0, 0, b"other"))
        end = time.monotonic() + PATIENCE
        while not manager.messages_here():
            assert time.monotonic() < end, "nobody stood in"
        assert manager.message() == (OTHER, b"other")
        (event,) = bed.wait(MessageEvent)
        _, _, src, enc, tag, ctx, wid, body, _ = event
        bed.switch.send(MANAGER, src, tag, ctx, wid, body, enc)
        pieces = manager.fragments(2)
        assert [p.payload[c.MSGHDRLEN :] for p in pieces] == [b"first", b"second"]


def test_request_that_the_manager_changes_within_is_handed_over_whole(bed: Bed, task: Peer) -> None:
    bed.peer(MANAGER)
    request = frame(MANAGER, -1, c.SM_SPAWN, 0, 7, LONG, fragment=4080)
    task.send(request[:4080])
    bed.until(lambda: bed.switch.statistics().fragments)
    bed.switch.manager(task.conn, SUCCESSOR, 0)
    task.send(request[4080:] + frame(c.TIDPVMD, -1, c.TM_TASK, 0, 8, b"next"))
    found = bed.wait(MessageEvent, 2)
    assert [(e.dst, e.body) for e in found] == [(MANAGER, LONG), (c.TIDPVMD, b"next")]


def test_system_message_to_another_task_passes(bed: Bed, task: Peer) -> None:
    other = bed.peer(OTHER)
    task.send(frame(OTHER, -1, c.SM_SPAWN, 0, 7, b"body"))
    assert other.message() == (TASK, b"body")


def test_message_to_the_daemon_within_a_request_harms_only_itself(bed: Bed, task: Peer) -> None:
    bed.peer(MANAGER)
    request = frame(MANAGER, -1, c.SM_SPAWN, 0, 7, LONG, fragment=4080)
    within = frame(c.TIDPVMD, -1, c.TM_TASK, 0, 8, LONG, fragment=4080)
    task.send(request[:4080] + within + request[4080:])
    (event,) = bed.wait(MessageEvent)
    assert (event.tag, event.body) == (c.SM_SPAWN, LONG)


def test_speaker_is_reported_and_heard(bed: Bed, task: Peer) -> None:
    manager = bed.peer(MANAGER)
    manager.send(frame(TASK, -1, 5, 0, 0, b"unreported"))
    assert task.message() == (MANAGER, b"unreported")
    bed.switch.manager(task.conn, MANAGER, MANAGER)
    manager.send(frame(TASK, -1, c.SM_SPAWN, 0, 7, LONG))
    assert task.message() == (MANAGER, LONG)
    (event,) = bed.wait(SpokeEvent)
    assert event == (TASK, MANAGER, c.SM_SPAWN, 0, 7, LONG[:64])
    assert not [e for e in bed.events if isinstance(e, MessageEvent)]


def test_flood_of_a_speaker_is_reported_in_small_batches(bed: Bed, task: Peer) -> None:
    manager = bed.peer(MANAGER)
    bed.switch.manager(task.conn, MANAGER, MANAGER)
    manager.start(b"".join(frame(TASK, -1, 5, 0, i, b"user") for i in range(200)))
    found: list[int] = []
    while len(found) < 200:
        new = bed.wait(SpokeEvent)
        assert len(new) <= 4
        found += [e.wid for e in new]
        task.drain()
    assert found == list(range(200))


def test_answer_of_a_successor_arrives_in_the_managers_name(bed: Bed, task: Peer) -> None:
    successor = bed.peer(SUCCESSOR)
    bed.switch.manager(task.conn, MANAGER, SUCCESSOR)
    successor.send(frame(TASK, -1, c.SM_CONFIG, 0, 7, LONG, fragment=4080))
    bed.until(task.messages_here)
    assert {piece.src for piece in task.fragments(3)} == {MANAGER}
    successor.send(frame(TASK, -1, 5, 0, 0, b"user"))
    assert task.message() == (SUCCESSOR, b"user")
    successor.send(frame(TASK, -1, c.SM_CONFIG, 9, 0, b"no system message"))
    assert task.message() == (SUCCESSOR, b"no system message")
