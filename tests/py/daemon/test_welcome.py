# SPDX-License-Identifier: MIT
"""Tasks that the switch enrols as the daemon did before, and when the daemon does it itself."""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterator

import pytest
from support.impostors.rawtask import Connector, RawTask, code, enrolled, ints, message, string
from support.machines.patched import Patch
from support.machines.vm import VirtualMachine, wait_until
from support.system import PATIENCE

from pvm3py.pvmd.state.log import DEBUG_MESSAGES
from pvm3py.wire import constants as c
from pvm3py.wire.task import Settings, SpawnRequest, TaskReply

# More than the timers of the daemon that begin and end its rest.
TRIES = 20


@pytest.fixture
def machine(patched: Patch) -> Iterator[VirtualMachine]:
    """A daemon that logs the tasks that its switch has enrolled."""
    patched("""
        import pvm3py.pvmd.topics.enrol as enrol
        enrolled = enrol.enrolled
        def told(pvmd, event):
            pvmd.log(f"welcomed {event.tid:x}")
            enrolled(pvmd, event)
        enrol.enrolled = told
    """)
    with VirtualMachine() as vm:
        yield vm


def welcomed(machine: VirtualMachine, task: RawTask) -> bool:
    """Whether the switch has enrolled a task, once the daemon must know it."""
    assert code(task, c.TM_GETOPT) == task.tid
    return f"welcomed {task.tid:x}\n" in machine.log()


def settings(task: RawTask) -> Settings:
    """What a task is told of itself, if it asks for that."""
    return Settings.decode(task.request(c.TM_GETOPT).body)


def welcome(machine: VirtualMachine, connector: Connector, announced: int | None = None) -> RawTask:
    """A task that the switch has enrolled; the daemon has been told."""

    def one() -> RawTask:
        return RawTask(machine.address, connector).enrol(machine.tmp, 0, announced)

    for _ in range(TRIES):
        with one():
            task = one()
        if welcomed(machine, task):
            return task
        task.socket.close()
    raise AssertionError("the switch enrols nobody")


def test_daemon_knows_a_task_of_the_switch(machine: VirtualMachine, connector: Connector) -> None:
    with welcome(machine, connector) as task, enrolled(machine, connector) as other:
        listed = TaskReply.decode(other.request(c.TM_TASK, ints(task.tid)).body).tasks
        assert [(entry.tid, entry.pid, entry.ptid) for entry in listed] == [
            (task.tid, connector.pid, 0)
        ]
        assert code(other, c.TM_PSTAT, ints(task.tid)) == 0
        told, own = settings(task), settings(other)
        assert told.tid == task.tid
        own.tid = told.tid
        assert told == own


@pytest.mark.parametrize("announced", [None, 0, 6])
def test_daemon_knows_what_the_library_of_a_task_of_the_switch_can(
    machine: VirtualMachine, connector: Connector, announced: int | None
) -> None:
    with welcome(machine, connector, announced) as task:
        before = len(machine.log())
        assert task.request(c.TM_TICKLE, ints(1, 2)).ints() == (0,)
        (line,) = [li for li in machine.log()[before:].splitlines() if f" t{task.tid:x} " in li]
        said = line.partition(" can ")[2]
        assert said == "None" if announced is None else f"capabilities={announced}," in said


def test_who_asks_sees_all_that_have_enrolled_before(
    machine: VirtualMachine, connector: Connector
) -> None:
    with enrolled(machine, connector) as asker:
        for _ in range(TRIES):
            with enrolled(machine, connector) as task:
                listed = TaskReply.decode(asker.request(c.TM_TASK, ints(0)).body).tasks
                assert task.tid in [entry.tid for entry in listed]
                task.request(c.TM_EXIT)
            listed = TaskReply.decode(asker.request(c.TM_TASK, ints(0)).body).tasks
            assert [entry.tid for entry in listed] == [asker.tid]


def test_task_that_leaves_at_once_takes_a_tid_and_leaves_nothing(
    machine: VirtualMachine, connector: Connector
) -> None:
    with enrolled(machine, connector) as asker:
        for number in range(1, TRIES):
            with enrolled(machine, connector) as task:
                assert task.tid == asker.tid + number
                task.request(c.TM_EXIT)
                task.wait_closed()
        notice = ints(c.PvmTaskExit, 0, 77, 1, task.tid)
        asker.send(message(c.TM_NOTIFY, notice, src=asker.tid))
        assert asker.receive().tag == 77
        listed = TaskReply.decode(asker.request(c.TM_TASK, ints(0)).body).tasks
        assert [entry.tid for entry in listed] == [asker.tid]


def trace(task: RawTask) -> None:
    body = ints(1, 0, 666, 0, 667) + string(b"@" * 35) + ints(0, 1)
    assert code(task, c.TM_TRACER, body) == 0


def manage(task: RawTask) -> None:
    assert code(task, c.TM_SCHED) == 0


def debug(task: RawTask) -> None:
    task.request(c.TM_TICKLE, ints(2, 6, DEBUG_MESSAGES))


def start(task: RawTask) -> None:
    body = SpawnRequest("/bin/sleep", 0, "", 1, ["1000"], *[0] * 6, [])
    assert task.request(c.TM_SPAWN, body.encode()).ints()[1] > 0


@pytest.mark.parametrize("change", [trace, manage, debug, start])
def test_daemon_enrols_tasks_itself_when_somebody_cares(
    machine: VirtualMachine, connector: Connector, change: Callable[[RawTask], None]
) -> None:
    with welcome(machine, connector) as holder:
        change(holder)
        for _ in range(3):
            with enrolled(machine, connector) as task:
                assert not welcomed(machine, task)
                assert task.rm == (holder.tid if change is manage else 0)
                assert settings(task).trctid == (holder.tid if change is trace else 0)


def test_task_of_which_the_daemon_has_not_been_told_ends_with_it(
    machine: VirtualMachine, connector: Connector
) -> None:
    """The signal comes before the daemon would be told of the last task."""
    late = Connector()
    try:
        with welcome(machine, connector), enrolled(machine, late):
            machine.process.send_signal(signal.SIGTERM)
            machine.process.wait(PATIENCE)
            wait_until(lambda: not late.alive(), "the last task got SIGTERM")
    finally:
        late.close()
