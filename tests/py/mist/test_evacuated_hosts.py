# SPDX-License-Identifier: MIT
"""Hosts that are deleted: tasks that can move leave before. Three real daemons, tasks of C."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from support.machines.agent import Remote
from support.machines.machine import Machine
from support.machines.vm import wait_until
from support.screens.console import console_program

from pvm3py.wire import constants as c

TAG = 60
NO_TASK = c.PvmNoTask


@pytest.fixture(scope="module")
def shared() -> Iterator[Machine]:
    made = Machine(("ours",) * 3, network="loopback", programs=("agent",))
    yield made
    made.bed.stop()


@pytest.fixture
def three(shared: Machine) -> Machine:
    return shared.ready()


def watched(machine: Machine, where: str, count: int = 1) -> list[Remote]:
    """Tasks there, of whose ends the agent on the master is told."""
    tasks = machine.here.agents(where, count)
    for task in tasks:
        assert task.code("mytid") == task.tid
        assert machine.here.code("notify", c.PvmTaskExit, TAG, task.tid) == 0
    return tasks


def gone(machine: Machine, name: str) -> None:
    """Wait until a host has left the machine."""
    wait_until(lambda: name not in machine.here.config(), f"{name} is deleted")


def end(machine: Machine, tasks: list[Remote]) -> None:
    """End tasks, which is told of each, and once."""
    for task in tasks:
        assert machine.here.code("kill", task.tid) == 0
        assert machine.here.notice(TAG) == [task.tid]


def test_tasks_that_can_move_leave(three: Machine) -> None:
    name = three.hosts[2].name
    tasks = watched(three, name, 3)
    staying = watched(three, name)
    assert staying[0].code("setopt", 1002, 0) == 1
    assert three.here.ints("delhosts", f"{name} -m") == [1, 0]
    assert three.here.notice(TAG) == [staying[0].tid]
    gone(three, name)
    left = set(three.here.config().values())
    for task in tasks:
        assert task.code("mytid") == task.tid
        assert three.there.code("pstat", task.tid) == 0
    end(three, tasks)
    assert len(left) == 2


@pytest.mark.parametrize("asker", [0, 1], ids=["on-master", "on-slave"])
def test_tasks_end_with_a_host_that_a_program_deletes(three: Machine, asker: int) -> None:
    name = three.hosts[2].name
    (task,) = watched(three, name)
    assert three.agents[asker].ints("delhosts", name) == [1, 0]
    assert three.here.notice(TAG) == [task.tid]
    gone(three, name)


@pytest.mark.parametrize("option", ["", "-f "], ids=["plain", "at-once"])
def test_console_deletes_so(three: Machine, option: str) -> None:
    name = three.hosts[2].name
    (task,) = watched(three, name)
    done = three.hosts[0].run(console_program("ours"), "-c", f"delete {option}{name}").check()
    assert done.out.splitlines()[0] == "1 successful"
    gone(three, name)
    if option:
        assert three.here.notice(TAG) == [task.tid]
    else:
        end(three, [task])


def test_hosts_that_are_deleted_together_are_no_goals(three: Machine) -> None:
    names = [host.name for host in three.hosts[1:]]
    tasks = [*watched(three, names[0]), *watched(three, names[1])]
    assert three.here.ints("delhosts", *(f"{name} -m" for name in names)) == [2, 0, 0]
    for name in names:
        gone(three, name)
    assert {task.code("mytid") for task in tasks} == {task.tid for task in tasks}
    end(three, tasks)


def test_task_that_deletes_its_own_host_is_answered_elsewhere(three: Machine) -> None:
    name = three.hosts[2].name
    (task,) = watched(three, name)
    assert task.ints("delhosts", f"{name} -m") == [1, 0]
    gone(three, name)
    assert task.code("mytid") == task.tid
    end(three, [task])
