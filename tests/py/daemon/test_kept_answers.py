# SPDX-License-Identifier: MIT
"""Answers that the switch keeps for the daemon: they change as soon as what they tell of does."""

from __future__ import annotations

import random
from collections.abc import Callable

import pytest
from support.impostors.rawtask import Connector, RawTask, code, ints, message, string
from support.machines.vm import VirtualMachine
from support.scoped import Scoped

from pvm3py.pvmd.state.log import DEBUG_MESSAGES
from pvm3py.wire import constants as c
from pvm3py.wire.task import ConfigReply, SpawnRequest, TaskReply

HOST = 0x40000
CONNECTED, LEFT, TASKER = 0x4, 0x10, 0x400


def flags(task: RawTask, where: int = 0) -> dict[int, int]:
    """The flags of all tasks as the daemon lists them, which the answer to the same shows again."""
    first, again = (task.request(c.TM_TASK, ints(where)).body for _ in range(2))
    assert first == again
    return {entry.tid: entry.flags for entry in TaskReply.decode(again).tasks}


def spawn(task: RawTask, file: str, *args: str) -> int:
    """Spawn one task; its tid or an error."""
    request = SpawnRequest(file, 0, "", 1, list(args), *[0] * 6, [f"PVMTASK={file}"])
    return task.request(c.TM_SPAWN, request.encode()).ints()[1]


def test_list_of_tasks_follows_enrolment_and_leave(
    vm: VirtualMachine, connector: Connector, task: RawTask
) -> None:
    assert flags(task) == {task.tid: CONNECTED}
    with RawTask(vm.address, connector) as other:
        other.enrol(vm.tmp)
        assert flags(task) == {task.tid: CONNECTED, other.tid: CONNECTED}
        other.request(c.TM_EXIT)
        assert flags(task) == {task.tid: CONNECTED}


def test_list_of_tasks_follows_the_end_of_a_connection(
    vm: VirtualMachine, connector: Connector, task: RawTask
) -> None:
    for _ in range(50):
        with RawTask(vm.address, connector) as other:
            other.enrol(vm.tmp)
            assert flags(task) == flags(other) == {task.tid: CONNECTED, other.tid: CONNECTED}
            other.socket.close()
            assert flags(task) == {task.tid: CONNECTED}


def test_list_of_tasks_follows_roles(task: RawTask) -> None:
    for _ in range(2):
        assert flags(task) == {task.tid: CONNECTED}
        assert code(task, c.TM_TASKER, ints(1)) == 0
        assert flags(task) == {task.tid: CONNECTED | TASKER}
        assert code(task, c.TM_TASKER, ints(0)) == 0


def test_status_signal_and_list_of_a_tid_follow_its_task(task: RawTask) -> None:
    """Nothing is at the next tid, then a process that a signal ends, then nothing again."""
    following = task.tid + 1
    for _ in range(2):
        assert code(task, c.TM_PSTAT, ints(following)) == c.PvmNoTask
        assert task.request(c.TM_SENDSIG, ints(following, 9)).body == b""
    assert flags(task, following) == {}
    assert spawn(task, "/bin/sleep", "1000") == following
    assert code(task, c.TM_PSTAT, ints(following)) == 0
    assert list(flags(task, following)) == [following]
    gone = ints(c.PvmTaskExit, 0, 77, 1, following)
    task.send(message(c.TM_NOTIFY, gone, src=task.tid))
    assert task.request(c.TM_SENDSIG, ints(following, 9)).body == b""
    while task.receive().tag != 77:
        pass
    assert code(task, c.TM_PSTAT, ints(following)) == c.PvmNoTask
    assert flags(task, following) == {}


def test_log_that_is_to_tell_of_messages_tells_of_all(vm: VirtualMachine, task: RawTask) -> None:
    assert task.request(c.TM_CONFIG).body == task.request(c.TM_CONFIG).body
    task.request(c.TM_TICKLE, ints(2, 6, DEBUG_MESSAGES))
    mask = task.request(c.TM_TICKLE, ints(1, 5)).ints()[1]
    logged = [vm.log().count("TM_CONFIG from")]
    for _ in range(3):
        task.request(c.TM_CONFIG)
        logged.append(vm.log().count("TM_CONFIG from"))
    task.request(c.TM_TICKLE, ints(2, 6, 0))
    assert mask == DEBUG_MESSAGES
    assert logged == [logged[0] + n for n in range(4)]


