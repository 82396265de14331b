# SPDX-License-Identifier: MIT
"""What happens when a host is lost, and in which order: docs/hosts.md."""

from __future__ import annotations

import ipaddress
import os
import signal
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from support.machines.agent import Agent
from support.machines.hosts import Bed
from support.machines.machine import Machine
from support.machines.vm import wait_until
from support.system import PATIENCE, modules_dir

from pvm3py.pvmd.occasions import Step
from pvm3py.pvmd.state.config import data_signature
from pvm3py.wire import constants as c

TASK_EXIT, HOST_DELETE, HOST_ADD = 1, 2, 3
NO_HOST, HOST_FAIL, CANT_START, NO_TASK, NOT_FOUND = -6, -22, -29, -31, -32
PERSISTENT, WAIT_FOR, READ_AND_DELETE = 1, 32, 16
ROUTE, DIRECT = 1, 3
TAG, RAW = 70, 1
VICTIM = 2 << 18


@pytest.fixture
def three() -> Iterator[Machine]:
    """Master, a slave that is to die, and a third host."""
    machine = Machine(["ours"] * 3, programs=("agent", "group_waiter"))
    yield machine
    machine.bed.hosts[1].killed = True
    machine.bed.stop()


def test_everybody_is_told_in_the_documented_order(
    three: Machine, record_property: pytest.RecordProperty
) -> None:
    victim = three.hosts[1]
    watchers = [three.agents[0], three.agents[2]]
    children = [three.here.spawn("agent", where=victim.name, count=2) for _ in watchers]
    (owner,) = three.here.agents(victim.name)
    assert owner.code("put", "transient", "x", 0) == 0
    assert owner.code("put", "lasting", "y", PERSISTENT) == 0
    three.agents[1].tell("get", "awaited", 0, WAIT_FOR | READ_AND_DELETE)
    for agent, tids in zip(watchers, children, strict=True):
        # The order of the requests is not that of the notices.
        assert agent.code("notify", HOST_DELETE, TAG + 1, VICTIM) == 0
        assert agent.code("notify", TASK_EXIT, TAG, *tids) == 0
        assert agent.code("notify", TASK_EXIT, TAG, tids[0]) == 0
    victim.killed = True
    began = time.monotonic()
    os.kill(victim.pid, signal.SIGSTOP)
    for agent, tids in zip(watchers, children, strict=True):
        agent.tell("hostsync", tids[0] & ~0x3FFFF)
    for agent, tids in zip(watchers, children, strict=True):
        assert agent.reply() == [str(HOST_FAIL)]
        record_property("seconds until it is known", time.monotonic() - began)
        # Everything has come before that answer.
        assert Step.NOTICES.value < Step.ANSWERS.value
        ends = [agent.ints("event", -1, -1, 0) for _ in range(4)]
        assert [end[2] for end in ends] == [*sorted([tids[0], *tids]), VICTIM]
        assert agent.ints("event", -1, -1, 0) == [0]
        assert agent.ints("get", "transient", 0, 0)[0] == NOT_FOUND
        assert agent.call("get", "lasting", 0, 0) == ["1", "y"]
        assert agent.code("pstat", tids[0]) == NO_TASK
        assert agent.ints("spawn", "agent", 1, victim.name, 1) == [0, NO_HOST]
        assert list(agent.config()) == [three.hosts[0].name, three.hosts[2].name]
        assert agent.code("notify", TASK_EXIT, TAG, tids[0]) == 0
        assert agent.notice(TAG) == [tids[0]]
    # A reader that waited there does not take what comes now.
    assert watchers[0].code("put", "awaited", "for the living", 0) == 0
    assert watchers[1].call("get", "awaited", 0, 0) == ["1", "for the living"]
    # The machine goes on, and so does the one that was silent: alone, which is its end.
    assert watchers[0].code("send", watchers[1].tid, TAG, RAW, 100000, 1) == 0
    assert watchers[1].taken(-1, TAG, 100000, 1)[0] == 1
    for pid in victim.daemon_pids():
        os.kill(pid, signal.SIGCONT)
    wait_until(lambda: not victim.daemon_pids(), "the daemon that was silent gone")
    assert "master lost: nothing heard" in victim.log()
    three.agents[1].process.wait(PATIENCE)
    wait_until(lambda: not victim.processes(), "its tasks gone")


