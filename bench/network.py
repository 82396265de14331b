# SPDX-License-Identifier: MIT
"""Machines of several hosts for the benchmark: the beds of hosts that the tests use."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from bench.machine import DRIVER_TIMEOUT, HERE, Installation, MeasurementError, run_program

sys.path.append(str(HERE.parent / "tests/py"))

from support.compiler import begin_session
from support.machines.hosts import Bed, Host
from support.machines.net import NetworkKind, can_make_namespaces
from support.system import Side

__all__ = ["NETWORKS", "Hosts", "begin_session", "can_make_namespaces"]


@dataclass(frozen=True)
class Kind:
    """A network.

    joined   the hosts form a machine from the start
    env      of all that runs there
    network  None: namespaces if they are possible
    shaped   each host sends at most so much, as tc(8) writes rates; needs namespaces
    """

    hosts: int
    joined: bool = True
    env: Mapping[str, str] = field(default_factory=dict)
    network: NetworkKind | None = None
    shaped: str = ""


NETWORKS = {
    "two": Kind(2),
    "two lossy": Kind(2, env={"PVM_TEST_NETFAULT": "loss=0.01,seed=1"}),
    "two on loopback": Kind(2, network="loopback"),
    "two at 10 Mb/s": Kind(2, network="namespaces", shaped="10mbit"),
    "eight": Kind(8),
    "adding": Kind(9, joined=False),
    "adding one": Kind(2, joined=False),
    "adding slowly": Kind(9, joined=False, env={"PVM_TEST_LOGIN": "0.3"}),
}


class Hosts:
    """Daemons on several hosts; `run` starts tasks on the master. A context manager.

    The driver finds the names of the others in BENCH_HOSTS.
    """

    def __init__(self, installation: Installation, network: str) -> None:
        kind = NETWORKS[network]
        side: Side = "debian" if installation.name == "pvm346" else "ours"
        self._bed = Bed([side] * kind.hosts, network=kind.network, env=kind.env)
        names = [slave.name for slave in self._bed.slaves]
        self._bed.master.set_env({"BENCH_HOSTS": " ".join(names)})
        try:
            self._form(kind, names)
        except BaseException as error:
            self._bed.stop(check=False)
            if isinstance(error, (AssertionError, OSError, subprocess.SubprocessError)):
                raise MeasurementError(f"{installation.name}, {network}: {error}") from error
            raise

    def _form(self, kind: Kind, names: Sequence[str]) -> None:
        """Start the daemons on their network."""
        for host in self._bed.hosts if kind.shaped else ():
            _shape(host, kind.shaped)
        agent = self._bed.start().master.agent()
        if kind.joined:
            agent.add(*names)
        agent.close()

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

    def time_bare(self, count: int) -> float:
        """Seconds until so many bytes have come from the second host by TCP, without PVM."""
        here, there = self._bed.hosts[:2]
        script = [*there.enter, sys.executable, str(HERE / "bare_tcp.py"), there.ip, str(count)]
        with subprocess.Popen(script, stdout=subprocess.PIPE, text=True) as sender:
            try:
                assert sender.stdout is not None
                port = sender.stdout.readline().strip()
                taker = [*here.enter, sys.executable, str(HERE / "bare_tcp.py"), there.ip]
                return float(run_program([*taker, str(count), port]))
            finally:
                sender.kill()


def _shape(host: Host, rate: str) -> None:
    """Let a host send no faster than that."""
    words = f"tc qdisc add dev eth0 root tbf rate {rate} burst 4kb latency 200ms"
    subprocess.run([*host.enter, *words.split()], check=True)
