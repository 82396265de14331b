# SPDX-License-Identifier: MIT
"""Tasks that run while their memory is sent to another host, and stand still for the rest."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from support.images.increments import require_notes
from support.machines.jobs import PROGRAMS, Job
from support.machines.machine import Machine
from support.machines.vm import wait_until

from pvm3py.wire import constants as c

LIVE = c.WIRE_MIGRATE_LIVE
ROUND = re.compile(r"(t[0-9a-f]+) has sent (\d+) KiB")


@pytest.fixture(scope="module")
def machine() -> Iterator[Machine]:
    require_notes()
    made = Machine(("ours",) * 3, network="loopback", programs=(*PROGRAMS, "live_task"))
    yield made
    made.bed.stop()


class Mover:
    """A task on the second host, with 8 MiB of memory that it checks."""

    def __init__(self, machine: Machine, kind: str, directory: Path) -> None:
        self.machine, self.directory = machine, directory
        (self.tid,) = machine.here.spawn("live_task", kind, directory, where=machine.hosts[1].name)
        self.goes_on()

    def rounds(self) -> int:
        path = self.directory / "rounds"
        return int(path.read_text().split()[1]) if path.exists() else 0

    def goes_on(self) -> None:
        goal = self.rounds() + 3
        wait_until(lambda: self.rounds() >= goal, "the task goes on")

    def move(self, host: int, flags: int = LIVE) -> int:
        return int(
            self.machine.here.code("migrate", self.tid, self.machine.hosts[host].name, flags)
        )

    def sent(self) -> list[int]:
        """Kilobytes of each round."""
        log = "\n".join(host.log() for host in self.machine.hosts)
        return [int(size) for tid, size in ROUND.findall(log) if tid == f"t{self.tid:x}"]

    def finish(self) -> None:
        self.goes_on()
        (self.directory / "finish").touch()
        wait_until((self.directory / "result").exists, "the task ends")
        assert (self.directory / "result").read_text().startswith("right")


def test_idle_task_sends_all_once_and_little_again(machine: Machine, tmp_path: Path) -> None:
    mover = Mover(machine, "idle", tmp_path)
    assert mover.move(2) == 0
    first, second = mover.sent()
    assert first > 8 << 10
    assert second < 1 << 10
    mover.finish()


def test_task_moves_again_and_again(machine: Machine, tmp_path: Path) -> None:
    mover = Mover(machine, "idle", tmp_path)
    for n in range(9):
        assert mover.move(n % 3, LIVE if n % 4 else 0) == 0
        mover.goes_on()
    mover.finish()


def test_task_that_writes_wildly_stops_soon(machine: Machine, tmp_path: Path) -> None:
    """The second round is not half of the first: no more of them."""
    mover = Mover(machine, "wild", tmp_path)
    for host in (2, 0, 1):
        assert mover.move(host) == 0
    assert len(mover.sent()) <= 3 * 3
    mover.finish()


def test_task_that_forks_moves_when_it_has_no_child(machine: Machine, tmp_path: Path) -> None:
    mover = Mover(machine, "forks", tmp_path)
    codes = [mover.move(2 - n % 2) for n in range(8)]
    assert set(codes) <= {0, c.PvmBusy, c.PvmNotMovable}
    mover.finish()


def test_task_that_notes_its_writes_itself_stays(machine: Machine, tmp_path: Path) -> None:
    mover = Mover(machine, "notes", tmp_path)
    assert mover.move(2) == c.PvmNotMovable
    mover.goes_on()
    assert mover.move(2, 0) == c.PvmNotMovable
    mover.finish()


def test_checkpoint_after_a_live_move_stands_alone(machine: Machine, tmp_path: Path) -> None:
    job = Job(machine, tmp_path, 2, 8 << 20)
    job.save(incremental=True)
    for name in (machine.hosts[1].name, machine.hosts[2].name, machine.hosts[0].name):
        assert machine.here.code("migrate", job.root, name, LIVE) == 0
        job.save(incremental=True)
    job.kill()
    job.restart(1)
    job.finish()