def test_every_request_to_a_lost_host_is_answered(three: Machine) -> None:
    victim = three.hosts[1]
    (child,) = three.here.spawn("agent", where=victim.name)
    here = three.hosts[0]
    waiting: list[tuple[Agent, list[object], list[str]]] = [
        (here.agent(), ["pstat", child], [str(HOST_FAIL)]),
        (here.agent(), ["mstat", victim.name], [str(HOST_FAIL)]),
        (here.agent(), ["hostsync", VICTIM], [str(HOST_FAIL)]),
        (here.agent(), ["tasks", VICTIM], ["0", "0"]),
        (here.agent(), ["spawn", "agent", 1, victim.name, 2], ["0", *[str(HOST_FAIL)] * 2]),
        (three.agents[2], ["pstat", child], [str(HOST_FAIL)]),
    ]
    anywhere = here.agent()
    for agent in (*(one for one, _, _ in waiting), anywhere):
        assert agent.tid > 0
    os.kill(victim.pid, signal.SIGSTOP)
    for agent, words, _ in waiting:
        agent.tell(*words)
    anywhere.tell("spawn", "agent", 0, "", 4)
    for agent in (*(one for one, _, _ in waiting), anywhere):
        wait_until(lambda a=agent: _waits_for_daemon(a), "all requests made")
    assert three.here.code("pstat", three.here.tid) == 0
    # Deleting it does what its silence would do later.
    assert three.here.ints("delhosts", victim.name) == [1, 0]
    for agent, words, expected in waiting:
        assert agent.reply() == expected, words
    code, *tids = map(int, anywhere.reply())
    assert code == 4
    assert {tid >> 18 for tid in tids} == {1, 3}


def _waits_for_daemon(agent: Agent) -> bool:
    """Whether the agent sleeps in poll, and not for a command in read."""
    return "poll" in Path(f"/proc/{agent.process.pid}/wchan").read_text()


def test_host_can_be_added_again_at_once_and_is_another_one(three: Machine) -> None:
    victim = three.hosts[1]
    (child,) = three.here.spawn("agent", where=victim.name)
    for agent in (three.agents[0], three.agents[2]):
        assert agent.code("notify", TASK_EXIT, TAG, child) == 0
        assert agent.code("notify", HOST_ADD, TAG + 1, -1) == 0
    victim.kill_daemon()
    for agent in (three.agents[0], three.agents[2]):
        assert agent.notice(TAG) == [child]
    (again,) = three.here.add(victim.name)
    assert again != VICTIM
    for agent in (three.agents[0], three.agents[2]):
        assert agent.notice(TAG + 1) == [1, again]
        assert agent.config()[victim.name] == again
        (new,) = agent.agents(victim.name)
        assert new.tid >> 18 == again >> 18
        assert new.config() == agent.config()
        assert agent.code("pstat", child) == NO_TASK


def test_hosts_that_die_while_others_are_added(three: Machine) -> None:
    """The news of a death that comes between announcement and commit is not lost."""
    victim = three.hosts[1]
    assert three.here.ints("delhosts", three.hosts[2].name) == [1, 0]
    three.hosts[2].wait_gone()
    third = three.hosts[0].agent()
    os.kill(victim.pid, signal.SIGSTOP)
    three.here.add(three.hosts[2].name)
    new = three.hosts[2].agent()
    for agent in (three.here, third, new):
        assert list(agent.config()) == [three.hosts[0].name, three.hosts[2].name]
    for pid in victim.daemon_pids():
        os.kill(pid, signal.SIGKILL)


