# SPDX-License-Identifier: MIT
"""Daemons and tasks are killed at random while checked messages flow among eight hosts."""

from __future__ import annotations

import os
import random
import signal
import time
from collections.abc import Callable

import pytest
from support.machines.chaos import Chaos, chaos_seconds
from support.machines.hosts import Host
from support.machines.vm import wait_until

HOSTS = 8
LEAST = 3  # slaves that are to be alive
WORKERS = 2  # on each host
SECONDS = 12.0
# A host that comes back has the port it had before.
PORTS = "9000-9009"
BAD_NETWORK = "loss=0.1,dup=0.1,reorder=0.2,delay=5,corrupt=0.02"


class Run:
    """Random deaths and resurrections."""

    def __init__(self, chaos: Chaos) -> None:
        self.chaos = chaos
        self.random = chaos.random
        self.dead: set[str] = set()
        self.deaths = 0

    def up(self) -> list[Host]:
        """Slaves in the machine whose daemons were not touched."""
        there = set(self.chaos.config())
        return [h for h in self.chaos.bed.slaves if h.name in there and h.name not in self.dead]

    def populate(self) -> None:
        """Workers on every host that has none."""
        for host in (self.chaos.bed.master, *self.up()):
            self.chaos.spawn(host, WORKERS)

    def kill(self, host: Host, number: signal.Signals) -> None:
        """End a host's daemon, or stop it, if it is there."""
        if self.chaos.signal_daemon(host, number):
            self.dead.add(host.name)
            self.deaths += 1

    def kill_daemon(self) -> None:
        up = self.up()
        if len(up) > LEAST:
            host = self.random.choice(up)
            number = self.random.choice(
                [signal.SIGKILL, signal.SIGKILL, signal.SIGKILL, signal.SIGTERM, signal.SIGSTOP]
            )
            self.kill(host, number)

    def kill_task(self) -> None:
        self.chaos.kill_task(self.random.choice([self.chaos.bed.master, *self.up()]))

    def spawn(self) -> None:
        self.chaos.spawn(self.random.choice([self.chaos.bed.master, *self.up()]), 1)

    def revive(self) -> None:
        """Add hosts that are out of the machine; one of them may be killed meanwhile."""
        self.dead -= self.chaos.thaw()
        there = set(self.chaos.config())
        out = [host for host in self.chaos.bed.slaves if host.name not in there]
        if not out:
            return
        for host in out:
            for pid in host.processes():
                # What the dead daemon has left behind must not answer in place of the new one.
                _kill(pid)
        chosen = self.random.sample(out, self.random.randint(1, len(out)))
        self.chaos.begin_adding(chosen)
        for host in chosen:
            self.dead.discard(host.name)
        if self.random.random() < 0.3:
            time.sleep(self.random.random() * 0.4)
            victim = self.random.choice(chosen)
            self.kill(victim, signal.SIGKILL)
        if self.random.random() < 0.3:
            self.kill_daemon_while_adding()
        tids = self.chaos.end_adding()
        for host, tid in zip(chosen, tids, strict=True):
            if tid < 0:
                self.dead.add(host.name)
            elif host.name not in self.dead:
                self.chaos.spawn(host, WORKERS)

    def kill_daemon_while_adding(self) -> None:
        adding = {host.name for host in self.chaos.adding}
        others = [h for h in self.chaos.bed.slaves if h.name not in adding | self.dead]
        if len(others) > LEAST:
            victim = self.random.choice(others)
            self.kill(victim, signal.SIGKILL)

    def step(self) -> None:
        """Something happens."""
        actions: list[Callable[[], None]] = [
            self.kill_daemon,
            self.kill_task,
            self.kill_task,
            self.spawn,
            self.revive,
            self.revive,
        ]
        self.random.choice(actions)()

    def told(self) -> bool:
        """Whether the machine has no host any more whose daemon was killed."""
        return not self.dead & set(self.chaos.config())


def _kill(pid: int) -> None:
    try:
        os.kill(pid, signal.SIGKILL)
    except ProcessLookupError:
        pass


@pytest.mark.slow
@pytest.mark.timeout(chaos_seconds(SECONDS) + 600)
@pytest.mark.parametrize("fault", ["", BAD_NETWORK], ids=["good network", "bad network"])
def test_random_deaths(fault: str) -> None:
    if fault and "PVM3PY_CHAOS_SECONDS" not in os.environ:
        pytest.skip("only with PVM3PY_CHAOS_SECONDS")
    seed = int(os.environ.get("PVM3PY_CHAOS_SEED") or random.randrange(1 << 30))
    seconds = chaos_seconds(SECONDS)
    print(f"seed {seed}, {seconds:g} s")
    with Chaos(HOSTS, seed, env={"PVM_TEST_NETFAULT": fault, "PVM_PORT_RANGE": PORTS}) as chaos:
        run = Run(chaos)
        chaos.begin_adding(list(chaos.bed.slaves))
        chaos.end_adding()
        run.populate()
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            run.step()
            time.sleep(chaos.random.random() * 0.6)
        wait_until(run.told, "all deaths known")
        reports = chaos.settle()
        assert not chaos.wrong, "\n".join(chaos.wrong)
        requests = sum(report.requests for report in reports)
        messages = sum(got for report in reports for _, got, _ in report.peers.values())
        print(
            f"{run.deaths} daemons died; {messages} messages and {requests} requests of those "
            f"that live, {len(reports)} tasks"
        )
        assert messages
        assert requests
        for host in chaos.bed.slaves:
            host.killed = True
