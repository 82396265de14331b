# SPDX-License-Identifier: MIT
"""Signals that the switch sends to the processes of tasks."""

from __future__ import annotations

import os
import signal
import struct
import subprocess
import sys
from collections.abc import Iterator

import pytest
from support.impostors.switchbed import A, B, Bed, C, tid

from pvm3py.pvmd.io.switch import frame
from pvm3py.pvmd.state.events import CloseEvent, MessageEvent, OpenEvent
from pvm3py.wire import constants as c

# Connects to the socket that it is told, and says so; then it does nothing.
CHILD = """
import signal, socket, sys
sock = socket.socket(socket.AF_UNIX)
sock.connect(sys.argv[1])
signal.pause()
"""


@pytest.fixture
def bed() -> Iterator[Bed]:
    """A switch that does nothing while it is not run."""
    with Bed(standby_us=-1) as bed:
        yield bed


@pytest.fixture
def child(bed: Bed) -> Iterator[subprocess.Popen[bytes]]:
    """A process that is connected as task B."""
    process = subprocess.Popen([sys.executable, "-c", CHILD, str(bed.dir / "s")])
    try:
        (event,) = bed.wait(OpenEvent)
        bed.switch.bind(event.conn, B)
        yield process
    finally:
        process.kill()
        process.wait()


def order(tid: int, signum: int) -> bytes:
    """A request to send a signal."""
    return frame(c.TIDPVMD, -1, c.TM_SENDSIG, 5, 9, struct.pack(">ii", tid, signum))


def kernel_can() -> bool:
    """Whether this kernel names the process of a connection (Linux 6.5)."""
    with open("/proc/sys/kernel/osrelease", encoding="ascii") as file:
        major, minor = file.read().split(".")[:2]
    return (int(major), int(minor.split("-")[0])) >= (6, 5)


@pytest.mark.skipif(not kernel_can(), reason="needs Linux 6.5")
def test_signal_reaches_the_process_of_the_connection(
    bed: Bed, child: subprocess.Popen[bytes]
) -> None:
    a = bed.peer(A)
    a.send(order(B, signal.SIGTERM))
    (answer,) = a.fragments(1)
    expected = frame(answer.dst, c.TIDPVMD, c.TM_SENDSIG, 5, 9, b"")
    assert answer.payload == expected[c.TDFRAGHDR :]
    assert child.wait(60) == -signal.SIGTERM
    assert not [event for event in bed.events if isinstance(event, MessageEvent)]


def test_daemon_gets_what_cannot_be_sent(bed: Bed, child: subprocess.Popen[bytes]) -> None:
    a, dead = bed.peer(A), 0x3FFFF
    for task, signum in ((B, 12345), (B, -1), (C, 0), (A & ~c.TIDLOCAL | dead, signal.SIGTERM)):
        a.send(order(task, signum))
        (event,) = bed.wait(MessageEvent)
        assert event.tag == c.TM_SENDSIG
        bed.run()
    assert child.poll() is None


def test_daemon_is_not_signalled(bed: Bed) -> None:
    a = bed.peer(A)
    # The peer is this process, in which the switch runs.
    a.send(order(A, signal.SIGTERM))
    (event,) = bed.wait(MessageEvent)
    assert event.tag == c.TM_SENDSIG


# Has so many connections, and does nothing.
MANY_CHILD = """
import signal, socket, sys
socks = [socket.socket(socket.AF_UNIX) for _ in range(int(sys.argv[2]))]
for sock in socks:
    sock.connect(sys.argv[1])
signal.pause()
"""


def open_files() -> int:
    return len(os.listdir("/proc/self/fd"))


@pytest.mark.skipif(not kernel_can(), reason="needs Linux 6.5")
def test_descriptors_of_processes_are_kept_for_the_next_signal_and_bounded(bed: Bed) -> None:
    count, kept = 40, 32
    process = subprocess.Popen([sys.executable, "-c", MANY_CHILD, str(bed.dir / "s"), str(count)])
    try:
        conns = [event.conn for event in bed.wait(OpenEvent, count)]
        tids = [tid(10 + number) for number in range(count)]
        for conn, task in zip(conns, tids, strict=True):
            bed.switch.bind(conn, task)
        a, before = bed.peer(A), open_files()
        for task, more in ((tids[0], 1), (tids[0], 1), (tids[1], 2), (tids[0], 2)):
            a.send(order(task, signal.SIGCONT))
            a.fragments(1)
            assert open_files() == before + more
        for task in tids + tids[:1]:
            a.send(order(task, signal.SIGCONT))
            a.fragments(1)
        assert open_files() == before + kept
        assert not [event for event in bed.events if isinstance(event, MessageEvent)]
    finally:
        process.kill()
        process.wait()
    bed.wait(CloseEvent, count)
    assert open_files() == before - count
