# SPDX-License-Identifier: MIT
"""Jobs that are written every so often, and go on when a host is lost."""

from __future__ import annotations

import contextlib
import random
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from support.machines.jobs import PROGRAMS, Job
from support.machines.machine import Machine
from support.machines.vm import wait_until

# Seconds from the loss until it is known, besides what a machine under load needs.
ENV = {"PVM_HOST_TIMEOUT": "2.5"}


@pytest.fixture
def machine() -> Iterator[Machine]:
    made = Machine(("ours",) * 4, network="loopback", programs=PROGRAMS, env=ENV)
    yield made
    made.bed.stop()


def lose(machine: Machine, number: int) -> None:
    """Kill the daemon of a host; the agent there goes with it."""
    host = machine.hosts[number]
    host.kill_daemon()
    agent = machine.agents.pop(number)
    agent.process.kill()
    agent.process.wait()


def log(machine: Machine) -> str:
    """The log of the master."""
    return machine.everything().split("\n--- ")[0]


def await_recoveries(machine: Machine, count: int) -> None:
    """Wait until jobs have recovered so often."""
    wait_until(lambda: log(machine).count("goes on after") == count, f"recovery {count}")


def test_job_goes_on_from_its_last_checkpoint_when_hosts_are_lost(
    machine: Machine, tmp_path: Path
) -> None:
    """At random instants, twice."""
    chance = random.Random(seed := time.time_ns())
    print("seed", seed)
    job = Job(machine, tmp_path, 7, 1 << 20)
    assert job.save(every=1) == 1
    for times in (1, 2):
        time.sleep(chance.uniform(0, 2.5))
        lose(machine, 4 - times)
        await_recoveries(machine, times)
        assert len(job.tasks()) == 8
    job.finish()
    wait_until(lambda: "has ended" in log(machine), "end of the checkpoints")


def test_checkpoints_end_with_the_job(machine: Machine, tmp_path: Path) -> None:
    job = Job(machine, tmp_path, 2)
    assert job.save(every=1, keep=2) == 1
    wait_until((job.place / "000004").exists, "further checkpoints")
    job.finish()
    wait_until(lambda: "has ended" in log(machine), "end of the checkpoints")
    whole = [path.name for path in job.place.iterdir() if path.name != "latest"]
    assert 1 <= len(whole) <= 2, whole


def test_loss_of_a_host_without_tasks_of_the_job_changes_nothing(
    machine: Machine, tmp_path: Path
) -> None:
    job = Job(machine, tmp_path, 1)
    job.save(every=1)
    before = job.tasks()
    lose(machine, 3)
    wait_until(lambda: "is gone" in log(machine), "loss of the host")
    assert job.tasks() == before
    assert "goes on after" not in log(machine)
    job.finish()


def test_loss_of_a_task_that_no_checkpoint_has_is_one(machine: Machine, tmp_path: Path) -> None:
    """The host has nothing else of the job."""
    job = Job(machine, tmp_path, 0)
    job.save(every=600)
    (tmp_path / "more").touch()
    child = job.await_note("spawned")
    assert job.tasks() == sorted([job.root, child])
    lose(machine, 3)
    await_recoveries(machine, 1)
    assert job.tasks() == [job.root]
    job.finish()


def test_disk_has_no_more_than_the_checkpoints_that_are_kept(
    machine: Machine, tmp_path: Path
) -> None:
    """And the one that is being written, at any time."""
    job = Job(machine, tmp_path, 2, 4 << 20)
    job.save(keep=2)
    one = used(job)
    job.save(every=1, keep=2)
    most = 0
    while not (job.place / "000006").exists():
        most = max(most, used(job))
        time.sleep(0.01)
    assert most < 3.5 * one
    job.finish()


def used(job: Job) -> int:
    """Bytes of all files of a job's checkpoints; some may go meanwhile."""
    total = 0
    for path in job.place.rglob("*"):
        with contextlib.suppress(OSError):
            total += path.lstat().st_size
    return total
