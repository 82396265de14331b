# SPDX-License-Identifier: MIT
"""A host that is cut off, for less than the limit of silence and for longer."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from support.machines.chaos import Chaos, chaos_seconds
from support.machines.hosts import Host
from support.machines.machine import Machine
from support.machines.net import require_namespaces
from support.machines.vm import wait_until

TASK_EXIT, HOST_DELETE = 1, 2
TAG, RAW = 90, 1
VICTIM = 2 << 18
SECONDS = 3.0  # of a cut that heals; ten if there is time
STOPPED_SECONDS = 3.0  # longer than the default limit


class Cut:
    """The network of one host can be cut: packets to and from it are lost."""

    def __init__(self, host: Host) -> None:
        self.file = Path(host.tmp, "cut")
        host.set_env({"PVM_TEST_NETFAULT": f"file={self.file}"})

    def begin(self) -> None:
        self.file.touch()

    def heal(self) -> None:
        self.file.unlink()


@pytest.mark.parametrize("limit", ["20", "0"])
def test_nothing_is_lost_by_a_cut_that_heals_in_time(limit: str) -> None:
    """PVM_HOST_TIMEOUT=0 is the rule of 3.4.6, who waits for minutes."""
    with Chaos(3, 11, env={"PVM_HOST_TIMEOUT": limit}) as chaos:
        victim = chaos.bed.slaves[0]
        cut = Cut(victim)
        chaos.begin_adding(list(chaos.bed.slaves))
        assert min(chaos.end_adding()) > 0
        for host in chaos.bed.hosts:
            chaos.spawn(host, 2)
        wait_until(lambda: len(chaos.own_report().peers) == 6, "all tasks know each other")
        cut.begin()
        time.sleep(min(chaos_seconds(SECONDS), 10.0))
        cut.heal()
        reports = chaos.settle()
        assert not chaos.wrong, "\n".join(chaos.wrong)
        assert len(reports) == 7
        assert len(chaos.config()) == 3


@pytest.fixture
def three() -> Iterator[Machine]:
    """A machine of three hosts of ours."""
    machine = Machine(["ours"] * 3, programs=("agent",))
    yield machine
    for host in machine.hosts[1:]:
        host.killed = True
    machine.bed.stop()


def _watch(machine: Machine) -> int:
    """Have master and third host watch the second and a task there, which it returns."""
    (child,) = machine.here.spawn("agent", where=machine.hosts[1].name)
    for agent in (machine.agents[0], machine.agents[2]):
        assert agent.code("notify", HOST_DELETE, TAG + 1, VICTIM) == 0
        assert agent.code("notify", TASK_EXIT, TAG, child) == 0
        assert agent.code("pstat", child) == 0
    return child


def _check_told(machine: Machine, child: int) -> None:
    """Both have been told, once, in order, and the machine goes on."""
    for agent in (machine.agents[0], machine.agents[2]):
        assert agent.notice() == [child]
        assert agent.notice() == [VICTIM]
        assert list(agent.config()) == [machine.hosts[0].name, machine.hosts[2].name]


def _check_ended(machine: Machine) -> None:
    """The one that was cut off has ended its tasks and itself, and said so."""
    victim = machine.hosts[1]
    wait_until(lambda: not victim.processes(), "the host that was cut off ends")
    assert "master lost: nothing heard" in victim.log()
    assert not victim.sock_file.exists()
    assert not list(victim.tmp.glob("pvmtmp*"))


@pytest.mark.parametrize("how", ["both ways", "one way"])
def test_interface_or_route_that_fails(three: Machine, how: str) -> None:
    """The system reports errors on sending. One way: the host still hears the master."""
    require_namespaces()
    victim = three.hosts[1]
    child = _watch(three)
    command = "link set eth0 down"
    if how == "one way":
        command = f"route add unreachable {three.hosts[0].ip}"
    subprocess.run(["ip", "-n", victim.enter[-1], *command.split()], check=True)
    # What cannot be delivered waits, and goes with the host.
    assert three.here.code("send", child, TAG, RAW, 100000, 1) == 0
    _check_told(three, child)
    _check_ended(three)
    command = "link set eth0 up"
    if how == "one way":
        command = f"route del unreachable {three.hosts[0].ip}"
    subprocess.run(["ip", "-n", victim.enter[-1], *command.split()], check=True)
    (again,) = three.here.add(victim.name)
    assert again != VICTIM
    (child,) = three.here.spawn("agent", where=victim.name)
    assert three.here.ints("event", -1, -1, 0.2) == [0]
    assert three.here.code("pstat", child) == 0
    assert os.path.exists(victim.sock_file)


def test_daemon_of_the_original_that_is_slow_is_not_taken_for_dead() -> None:
    """Towards it the rule of 3.4.6 holds; it may well be busy for longer than our limit."""
    machine = Machine(["ours", "debian"], programs=("agent",))
    done = False
    try:
        slave = machine.hosts[1]
        (child,) = machine.here.spawn("agent", where=slave.name)
        pid = slave.pid
        os.kill(pid, signal.SIGSTOP)
        machine.here.tell("pstat", child)
        time.sleep(STOPPED_SECONDS)
        os.kill(pid, signal.SIGCONT)
        assert machine.here.reply() == ["0"]
        assert len(machine.here.config()) == 2
        done = True
    finally:
        machine.bed.stop(check=done)
