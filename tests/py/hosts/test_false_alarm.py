# SPDX-License-Identifier: MIT
"""A machine that is overloaded is slow, but nobody is taken for dead."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager

from support.machines.chaos import Chaos, chaos_seconds

HOSTS = 4
LOOPS_A_CORE = 4
SECONDS, SECONDS_MAX = 6.0, 60.0


@contextmanager
def load(count: int) -> Iterator[None]:
    """So many processes that do nothing but use a processor, at the usual priority."""
    loops = [subprocess.Popen([sys.executable, "-c", "while True: pass"]) for _ in range(count)]
    try:
        yield
    finally:
        for loop in loops:
            loop.kill()
        for loop in loops:
            loop.wait()


def test_overload_is_no_reason_to_declare_a_host_dead() -> None:
    """Hosts that talk and, in the second half, hosts that are silent."""
    with Chaos(HOSTS, 5) as chaos:
        chaos.begin_adding(list(chaos.bed.slaves))
        assert min(chaos.end_adding()) > 0
        for host in chaos.bed.hosts:
            chaos.spawn(host, 1)
        seconds = min(chaos_seconds(SECONDS), SECONDS_MAX)
        with load(LOOPS_A_CORE * len(os.sched_getaffinity(0))):
            time.sleep(seconds / 2)
            chaos.tell("stop")
            time.sleep(seconds / 2)
        reports = chaos.settle()
        assert len(reports) == 1 + HOSTS
        assert not chaos.wrong, "\n".join(chaos.wrong)
        alarms = [
            line
            for host in chaos.bed.hosts
            for line in host.log().splitlines()
            if "is gone" in line or "master lost" in line
        ]
        assert not alarms
