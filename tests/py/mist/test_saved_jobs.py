# SPDX-License-Identifier: MIT
"""Jobs that are written to disk while they run, and started from there: real tasks and daemons."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from support.machines.machine import Machine
from support.machines.vm import Finished, wait_until
from support.system import modules_dir

from pvm3py.wire import constants as c

PROGRAMS = ("agent", "saved_job")


@pytest.fixture(scope="module")
def machine() -> Iterator[Machine]:
    made = Machine(("ours",) * 3, network="loopback", programs=PROGRAMS)
    yield made
    made.bed.stop()


class Job:
    """A ring of tasks on all hosts of a machine, and the directory in which it says how it is."""

    def __init__(self, machine: Machine, directory: Path, workers: int, size: int = 0) -> None:
        self.machine, self.directory, self.workers = machine, directory, workers
        names = [host.name for host in machine.hosts]
        program = machine.hosts[0].program("saved_job")
        words = (directory, workers, size, *names[1:], names[0])
        flags = c.PvmTaskHost | c.PvmNoSpawnParent
        (self.root,) = machine.here.spawn(str(program), *words, where=names[0], flags=flags)
        self.await_note("begun")

    def note(self, name: str) -> int:
        return int((self.directory / name).read_text())

    def await_note(self, name: str) -> int:
        """What the job has written, when it has; nothing may be wrong by then."""
        wait_until(lambda: (self.directory / name).exists() or self.wrong(), name)
        assert not self.wrong(), self.machine.everything()
        return self.note(name)

    def wrong(self) -> list[str]:
        return [path.name for path in self.directory.glob("wrong-*")]

    def tids(self) -> list[int]:
        return [self.root, *(tid for tid in self.tasks() if tid != self.root)]

    def tasks(self) -> list[int]:
        """All tasks of the machine but the agents that were started by hand."""
        agents = {agent.tid for agent in self.machine.agents}
        listed = script(self.machine, "print(*[t.tid for t in classic.tasks() if t.tid != classic.mytid()])")
        return sorted({int(word) for word in listed.out.split()} - agents)

    def kill(self) -> None:
        """End all tasks; what they have written since the last checkpoint goes, too."""
        for tid in self.tasks():
            self.machine.here.code("sendsig", tid, 9)
        wait_until(lambda: not self.tasks(), "end of the job")

    def finish(self) -> None:
        """Have the job end, and check what it says then."""
        (self.directory / "finish").touch()
        assert self.await_note("result") > 0
        wait_until(lambda: not self.tasks(), "end of the job")
        assert not self.wrong()


def script(machine: Machine, text: str, host: int = 0) -> Finished:
    """Run a program in Python by hand on a host."""
    code = f"from pvm3py import *\nfrom pvm3py import classic\n{text}"
    ended = machine.hosts[host].run(
        sys.executable, "-c", code, env={"PYTHONPATH": str(modules_dir())}
    )
    return ended.check()


@pytest.mark.parametrize("workers", [0, 2, 7])
def test_job_goes_on_after_its_checkpoint(
    machine: Machine, tmp_path: Path, workers: int
) -> None:
    job = Job(machine, tmp_path, workers)
    for number in (1, 2, 3):
        written = script(machine, f"print(checkpoint({str(tmp_path)!r}, [{job.root}], jobs=True))")
        assert written.out.split() == [str(number)], machine.everything()
    job.finish()


@pytest.mark.parametrize("workers", [0, 2, 7])
def test_job_is_started_again(machine: Machine, tmp_path: Path, workers: int) -> None:
    job = Job(machine, tmp_path, workers, 1 << 20)
    script(machine, f"checkpoint({str(tmp_path)!r}, [{job.root}], jobs=True)")
    tids = job.tasks()
    job.kill()
    script(machine, f"assert sorted(restart({str(tmp_path)!r})) == {tids}")
    job.finish()
