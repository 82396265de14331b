# SPDX-License-Identifier: MIT
"""pvm3py.rm: the resource managers that come with it serve a machine of several hosts."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from support.impostors.rawtask import Connector, enrolled
from support.machines.agent import Agent
from support.machines.hosts import Host
from support.machines.machine import Machine
from support.machines.placements import answers, expected
from support.machines.vm import wait_until
from support.system import SIDES, Side, spawn_dir

PVMRM = spawn_dir() / "pvmrm"
TASK_EXIT, HOST_DELETE, HOST_ADD, CANCEL = 1, 2, 3, 256


@pytest.fixture(scope="module")
def connector() -> Iterator[Connector]:
    helper = Connector()
    yield helper
    helper.close()


@contextmanager
def working(agent: Agent) -> Iterator[Agent]:
    """An agent, enrolled now, until the end of the block."""
    try:
        assert agent.tid
        yield agent
    finally:
        agent.process.kill()


def known(host: Host, connector: Connector) -> int:
    """Tid of the manager that a new task on this host is told."""
    with enrolled(host, connector) as task:
        return task.rm


def start_manager(machine: Machine, connector: Connector, policy: str, on: int = 0) -> int:
    """Run pvmrm on a host until all hosts know it; its tid."""
    before = known(machine.hosts[on], connector)
    machine.hosts[on].start(PVMRM, policy, stderr=None)
    tid = wait_until(
        lambda: (now := known(machine.hosts[on], connector)) != before and now, "it is there"
    )
    for host in machine.hosts:
        wait_until(lambda host=host: known(host, connector) == tid, f"{host.name} knows it")
    return int(tid)


@pytest.fixture(scope="module")
def managed(connector: Connector) -> Iterator[Machine]:
    """Three hosts with the manager round-robin on the first."""
    machine = Machine(("ours", "ours", "debian"))
    start_manager(machine, connector, "round-robin")
    yield machine
    machine.bed.stop()


@pytest.fixture(params=[(host, side) for host in (0, 1, 2) for side in SIDES], ids=str)
def agent(request: pytest.FixtureRequest, managed: Machine) -> Iterator[Agent]:
    """An agent on any host, with either library, that was told of the manager."""
    place, side = request.param
    with working(managed.hosts[place].agent(side)) as started:
        yield started


def test_round_robin_places_as_the_original_daemon_does(connector: Connector) -> None:
    machine = Machine(("ours", "ours", "debian", "ours"))
    try:
        start_manager(machine, connector, "round-robin")
        for host, original in zip(machine.hosts[:2], expected(), strict=True):
            with working(host.agent()) as agent:
                assert answers(machine, agent) == original
    finally:
        machine.bed.stop()


def test_questions_are_answered_as_by_a_daemon(agent: Agent, managed: Machine) -> None:
    assert agent.call("config") == managed.here.call("config")
    (child,) = agent.agents()
    child.call("mytid")  # it has connected: the table says so
    assert agent.call("tasks", child.tid) == managed.here.call("tasks", child.tid)
    assert agent.call("tasks", 0x3FC0000) == managed.here.call("tasks", 0x3FC0000)
    assert agent.code("kill", child.tid) == 0


def test_children_answer_their_parent(agent: Agent) -> None:
    for child in agent.agents(count=3):
        assert child.ints("mytid") == [child.tid, agent.tid]
        agent.call("kill", child.tid)


def test_task_exit_notices_come_once(agent: Agent) -> None:
    tids = agent.spawn("agent", count=3)
    assert agent.code("notify", TASK_EXIT, 7, *tids) == 0
    for tid in tids:
        agent.call("kill", tid)
    told = {agent.notice(7)[-1] for _ in tids}
    assert told == set(tids)
    assert agent.code("notify", TASK_EXIT, 7, tids[0]) == 0
    assert agent.notice(7)[-1] == tids[0], "already gone: told at once"
    assert agent.call("event", -1, 7, "0.05") == ["0"]


def test_cancelled_notice_is_given_at_once_and_not_again(agent: Agent) -> None:
    (tid,) = agent.spawn("agent")
    assert agent.code("notify", TASK_EXIT, 8, tid) == 0
    assert agent.code("notify", TASK_EXIT | CANCEL, 8, tid) == 0
    assert agent.notice(8)[-1] == tid
    agent.call("kill", tid)
    wait_until(lambda: agent.code("pstat", tid) < 0, "it has ended")
    assert agent.call("event", -1, 8, "0.05") == ["0"]


def test_output_of_children_is_collected_to_its_end(managed: Machine, tmp_path: Path) -> None:
    """A collector that leaves waits for the news that each task was spawned, and its end."""
    for side in SIDES:
        with working(managed.hosts[0].agent(side)) as agent:
            file = tmp_path / side
            assert agent.code("catchout", file) == 0
            for child in agent.agents(count=3):
                child.call("print", "hello")
                agent.call("kill", child.tid)
            agent.close()
        assert file.read_text().count("hello") == 3


@pytest.mark.parametrize("side", SIDES)
def test_hosts_are_added_and_deleted_through_the_manager(
    managed: Machine, connector: Connector, side: Side
) -> None:
    name = managed.hosts[2].name
    with working(managed.hosts[1].agent(side)) as agent:
        tid = agent.config()[name]
        assert agent.code("notify", HOST_DELETE, 5, tid) == 0
        assert agent.code("notify", HOST_ADD, 6, 1) == 0
        assert agent.ints("delhosts", name, "no.such.host")[:3] == [1, 0, -6]
        assert agent.notice(5)[-1] == tid
        wait_until(lambda: name not in agent.config(), "the host is gone")
        # The daemon of 3.4.6 may still be about to end.
        managed.hosts[2].wait_gone()
        assert agent.ints("addhosts", "no.such.host", name)[1] == -6
        new = agent.config()[name]
        assert agent.notice(6) == [1, new]
        assert known(managed.hosts[2], connector), "a host added later knows the manager"
        assert agent.spawn("agent", where=name)[0] >> 18 == new >> 18


def test_tasks_of_a_host_that_fails_meanwhile_are_started_elsewhere(connector: Connector) -> None:
    machine = Machine(("ours", "ours"))
    try:
        start_manager(machine, connector, "round-robin")
        lost = machine.hosts[1]
        with working(machine.hosts[0].agent()) as agent:
            pid = lost.pid
            os.kill(pid, signal.SIGSTOP)
            agent.tell("spawn", "agent", 0, "", 4)
            lost.killed = True
            os.kill(pid, signal.SIGKILL)
            code, *tids = map(int, agent.reply())
            assert code == 4 and {tid >> 18 for tid in tids} == {1}
            code, tid = agent.ints("spawn", "agent", 1, lost.name, 1)
            assert (code, tid) == (0, -6)
    finally:
        machine.bed.stop()


def test_second_manager_takes_over_from_the_first(managed: Machine, connector: Connector) -> None:
    with working(managed.hosts[0].agent()) as old:
        assert old.tid
        first = known(managed.hosts[0], connector)
        second = start_manager(managed, connector, "round-robin", on=1)
        assert second != first
        assert old.config() == managed.here.config()
        assert len(old.spawn("agent", count=3)) == 3
        with working(managed.hosts[1].agent()) as new:
            assert len(new.spawn("agent", count=3)) == 3
        wait_until(lambda: managed.here.code("pstat", first) < 0, "the first has ended")
    for host in managed.hosts:
        assert known(host, connector) == second


def test_manager_on_our_slave_serves_a_machine_of_3_4_6(connector: Connector) -> None:
    machine = Machine(("debian", "ours", "debian"))
    try:
        start_manager(machine, connector, "round-robin", on=1)
        name = machine.hosts[2].name
        for place, side in ((0, "debian"), (1, "ours"), (2, "debian")):
            with working(machine.hosts[place].agent(side)) as agent:
                assert {tid >> 18 for tid in agent.spawn("agent", count=3)} == {1, 2, 3}
                assert agent.config() == machine.here.config()
        with working(machine.hosts[0].agent("debian")) as agent:
            assert agent.ints("delhosts", name)[:2] == [1, 0]
            wait_until(lambda: name not in agent.config(), "the host is gone")
            machine.hosts[2].wait_gone()
            agent.add(name)
            assert known(machine.hosts[2], connector)
            assert len(agent.spawn("agent", where=name)) == 1
    finally:
        machine.bed.stop()


def test_least_loaded_fills_the_hosts_evenly_and_watches_their_load(connector: Connector) -> None:
    machine = Machine(("ours", "debian", "ours"))
    try:
        start_manager(machine, connector, "least-loaded")

        def probes() -> list[int]:
            words = machine.here.call("tasks", 0)
            return [i for i, word in enumerate(words) if word == "/bin/sh"]

        wait_until(lambda: len(probes()) == 3, "a task reports the load of each host")
        with working(machine.hosts[0].agent()) as agent:
            # The hosts are one computer with one load average: the tasks must be more than that.
            many = 40 + int(os.getloadavg()[0])
            busy = agent.spawn("agent", where=machine.hosts[1].name, count=many)
            assert len(busy) == many
            tids = agent.spawn("agent", count=20)
            placed = [tid >> 18 for tid in tids]
            assert placed.count(2) == 0 and placed.count(1) > 5 and placed.count(3) > 5
    finally:
        machine.bed.stop()
