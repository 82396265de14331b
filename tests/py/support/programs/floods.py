# SPDX-License-Identifier: MIT
"""What floods a daemon, and how others are served meanwhile."""

from __future__ import annotations

import socket
import statistics
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from pvm3py.wire import constants as c
from support.impostors.rawtask import Connector, RawTask, enrolled
from support.machines.vm import VirtualMachine
from support.system import PATIENCE

MIB = 1 << 20
# What a daemon may take for a flood, and how long another task's request may typically take
# meanwhile, seconds.
ROOM = 24 * MIB
SECONDS = 0.01
_ROUNDS = 300


def talkative(directory: Path) -> Path:
    """A program that writes without an end."""
    program = directory / "talkative"
    program.write_text("#!/bin/sh\nexec yes\n")
    program.chmod(0o755)
    return program


class Meanwhile:
    """What a flood does to these machines' daemons, compared with how they are now."""

    def __init__(self, connector: Connector, *machines: VirtualMachine) -> None:
        self._connector = connector
        self._idle = [(machine, machine.rss()) for machine in machines]

    def served(self) -> None:
        """Each takes a new task and answers it quickly, and has not grown."""
        for machine, _ in self._idle:
            took = typical_wait(machine, self._connector)
            assert took < SECONDS, f"a request takes {took:.3f} s"
        for machine, idle in self._idle:
            more = machine.rss() - idle
            assert more < ROOM, f"{more / MIB:.1f} MiB more"


def typical_wait(machine: VirtualMachine, connector: Connector) -> float:
    """Seconds that each request of a new task typically takes."""
    took = []
    with enrolled(machine, connector) as task:
        for _ in range(_ROUNDS):
            began = time.perf_counter()
            task.request(c.TM_GETOPT)
            took.append(time.perf_counter() - began)
    return statistics.median(took)


@contextmanager
def sending(task: RawTask, data: bytes) -> Iterator[threading.Thread]:
    """A task sends all this while the body runs, as quickly as it can, and reads nothing.

    At the end its connection is shut down if not all is sent.
    """
    task.socket.settimeout(None)
    thread = threading.Thread(target=task.send, args=(data,))
    thread.start()
    try:
        yield thread
    finally:
        task.socket.settimeout(PATIENCE)
        if thread.is_alive():
            task.socket.shutdown(socket.SHUT_RDWR)
        thread.join(PATIENCE)


def written(pids: list[int]) -> int:
    """Bytes that processes have written."""
    return sum(
        int(line.split()[1])
        for pid in pids
        for line in Path(f"/proc/{pid}/io").read_text().splitlines()
        if line.startswith("wchar")
    )
