# SPDX-License-Identifier: MIT
"""Spawned tasks that the switch enrols as the daemon did before, and when the daemon does it."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

import pytest
from support.impostors.rawtask import Connector, RawTask, code, enrolled, ints, message, string
from support.machines.patched import Patch
from support.machines.vm import VirtualMachine
from support.system import PROJECT, modules_dir

from pvm3py.pvmd.state.log import DEBUG_MESSAGES
from pvm3py.wire import constants as c
from pvm3py.wire.task import EnrolReply, Settings, SpawnRequest, TaskReply

# More than the timers of the daemon that begin and end its rest.
TRIES = 20
# Tags: what a child was told when it enrolled, and when it asks; leave; has left.
TOLD, ASKED, LEAVE, LEFT = 7, 8, 9, 10
OUT = 55

# A task that waits for a file before it enrols, if one is named, and for LEAVE before it leaves.
CHILD = f"""#!{sys.executable}
import os, socket, sys, time
from pathlib import Path
from support.impostors.rawtask import RawTask, message
from pvm3py.wire import constants as c

class Process:
    pid = os.getpid()
    def connect(self, address):
        client = socket.socket(socket.AF_UNIX)
        client.connect(address)
        return client

class Child(RawTask):
    def request(self, tag, body=b""):
        answer = super().request(tag, body)
        self.body = answer.body
        return answer

while len(sys.argv) > 1 and not os.path.exists(sys.argv[1]):
    time.sleep(0.01)
tmp = os.environ["PVM_TMP"]
(file,) = Path(tmp).glob("pvmd.*")
address = file.read_text()
task = Child(address, Process()).enrol(tmp, int(os.environ["PVMEPID"]))
told = task.body
parent = int.from_bytes(told[8:12], "big")
task.send(message({TOLD}, told, dst=parent, src=task.tid))
task.request(c.TM_GETOPT)
task.send(message({ASKED}, task.body, dst=parent, src=task.tid))
while task.receive().tag != {LEAVE}:
    pass
