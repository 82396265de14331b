# SPDX-License-Identifier: MIT
"""Adding, deleting and ending hosts, ours and 3.4.6's in every combination."""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Iterator

import pytest
from support.machines.hosts import Bed
from support.machines.machine import PAIR_IDS, PAIRS, Machine
from support.machines.vm import read_line, wait_until
from support.screens.terminal import master_on_terminal
from support.system import PATIENCE, Side

BAD_PARAM, NO_HOST, DUP_HOST, CANT_START = -2, -6, -28, -29
TASK_EXIT, HOST_DELETE, HOST_ADD, CANCEL = 1, 2, 3, 256
MASTER, SLAVE = 1 << 18, 2 << 18
TAG = 40
# An option of tasks: one that it has set to 0 ends with its host, and is not moved away before.
MOVABLE = 1002


@pytest.fixture(params=PAIRS, ids=PAIR_IDS)
def fresh(request: pytest.FixtureRequest) -> Iterator[Machine]:
    """A machine of two hosts for tests that end it, or count its hosts."""
    machine = Machine(request.param)
    yield machine
    machine.bed.stop()


def test_both_hosts_show_the_same_machine(fresh: Machine) -> None:
    expected = ["0", "2", "1"]
    for tid, host in zip((MASTER, SLAVE), fresh.hosts, strict=True):
        expected += [str(tid), host.name, "LINUX64", "1000"]
    assert fresh.here.call("config") == expected
    assert fresh.there.call("config") == expected
    assert [agent.tid >> 18 for agent in fresh.agents] == [1, 2]


@pytest.mark.parametrize("asker", [0, 1], ids=["on-master", "on-slave"])
def test_each_host_of_a_request_has_its_own_result(pair: Machine, asker: int) -> None:
    present = pair.hosts[1].name
    reply = pair.agents[asker].ints(
        "addhosts", present, "no-such-host.invalid", f"{present} nonsense=1", present
    )
    assert reply == [0, DUP_HOST, NO_HOST, BAD_PARAM, DUP_HOST]


@pytest.mark.parametrize("asker", [0, 1], ids=["on-master", "on-slave"])
def test_names_of_hosts_are_checked_when_deleting(pair: Machine, asker: int) -> None:
    reply = pair.agents[asker].ints("delhosts", pair.hosts[0].name, "unknown")
    assert reply == [0, BAD_PARAM, NO_HOST]


@pytest.mark.parametrize(("master", "slave"), PAIRS, ids=PAIR_IDS)
def test_a_host_that_cannot_be_started_leaves_the_machine_as_it_was(
    master: Side, slave: Side
) -> None:
    with Bed([master, slave]) as bed:
        agent = bed.start().master.agent()
        bed.slaves[0].set_env({"PATH": "/nowhere"})
        assert agent.ints("addhosts", bed.slaves[0].name) == [0, CANT_START]
        assert list(agent.config()) == [bed.master.name]


def test_deleted_host_is_told_ends_and_can_be_added_again(fresh: Machine) -> None:
    name = fresh.hosts[1].name
    (child,) = fresh.here.agents(name)
    child.code("setopt", MOVABLE, 0)
    assert fresh.here.code("notify", HOST_DELETE, TAG, SLAVE) == 0
    assert fresh.here.code("notify", TASK_EXIT, TAG + 1, child.tid) == 0
    assert fresh.here.ints("delhosts", name) == [1, 0]
    assert fresh.here.notice(TAG) == [SLAVE]
    assert fresh.here.notice(TAG + 1) == [child.tid]
    fresh.hosts[1].wait_gone()
    assert not fresh.hosts[1].sock_file.exists()
    wait_until(lambda: list(fresh.here.config()) == [fresh.hosts[0].name], "the host gone")
    assert fresh.here.ints("spawn", "agent", 1, name, 1) == [0, NO_HOST]
    assert fresh.here.code("notify", HOST_ADD, TAG, 1) == 0
    assert fresh.here.add(name) == [3 << 18]
    assert fresh.here.notice(TAG) == [1, 3 << 18]
    (task,) = fresh.here.agents(name)
    assert task.config() == fresh.here.config()


def test_lists_of_hosts_follow_at_once(fresh: Machine) -> None:
    """Whoever is told of a change sees it, however often it has asked before."""
    here, names = fresh.here, [host.name for host in fresh.hosts]
    for index in (3, 4):
        for _ in range(3):
            assert list(here.config()) == names
        assert here.code("notify", HOST_DELETE, TAG, (index - 1) << 18) == 0
        assert here.ints("delhosts", names[1]) == [1, 0]
        here.notice(TAG)
        for _ in range(3):
            assert list(here.config()) == names[:1]
            assert here.ints("delhosts", names[1]) == [0, NO_HOST]
        fresh.hosts[1].wait_gone()
        assert here.add(names[1]) == [index << 18]


