# SPDX-License-Identifier: MIT
"""Real tasks, of C, that are moved by real daemons and restarters."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from support.impostors.rawtask import Connector, RawTask, enrolled
from support.impostors.wanderer import answer, ask
from support.machines.agent import Remote
from support.machines.hosts import Host
from support.machines.machine import Machine

from pvm3py.wire import constants as c
from pvm3py.wire.moves import MoveReply

RAW, TAG, EXIT_TAG, TASK_EXIT = 1, 60, 61, 1
SIZES = (0, 100, 5000, 200000)


@pytest.fixture(scope="module")
def machine() -> Iterator[Machine]:
    made = Machine(("ours", "ours", "ours"), network="loopback", programs=("agent",))
    yield made
    made.bed.stop()


def move(machine: Machine, asker: RawTask, tid: int, host: Host) -> None:
    """Move a task; what is against it fails the test."""
    reply = answer(asker, ask(asker, tid, host.name))
    assert reply == MoveReply(0), machine.everything()


def exchange(machine: Machine, mover: Remote) -> None:
    """Messages of several sizes both ways between the task and each agent."""
    for agent in machine.agents:
        for size in SIZES:
            assert agent.code("send", mover.tid, TAG, RAW, size, 5) == 0
            assert mover.taken(agent.tid, TAG, size, 5) == [1, agent.tid, TAG, 1]
            assert mover.code("send", agent.tid, TAG, RAW, size, 6) == 0
            assert agent.taken(mover.tid, TAG, size, 6) == [1, mover.tid, TAG, 1]


def test_spawned_task_goes_round_all_hosts(machine: Machine, connector: Connector) -> None:
    (mover,) = machine.here.agents(machine.hosts[1].name)
    asker = enrolled(machine.hosts[0], connector)
    assert mover.code("mytid") == mover.tid
    for turn in range(9):
        goal = machine.hosts[(turn + 2) % 3]
        move(machine, asker, mover.tid, goal)
        assert mover.code("mytid") == mover.tid
        exchange(machine, mover)
    asker.socket.close()


def test_end_of_a_moved_task_is_told_to_its_parent(machine: Machine, connector: Connector) -> None:
    (mover,) = machine.here.agents(machine.hosts[1].name)
    asker = enrolled(machine.hosts[2], connector)
    assert machine.here.code("notify", TASK_EXIT, EXIT_TAG, mover.tid) == 0
    move(machine, asker, mover.tid, machine.hosts[2])
    assert mover.code("print", "here I am") == 0
    assert machine.agents[1].code("kill", mover.tid) == 0
    assert machine.here.notice(EXIT_TAG) == [mover.tid]
    assert machine.agents[2].code("pstat", mover.tid) == -31
    asker.socket.close()


def test_task_of_c_moves_others_and_itself(machine: Machine) -> None:
    (mover,) = machine.here.agents(machine.hosts[1].name)
    assert machine.agents[2].code("migrate", mover.tid, machine.hosts[2].name) == 0
    for host in (machine.hosts[0], machine.hosts[1], machine.hosts[2]):
        assert mover.code("migrate", mover.tid, host.name) == 0
        exchange(machine, mover)
    assert machine.here.code("migrate", mover.tid, "nowhere") == c.PvmNoHost
    assert machine.here.code("migrate", mover.tid + 1000, machine.hosts[0].name) == c.PvmNoTask
