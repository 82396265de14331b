# SPDX-License-Identifier: MIT
"""What was asked of a resource manager is answered even if it dies, or another takes its place.

The managers here are raw tasks: they answer what a test wants answered, and die when it wants.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest
from support.impostors.rawtask import Connector, Message, RawTask, enrolled, ints, message
from support.machines.agent import Agent
from support.machines.hosts import Host
from support.machines.machine import Machine
from support.machines.vm import wait_until
from support.system import SIDES, Side

from pvm3py.wire import constants as c
from pvm3py.wire.task import ConfigReply, HostEntry, Settings

TASK_EXIT = 1


@pytest.fixture(scope="module")
def machine() -> Iterator[Machine]:
    """A master and a slave of ours, and one of 3.4.6."""
    three = Machine(("ours", "ours", "debian"))
    yield three
    three.bed.stop()


class Manager(RawTask):
    """A task that has registered as resource manager."""

    def __init__(self, host: Host, connector: Connector) -> None:
        super().__init__(host.sock_file.read_text(), connector)
        self.enrol(host.tmp)
        self.request(c.TM_SCHED)

    def asked(self, tag: int) -> Message:
        """The next request of this kind; other messages are dropped."""
        while (request := self.receive()).tag != tag:
            pass
        return request

    def answer(self, request: Message, body: bytes) -> None:
        """Answer a request."""
        self.send(message(request.tag, body, dst=request.src, src=self.tid, ctx=0, wid=request.wid))

    def die(self) -> None:
        """End without a word."""
        self.socket.close()


def manager_of(host: Host, connector: Connector) -> int:
    """Who a new task on a host is told to be the manager."""
    with enrolled(host, connector) as task:
        return Settings.decode(task.request(c.TM_GETOPT).body).schedtid


@pytest.fixture(params=["here", "elsewhere"])
def new_manager(
    request: pytest.FixtureRequest, machine: Machine, connector: Connector
) -> Iterator[Callable[[], Manager]]:
    """Registers managers on the master, or on the slave, which the master's tasks then know."""
    host = machine.ready().hosts[request.param == "elsewhere"]
    managers: list[Manager] = []

    def register() -> Manager:
        managers.append(Manager(host, connector))
        tid = managers[-1].tid
        for one in machine.hosts[:2]:
            wait_until(lambda one=one: manager_of(one, connector) == tid, "the manager is known")
        return managers[-1]

    yield register
    for manager in managers:
        manager.die()
    for one in machine.hosts:
        wait_until(lambda one=one: manager_of(one, connector) == 0, "no manager is known")


@pytest.fixture(params=SIDES)
def client(request: pytest.FixtureRequest) -> Side:
    """The library of the tasks that ask."""
    side: Side = request.param
    return side


@contextmanager
def started(machine: Machine, client: Side) -> Iterator[Agent]:
    """An agent on the master, enrolled."""
    agent = machine.hosts[0].agent(client)
    try:
        assert agent.tid
        yield agent
    finally:
        agent.process.kill()


REQUESTS: dict[str, tuple[int, tuple[object, ...]]] = {
    "spawn": (c.SM_SPAWN, ("spawn", "agent", 0, "", 2)),
    "config": (c.SM_CONFIG, ("config",)),
    "tasks": (c.SM_TASK, ("tasks", 0)),
    "add": (c.SM_ADDHOST, ("addhosts", "no.such.host")),
    "delete": (c.SM_DELHOST, ("delhosts", "no.such.host")),
}


@pytest.mark.parametrize("what", REQUESTS)
def test_unanswered_request_of_a_dead_manager_is_served_by_the_daemon(
    what: str, client: Side, new_manager: Callable[[], Manager], machine: Machine
) -> None:
    tag, words = REQUESTS[what]
    manager = new_manager()
    with started(machine, client) as agent:
        agent.tell(*words)
        manager.asked(tag)
        manager.die()
        answers = [agent.reply(), agent.call(*words)]
        for answer in answers:
            if what == "spawn":
                assert answer[0] == "2" and all(int(tid) > 0 for tid in answer[1:])
            elif what == "tasks":
                assert answer[0] == "0" and str(agent.tid) in answer
            else:
                assert answer == machine.here.call(*words)


