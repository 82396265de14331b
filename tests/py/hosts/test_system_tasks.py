# SPDX-License-Identifier: MIT
"""Resource manager and tracer on one host, as the other hosts know them."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from support.impostors.rawtask import Connector, enrolled, ints, message, string
from support.machines.hosts import Host
from support.machines.machine import Machine
from support.machines.vm import wait_until

from pvm3py.wire import constants as c
from pvm3py.wire.system import ExecRequest, TaskEnd
from pvm3py.wire.task import AddHostReply, Codes, HostNames, Settings


@pytest.fixture(scope="module")
def machine() -> Iterator[Machine]:
    """A master and a slave of ours with a slave of 3.4.6 between them."""
    three = Machine(("ours", "debian", "ours"))
    yield three
    three.bed.stop()


def settings(host: Host, connector: Connector) -> Settings:
    """What a new task on a host learns."""
    with enrolled(host, connector) as task:
        return Settings.decode(task.request(c.TM_GETOPT).body)


@pytest.mark.parametrize("at", [0, 2], ids=["master", "slave"])
def test_manager_is_known_to_hosts_added_before_until_it_ends(
    machine: Machine, connector: Connector, at: int
) -> None:
    machine.ready()

    def known(tid: int) -> bool:
        return all(settings(host, connector).schedtid == tid for host in machine.hosts)

    with enrolled(machine.hosts[at], connector) as manager:
        manager.request(c.TM_SCHED)
        wait_until(lambda: known(manager.tid), "the manager is known everywhere")
    wait_until(lambda: known(0), "the manager is forgotten everywhere")


@pytest.mark.parametrize("on", [1, 2], ids=["3.4.6", "ours"])
def test_manager_starts_a_task_on_another_host_and_is_told_of_its_end(
    machine: Machine, connector: Connector, on: int
) -> None:
    machine.ready()
    host = machine.hosts[on]
    with enrolled(machine.hosts[0], connector) as manager:
        manager.request(c.TM_SCHED)
        wait_until(
            lambda: settings(host, connector).schedtid == manager.tid, "the manager is known"
        )
        order = ExecRequest(c.PvmParentNotSet, "/bin/true", 0, 1, [], 0, 0, 0, 0, 0, 0, [], 0, 1)
        daemon = c.TIDPVMD | machine.agents[on].tid & c.TIDHOST
        manager.send(message(c.SM_EXEC, order.encode(), dst=daemon, src=manager.tid, wid=77))
        while (answer := manager.receive()).tag != c.SM_EXECACK or answer.wid != 77:
            pass
        (tid,) = Codes.decode(answer.body).values
        assert tid & c.TIDHOST == daemon & c.TIDHOST and tid & c.TIDLOCAL
        while (answer := manager.receive()).tag != c.SM_TASKX or answer.ints()[0] != tid:
            pass
        assert TaskEnd.decode(answer.body).status == 0


@pytest.mark.parametrize("at", [0, 2], ids=["master", "slave"])
def test_tracer_is_known_everywhere_until_it_ends(
    machine: Machine, connector: Connector, at: int
) -> None:
    machine.ready()

    def known(tid: int) -> bool:
        now = [settings(host, connector) for host in machine.hosts]
        return all((one.trctid, one.outtid) == (tid, tid) for one in now)

    with enrolled(machine.hosts[at], connector) as tracer:
        words = ints(1, 5, 6, 7, 8) + string(b"@" * 35) + ints(0, 0)
        assert tracer.request(c.TM_TRACER, words).ints() == (0,)
        wait_until(lambda: known(tracer.tid), "the tracer is known everywhere")
    wait_until(lambda: known(0), "the tracer is forgotten everywhere")


def test_only_the_master_takes_a_hoster(machine: Machine, connector: Connector) -> None:
    machine.ready()
    with enrolled(machine.hosts[2], connector) as task:
        assert task.request(c.TM_HOSTER, ints(1)).ints() == (c.PvmHostrNMstr,)


@pytest.mark.parametrize("at", [0, 2], ids=["master", "slave"])
def test_manager_adds_hosts_and_is_told_of_their_loss(
    machine: Machine, connector: Connector, at: int
) -> None:
    """The master tells it (SM_HOSTX); SM_ADD goes to the master itself or to the own daemon."""
    machine.ready()
    name = machine.hosts[1].name
    with enrolled(machine.hosts[at], connector) as manager:
        manager.request(c.TM_SCHED)
        host = machine.hosts[0]
        wait_until(lambda: settings(host, connector).schedtid == manager.tid, "the master knows it")
        tid = machine.here.config()[name]
        machine.here.call("delhosts", name)
        while (news := manager.receive()).tag != c.SM_HOSTX:
            pass
        assert news.ints() == (c.signed(c.TIDPVMD | tid),)
        machine.hosts[1].wait_gone()
        master = c.TIDPVMD | machine.here.tid & c.TIDHOST
        names = HostNames([name, "no.such.host"]).encode()
        for dst, codes in ((master, None), (c.TIDPVMD, [c.PvmDupHost, c.PvmNoHost])):
            manager.send(message(c.SM_ADD, names, dst=dst, src=manager.tid, ctx=0, wid=5))
            while (answer := manager.receive()).tag != c.SM_ADDACK:
                pass
            assert answer.wid == 5
            found = [entry.tid for entry in AddHostReply.decode(answer.body).hosts]
            if codes is None:
                assert found[0] > 0 and found[1] == c.PvmNoHost
            else:
                assert found == codes


def test_tickle_declares_a_host_failed(machine: Machine) -> None:
    machine.ready()
    name = machine.hosts[2].name
    tid = machine.here.config()[name]
    assert machine.here.code("notify", 2, 31, tid) == 0
    for wrong in (0x3FC0000, machine.here.tid):
        assert machine.here.ints("tickle", 8, wrong) == [0, 0]
    assert machine.here.ints("tickle", 8, tid) == [0, 1]
    assert machine.here.notice(31)[-1] == tid
    machine.hosts[2].wait_gone()
    machine.here.add(name)
    for number in (7, 9):
        assert machine.here.ints("tickle", number, 5) == [0]


def test_dead_manager_of_a_slave_that_is_lost_is_no_manager(
    machine: Machine, connector: Connector
) -> None:
    machine.ready()
    with enrolled(machine.hosts[2], connector) as manager:
        manager.request(c.TM_SCHED)
        here = machine.hosts[0]
        wait_until(lambda: settings(here, connector).schedtid == manager.tid, "it is known")
        agent = here.agent()
        assert agent.tid
        agent.tell("spawn", "agent", 0, "", 1)
        while (asked := manager.receive()).tag != c.SM_SPAWN:
            pass
        assert asked.src & c.TIDHOST == machine.here.tid & c.TIDHOST
        machine.hosts[2].kill_daemon()
        assert agent.reply()[0] == "1"
        assert settings(here, connector).schedtid == 0
        agent.close()


def test_manager_before_serves_again_when_its_rival_ends(
    machine: Machine, connector: Connector
) -> None:
    """Each host keeps to its own manager; all others go by the last that has registered."""
    machine.ready()
    master, old, slave = machine.hosts

    def known(*tids: int) -> bool:
        hosts = (master, old, slave)
        return tuple(settings(host, connector).schedtid for host in hosts) == tids

    with enrolled(master, connector) as first:
        first.request(c.TM_SCHED)
        wait_until(lambda: known(*[first.tid] * 3), "all know the first")
        with enrolled(slave, connector) as second:
            second.request(c.TM_SCHED)
            wait_until(lambda: known(first.tid, second.tid, second.tid), "two know the second")
        wait_until(lambda: known(*[first.tid] * 3), "all know the first again")
    wait_until(lambda: known(0, 0, 0), "the manager is forgotten everywhere")


def test_dead_manager_of_a_master_of_3_4_6_is_forgotten_by_our_slave(connector: Connector) -> None:
    """The master itself never forgets it."""
    pair = Machine(("debian", "ours"))
    try:
        name = pair.hosts[1].name
        with enrolled(pair.hosts[0], connector) as manager:
            manager.request(c.TM_SCHED)
            pair.here.call("delhosts", name)
            pair.hosts[1].wait_gone()
            wait_until(lambda: pair.here.ints("addhosts", name)[0] == 1, "the slave is back")
            assert settings(pair.hosts[1], connector).schedtid == manager.tid
            agent = pair.hosts[1].agent("debian")
            assert agent.tid
            agent.tell("spawn", "agent", 0, "", 1)
            while manager.receive().tag != c.SM_SPAWN:
                pass
        assert agent.reply()[0] == "1"
        assert settings(pair.hosts[1], connector).schedtid == 0
        agent.close()
    finally:
        pair.bed.stop()
