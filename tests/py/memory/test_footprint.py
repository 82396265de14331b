# SPDX-License-Identifier: MIT
"""What shared memory costs in memory and descriptors, by few tasks and by very many."""

from __future__ import annotations

import os
import re
import subprocess
from dataclasses import dataclass
from pathlib import Path

import pytest
from support.compiler import test_program as program
from support.machines.loading import wait_loaded
from support.machines.vm import VirtualMachine, read_line, wait_until
from support.system import PATIENCE

BIG = "PVM3PY_BIG" in os.environ
MANY = 2000 if BIG else 40
ALL_TO_ALL = 500 if BIG else 40
LINKED = 60
LINKED_KIB_MAX = 40  # private, shared and page tables
SEGMENT_KIB_MAX = 40  # with what is not touched yet
NOISE_KIB = 4
DAEMON_KIB_MAX = 4  # what the daemon may take for a task ...
DAEMON_NOISE_KIB = 800  # ... and anyway
# Of a task: its segment, its bell, its peer's, and what waits for several. Of the daemon: segment
# and bell of each task.
PAIRED_DESCRIPTORS = 4
OFFERED_DESCRIPTORS = 2
PASSING_DESCRIPTORS = 2  # that the daemon has for other reasons, now and then


def kib(path: Path, name: str) -> int:
    """A figure of a file of /proc in KiB."""
    found = re.search(rf"^{name}:\s+(\d+) kB$", path.read_text(), re.MULTILINE)
    assert found, path.read_text()
    return int(found[1])


def taken_by(process: Path) -> int:
    """KiB that a process takes, page tables included, and its part of what is shared.

    Not of files: the more processes of anybody have them mapped, the less of them it is charged.
    """
    parts = [kib(process / "smaps_rollup", name) for name in ("Pss_Anon", "Pss_Shmem")]
    return sum(parts) + kib(process / "status", "VmPTE")


def segments(processes: list[Path]) -> int:
    """KiB that the system has set aside for the segments of these."""
    found = {}
    for fd in (one for process in processes for one in (process / "fd").iterdir()):
        if fd.readlink().name.startswith("memfd:"):
            found[fd.stat().st_ino] = fd.stat().st_blocks // 2
    return sum(found.values())


@dataclass
class Footprint:
    """What tasks take, and what their daemon takes for them."""

    kib: float  # of each task, page tables included
    descriptors: int  # of all tasks
    daemon_descriptors: int
    links: int  # that the first task has had

    @staticmethod
    def taken(vm: VirtualMachine, count: int, rounds: int, *whom: str) -> Footprint:
        """Of so many tasks that exchange messages; then they end, and nothing is left of them."""
        patience = PATIENCE * (10 if BIG else 1)
        wait_loaded(vm.pid)
        alone, alone_descriptors = vm.rss(), vm.descriptors()
        task = vm.start(
            program("shared_footprint", "ours"), count, rounds, *whom, stdin=subprocess.PIPE
        )
        assert task.stdout
        assert task.stdin
        words = read_line(task.stdout, patience).split()
        assert words[2:] == ["0", "failed"], words
        processes = [Path(f"/proc/{pid}") for pid in vm.running("shared_footprint")]
        assert len(processes) == count + 1
        used = sum(map(taken_by, processes))
        assert segments(processes) <= SEGMENT_KIB_MAX * count or "all" in whom
        found = Footprint(
            used / count,
            sum(len(os.listdir(p / "fd")) for p in processes),
            vm.descriptors() - alone_descriptors,
            int(words[0]),
        )
        print(found)
        # What it has used while the tasks began is given back at rest.
        limit = alone + (DAEMON_KIB_MAX * count + DAEMON_NOISE_KIB) * 1024
        wait_until(lambda: vm.rss() <= limit, "the daemon takes little memory")
        task.stdin.close()
        assert task.wait(patience) == 0
        wait_until(lambda: len(vm.processes()) == 1, "all tasks gone", patience)
        wait_until(lambda: vm.descriptors() <= alone_descriptors, "descriptors closed")
        assert not [name for name in os.listdir("/dev/shm") if "pvm" in name]
        return found

    def __sub__(self, other: Footprint) -> Footprint:
        return Footprint(
            self.kib - other.kib,
            self.descriptors - other.descriptors,
            self.daemon_descriptors - other.daemon_descriptors,
            self.links - other.links,
        )


def difference(count: int, rounds: int, *whom: str) -> Footprint:
    """What so many tasks take more than without shared memory."""
    figures = []
    for setting in ("off", "on"):
        env = {"PVM_SHM": setting, "PVM_SHM_AFTER": "4"}
        path = [program("shared_footprint", "ours").parent]
        with VirtualMachine("ours", path=path, env=env) as vm:
            figures.append(Footprint.taken(vm, count, rounds, *whom))
    without, with_memory = figures
    assert without.links == 0
    return with_memory - without


def test_idle_task_costs_nothing() -> None:
    more = difference(MANY, 0)
    assert more.links == 0
    assert more.kib < NOISE_KIB
    assert more.descriptors == 0
    assert abs(more.daemon_descriptors) <= PASSING_DESCRIPTORS


def test_task_of_a_linked_pair_costs_little() -> None:
    more = difference(MANY, 8, "pairs")
    assert 0 < more.kib < LINKED_KIB_MAX
    assert more.descriptors == PAIRED_DESCRIPTORS * MANY
    assert abs(more.daemon_descriptors - OFFERED_DESCRIPTORS * MANY) <= PASSING_DESCRIPTORS


def test_linked_task_costs_little() -> None:
    more = difference(LINKED, 30)
    assert more.links == LINKED
    assert more.kib < LINKED_KIB_MAX


@pytest.mark.parametrize("rounds", [8])
def test_all_exchange_messages_with_all(rounds: int) -> None:
    more = difference(ALL_TO_ALL, rounds, "all")
    assert more.kib < ALL_TO_ALL * LINKED_KIB_MAX
