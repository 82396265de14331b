# SPDX-License-Identifier: MIT
"""Tasks started by a registered tasker of a slave, under a master of either kind."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator

import pytest
from support.impostors.rawtask import Connector, RawTask, ints, message
from support.machines.hosts import Host
from support.machines.machine import Machine
from support.machines.vm import wait_until

from pvm3py.wire import constants as c
from pvm3py.wire.system import StartTask, TaskEnd

TASK_EXIT = 1


@pytest.fixture(
    scope="module",
    params=[("ours", "ours"), ("debian", "ours"), ("ours", "debian")],
    ids="-adds-".join,
)
def shared(request: pytest.FixtureRequest) -> Iterator[Machine]:
    """A master and a slave, which gets the tasker."""
    machine = Machine(request.param)
    yield machine
    machine.bed.stop()


class Tasker(RawTask):
    """A tasker that does what a test wants; its processes are in `children`."""

    def __init__(self, host: Host, connector: Connector) -> None:
        super().__init__(host.sock_file.read_text(), connector)
        self.host = host
        self.enrol(host.tmp)
        assert self.request(c.TM_TASKER, ints(1)).ints() == (0,)
        self.children: dict[int, subprocess.Popen[bytes]] = {}

    def ordered(self) -> StartTask:
        """The next order."""
        while (order := self.receive()).tag != c.SM_STTASK:
            pass
        return StartTask.decode(order.body)

    def start(self, order: StartTask) -> None:
        """Start the process of a task."""
        env = dict(word.split("=", 1) for word in order.env)
        words = ["env", *(f"{name}={value}" for name, value in env.items()), *order.argv]
        self.children[order.tid] = subprocess.Popen(
            [str(self.host.tmp / "run"), *words], stdout=subprocess.DEVNULL
        )

    def ended(self, tid: int, status: int) -> None:
        """Report the end of a task."""
        body = TaskEnd(tid, status).encode()
        self.send(message(c.SM_TASKX, body, src=self.tid, ctx=0))

    def close(self) -> None:
        """End it and its processes."""
        self.socket.close()
        for child in self.children.values():
            child.kill()
            child.wait()


@pytest.fixture
def machine(shared: Machine) -> Machine:
    """The machine, whole."""
    return shared.ready()


@pytest.fixture
def tasker(machine: Machine, connector: Connector) -> Iterator[Tasker]:
    """A tasker on the slave."""
    helper = Tasker(machine.hosts[1], connector)
    yield helper
    helper.close()
    machine.here.call("pstat", helper.tid)
    wait_until(lambda: machine.here.code("pstat", helper.tid) < 0, "the tasker has gone")


def spawned(machine: Machine, *arguments: str) -> int:
    """Spawn an agent on the slave: its tid."""
    return machine.here.spawn("agent", *arguments, where=machine.hosts[1].name)[0]


def test_tasker_starts_tasks_that_are_tasks_like_others(machine: Machine, tasker: Tasker) -> None:
    tid = spawned(machine, "an argument")
    order = tasker.ordered()
    assert order.tid == tid and os.path.isabs(order.path)
    assert order.argv == [order.path, "an argument"]
    assert (order.instance, order.hosttotal, order.outof) == (0, 1, 1)
    assert order.env[0].startswith("PVMEPID=")
    tasker.start(order)
    reply = machine.here.call("on", tid, "mytid")
    assert reply == [str(tid), str(machine.here.tid)]
    assert machine.here.code("notify", TASK_EXIT, 71, tid) == 0
    tasker.children[tid].kill()
    tasker.children[tid].wait()
    assert machine.here.notice(71)[-1] == tid
    tasker.ended(tid, 9)
    assert tasker.request(c.TM_TASKER, ints(1)).ints() == (c.PvmAlready,)
    assert f"t{tid:x}" not in machine.hosts[1].log()


def test_task_that_the_tasker_cannot_start_has_ended(machine: Machine, tasker: Tasker) -> None:
    tid = spawned(machine)
    assert machine.here.code("notify", TASK_EXIT, 72, tid) == 0
    tasker.ended(tasker.ordered().tid, 256)
    assert machine.here.notice(72)[-1] == tid


def test_end_of_the_tasker_ends_what_it_has_not_started(machine: Machine, tasker: Tasker) -> None:
    """What it has brought to connect runs on, and the daemon starts the next task itself."""
    running = spawned(machine)
    tasker.start(tasker.ordered())
    assert machine.here.call("on", running, "mytid")[0] == str(running)
    lost = spawned(machine)
    assert machine.here.code("notify", TASK_EXIT, 73, lost) == 0
    tasker.socket.close()
    assert machine.here.notice(73)[-1] == lost
    if machine.hosts[1].side == "ours":  # 3.4.6 gives it up, too, though it runs
        assert machine.here.call("on", running, "mytid")[0] == str(running)
    third = spawned(machine)
    assert machine.here.call("on", third, "mytid")[0] == str(third)
    machine.here.call("kill", third)


@pytest.mark.parametrize("answer", [(c.TM_TASKER, 1, c.PvmAlready), (c.TM_TASKER, 0, c.PvmNoTask)])
def test_there_is_one_tasker_of_a_host(
    machine: Machine,
    tasker: Tasker,
    answer: tuple[int, int, int],
    connector: Connector,
) -> None:
    tag, word, code = answer
    host = machine.hosts[1]
    with RawTask(host.sock_file.read_text(), connector) as other:
        other.enrol(host.tmp)
        assert other.request(tag, ints(word)).ints() == (code,)


def test_tasker_that_resigns_is_asked_no_more(machine: Machine, tasker: Tasker) -> None:
    assert tasker.request(c.TM_TASKER, ints(0)).ints() == (0,)
    tid = spawned(machine)
    assert machine.here.call("on", tid, "mytid")[0] == str(tid)
    machine.here.call("kill", tid)
