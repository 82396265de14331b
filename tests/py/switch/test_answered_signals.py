# SPDX-License-Identifier: MIT
"""Signals that the switch sends to the processes of tasks."""

from __future__ import annotations

import signal
import struct
import subprocess
import sys
from collections.abc import Iterator

import pytest
from support.impostors.switchbed import A, B, Bed, C

from pvm3py.pvmd.io.switch import frame
from pvm3py.pvmd.state.events import MessageEvent, OpenEvent
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
    for tid, signum in ((B, 12345), (B, -1), (C, 0), (A & ~c.TIDLOCAL | dead, signal.SIGTERM)):
        a.send(order(tid, signum))
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
