# SPDX-License-Identifier: MIT
"""Many tasks, more data than memory should hold, and tasks that end badly."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator

import pytest
from support import compiler
from support.impostors.rawtask import Connector, RawTask
from support.machines.loading import wait_loaded
from support.machines.vm import VirtualMachine, wait_until
from support.system import PATIENCE, SIDES, Side

from pvm3py.pvmd.topics.tasks import CONNECTED
from pvm3py.wire import constants as c
from pvm3py.wire.task import SpawnRequest, TaskReply, TidBody

MIB = 1 << 20

# What the daemon keeps for one receiver at most (csrc/switch/loop/switch.c: queue_high).
QUEUE_MAX = min(os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") // 32, 256 << 20)


@pytest.fixture
def machine() -> Iterator[VirtualMachine]:
    """A machine with our daemon; its end checks that nothing is left."""
    with VirtualMachine("ours") as vm:
        yield vm


def first_line(task: subprocess.Popen[bytes]) -> str:
    """The next line that a task prints."""
    assert task.stdout
    return task.stdout.readline().decode().strip()


@pytest.mark.parametrize("library", SIDES)
def test_500_tasks_exchange_messages_all_to_all(machine: VirtualMachine, library: Side) -> None:
    done = machine.run(compiler.test_program("alltoall", library), 500)
    assert done.check().out.split() == [str(500 * 499)]


def test_sleeping_receiver_of_2_gib_bounds_memory_and_blocks_nobody(
    machine: VirtualMachine,
) -> None:
    program = compiler.test_program("flood", "ours")
    go, stop = machine.home / "go", machine.home / "stop"
    receiver = machine.start(program, "receive", go)
    pong = machine.start(program, "pong")
    idle = machine.rss()
    sender = machine.start(program, "send", first_line(receiver), 2048)
    ping = machine.start(program, "ping", first_line(pong), stop)
    first_line(sender)
    peak = 0
    for expected in range(0, 2000, 100):  # rounds of the other pair: progress, not time
        assert first_line(ping) == str(expected)
        peak = max(peak, machine.rss())
    assert sender.poll() is None, "the sender was never held back"
    go.touch()
    while sender.poll() is None:
        assert first_line(ping), "the other pair stopped"
        peak = max(peak, machine.rss())
    stop.touch()
    sent, got = (task.communicate(timeout=PATIENCE)[0].split() for task in (sender, receiver))
    assert got == sent
    assert got[0] == b"2048"
    assert peak - idle < QUEUE_MAX + 128 * MIB, f"daemon grew by {(peak - idle) // MIB} MiB"
    for task in (ping, pong):
        task.communicate(timeout=PATIENCE)
        assert task.returncode == 0


@pytest.mark.parametrize("route", [1, 3], ids=["daemon", "direct"])
@pytest.mark.parametrize("library", SIDES)
def test_every_death_is_told_exactly_once(
    machine: VirtualMachine, library: Side, route: int
) -> None:
    done = machine.run(compiler.test_program("killed", library), 40, route)
    assert done.check().out == "ok\n"


def test_deaths_under_the_original_daemon() -> None:
    with VirtualMachine("debian") as vm:
        done = vm.run(compiler.test_program("killed", "ours"), 40, 3)
        assert done.check().out == "ok\n"


@pytest.mark.parametrize("size", [64, MIB])
def test_output_of_a_crashing_task_is_complete(machine: VirtualMachine, size: int) -> None:
    program = compiler.test_program("careless", "ours")
    launch = compiler.test_program("launch", "ours")
    lines = machine.run(launch, 1, program, "print", size).check().out.splitlines()
    tag = lines[0].split()[0]
    expected = [f"{tag} {n:063d}" for n in range(size // 64)]
    assert lines == [f"{tag} BEGIN", *expected, f"{tag} EOF"]


@pytest.mark.parametrize("library", SIDES)
def test_messages_of_a_task_that_just_ends_arrive(machine: VirtualMachine, library: Side) -> None:
    done = machine.run(compiler.test_program("careless", library), "watch", 500)
    assert done.check().out == "500\n"


def test_further_task_takes_4_kb_at_most(machine: VirtualMachine, connector: Connector) -> None:
    program = str(compiler.test_program("flood", "ours"))
    spawn = SpawnRequest(program, 0, "", 50, ["pong"], 0, 0, 0, 0, 0, 0, [])
    with RawTask(machine.address, connector) as task:
        task.enrol(machine.tmp)

        def connected() -> int:
            answer = task.request(c.TM_TASK, TidBody(0).encode())
            return sum(bool(t.flags & CONNECTED) for t in TaskReply.decode(answer.body).tasks)

        def grow(count: int) -> int:
            """The daemon's memory when so many tasks are there, besides this one."""
            while (there := connected() - 1) < count:
                task.request(c.TM_SPAWN, spawn.encode())
                wait_until(lambda n=there + 50: connected() > n, "tasks are connected")
            return machine.rss()

        wait_loaded(machine.pid)
        before = grow(100)
        assert (grow(400) - before) / 300 <= 4096


def test_sequence_of_short_tasks_leaves_no_descriptor_open(machine: VirtualMachine) -> None:
    launch = compiler.test_program("launch", "ours")
    machine.run(launch, 5, "/bin/true").check()
    before = machine.descriptors()
    for _ in range(10):
        machine.run(launch, 20, "/bin/true").check()
    wait_until(lambda: machine.descriptors() <= before, "descriptors closed")
