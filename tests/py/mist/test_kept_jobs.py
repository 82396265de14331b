# SPDX-License-Identifier: MIT
"""Jobs without a host are written to disk and end, and start again: real daemons and tasks."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

import pytest
from support.machines.hosts import Bed
from support.machines.jobs import PROGRAMS, Job
from support.machines.machine import Machine
from support.machines.vm import Finished, wait_until
from support.screens.console import console_program
from support.system import spawn_dir

from pvm3py.wire import constants as c

Beds = Callable[[int, Path], Machine]


class Begun(NamedTuple):
    """A machine that a console has begun, and what that has said."""

    bed: Bed
    started: Finished


@pytest.fixture
def beds() -> Iterator[Beds]:
    """A function that makes machines of so many hosts, which keep jobs in a directory."""
    made = []

    def make(hosts: int, kept: Path) -> Machine:
        env = {"PVM_CKPT_DIR": str(kept), "PVM_VACATE_SIGNAL": "USR1", "PVM_OWNER": "none"}
        made.append(Machine(("ours",) * hosts, network="loopback", programs=PROGRAMS, env=env))
        return made[-1]

    yield make
    for machine in made:
        machine.bed.stop(check=False)


class Managed:
    """A machine with a manager that is not patient."""

    def __init__(self, machine: Machine, log: Path) -> None:
        self.machine, self.log = machine, log
        with log.open("wb") as out:
            machine.hosts[0].start(
                spawn_dir() / "pvmrm",
                "mist",
                stdout=out,
                stderr=out,
                env={"PVM_PARK_SECONDS": "0.2"},
            )
        wait_until(lambda: all(self.owner(n, "auto") for n in self.hosts), "there is a manager")

    @property
    def hosts(self) -> range:
        return range(len(self.machine.hosts))

    def owner(self, number: int, word: str) -> bool:
        """Say that of the owner of a host; False: nobody wants to know."""
        line = f"owner {self.machine.hosts[number].name} {word}"
        return self.machine.hosts[0].run(console_program("ours"), "-c", line).status == 0

    def await_said(self, text: str, times: int = 1) -> None:
        try:
            wait_until(lambda: self.log.read_text().count(text) >= times, f"it says: {text}")
        except AssertionError as error:
            error.add_note(f"{self.log.read_text()}\n{self.machine.everything()}")
            raise


def finish(job: Job) -> None:
    """Have the job end well; the manager stays."""
    (job.directory / "finish").touch()
    assert job.await_note("result") > 0
    assert not job.wrong()


def test_job_with_nowhere_to_go_is_kept_until_there_is_a_host(beds: Beds, tmp_path: Path) -> None:
    machine = beds(2, tmp_path / "kept")
    managed = Managed(machine, tmp_path / "log")
    (tmp_path / "job").mkdir()
    job = Job(machine, tmp_path / "job", 3)
    for turn in (1, 2):
        for number in managed.hosts:
            assert managed.owner(number, "here")
        managed.await_said(f"job t{job.root:x} is kept in {tmp_path}/kept/job-t{job.root:x}", turn)
        assert machine.here.code("pstat", job.root) == c.PvmNoTask
        assert managed.owner(1, "gone")
        managed.await_said(f"job t{job.root:x} runs again: 4 tasks", turn)
        assert machine.here.call("tasks", job.root)[4] == str(
            list(machine.here.config().values())[1]
        )
    finish(job)


def test_job_of_a_task_that_was_started_by_hand_stays_in_memory(beds: Beds, tmp_path: Path) -> None:
    machine = beds(2, tmp_path / "kept")
    managed = Managed(machine, tmp_path / "log")
    (task,) = machine.here.agents(machine.hosts[1].name)
    assert task.code("mytid") == task.tid
    for number in managed.hosts:
        assert managed.owner(number, "here")
    managed.await_said(f"job t{machine.here.tid:x} stays in memory")
    assert managed.owner(1, "gone")
    assert task.code("mytid") == task.tid
    machine.here.code("kill", task.tid)


def test_host_that_is_alone_keeps_its_jobs_before_it_leaves(beds: Beds, tmp_path: Path) -> None:
    machine = beds(1, tmp_path / "kept")
    for name in ("first", "second"):
        (tmp_path / name).mkdir()
    jobs = [Job(machine, tmp_path / name, 2) for name in ("first", "second")]
    host = machine.hosts[0]
    os.kill(host.pid, signal.SIGUSR1)
    wait_until(lambda: not host.daemon_pids(), "its daemon has ended")
    kept = sorted(path.name for path in (tmp_path / "kept").iterdir())
    assert kept == sorted(f"job-t{job.root:x}" for job in jobs), host.log()
    for job in jobs:
        with begun_from(job, tmp_path / "kept") as bed:
            assert "3 successful" in bed.started.out
            finish(job)


@contextmanager
def begun_from(job: Job, kept: Path) -> Iterator[Begun]:
    """A machine that the console begins from a job."""
    with Bed(("ours",), network="loopback", programs=PROGRAMS) as bed:
        host = bed.hosts[0]
        words = (f"-n{host.name}", "--restart", f"{kept}/job-t{job.root:x}@1", "-c", "ps")
        yield Begun(bed, host.run(console_program("ours"), *words).check())


def test_machine_begins_with_numbers_that_a_checkpoint_leaves_free(
    beds: Beds, tmp_path: Path
) -> None:
    machine = beds(1, tmp_path / "kept")
    job = Job(machine, tmp_path, 2)
    tids = job.tasks()
    assert job.save() == 1
    os.kill(machine.hosts[0].pid, signal.SIGTERM)
    wait_until(lambda: not machine.hosts[0].daemon_pids(), "its daemon has ended")
    env = {"PVM_RESTART": str(job.place)}
    again = Machine(("ours",), network="loopback", programs=PROGRAMS, env=env)
    try:
        more = [again.hosts[0].agent() for _ in range(3)]
        assert not {again.here.tid, *(agent.tid for agent in more)} & set(tids)
        job.machine = again
        assert sorted(job.restart()) == tids
        finish(job)
    finally:
        again.bed.stop(check=False)


def test_machine_does_not_begin_from_what_is_no_checkpoint(tmp_path: Path) -> None:
    with Bed(("ours",), network="loopback") as bed:
        host = bed.hosts[0]
        words = (f"-n{host.name}", "--restart", str(tmp_path), "-c", "ps")
        said = host.run(console_program("ours"), *words).check(1).err
        assert f"PVM_RESTART: {tmp_path}: has no job" in said


def test_signal_ends_a_host_that_is_alone_if_no_directory_is_named(tmp_path: Path) -> None:
    env = {"PVM_VACATE_SIGNAL": "USR1"}
    machine = Machine(("ours",), network="loopback", programs=PROGRAMS, env=env)
    try:
        Job(machine, tmp_path, 1)
        os.kill(machine.hosts[0].pid, signal.SIGUSR1)
        wait_until(lambda: not machine.hosts[0].daemon_pids(), "its daemon has ended")
    finally:
        machine.bed.stop(check=False)
