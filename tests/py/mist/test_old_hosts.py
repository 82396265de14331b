# SPDX-License-Identifier: MIT
"""Moves in machines with hosts of PVM 3.4.6, whose daemons and tasks are real ones."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from support.machines.agent import Agent, Remote
from support.machines.machine import Machine
from support.machines.vm import wait_until

from pvm3py.wire import constants as c

RAW, TAG, EXIT_TAG = 1, 60, 61
SIZES = (0, 100, 5000, 200000)


@pytest.fixture(scope="module")
def shared() -> Iterator[Machine]:
    """Three hosts of this project's, the master among them, and two of 3.4.6."""
    kinds = ("ours", "ours", "ours", "debian", "debian")
    made = Machine(kinds, network="loopback", programs=("agent",))
    yield made
    made.bed.stop()


@pytest.fixture
def machine(shared: Machine) -> Machine:
    return shared.ready()


def new_task(machine: Machine, number: int = 1) -> Remote:
    """A task of C that was spawned on this host."""
    (task,) = machine.here.agents(machine.hosts[number].name)
    assert task.code("mytid") == task.tid
    return task


def move(machine: Machine, task: Remote, number: int) -> None:
    """Move a task to this host; what is against it fails the test."""
    assert machine.here.code("migrate", task.tid, machine.hosts[number].name) == 0, (
        machine.everything()
    )


def exchange(task: Remote, agent: Agent) -> None:
    """Messages of several sizes both ways."""
    for size in SIZES:
        assert agent.code("send", task.tid, TAG, RAW, size, 5) == 0
        assert task.taken(agent.tid, TAG, size, 5) == [1, agent.tid, TAG, 1]
        assert task.code("send", agent.tid, TAG, RAW, size, 6) == 0
        assert agent.taken(task.tid, TAG, size, 6) == [1, task.tid, TAG, 1]


def test_task_exchanges_messages_with_all_wherever_it_is(machine: Machine) -> None:
    task = new_task(machine)
    for number in (0, 2, 1, 2, 0, 1):
        move(machine, task, number)
        for agent in machine.agents:
            exchange(task, agent)
    machine.here.code("kill", task.tid)


def test_multicasts_reach_and_leave_a_task_that_has_moved(machine: Machine) -> None:
    task, other = new_task(machine), new_task(machine, 2)
    move(machine, task, 0)
    move(machine, other, 1)
    tids = [agent.tid for agent in machine.agents]
    for size in SIZES:
        assert task.code("mcast", TAG, RAW, size, 5, other.tid, *tids) == 0
        assert other.taken(task.tid, TAG, size, 5) == [1, task.tid, TAG, 1]
        for agent in machine.agents:
            assert agent.taken(task.tid, TAG, size, 5) == [1, task.tid, TAG, 1]
    for agent in machine.agents[3:]:
        for size in SIZES:
            assert agent.code("mcast", TAG, RAW, size, 6, task.tid, other.tid, *tids[:3]) == 0
            for one in (task, other, *machine.agents[:3]):
                assert one.taken(agent.tid, TAG, size, 6) == [1, agent.tid, TAG, 1]
    for one in (task, other):
        machine.here.code("kill", one.tid)


def test_task_that_has_moved_is_served_for_tasks_of_3_4_6(machine: Machine) -> None:
    task, old = new_task(machine), machine.agents[3]
    assert old.code("notify", c.PvmTaskExit, EXIT_TAG, task.tid) == 0
    move(machine, task, 2)
    assert old.code("pstat", task.tid) == 0
    assert task.code("pstat", old.tid) == 0
    late = machine.agents[4]
    assert late.code("notify", c.PvmTaskExit, EXIT_TAG, task.tid) == 0
    (child,) = task.agents(machine.hosts[3].name)
    assert task.code("notify", c.PvmTaskExit, EXIT_TAG, child.tid) == 0
    move(machine, task, 0)
    assert old.code("kill", child.tid) == 0
    assert task.notice(EXIT_TAG) == [child.tid]
    assert old.code("kill", task.tid) == 0
    for agent in (old, late):
        assert agent.notice(EXIT_TAG) == [task.tid]
        assert agent.code("pstat", task.tid) == c.PvmNoTask


def test_nothing_moves_to_or_from_a_host_of_3_4_6(machine: Machine) -> None:
    task, stuck = new_task(machine), new_task(machine, 3)
    assert machine.here.code("migrate", task.tid, machine.hosts[3].name) == c.PvmNotMovable
    assert machine.here.code("migrate", stuck.tid, machine.hosts[1].name) == c.PvmNotMovable
    exchange(task, machine.agents[3])
    move(machine, task, 2)
    for one in (task, stuck):
        machine.here.code("kill", one.tid)


@pytest.mark.parametrize("how", ["killed", "deleted"])
def test_task_ends_with_its_host_of_birth(machine: Machine, how: str) -> None:
    """Hosts of 3.4.6 take it to have ended; a task of another birth goes on."""
    birth = machine.hosts[1]
    task, other = new_task(machine), new_task(machine, 2)
    move(machine, task, 2)
    move(machine, other, 0)
    watchers = (machine.here, machine.agents[2], machine.agents[3])
    for agent in watchers:
        assert agent.code("notify", c.PvmTaskExit, EXIT_TAG, task.tid) == 0
    if how == "killed":
        birth.kill_daemon()
    else:
        assert machine.here.ints("delhosts", birth.name) == [1, 0]
    for agent in watchers:
        assert agent.notice(EXIT_TAG) == [task.tid]
        wait_until(lambda a=agent: birth.name not in a.config(), "the host is gone")
        assert agent.code("pstat", task.tid) in (c.PvmNoTask, c.PvmBadParam)
    exchange(other, machine.agents[3])
    machine.here.code("kill", other.tid)


def test_nothing_moves_under_a_master_of_3_4_6() -> None:
    made = Machine(("debian", "ours", "ours"), network="loopback", programs=("agent",))
    try:
        asker, task = made.agents[1], new_task(made, 2)
        assert asker.code("migrate", task.tid, made.hosts[1].name) == c.PvmNotMovable
        exchange(task, asker)
        assert asker.ints("delhosts", made.hosts[2].name) == [1, 0]
        wait_until(lambda: made.hosts[2].name not in asker.config(), "the host is gone")
    finally:
        made.bed.stop()