def test_started_host_that_never_answers_is_not_added(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """As one whose daemon dies when it has just printed its greeting; the limit is shortened."""
    daemon = tmp_path / "pvmd"
    daemon.write_text(
        f"#!{sys.executable}\nimport sys\n"
        f"sys.path.insert(0, {str(modules_dir())!r})\n"
        "from pvm3py.pvmd import main\nfrom pvm3py.pvmd.topics import addhost\n"
        "addhost.ANSWER_FACTOR = 0.005\nsys.exit(main.main())\n"
    )
    daemon.chmod(0o755)
    with monkeypatch.context() as patch:
        patch.setattr("support.machines.hosts.daemon_command", lambda _side: daemon)
        bed = Bed(["ours", "ours"])
    with bed:
        agent, slave = bed.start().master.agent(), bed.slaves[0]
        address = ipaddress.IPv4Address(slave.ip)
        mute = slave.tmp / "mute"
        mute.write_text(
            "#!/bin/sh\n"
            f"echo 'ddpro<{c.DDPROTOCOL}> arch<LINUX64> ip<{int(address):08x}:0009> mtu<4080> "
            f"dsig<{data_signature()}>'\n"
        )
        mute.chmod(0o755)
        assert agent.ints("addhosts", f"{slave.name} dx={mute}") == [0, CANT_START]
        assert "no answer to its first table" in bed.master.log()
        assert list(agent.config()) == [bed.master.name]
        assert agent.add(slave.name)


def test_master_that_dies_between_announcement_and_commit() -> None:
    bed = Bed(["ours"] * 3)
    done = False
    try:
        master, stopped, new = bed.start().hosts
        agent = master.agent()
        agent.add(stopped.name)
        os.kill(stopped.pid, signal.SIGSTOP)
        agent.tell("addhosts", new.name)
        # The new one has the table, which is not committed: the other one does not answer.
        wait_until(new.sock_file.exists, "the new daemon")
        task = new.agent()
        wait_until(lambda: master.name in task.config(), "its table")
        assert stopped.name not in task.config()
        master.kill_daemon()
        for pid in stopped.daemon_pids():
            os.kill(pid, signal.SIGCONT)
        for slave in (stopped, new):
            wait_until(lambda s=slave: not s.daemon_pids(), "the slave's daemon gone")
            assert "master lost: nothing heard" in slave.log()
        done = True
    finally:
        bed.stop(check=done)


def test_group_whose_server_is_lost_with_its_host(three: Machine) -> None:
    victim, here = three.hosts[1], three.hosts[0]
    (server,) = three.here.spawn("pvmgs", where=victim.name)
    wait_until(lambda: three.here.call("names", "pvmgs")[1] == "1", "the group server")
    members = [
        here.start(here.program("group_waiter"), "lost", 2, 3, "join", stdin=-1) for _ in range(2)
    ]
    for member in members:
        assert member.stdout
        assert member.stdout.readline() == b"ready\n"
    victim.kill_daemon()
    for member in members:
        out, err = member.communicate(b"\n", timeout=PATIENCE)
        assert int(out) < 0, out + err
    assert three.here.code("pstat", server) == NO_TASK


def test_sender_to_a_lost_host_goes_on(three: Machine) -> None:
    """One that waits for room, on a direct route or in its daemon, for a host that is cut off."""
    victim = three.hosts[1]
    if not victim.enter:
        pytest.skip("needs network namespaces")
    receivers = three.here.spawn("agent", where=victim.name, count=2)
    senders = [three.hosts[0].agent() for _ in receivers]
    assert senders[1].code("setopt", ROUTE, DIRECT) >= 0
    for sender, receiver in zip(senders, receivers, strict=True):
        assert sender.code("send", receiver, TAG, RAW, 1, 0) == 0
    before = three.hosts[0].rss()
    os.system(f"ip -n {victim.enter[-1]} link set eth0 down")
    for sender, receiver in zip(senders, receivers, strict=True):
        sender.tell("send", receiver, TAG, RAW, 40_000_000, 0)
    for sender in senders:
        assert sender.reply() == ["0"]
        assert sender.code("pstat", three.agents[2].tid) == 0
    # What was queued for it is freed.
    assert three.hosts[0].rss() - before < 10_000_000
    wait_until(lambda: not victim.processes(), "the host that was cut off ends")


def test_task_that_outlives_its_daemon_is_not_heard_any_more(three: Machine) -> None:
    """Its end has been told, so its direct routes end, too."""
    orphan, here = three.agents[1], three.here
    tid = orphan.tid
    assert orphan.code("setopt", ROUTE, DIRECT) >= 0
    orphan.tell("send", here.tid, TAG, RAW, 10, 0)
    assert here.taken(tid, TAG, 10, 0)[0] == 1
    assert orphan.reply() == ["0"]
    assert here.code("notify", TASK_EXIT, TAG + 1, tid) == 0
    assert orphan.code("send", here.tid, TAG, RAW, 20000, 0) == 0
    three.hosts[1].kill_daemon()
    third = three.agents[2]
    wait_until(lambda: three.hosts[1].name not in third.config(), "the host gone")
    # What came before is not lost.
    assert here.taken(tid, TAG, 20000, 0)[0] == 1
    assert here.notice(TAG + 1) == [tid]
    assert int(orphan.call("send", here.tid, TAG, RAW, 10, 0)[0]) < 0
    assert here.ints("event", -1, -1, 0.3) == [0]


def test_loss_of_the_master_ends_everything_in_order(three: Machine) -> None:
    children = [
        tid for host in three.hosts for tid in three.here.spawn("agent", where=host.name, count=2)
    ]
    assert len(children) == 6
    waiting = three.agents[1]
    waiting.tell("event", -1, -1, 100)
    three.hosts[0].kill_daemon()
    for slave in three.hosts[1:]:
        wait_until(lambda s=slave: not s.daemon_pids(), "the slave's daemon gone")
        assert "master lost: nothing heard" in slave.log()
        assert "ending all tasks and this daemon" in slave.log()
        assert not slave.sock_file.exists()
        assert not list(slave.tmp.glob("pvmtmp*"))
    waiting.process.wait(PATIENCE)
    for slave in three.hosts[1:]:
        wait_until(lambda s=slave: not s.processes(), "the slave's tasks gone")