def test_slaves_task_deletes_its_own_host(fresh: Machine) -> None:
    fresh.there.tell("delhosts", fresh.hosts[1].name)
    fresh.hosts[1].wait_gone()
    wait_until(lambda: list(fresh.here.config()) == [fresh.hosts[0].name], "the host gone")


@pytest.mark.parametrize(("master", "slave"), PAIRS, ids=PAIR_IDS)
def test_slaves_task_adds_a_host(master: Side, slave: Side) -> None:
    with Bed([master, slave, slave]) as bed:
        first, second = (s.name for s in bed.slaves)
        bed.start().master.agent().add(first)
        agent = bed.slaves[0].agent()
        assert agent.code("notify", HOST_ADD, TAG, -1) == 0
        assert agent.add(second) == [3 << 18]
        assert agent.notice(TAG) == [1, 3 << 18]
        assert list(agent.config()) == [h.name for h in bed.hosts]


def test_notices_of_hosts_can_be_cancelled(pair: Machine) -> None:
    for agent in pair.agents:
        assert agent.code("notify", HOST_DELETE, TAG, SLAVE, MASTER) == 0
        assert agent.code("notify", HOST_DELETE | CANCEL, TAG, SLAVE, MASTER) == 0
        told = [agent.notice(TAG)[0] for _ in range(2)]
        assert sorted(told) == [MASTER, SLAVE]


def test_notice_of_an_unknown_host_comes_at_once(pair: Machine) -> None:
    for agent in pair.agents:
        assert agent.code("notify", HOST_DELETE, TAG, 77 << 18) == 0
        assert agent.notice(TAG) == [77 << 18]


@pytest.mark.parametrize("asker", [0, 1], ids=["on-master", "on-slave"])
def test_halt_ends_every_host(fresh: Machine, asker: int) -> None:
    for host in fresh.hosts:
        fresh.here.spawn("agent", where=host.name, count=2)
    host = fresh.hosts[asker]
    assert host.run(host.program("halt")).check().out == "pvm_halt: 0\n"
    for host in fresh.hosts:
        host.wait_gone()
        assert not host.sock_file.exists()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_signal_to_the_master_ends_every_host(fresh: Machine, number: signal.Signals) -> None:
    fresh.here.spawn("agent", where=fresh.hosts[1].name, count=2)
    os.kill(fresh.hosts[0].pid, number)
    for host in fresh.hosts:
        host.wait_gone()
        assert not host.sock_file.exists()


def test_slave_that_is_told_to_end_leaves_the_machine(fresh: Machine) -> None:
    (task,) = fresh.here.spawn("agent", where=fresh.hosts[1].name)
    assert fresh.here.code("notify", HOST_DELETE, TAG, SLAVE) == 0
    assert fresh.here.code("notify", TASK_EXIT, TAG + 1, task) == 0
    os.kill(fresh.hosts[1].pid, signal.SIGTERM)
    assert fresh.here.notice(TAG) == [SLAVE]
    assert fresh.here.notice(TAG + 1) == [task]
    fresh.hosts[1].wait_gone()
    assert list(fresh.here.config()) == [fresh.hosts[0].name]


@pytest.mark.parametrize(("master", "slave"), PAIRS, ids=PAIR_IDS)
def test_host_file_of_a_master(master: Side, slave: Side) -> None:
    with Bed([master, slave, slave]) as bed:
        now, later = bed.slaves
        hosts = bed.directory / "hostfile"
        directory = now.home / "work"
        directory.mkdir()
        hosts.write_text(
            f"# a comment\n{bed.master.name}\n"
            f"{now.name} sp=77 wd={directory} ep={bed.programs(slave)}\n&{later.name} sp=5\n"
        )
        bed.start(str(hosts))
        agent = bed.master.agent()
        wait_until(lambda: now.name in agent.config(), "the host of the file")
        assert agent.call("config")[-1] == "77"
        (task,) = agent.agents(now.name)
        assert list(task.config()) == [bed.master.name, now.name]
        working = [os.path.samefile(f"/proc/{pid}/cwd", directory) for pid in now.processes()]
        assert working == [True, True]
        agent.add(later.name)
        assert agent.call("config")[-1] == "5"


@pytest.mark.parametrize(("master", "slave"), PAIRS, ids=PAIR_IDS)
def test_host_started_by_hand(master: Side, slave: Side) -> None:
    with Bed([master, slave]) as bed:
        name = bed.slaves[0].name
        with master_on_terminal(bed) as user:
            agent = bed.master.agent()
            agent.tell("addhosts", f"{name} so=ms")
            while f" -S -d0x0 -n{name} " not in (line := read_line(user, PATIENCE)):
                pass
            shell = [str(bed.remote_shell), name, line.strip()]
            user.write(subprocess.run(shell, capture_output=True, check=True).stdout)
            assert agent.reply()[0] == "1"
            assert list(agent.config()) == [host.name for host in bed.hosts]
