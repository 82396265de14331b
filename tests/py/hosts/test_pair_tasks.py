# SPDX-License-Identifier: MIT
"""Tasks and the daemons' services across two hosts, ours and 3.4.6's in every combination."""

from __future__ import annotations

import signal
from pathlib import Path

import pytest
from support.machines.agent import AgentBase, Remote
from support.machines.machine import Machine
from support.machines.vm import wait_until
from support.system import DEBIAN_ROOT, PATIENCE, library_dir, require_program

NO_HOST, NO_FILE, DENIED, NO_TASK, NOT_FOUND = -6, -7, -8, -31, -32
TASK_EXIT, CANCEL = 1, 256
ARCH, COMPLEMENT = 2, 32
PERSISTENT, MULTI_INSTANCE, OVERWRITABLE, FIRST_AVAILABLE, WAIT_FOR = 1, 2, 4, 8, 32
SLAVE = 2 << 18
TAG = 50


def directions(pair: Machine) -> list[tuple[AgentBase, str]]:
    """Agents, and the name of the host that is far from each."""
    return [(pair.here, pair.hosts[1].name), (pair.there, pair.hosts[0].name)]


def test_spawn_on_the_other_host(pair: Machine) -> None:
    for agent, far in directions(pair):
        (child,) = agent.agents(far)
        tid, parent = child.ints("mytid")
        assert (tid, parent) == (child.tid, agent.tid)
        assert tid >> 18 == {pair.hosts[0].name: 1, pair.hosts[1].name: 2}[far]
        agent.code("kill", tid)


def test_spawn_on_an_architecture_and_on_the_complement(pair: Machine) -> None:
    for agent, far in directions(pair):
        near_index = agent.tid >> 18
        everywhere = agent.spawn("agent", where="LINUX64", flags=ARCH, count=4)
        assert sorted(tid >> 18 for tid in everywhere) == [1, 1, 2, 2]
        elsewhere = agent.spawn("agent", where=far, flags=1 | COMPLEMENT, count=2)
        assert [tid >> 18 for tid in elsewhere] == [near_index] * 2
        for tid in (*everywhere, *elsewhere):
            agent.code("kill", tid)


def test_what_cannot_be_spawned(pair: Machine) -> None:
    for agent, far in directions(pair):
        assert agent.ints("spawn", "no-such-file", 1, far, 2) == [0, NO_FILE, NO_FILE]
        assert agent.ints("spawn", "agent", 1, "nowhere", 1) == [0, NO_HOST]
        assert agent.ints("spawn", "agent", ARCH, "CRAY", 2) == [0, NO_HOST, NO_HOST]


def test_directory_of_a_spawned_task(pair: Machine) -> None:
    for agent, far in directions(pair):
        host = next(h for h in pair.hosts if h.name == far)
        directory = str(host.tmp / "bin")
        for where, expected in ((far, str(host.home)), (f"{far}:{directory}", directory)):
            (tid,) = agent.spawn("agent", where=where)
            pid, working = Remote(agent, tid).call("process")
            assert working == expected
            assert int(pid) in host.processes()
            agent.code("kill", tid)


def test_notice_of_a_remote_tasks_end(pair: Machine) -> None:
    for agent, far in directions(pair):
        child, other = agent.spawn("agent", where=far, count=2)
        assert agent.code("notify", TASK_EXIT, TAG, child, other) == 0
        assert agent.code("kill", child) == 0
        assert agent.notice(TAG) == [child]
        assert agent.code("notify", TASK_EXIT, TAG, child) == 0
        assert agent.notice(TAG) == [child]
        assert agent.code("notify", TASK_EXIT | CANCEL, TAG, other) == 0
        assert agent.notice(TAG) == [other]
        agent.code("kill", other)
        assert agent.ints("event", -1, TAG, 0.1) == [0]


