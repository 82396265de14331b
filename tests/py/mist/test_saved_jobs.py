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
        try:
            wait_until(lambda: (self.directory / name).exists() or self.wrong(), name, 60)
        except AssertionError as error:
            error.add_note(self.machine.everything())
            raise
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


def script(machine: Machine, text: str, host: int = 0, status: int = 0) -> Finished:
    """Run a program in Python by hand on a host."""
    code = f"from pvm3py import *\nfrom pvm3py import classic\n{text}"
    ended = machine.hosts[host].run(
        sys.executable, "-c", code, env={"PYTHONPATH": str(modules_dir())}
    )
    return ended.check(status)


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


def test_task_that_asks_for_the_checkpoint_returns_twice(machine: Machine, tmp_path: Path) -> None:
    """From the same call, with the number: in the job that goes on, and in the one started later."""
    job = Job(machine, tmp_path, 2)
    (tmp_path / "save").touch()
    assert job.await_note("saved") == 1
    job.kill()
    (tmp_path / "saved").unlink()
    script(machine, f"restart({str(tmp_path)!r})", host=1)
    assert job.await_note("saved") == 1
    job.finish()


def test_last_checkpoints_are_kept(machine: Machine, tmp_path: Path) -> None:
    job = Job(machine, tmp_path, 1)
    for keep in (None, None, None, 3):
        script(machine, f"checkpoint({str(tmp_path)!r}, [{job.root}], jobs=True, keep={keep})", 2)
    place = tmp_path / f"job-t{job.root:x}"
    assert sorted(path.name for path in place.iterdir()) == ["000002", "000003", "000004", "latest"]
    assert (place / "latest").readlink() == Path("000004")
    job.kill()
    script(machine, f"assert len(restart({str(place)!r}, number=3)) == 2")
    job.finish()


def test_checkpoint_without_its_end_is_none(machine: Machine, tmp_path: Path) -> None:
    job = Job(machine, tmp_path, 1)
    script(machine, f"checkpoint({str(tmp_path)!r}, [{job.root}], jobs=True)")
    place = tmp_path / f"job-t{job.root:x}"
    (place / "000002.part").mkdir(0o700)
    (place / "000002.part" / f"t{job.root:x}.img").write_bytes(b"pvmimage")
    (place / "000003").mkdir(0o700)
    script(machine, f"checkpoint({str(tmp_path)!r}, [{job.root}], jobs=True)")
    assert (place / "latest").readlink() == Path("000002")
    assert not (place / "000002.part").exists()
    job.finish()


@pytest.mark.parametrize("hosts", [1, 2, 5])
def test_job_of_three_hosts_goes_on_in_another_machine(
    machine: Machine, tmp_path: Path, hosts: int
) -> None:
    """Some tids bear numbers of hosts that are not there; new tasks do not get these tids."""
    job = Job(machine, tmp_path, 5)
    script(machine, f"checkpoint({str(tmp_path)!r}, [{job.root}], jobs=True)")
    tids = job.tids()
    job.kill()
    other = Machine(("ours",) * hosts, network="loopback", programs=PROGRAMS)
    try:
        job.machine = other
        started = script(other, f"print(*map(int, restart({str(tmp_path)!r})))").out.split()
        assert sorted(map(int, started)) == sorted(job.tasks())
        fresh = [other.here.spawn("/bin/true")[0] for _ in range(12)]
        assert not set(fresh) & set(tids)
        again = script(other, f"restart({str(tmp_path)!r})", status=1)
        assert "tasks with these tids are there" in again.err
        job.finish()
        assert other.here.code("pstat", job.root) == c.PvmNoTask
    finally:
        other.bed.stop()
