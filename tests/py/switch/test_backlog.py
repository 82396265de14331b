# SPDX-License-Identifier: MIT
"""The switch's back-pressure: bounds of queues, and who waits."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest
from support.impostors.switchbed import CHUNK, DAEMON, A, B, Bed, C, message, tid
from support.system import resident

from pvm3py.pvmd.state.events import DrainedEvent


@pytest.fixture
def bed() -> Iterator[Bed]:
    with Bed() as bed:
        yield bed


def test_slow_receiver_parks_its_sender_within_the_bound_and_nobody_else() -> None:
    with Bed(queue_low=1 << 20, queue_high=1 << 20) as bed:
        a, b, c3, d = (bed.peer(tid(i)) for i in range(1, 5))
        block = message(B, os.urandom(60000))
        a.start(block * 500)
        bed.until(lambda: bed.switch.statistics().parked)
        for _ in range(50):
            c3.send(message(tid(4), b"ping"))
            assert d.message() == (C, b"ping")
        assert a.unsent
        assert (1 << 20) < bed.switch.queued(B) < (1 << 20) + 2 * CHUNK
        received = 0
        while received < 500 * len(block):
            b.drain()
            received += len(b.stream)
            b.stream.clear()
            a.pump()
            bed.run(0.001)
        assert bed.switch.statistics().queued_bytes == 0


def test_bound_grows_while_the_receiver_computes() -> None:
    with Bed(queue_low=1 << 18, queue_high=1 << 24) as bed:
        a, b = bed.peer(A), bed.peer(B)
        a.start(message(B, bytes(50000)) * 200)
        bed.until(lambda: not a.unsent)
        assert bed.switch.statistics().parked > 0
        assert len(b.fragments(200)) == 200
        assert bed.switch.queued(B) == 0


def test_total_bound_denies_growth() -> None:
    with Bed(queue_low=1 << 18, queue_high=1 << 26, queue_total=1 << 20) as bed:
        senders = [bed.peer(tid(10 + i)) for i in range(4)]
        receivers = [bed.peer(tid(20 + i)) for i in range(4)]
        for i, sender in enumerate(senders):
            sender.start(message(tid(20 + i), bytes(30000)) * 300)
        bed.until(lambda: bed.switch.statistics().queued_bytes > 1 << 20)
        for _ in range(100):
            bed.run(0.002)
        assert bed.switch.statistics().queued_bytes < (1 << 20) + 4 * CHUNK
        for receiver in receivers:
            assert len(receiver.fragments(300)) == 300


def test_backlog_of_small_messages_takes_little_more_than_its_bytes() -> None:
    with Bed(queue_low=1 << 26, queue_high=1 << 26) as bed:
        a, b, c3 = bed.peer(A), bed.peer(B), bed.peer(C)
        before = resident(os.getpid())
        for _ in range(200):
            a.send(message(B, bytes(1000)) + message(C, bytes(100000)) + message(C, bytes(100000)))
            c3.drain()
            c3.stream.clear()
        bed.until(lambda: not c3.drain())
        assert resident(os.getpid()) - before < 8 << 20
        assert len(b.fragments(200)) == 200


def test_daemon_is_told_when_a_queue_has_drained(bed: Bed) -> None:
    b = bed.peer(B)
    bed.switch.send(B, DAEMON, 1, 0, 0, bytes(2 << 20))
    bed.switch.notify_drain(B, 1000)
    bed.run()
    assert not bed.events
    b.message()
    assert bed.wait(DrainedEvent) == [DrainedEvent(B)]
    for task in (B, C):
        bed.switch.notify_drain(task, 0)
        assert bed.wait(DrainedEvent) == [DrainedEvent(task)]
    bed.switch.send(B, DAEMON, 1, 0, 0, bytes(2 << 20))
    bed.switch.notify_drain(B, 0)
    b.sock.close()
    assert bed.wait(DrainedEvent) == [DrainedEvent(B)]