task.request(c.TM_EXIT)
"""


class Child(NamedTuple):
    """A spawned task: what it was told when it enrolled; whether the switch has done that."""

    told: Settings
    welcomed: bool


@pytest.fixture
def machine(patched: Patch) -> Iterator[VirtualMachine]:
    """A daemon that logs the tasks that its switch has enrolled, and can begin to add a host."""
    patched("""
        import pvm3py.pvmd.topics.enrol as enrol
        enrolled = enrol.enrolled
        def told(pvmd, event):
            pvmd.log(f"welcomed {event.tid:x}")
            enrolled(pvmd, event)
        enrol.enrolled = told
    """)
    modules = f"{modules_dir()}:{PROJECT / 'tests' / 'py'}"
    env = {"PVM_RSH": "/bin/false", "PYTHONPATH": modules}
    with VirtualMachine("ours", env=env, arguments=["-n127.0.0.2"]) as vm:
        program = vm.tmp / "child"
        program.write_text(CHILD)
        program.chmod(0o755)
        yield vm


@pytest.fixture
def spawner(machine: VirtualMachine, connector: Connector) -> Iterator[RawTask]:
    with enrolled(machine, connector) as task:
        yield task


def start(machine: VirtualMachine, spawner: RawTask, *gate: Path) -> int:
    """Spawn a child that enrols when the gate, if there is one, is a file; its tid."""
    file, args = str(machine.tmp / "child"), [str(path) for path in gate]
    targets = spawner.tid, 3, OUT, spawner.tid, 4, OUT
    body = SpawnRequest(file, 0, "", 1, args, *targets, [])
    tid = spawner.request(c.TM_SPAWN, body.encode()).ints()[1]
    assert tid > 0
    return tid


def report(machine: VirtualMachine, spawner: RawTask, tid: int) -> Child:
    """Wait for what a child reports: it was told what it is told when it asks."""
    bodies: dict[int, bytes] = {}
    while len(bodies) < 2:
        if (arrived := spawner.receive()).src == tid and arrived.tag in (TOLD, ASKED):
            bodies[arrived.tag] = arrived.body
    reply = EnrolReply.decode(bodies[TOLD])
    assert (reply.ack, reply.settings) == (1, Settings.decode(bodies[ASKED]))
    return Child(reply.settings, f"welcomed {tid:x}\n" in machine.log())


def leave(spawner: RawTask, tid: int) -> None:
    """Have a child leave, and be told of its end."""
    notice = ints(c.PvmTaskExit, 0, LEFT, 1, tid)
    spawner.send(message(c.TM_NOTIFY, notice, src=spawner.tid))
    spawner.send(message(LEAVE, dst=tid, src=spawner.tid))
    while (arrived := spawner.receive()).tag != LEFT:
        pass
    assert arrived.ints() == (tid,)


def spawned(machine: VirtualMachine, spawner: RawTask) -> Child:
    """A child that has enrolled and left."""
    return ended(machine, spawner, start(machine, spawner))


def ended(machine: VirtualMachine, spawner: RawTask, tid: int) -> Child:
    """The same of one that was started before."""
    child = report(machine, spawner, tid)
    leave(spawner, tid)
    return child


def welcome(machine: VirtualMachine, spawner: RawTask) -> None:
    """The switch enrols children from now on."""
    for _ in range(TRIES):
        if spawned(machine, spawner).welcomed:
            return
    raise AssertionError("the switch enrols no child")


def test_child_of_the_switch_is_a_task_like_others(
    machine: VirtualMachine, spawner: RawTask
) -> None:
    welcome(machine, spawner)
    tid = start(machine, spawner)
    told = report(machine, spawner, tid).told
    assert (told.tid, told.ptid, told.schedtid) == (tid, spawner.tid, 0)
    assert (told.outtid, told.outctx, told.outtag) == (spawner.tid, 3, OUT)
    assert (told.trctid, told.trcctx, told.trctag) == (spawner.tid, 4, OUT)
    listed = TaskReply.decode(spawner.request(c.TM_TASK, ints(tid)).body).tasks
    assert [(entry.tid, entry.ptid) for entry in listed] == [(tid, spawner.tid)]
    leave(spawner, tid)
    assert code(spawner, c.TM_PSTAT, ints(tid)) == c.PvmNoTask


def test_child_that_dies_after_the_switch_has_enrolled_it_is_gone(
    machine: VirtualMachine, spawner: RawTask
) -> None:
    welcome(machine, spawner)
    tid = start(machine, spawner)
    report(machine, spawner, tid)
    spawner.send(message(c.TM_NOTIFY, ints(c.PvmTaskExit, 0, LEFT, 1, tid), src=spawner.tid))
    spawner.request(c.TM_SENDSIG, ints(tid, 9))
    while (arrived := spawner.receive()).tag != LEFT:
        pass
    assert arrived.ints() == (tid,)


def test_process_that_enrols_again_is_another_task(
    machine: VirtualMachine, spawner: RawTask
) -> None:
    welcome(machine, spawner)
    program = machine.tmp / "child"
    program.write_text(
        CHILD
        + 'again = Child(address, Process()).enrol(tmp, int(os.environ["PVMEPID"]))\n'
        + f"again.send(message({TOLD + 10}, again.body, dst=parent, src=again.tid))\n"
        + "again.request(c.TM_EXIT)\n"
    )
    tid = start(machine, spawner)
    report(machine, spawner, tid)
    spawner.send(message(LEAVE, dst=tid, src=spawner.tid))
    while (arrived := spawner.receive()).tag != TOLD + 10:
        pass
    told = EnrolReply.decode(arrived.body).settings
    assert (told.tid, told.ptid) == (arrived.src, 0)
    assert told.tid != tid


def manage(task: RawTask) -> None:
    assert code(task, c.TM_SCHED) == 0


def debug(task: RawTask) -> None:
    task.request(c.TM_TICKLE, ints(2, 6, DEBUG_MESSAGES))


@pytest.mark.parametrize("change", [manage, debug])
def test_daemon_enrols_children_itself_when_somebody_cares(
    machine: VirtualMachine, spawner: RawTask, change: Callable[[RawTask], None]
) -> None:
    welcome(machine, spawner)
    gate = machine.tmp / "gate"
    early = start(machine, spawner, gate)
    change(spawner)
    gate.touch()
    for child in (ended(machine, spawner, early), spawned(machine, spawner)):
        assert not child.welcomed
        assert child.told.schedtid == (spawner.tid if change is manage else 0)


def test_child_is_told_the_address_that_the_daemon_has_by_then(
    machine: VirtualMachine, spawner: RawTask
) -> None:
    welcome(machine, spawner)
    gate = machine.tmp / "gate"
    early = start(machine, spawner, gate)
    before = Settings.decode(spawner.request(c.TM_GETOPT).body).address
    spawner.request(c.TM_ADDHOST, ints(1) + string(b"127.0.0.3"))
    gate.touch()
    child = ended(machine, spawner, early)
    assert not child.welcomed
    assert child.told.address != before
    welcome(machine, spawner)


def test_child_keeps_the_targets_of_its_spawn_when_a_tracer_comes(
    machine: VirtualMachine, spawner: RawTask
) -> None:
    welcome(machine, spawner)
    gate = machine.tmp / "gate"
    early = start(machine, spawner, gate)
    body = ints(1, 0, 666, 0, 667) + string(b"@" * 35) + ints(0, 1)
    assert code(spawner, c.TM_TRACER, body) == 0
    gate.touch()
    assert ended(machine, spawner, early).told.trctag == OUT
