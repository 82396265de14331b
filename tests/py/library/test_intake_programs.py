# SPDX-License-Identifier: MIT
"""What a library call takes in: programs that rely on it, and sequences that need their own."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from support.intake.bed import SOCKETS, Bed, Task, Way, library_env, program, spawnable
from support.intake.vectors import REPEATS, recording
from support.machines.sharing import ON, WAYS
from support.machines.vm import VirtualMachine, read_line, wait_until
from support.system import PATIENCE, SIDES, Side

EXIT, ROUTE_ADD = 1, 4  # events of pvm_notify


@pytest.fixture(scope="module", params=SIDES, ids=lambda side: f"daemon-{side}")
def machine(request: pytest.FixtureRequest) -> Iterator[VirtualMachine]:
    """A machine with each daemon."""
    with VirtualMachine(request.param, env=ON) as vm:
        yield vm


each_library = pytest.mark.parametrize("library", SIDES)
each_way = pytest.mark.parametrize("way", SOCKETS, ids=lambda way: way.name.lower())
by_memory = pytest.mark.parametrize("machine", ["ours"], indirect=True)


def answers(sequence: list[dict[str, object]]) -> list[object]:
    """The answers in a recorded sequence."""
    return [step["answer"] for step in sequence]


# ---- notices -----------------------------------------------------------------------------


@each_library
def test_notices_of_the_daemon_are_taken_in_like_messages(
    machine: VirtualMachine, library: Side
) -> None:
    vector = recording("notify")
    allowed = [vector["sequence"], *(other["sequence"] for other in vector["else_seen"])]
    with Bed(machine, library, children=0) as bed:
        task = bed.task

        def come(count: int) -> bool:
            return len(task.list()) + task.left(Way.DAEMON) == count

        got = [task.call("notify", EXIT, 70, 3, *range(bed.nobody, bed.nobody + 3)).code]
        wait_until(lambda: come(3), "three notices")
        got.append(task.call("notify", EXIT, 71, 1, bed.nobody + 3).code)
        wait_until(lambda: come(4), "four notices")
        got += [task.call("nrecv", -1, tag).code for tag in (71, 71, 71, 71, 70)]
        assert got in [answers(sequence) for sequence in allowed]


@each_library
def test_task_that_is_asked_for_a_route_has_two_notices(
    machine: VirtualMachine, library: Side
) -> None:
    with Bed(machine, library) as bed:
        task, child = bed.task, bed.children[0]
        assert task.call("notify", ROUTE_ADD, 60, -1).code == 0
        bed.open(Way.ROUTE)
        notices = [task.call("nrecv", -1, 60).tags for _ in recording("route_notices")["sequence"]]
        assert notices == [[60, task.tid, child.tid]] * 2
        assert task.call("nrecv", -1, 60).code == 0


@each_library
def test_each_notice_of_a_route_goes_to_the_oldest_request_first(
    machine: VirtualMachine, library: Side
) -> None:
    with Bed(machine, library) as bed:
        for tag, count in ((61, 1), (62, 5)):
            assert bed.task.call("notify", ROUTE_ADD, tag, count).code == 0
        bed.open(Way.ROUTE)
        assert bed.drain() == [61, 62, 62]


# ---- routes ------------------------------------------------------------------------------


@each_library
def test_two_tags_polled_in_turn_on_a_route_come_in_order(
    machine: VirtualMachine, library: Side
) -> None:
    (wrong,) = answers(recording("route_poll_two")["sequence"])
    with Bed(machine, library) as bed:
        bed.open(Way.ROUTE)
        orders = []
        for _ in range(5):
            bed.deliver_tags(Way.ROUTE, (1, 2))
            came: list[int] = []
            for _ in range(REPEATS):
                came += [c for tag in (2, 1) if (c := bed.task.call("nrecv", -1, tag).code)]
            orders.append(came)
        assert [order for order in orders if order != [1, 2]] == [] and wrong == 0


@each_library
def test_the_tenth_message_of_a_route_needs_ten_calls(
    machine: VirtualMachine, library: Side
) -> None:
    with Bed(machine, library) as bed:
        bed.open(Way.ROUTE)
        bed.deliver_tags(Way.ROUTE, range(1, 11))
        calls = 1
        while not bed.task.call("nrecv", -1, 10).code:
            calls += 1
        assert 10 <= calls <= 20


@each_library
def test_one_receive_per_readable_descriptor_gets_all_of_a_route(
    machine: VirtualMachine, library: Side
) -> None:
    (all_of_them,) = answers(recording("select_route")["sequence"])
    with Bed(machine, library) as bed:
        bed.open(Way.ROUTE)
        bed.deliver_tags(Way.ROUTE, range(1, 11))
        got = 0
        while bed.task.call("readable").code:
            got += bed.task.call("nrecv", -1, -1).code > 0
        assert got == all_of_them


@each_library
def test_two_connections_are_read_in_turn(machine: VirtualMachine, library: Side) -> None:
    expected = answers(recording("two_connections")["sequence"])
    with Bed(machine, library, children=2) as bed:
        bed.open(Way.ROUTE, child=0)
        bed.open(Way.DAEMON, child=1)
        bed.deliver_tags(Way.ROUTE, (11, 12, 13, 14), child=0)
        bed.deliver_tags(Way.DAEMON, (21, 22, 23, 24), child=1)
        got = [bed.task.call("recv", -1, -1).code for _ in expected]
        assert got == expected


# ---- memory ------------------------------------------------------------------------------


def select_all(bed: Bed) -> list[int]:
    """Receive one message each time that a descriptor is readable; the tags."""
    got = []
    while bed.task.call("readable").code:
        got.append(bed.task.call("nrecv", -1, -1).code)
    return [tag for tag in got if tag]


@by_memory
@pytest.mark.parametrize("children", [1, 2])
def test_select_sees_what_came_by_memory_before_the_first_getfds(
    machine: VirtualMachine, children: int
) -> None:
    with Bed(machine, "ours", children, unasked=True, memory=True) as bed:
        for child in range(children):
            bed.open(Way.MEMORY, child)
            bed.deliver_tags(Way.MEMORY, range(1, 6), child)
        assert sorted(select_all(bed)) == sorted([*range(1, 6)] * children)
        for child in range(children):
            bed.deliver_tags(Way.MEMORY, range(11, 16), child)
        assert bed.task.has_left
        assert sorted(select_all(bed)) == sorted([*range(11, 16)] * children)


@by_memory
def test_select_sees_what_came_by_memory_and_by_the_daemon(machine: VirtualMachine) -> None:
    with Bed(machine, "ours", 2, unasked=True, memory=True, streaming=1) as bed:
        bed.open(Way.MEMORY)
        bed.deliver_tags(Way.MEMORY, range(1, 6))
        bed.deliver_tags(Way.DAEMON, range(11, 16), child=1)
        assert sorted(select_all(bed)) == [*range(1, 6), *range(11, 16)]


# ---- a task that is not connected yet ----------------------------------------------------


@each_library
def test_what_was_sent_before_a_spawned_task_connects_is_taken_in_one_by_one(
    machine: VirtualMachine, library: Side, tmp_path: Path
) -> None:
    found = recording("wire_connect")["sequence"][1]["answer"]
    with Bed(machine, library, children=0) as bed, ExitStack() as stack:
        pipes = [tmp_path / name for name in ("commands", "answers")]
        for pipe in pipes:
            os.mkfifo(pipe)
        tid = bed.task.call("spawn", spawnable(library), 1, *pipes).code
        assert tid > 0
        for tag in range(1, 6):
            assert bed.task.call("send", tid, tag, 0).code == 0
        assert bed.task.call("pstat", tid).code == 0
        spawned = stack.enter_context(Task.on_pipes(*pipes))
        assert spawned.tid == tid
        wait_until(lambda: spawned.waiting(Way.DAEMON)[-1:] == [5], "the fifth message")
        calls = 1
        while not spawned.call("nrecv", -1, 5).code:
            calls += 1
        assert found == f"found by call {calls}"
        assert spawned.call("exit").code == 0


# ---- ordinary programs -------------------------------------------------------------------


def start(
    machine: VirtualMachine, library: Side, *words: object, way: str = "daemon"
) -> tuple[subprocess.Popen[bytes], str]:
    """Start tests/c/intake_programs.c; the process and its tid as it prints it."""
    env = library_env(library) | WAYS[way]
    process = machine.start(program("intake_programs"), *words, env=env)
    assert process.stdout
    return process, read_line(process.stdout, PATIENCE)


def finish(process: subprocess.Popen[bytes]) -> list[int]:
    """Wait for the end of a program; the numbers that it has printed."""
    out, err = process.communicate(timeout=PATIENCE)
    assert process.returncode == 0, err.decode()
    return [int(word) for word in out.split()]


@each_library
@pytest.mark.parametrize(("way", "workers"), [("daemon", 3), ("route", 1)])
def test_farm_sees_no_worker_ready_before_its_result(
    machine: VirtualMachine, library: Side, way: str, workers: int
) -> None:
    run_farm(machine, library, way, workers, 400 // workers)


@by_memory
def test_farm_sees_no_worker_ready_before_its_result_by_memory(machine: VirtualMachine) -> None:
    run_farm(machine, "ours", "memory", 3, 2000)


def run_farm(machine: VirtualMachine, library: Side, way: str, workers: int, rounds: int) -> None:
    """A farm, in which each worker sends a result and that it is ready so many times."""
    settings = way if way == "memory" else "daemon"
    master, tid = start(machine, library, "farm", workers, rounds, way=settings)
    work = [
        start(machine, library, "work", tid, way, number, workers, rounds, way=settings)[0]
        for number in range(workers)
    ]
    assert finish(master) == [workers * rounds, 0]
    for worker in work:
        finish(worker)


@each_library
@each_way
def test_one_receive_per_readable_descriptor_while_messages_come(
    machine: VirtualMachine, library: Side, way: Way
) -> None:
    master, tid = start(machine, library, "select", 300)
    sender, _ = start(machine, library, "send", tid, way.name.lower(), 300)
    assert finish(master) == [300]
    finish(sender)


@each_library
@each_way
def test_handler_of_the_last_message_runs_when_all_others_have_been_received(
    machine: VirtualMachine, library: Side, way: Way
) -> None:
    master, tid = start(machine, library, "stop", 300)
    sender, _ = start(machine, library, "send", tid, way.name.lower(), 300)
    assert finish(master) == [300]
    finish(sender)
