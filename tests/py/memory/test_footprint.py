# SPDX-License-Identifier: MIT
"""What shared memory costs in memory: nothing for an idle task, little for a linked one."""

from __future__ import annotations

import os
import re
import subprocess
from pathlib import Path

import pytest
from support.compiler import test_program as program
from support.machines.vm import VirtualMachine, read_line
from support.system import PATIENCE

BIG = "PVM3PY_BIG" in os.environ
IDLE = 2000 if BIG else 40
ALL_TO_ALL = 500 if BIG else 40
LINKED = 60
LINKED_KIB_MAX = 40  # private, shared and page tables
SEGMENT_KIB_MAX = 40  # with what is not touched yet
NOISE_KIB = 4


def kib(path: Path, name: str) -> int:
    """A figure of a file of /proc in KiB."""
    found = re.search(rf"^{name}:\s+(\d+) kB$", path.read_text(), re.MULTILINE)
    assert found, path.read_text()
    return int(found[1])


def segments(processes: list[Path]) -> int:
    """KiB that the system has set aside for the segments of these."""
    found = {}
    for fd in (one for process in processes for one in (process / "fd").iterdir()):
        if fd.readlink().name.startswith("memfd:"):
            found[fd.stat().st_ino] = fd.stat().st_blocks // 2
    return sum(found.values())


def footprint(vm: VirtualMachine, count: int, rounds: int, *more: str) -> tuple[float, int]:
    """KiB per task, page tables included, of so many; and links of the first one."""
    task = vm.start(
        program("shared_footprint", "ours"), count, rounds, *more, stdin=subprocess.PIPE
    )
    assert task.stdout
    assert task.stdin
    words = read_line(task.stdout, PATIENCE * (10 if BIG else 1)).split()
    assert words[2:] == ["0", "failed"], words
    processes = [Path(f"/proc/{pid}") for pid in vm.running("shared_footprint")]
    assert len(processes) == count + 1
    used = sum(kib(p / "smaps_rollup", "Pss") + kib(p / "status", "VmPTE") for p in processes)
    assert segments(processes) <= SEGMENT_KIB_MAX * count or more
    task.stdin.close()
    assert task.wait(PATIENCE * (10 if BIG else 1)) == 0
    return used / count, int(words[0])


def difference(count: int, rounds: int, *more: str) -> tuple[float, int]:
    """What a task takes more, in KiB, than without shared memory; links of the first one."""
    figures = []
    for setting in ("off", "on"):
        env = {"PVM_SHM": setting}
        path = [program("shared_footprint", "ours").parent]
        with VirtualMachine("ours", path=path, env=env) as vm:
            figures.append(footprint(vm, count, rounds, *more))
    assert figures[0][1] == 0
    return figures[1][0] - figures[0][0], figures[1][1]


def test_idle_task_costs_nothing() -> None:
    more, links = difference(IDLE, 0)
    print(f"{more:.1f} KiB a task")
    assert links == 0
    assert more < NOISE_KIB


def test_linked_task_costs_little() -> None:
    more, links = difference(LINKED, 30)
    print(f"{more:.1f} KiB a task")
    assert links == LINKED
    assert more < LINKED_KIB_MAX


@pytest.mark.parametrize("rounds", [8])
def test_all_exchange_messages_with_all(rounds: int) -> None:
    more, _ = difference(ALL_TO_ALL, rounds, "all")
    assert more < ALL_TO_ALL * LINKED_KIB_MAX
    print(f"{more:.1f} KiB a task")
