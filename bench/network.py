# SPDX-License-Identifier: MIT
"""Machines of several hosts for the benchmark: the beds of hosts that the tests use."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from bench.machine import DRIVER_TIMEOUT, HERE, Installation, MeasurementError

sys.path.append(str(HERE.parent / "tests/py"))

from support.compiler import begin_session
from support.machines.hosts import Bed
from support.system import Side

__all__ = ["NETWORKS", "Hosts", "begin_session"]

# Networks by name: hosts, whether they form a machine from the start, environment.
NETWORKS: dict[str, tuple[int, bool, dict[str, str]]] = {
    "two": (2, True, {}),
    "two lossy": (2, True, {"PVM_TEST_NETFAULT": "loss=0.01,seed=1"}),
    "eight": (8, True, {}),
    "adding": (9, False, {}),
    "adding one": (2, False, {}),
    "adding slowly": (9, False, {"PVM_TEST_LOGIN": "0.3"}),
}


class Hosts:
    """Daemons on several hosts; `run` starts tasks on the master. A context manager.

    The driver finds the names of the others in BENCH_HOSTS.
    """

    def __init__(self, installation: Installation, network: str) -> None:
        count, joined, env = NETWORKS[network]
        side: Side = "debian" if installation.name == "pvm346" else "ours"
        self._bed = Bed([side] * count, env=env)
        names = [slave.name for slave in self._bed.slaves]
        self._bed.master.set_env({"BENCH_HOSTS": " ".join(names)})
        try:
            agent = self._bed.start().master.agent()
            if joined:
                agent.add(*names)
            agent.close()
        except AssertionError as error:
            self._bed.stop(check=False)
            raise MeasurementError(f"{installation.name}, {network}: {error}") from error

    def __enter__(self) -> Hosts:
        return self

    def __exit__(self, *_: object) -> None:
        self._bed.stop(check=False)

    def run(self, *command: str) -> str:
        """Run a program as a task started by hand on the master; returns what it printed."""
        try:
            done = self._bed.master.run(Path(command[0]), *command[1:], timeout=DRIVER_TIMEOUT)
            return done.check().out
        except (AssertionError, subprocess.SubprocessError) as error:
            raise MeasurementError(str(error)) from error