def test_notice_of_a_task_that_leaves_but_lives(pair: Machine) -> None:
    for agent, _ in directions(pair):
        far = pair.there if agent is pair.here else pair.here
        host = pair.hosts[far.tid // SLAVE]
        guest = host.agent()
        assert agent.code("notify", TASK_EXIT, TAG, guest.tid) == 0
        tid = guest.tid
        guest.close()
        assert agent.notice(TAG) == [tid]


def test_status_of_remote_tasks_and_hosts(pair: Machine) -> None:
    for agent, far in directions(pair):
        (child,) = agent.spawn("agent", where=far)
        assert agent.code("pstat", child) == 0
        assert agent.code("mstat", far) == 0
        assert agent.code("mstat", "nowhere") == NO_HOST
        code, distance = agent.ints("hostsync", child & ~0x3FFFF)
        assert code == 0
        assert abs(distance) < 60_000
        agent.code("notify", TASK_EXIT, TAG, child)
        agent.code("kill", child)
        agent.notice(TAG)
        assert agent.code("pstat", child) == NO_TASK
        assert agent.code("pstat", 99 << 18 | 1) == NO_TASK


def test_list_of_tasks(pair: Machine) -> None:
    for agent, far in directions(pair):
        (child,) = agent.spawn("agent", where=far)
        for where in (0, child & ~0x3FFFF, child):
            reply = agent.call("tasks", where)
            rows = [reply[i : i + 5] for i in range(2, len(reply), 5)]
            assert reply[0] == "0"
            assert len(rows) == int(reply[1])
            (mine,) = [row for row in rows if int(row[0]) == child]
            assert [int(mine[1]), int(mine[2])] == [agent.tid, child & ~0x3FFFF]
            assert mine[4] == "agent"
            if where == child:
                assert len(rows) == 1
            tids = {int(row[0]) for row in rows}
            assert where or {a.tid for a in pair.agents} <= tids
        agent.code("kill", child)


def test_signal_to_a_remote_task(pair: Machine) -> None:
    for agent, far in directions(pair):
        (child,) = agent.spawn("agent", where=far)
        assert agent.code("notify", TASK_EXIT, TAG, child) == 0
        assert agent.code("sendsig", child, int(signal.SIGKILL)) == 0
        assert agent.notice(TAG) == [child]


# ---- output --------------------------------------------------------------------


def test_output_of_a_remote_task_reaches_its_collector(pair: Machine) -> None:
    for agent, far in directions(pair):
        file = pair.bed.directory / "output"
        assert agent.code("catchout", file) == 0
        (child,) = agent.agents(far)
        child.call("print", "hello from afar")
        agent.code("kill", child.tid)
        lines = ("BEGIN", "hello from afar", "EOF")
        expected = "".join(f"[t{child.tid:x}] {line}\n" for line in lines)

        def collected(agent: AgentBase = agent, file: Path = file) -> str:
            # Records are taken in when the collector calls the library.
            agent.code("pstat", agent.tid)
            agent.ints("event", -1, TAG + 1, 0.01)
            text = file.read_text()
            return text if "EOF" in text else ""

        assert wait_until(collected, "the end of the output") == expected
        # Back to no collector: option PvmOutputTid.
        assert agent.code("setopt", 4, 0) >= 0


def test_output_without_a_collector_is_in_the_masters_log(pair: Machine) -> None:
    (child,) = pair.there.agents(pair.hosts[1].name)
    pair.there.code("setopt", 4, 0)
    (child,) = pair.there.agents(pair.hosts[1].name)
    child.call("print", f"to the log {child.tid}")
    wait_until(lambda: f"to the log {child.tid}" in pair.hosts[0].log(), "the line in the log")
    assert f"[t{child.tid:x}] to the log" in pair.hosts[0].log()


# ---- mailbox -------------------------------------------------------------------


def test_mailbox_is_one_for_all_hosts(pair: Machine) -> None:
    here, there = pair.here, pair.there
    assert there.code("put", "box", "from the slave", 0) == 0
    assert here.call("get", "box", 0, 0) == ["1", "from the slave"]
    assert here.call("names", "box") == ["0", "1", "box", "1", str(there.tid)]
    assert here.code("del", "box", 0, 0) == DENIED
    assert there.code("del", "box", 0, 0) == 0
    assert here.ints("get", "box", 0, 0)[0] == NOT_FOUND
    assert here.code("put", "box", "from the master", MULTI_INSTANCE) == 0
    assert there.code("put", "box", "second", MULTI_INSTANCE) == 1
    assert there.call("get", "box", 1, FIRST_AVAILABLE) == ["1", "second"]
    assert here.code("del", "box", 0, 0) == 0
    assert there.code("del", "box", 1, 0) == 1


def test_blocking_read_of_the_mailbox_ends_with_the_entry(pair: Machine) -> None:
    for reader, writer in ((pair.here, pair.there), (pair.there, pair.here)):
        reader.tell("get", "awaited", 0, WAIT_FOR)
        assert writer.code("put", "awaited", "at last", 0) == 0
        assert reader.reply(20) == ["1", "at last"]
        writer.code("del", "awaited", 0, 0)


def test_entries_go_with_their_remote_owner(pair: Machine) -> None:
    for agent, far in directions(pair):
        (owner,) = agent.agents(far)
        assert owner.code("put", "transient", "x", 0) == 0
        assert owner.code("put", "lasting", "y", PERSISTENT | OVERWRITABLE) == 0
        assert agent.code("notify", TASK_EXIT, TAG, owner.tid) == 0
        agent.code("kill", owner.tid)
        agent.notice(TAG)

        def gone(agent: AgentBase = agent) -> bool:
            return agent.ints("get", "transient", 0, 0)[0] == NOT_FOUND

        wait_until(gone, "the entry removed")
        assert agent.call("get", "lasting", 0, 0) == ["1", "y"]
        assert agent.code("del", "lasting", 0, 0) == 0


# ---- console -------------------------------------------------------------------


@pytest.mark.parametrize("library", ["ours", "debian"])
@pytest.mark.parametrize("asker", [0, 1], ids=["on-master", "on-slave"])
def test_console_shows_all_hosts_and_resets_them(pair: Machine, asker: int, library: str) -> None:
    (task,) = pair.here.spawn("agent", where=pair.hosts[1].name)
    assert pair.here.code("notify", TASK_EXIT, TAG, task) == 0
    env = {"PVM_ROOT": str(DEBIAN_ROOT)}
    if library == "ours":
        env["LD_LIBRARY_PATH"] = str(library_dir())
    require_program("/usr/bin/pvm", "pvm")
    console = pair.hosts[asker].run("/usr/bin/pvm", stdin="conf\nps -a\nreset\n", env=env)
    assert "2 hosts, 1 data format" in console.out, console.out + console.err
    for host in pair.hosts:
        assert host.name in console.out
    assert f"t{task:x}" in console.out or f"{task:x}" in console.out
    # The agents of this test were reset as well; the machine is mended for the next.
    for agent in pair.agents:
        agent.process.wait(PATIENCE)
