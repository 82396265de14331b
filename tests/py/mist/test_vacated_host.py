# SPDX-License-Identifier: MIT
"""PVM_VACATE_SIGNAL: a host's tasks leave it before its daemon ends; on real daemons."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator

import pytest
from support.machines.agent import Remote
from support.machines.machine import Machine
from support.machines.vm import wait_until

from pvm3py.wire import constants as c

EXIT, EXIT_TAG = 1, 77


@pytest.fixture
def three() -> Iterator[Machine]:
    env = {"PVM_VACATE_SIGNAL": "USR1"}
    made = Machine(("ours",) * 3, network="loopback", programs=("agent",), env=env)
    yield made
    made.bed.stop(check=False)


def gone(machine: Machine) -> bool:
    """Whether the second host has left."""
    return machine.hosts[1].name not in machine.here.config()


def spawned(machine: Machine, count: int) -> list[Remote]:
    agents = machine.here.agents(machine.hosts[1].name, count=count)
    assert all(agent.code("mytid") == agent.tid for agent in agents)
    return agents


def test_tasks_leave_before_their_host_does(three: Machine) -> None:
    unwilling, *tasks = spawned(three, 4)
    assert unwilling.code("setopt", 1002, 0) == 1
    assert three.here.code("notify", EXIT, EXIT_TAG, unwilling.tid) == 0
    os.kill(three.hosts[1].pid, signal.SIGUSR1)
    wait_until(lambda: gone(three), "the host has left")
    assert three.here.notice(EXIT_TAG) == [unwilling.tid]
    for task in tasks:
        assert task.code("mytid") == task.tid
    places = {three.here.call("tasks", task.tid)[4] for task in tasks}
    assert len(places) == 2, "they are spread over the others"
    wait_until(lambda: not three.hosts[1].daemon_pids(), "its daemon has ended")
    assert "2 tasks have not left" in three.hosts[1].log(), "that, and what was started by hand"


def test_second_signal_ends_the_daemon_at_once(three: Machine) -> None:
    (task,) = spawned(three, 1)
    assert three.there.code("holdtask", task.tid, 0) == 0
    os.kill(three.agents[2].process.pid, signal.SIGSTOP)
    os.kill(three.hosts[2].pid, signal.SIGSTOP)
    try:
        pid = three.hosts[1].pid
        os.kill(pid, signal.SIGUSR1)
        wait_until(lambda: "caught signal" in three.hosts[1].log(), "the first is known")
        os.kill(pid, signal.SIGUSR1)
        wait_until(lambda: not three.hosts[1].daemon_pids(), "its daemon has ended")
    finally:
        os.kill(three.hosts[2].pid, signal.SIGCONT)
        os.kill(three.agents[2].process.pid, signal.SIGCONT)
    assert three.hosts[1].log().count("caught signal") == 2


def test_other_signals_end_the_daemon_with_its_tasks(three: Machine) -> None:
    (task,) = spawned(three, 1)
    os.kill(three.hosts[1].pid, signal.SIGTERM)
    wait_until(lambda: gone(three), "the host has left")
    assert three.here.code("pstat", task.tid) == c.PvmNoTask
