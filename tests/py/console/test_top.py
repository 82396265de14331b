# SPDX-License-Identifier: MIT
"""The command `top`: figures of tasks on each host, their order, the screen that is drawn anew."""

from __future__ import annotations

import json
import sys
import time
from typing import Any

import pytest
from support.machines.hosts import Bed
from support.machines.vm import VirtualMachine, read_line, wait_until
from support.screens.console import console_program
from support.screens.desk import CTRL_C
from support.screens.face import FACES, PROMPT, Face, do, started
from support.system import PATIENCE, SIDES, Side

BUSY = "while :; do :; done"


def spawn(vm: VirtualMachine, *words: str) -> None:
    """Spawn a task and leave it alone."""
    line = " ".join(["spawn", *words])
    assert "1 successful" in vm.run(console_program("ours"), "-c", line).check().out


def figures(vm: VirtualMachine, options: str = "-d0.5") -> list[dict[str, Any]]:
    """What `top` tells programs."""
    out = vm.run(console_program("ours"), "-c", f"top {options} --json").check().out
    found: list[dict[str, Any]] = json.loads(out)
    return found


def test_processor_and_memory_are_the_kernels(vm: VirtualMachine) -> None:
    spawn(vm, "/bin/sh", "-c", f"'{BUSY}'")
    spawn(vm, "/bin/sleep", "1000")
    busy, idle = figures(vm)
    assert busy["cpu"] > 1 > idle["cpu"] >= 0
    assert busy["memory"] > 100_000
    assert [idle["program"], busy["program"]] == ["/bin/sleep", "/bin/sh"]


RECEIVER = """
import pvm3py.classic as pvm
print(pvm.mytid(), flush=True)
while True:
    pvm.recv()
"""
SENDER = """
import sys, time
import pvm3py.classic as pvm
while True:
    for _ in range(10):
        pvm.initsend()
        pvm.pkbytes(b"x" * 1000)
        pvm.send(int(sys.argv[1]), 1)
    time.sleep(0.02)
"""


@pytest.mark.parametrize("shared", ["on", "off"])
def test_messages_are_counted_by_our_daemon(shared: str) -> None:
    with VirtualMachine(env={"PVM_SHM": shared}) as vm:
        receiver = vm.start(sys.executable, "-c", RECEIVER)
        assert receiver.stdout
        tid = int(read_line(receiver.stdout, PATIENCE))
        vm.start(sys.executable, "-c", SENDER, tid)
        wait_until(lambda: len(figures(vm, "-d0.1")) == 2, "both tasks")
        received, sent = sorted(figures(vm, "-d1"), key=lambda one: one["messages"])
        assert (received["tid"], received["messages"], received["bytes"]) == (tid, 0, 0)
        assert sent["messages"] > 5
        assert 990 <= sent["bytes"] / sent["messages"] < 1200


def test_messages_of_tasks_of_another_host_are_counted() -> None:
    """Messages within the host, and from it to the console's."""
    with Bed(["ours", "ours"], programs=()) as bed:
        master, slave = bed.start().hosts
        master.run(console_program("ours"), "-c", f"add {slave.name}").check()
        for there in (slave, master):
            receiver = there.start(sys.executable, "-c", RECEIVER)
            assert receiver.stdout
            tid = int(read_line(receiver.stdout, PATIENCE))
            sender = slave.start(sys.executable, "-c", SENDER, tid)
            wait_until(lambda: len(figures(master, "-d0.1")) == 2, "both tasks")
            received, sent = sorted(figures(master, "-d1"), key=lambda one: one["messages"])
            assert (received["tid"], received["messages"]) == (tid, 0)
            assert sent["host"] == slave.name and sent["messages"] > 5
            assert 990 <= sent["bytes"] / sent["messages"] < 1200
            for task in (sender, receiver):
                task.terminate()
                task.wait()


def test_daemon_of_3_4_6_counts_no_messages() -> None:
    with VirtualMachine("debian") as vm:
        spawn(vm, "/bin/sleep", "1000")
        (idle,) = figures(vm)
        assert idle["cpu"] is not None
        assert (idle["messages"], idle["bytes"]) == (None, None)


def test_table_is_printed_as_often_as_asked_for(ours: VirtualMachine) -> None:
    spawn(ours, "/bin/sleep", "1000")
    out = ours.run(console_program("ours"), "-c", "top -n3 -d0.1").check().out
    heads = [line for line in out.splitlines() if line.split()[:2] == ["TID", "HOST"]]
    assert len(heads) == 3
    assert len(out.splitlines()) == 6