def test_successor_is_asked_in_place_of_a_dead_manager(
    client: Side, new_manager: Callable[[], Manager], machine: Machine
) -> None:
    first = new_manager()
    hosts = [HostEntry(host << 18, f"host{host}", "LINUX64", 1000, 1) for host in range(1, 400)]
    answer = ConfigReply(hosts).encode()
    with started(machine, client) as agent:
        second = new_manager()
        agent.tell("config")
        request = first.asked(c.SM_CONFIG)
        first.die()
        again = second.asked(c.SM_CONFIG)
        assert (again.src, again.wid) == (request.src, request.wid)
        second.answer(again, answer)
        assert agent.reply()[1] == "399"
        agent.tell("config")
        second.answer(second.asked(c.SM_CONFIG), answer)
        assert agent.reply()[1] == "399"
        agent.tell("config")
        second.asked(c.SM_CONFIG)
        second.die()
        assert agent.reply()[1] == "3"


def test_answered_request_of_a_dead_manager_is_not_answered_again(
    client: Side, new_manager: Callable[[], Manager], machine: Machine
) -> None:
    manager = new_manager()
    with started(machine, client) as agent:
        agent.tell("spawn", "agent", 0, "", 1)
        manager.answer(manager.asked(c.SM_SPAWN), ints(1, c.PvmNoFile))
        assert agent.reply()[0] == "0"
        manager.die()
        assert agent.call("config")[1] == "3"
        # Whatever else had come would be received by this: any source and any tag.
        assert agent.call("event", -1, -1, "0.2") == ["0"]


def test_notices_that_a_dead_manager_owes_are_given_by_the_daemon(
    client: Side, new_manager: Callable[[], Manager], machine: Machine
) -> None:
    manager = new_manager()
    with started(machine, client) as agent:
        victims = [machine.there.spawn("agent")[0] for _ in range(3)]
        assert agent.code("notify", TASK_EXIT, 77, *victims) == 0
        request = manager.asked(c.SM_NOTIFY)
        assert request.ints()[3:] == (3, *victims)
        # It gives one of the notices itself; that is not to come again.
        machine.there.call("kill", victims[0])
        manager.send(message(77, ints(victims[0]), dst=agent.tid, src=manager.tid, ctx=0))
        assert agent.notice(77)[-1] == victims[0]
        machine.there.call("kill", victims[1])
        manager.die()
        assert agent.notice(77)[-1] == victims[1]
        machine.there.call("kill", victims[2])
        assert agent.notice(77)[-1] == victims[2]
        assert agent.call("event", -1, 77, "0.2") == ["0"]


@pytest.mark.parametrize("what", REQUESTS)
def test_library_itself_asks_a_daemon_that_cannot_replace_a_dead_manager(
    what: str, machine: Machine, connector: Connector
) -> None:
    """A task with our library on a host of 3.4.6, which knows the manager for ever."""
    tag, words = REQUESTS[what]
    host = machine.ready().hosts[2]
    manager = Manager(machine.hosts[0], connector)
    wait_until(lambda: manager_of(host, connector) == manager.tid, "the manager is known")
    agent = host.agent("ours")
    try:
        assert agent.tid
        for _ in range(2):
            agent.tell(*words)
            manager.answer(manager.asked(tag), ints(c.PvmDenied))
            assert agent.reply()[0] == str(c.PvmDenied)
        agent.tell(*words)
        manager.asked(tag)
        manager.die()
        before = agent.reply()
        assert int(before[0]) >= 0
        assert agent.call(*words)[0] == before[0]
    finally:
        agent.process.kill()
        manager.die()
