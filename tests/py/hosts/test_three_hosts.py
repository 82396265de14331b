# SPDX-License-Identifier: MIT
"""Machines of three daemons, ours and 3.4.6's mixed."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from support.machines.machine import Machine
from support.machines.vm import wait_until
from support.system import PATIENCE, Side

MIXES: tuple[tuple[Side, ...], ...] = (
    ("ours", "ours", "ours"),
    ("ours", "debian", "ours"),
    ("ours", "debian", "debian"),
    ("debian", "ours", "ours"),
    ("debian", "debian", "ours"),
    ("debian", "debian", "debian"),
)
TASK_EXIT, HOST_DELETE, NO_HOST = 1, 2, -6
RAW, TAG, SIZES = 1, 60, (0, 4032, 4033, 70000)
# An option of tasks: one that it has set to 0 ends with its host, and is not moved away before.
MOVABLE = 1002


@pytest.fixture(scope="module", params=MIXES, ids="-".join)
def shared_three(request: pytest.FixtureRequest) -> Iterator[Machine]:
    machine = Machine(request.param)
    yield machine
    machine.bed.stop()


@pytest.fixture
def three(shared_three: Machine) -> Machine:
    return shared_three.ready()


def test_everybody_sends_to_everybody(three: Machine) -> None:
    for sender in three.agents:
        for receiver in three.agents:
            for size in SIZES:
                assert sender.code("send", receiver.tid, TAG, RAW, size, 4) == 0
    for receiver in three.agents:
        for sender in three.agents:
            for size in SIZES:
                got = receiver.taken(sender.tid, TAG, size, 4)
                assert got == [1, sender.tid, TAG, 1], (size, three.everything())


def test_multicast_from_every_host(three: Machine) -> None:
    tids = [agent.tid for agent in three.agents]
    for sender in three.agents:
        others = [tid for tid in tids if tid != sender.tid]
        assert sender.code("mcast", TAG, RAW, 10000, 8, *others) == 0
        for receiver in three.agents:
            if receiver is not sender:
                assert receiver.taken(-1, TAG, 10000, 8) == [1, sender.tid, TAG, 1]


def test_direct_route_between_two_slaves(three: Machine) -> None:
    answerer, caller = three.hosts[1:]
    sizes = ["0", "4033", "300000"]
    answering = answerer.start(answerer.program("talk"), "answer", "direct", *sizes)
    assert answering.stdout
    tid = answering.stdout.readline().decode().strip()
    caller.run(caller.program("talk"), "call", "direct", *sizes, tid).check()
    assert answering.wait(PATIENCE) == 0


def test_group_over_three_hosts(three: Machine) -> None:
    members = [host.start(host.program("group_member"), "three", 3) for host in three.hosts]
    for member in members:
        out, err = member.communicate(timeout=PATIENCE)
        assert member.returncode == 0, out.decode() + err.decode() + three.everything()


def test_slave_is_told_of_a_task_on_another_slave(three: Machine) -> None:
    watcher, far = three.agents[1], three.hosts[2].name
    (child,) = three.here.spawn("agent", where=far)
    assert watcher.code("notify", TASK_EXIT, TAG, child) == 0
    assert watcher.code("pstat", child) == 0
    assert watcher.code("kill", child) == 0
    assert watcher.notice(TAG) == [child]


def test_mailbox_between_slaves(three: Machine) -> None:
    first, second = three.agents[1:]
    assert first.code("put", "three", "from a slave", 0) == 0
    assert second.call("get", "three", 0, 0) == ["1", "from a slave"]
    assert first.code("del", "three", 0, 0) == 0


def test_tasks_of_all_hosts_are_listed_everywhere(three: Machine) -> None:
    wanted = {agent.tid for agent in three.agents}
    for agent in three.agents:
        reply = agent.call("tasks", 0)
        assert wanted <= {int(word) for word in reply[2::5]}


def test_all_are_told_when_a_slave_is_deleted(three: Machine) -> None:
    name, tid = three.hosts[2].name, three.agents[2].tid & ~0x3FFFF
    (child,) = three.here.agents(name)
    child.code("setopt", MOVABLE, 0)
    for agent in three.agents[:2]:
        assert agent.code("notify", HOST_DELETE, TAG, tid) == 0
        assert agent.code("notify", TASK_EXIT, TAG + 1, child.tid) == 0
    assert three.agents[1].ints("delhosts", name) == [1, 0]
    for agent in three.agents[:2]:
        assert agent.notice(TAG) == [tid]
        assert agent.notice(TAG + 1) == [child.tid]
        wait_until(lambda a=agent: name not in a.config(), "the host gone")
        assert agent.ints("spawn", "agent", 1, name, 1) == [0, NO_HOST]
    three.hosts[2].wait_gone()