@pytest.mark.parametrize("options", ["-dx", "-nx"])
def test_option_that_is_no_number_is_said(ours: VirtualMachine, options: str) -> None:
    done = ours.run(console_program("ours"), "-c", f"top {options}").check(1)
    assert "have a number" in done.out


@pytest.mark.parametrize("kinds", [(one, other) for one in SIDES for other in SIDES], ids="-".join)
def test_other_hosts_tell_their_figures(kinds: tuple[Side, Side]) -> None:
    with Bed(kinds, programs=()) as bed:
        bed.start()
        master, slave = bed.hosts
        master.run(console_program("ours"), "-c", f"add {slave.name}").check()
        spawn(master, f"--host={slave.name}", "/bin/sh", "-c", f"'{BUSY}'")
        (busy,) = figures(master)
        assert busy["host"] == slave.name
        assert busy["cpu"] > 1
        assert busy["memory"] > 100_000
        counted = kinds == ("ours", "ours")
        assert (busy["messages"], busy["bytes"]) == ((0, 0) if counted else (None, None))
        assert bed.halt() == []


# ---- on a terminal -----------------------------------------------------------------------------


@pytest.mark.parametrize("face", FACES)
def test_screen_is_sorted_by_keys_and_leaves_nothing(ours: VirtualMachine, face: Face) -> None:
    spawn(ours, "/bin/sh", "-c", f"'{BUSY}'")
    spawn(ours, "/bin/sleep", "1000")
    with started(ours, face) as desk:
        before, flags = do(desk, "echo before"), desk.flags()
        desk.enter("top -d0.2")
        desk.wait_for(
            lambda lines: len(lines) == 5 and lines[2].endswith("/bin/sh") and "0.0" in lines[3],
            "the busy task above",
        )
        desk.type("n")
        desk.wait_for(lambda lines: lines[2].endswith("/bin/sh"), "by name")
        desk.see("sorted by COMMAND")
        desk.type("r")
        desk.wait_for(lambda lines: lines[2].endswith("/bin/sleep"), "by name, downwards")
        desk.type("q")
        lines = desk.see_last(PROMPT)
        assert before[0] in lines
        assert not any("sorted by" in line for line in lines)
        do(desk, "echo after")
        wait_until(lambda: desk.flags() == flags or face != "plain", "the terminal as before")


def test_screen_follows_the_size_of_the_window(ours: VirtualMachine) -> None:
    ours.run(console_program("ours"), "-c", "spawn -12 /bin/sleep 1000").check()
    with started(ours, columns=100, lines=30) as desk:
        desk.enter("top -d60")
        desk.wait_for(lambda lines: len(lines) == 15, "all tasks")
        desk.resize(50, 8)
        desk.wait_for(lambda lines: len(lines) == 8 and lines[7].startswith("q quit"), "fewer")
        assert all(len(line) <= 50 for line in desk.lines())
        desk.resize(100, 30)
        desk.wait_for(lambda lines: len(lines) == 15, "all tasks again")
        desk.type("q")
        desk.see_last(PROMPT)


@pytest.mark.parametrize("face", FACES)
def test_ctrl_c_ends_top_alone(ours: VirtualMachine, face: Face) -> None:
    with started(ours, face) as desk:
        desk.enter("top")
        desk.see("sorted by")
        desk.type(CTRL_C)
        desk.see_last(PROMPT)
        assert do(desk, "echo alive") == ["alive"]


def test_output_of_jobs_appears_after_top(ours: VirtualMachine) -> None:
    with started(ours) as desk:
        do(desk, "spawn -> /bin/sh -c 'while [ ! -e go ]; do sleep 0.05; done; echo from-job'")
        desk.enter("top -d0.1")
        desk.see("hosts 1, tasks 1")
        (ours.home / "go").touch()
        desk.see("hosts 1, tasks 0")
        desk.type("q")
        lines = desk.see_last(PROMPT)
        assert any(line.endswith("] from-job") for line in lines)


def test_top_ends_with_its_terminal(ours: VirtualMachine) -> None:
    desk = started(ours)
    with desk:
        desk.enter("top")
        desk.see("sorted by")
        desk.hang_up()
        wait_until(lambda: desk.process.poll() is not None, "the console has ended")


def test_many_tasks_are_looked_at_fast(ours: VirtualMachine) -> None:
    ours.run(console_program("ours"), "-c", "spawn -100 /bin/sleep 1000").check()
    begin = time.monotonic()
    assert len(figures(ours, "-d0.1")) == 100
    assert time.monotonic() - begin < 30