# ---- a random program beside a model -----------------------------------------------


class Program(Scoped):
    """Tasks of one daemon that come, go, take roles and ask; `tasks` is what must be true."""

    def __init__(self, vm: VirtualMachine, connector: Connector, seed: int) -> None:
        self.vm, self.connector = vm, connector
        self.random = random.Random(seed)
        self.tasks: dict[int, RawTask] = {}
        self.tasker = 0
        self.last = 0

    def leave(self, failed: bool) -> None:
        for task in self.tasks.values():
            task.socket.close()

    def step(self) -> None:
        """One of the actions or questions, of which there are more."""
        actions: list[Callable[[RawTask], None]] = [self.exits, self.dies, self.takes_role]
        questions: list[Callable[[RawTask], None]] = [
            self.lists,
            self.lists_one,
            self.asks_status,
            self.signals,
            self.asks_hosts,
            self.deletes_none,
            self.wants_notice,
        ]
        if len(self.tasks) < 2 or (len(self.tasks) < 5 and self.random.random() < 0.1):
            task = RawTask(self.vm.address, self.connector).enrol(self.vm.tmp)
            self.tasks[task.tid] = task
            self.last = task.tid
        else:
            what = self.random.choice(actions + questions * 3)
            what(self.random.choice(list(self.tasks.values())))

    def exits(self, task: RawTask) -> None:
        task.request(c.TM_EXIT)
        self.gone(task)

    def dies(self, task: RawTask) -> None:
        task.socket.close()
        self.gone(task)

    def gone(self, task: RawTask) -> None:
        del self.tasks[task.tid]
        self.tasker = 0 if self.tasker == task.tid else self.tasker

    def takes_role(self, task: RawTask) -> None:
        expected = c.PvmAlready if self.tasker else 0
        assert code(task, c.TM_TASKER, ints(1)) == expected
        self.tasker = self.tasker or task.tid

    def lists(self, task: RawTask) -> None:
        expected = {tid: CONNECTED | TASKER * (tid == self.tasker) for tid in self.tasks}
        assert flags(task) == expected

    def somebody(self) -> int:
        return HOST | self.random.randint(max(1, (self.last & c.TIDLOCAL) - 6), self.last + 2)

    def lists_one(self, task: RawTask) -> None:
        tid = self.somebody()
        assert set(flags(task, tid)) == {tid} & set(self.tasks)

    def asks_status(self, task: RawTask) -> None:
        tid = self.somebody()
        expected = 0 if tid in self.tasks else c.PvmNoTask
        assert code(task, c.TM_PSTAT, ints(tid)) == expected

    def signals(self, task: RawTask) -> None:
        assert task.request(c.TM_SENDSIG, ints(self.last + 2, 0)).body == b""

    def asks_hosts(self, task: RawTask) -> None:
        (host,) = ConfigReply.decode(task.request(c.TM_CONFIG).body).hosts
        assert code(task, c.TM_MSTAT, string(host.name.encode())) == 0
        assert code(task, c.TM_MSTAT, string(b"none")) == c.PvmNoHost

    def deletes_none(self, task: RawTask) -> None:
        body = ints(1) + string(b"none")
        assert task.request(c.TM_DELHOST, body).ints() == (1, c.PvmNoHost)

    def wants_notice(self, task: RawTask) -> None:
        """A notice of a task that is not there comes before the answer to the next request."""
        body = ints(c.PvmTaskExit, 0, 78, 1, self.last + 2)
        task.send(message(c.TM_NOTIFY, body, src=task.tid, wid=5))
        assert (78, 5) in task.sync()


@pytest.mark.parametrize("seed", range(4))
def test_random_program_sees_what_is_true(
    vm: VirtualMachine, connector: Connector, seed: int
) -> None:
    with Program(vm, connector, seed) as program:
        for _ in range(400):
            program.step()
