# SPDX-License-Identifier: MIT
"""What a job has besides its tasks is there again after a restart: what group_saved.c checks."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

import pytest
from support.machines.jobs import Job, script
from support.machines.machine import Machine
from support.machines.vm import wait_until

PROGRAMS = ("agent", "group_saved")
WORKERS = 4


@pytest.fixture(scope="module")
def machine() -> Iterator[Machine]:
    made = Machine(("ours",) * 3, network="loopback", programs=PROGRAMS)
    yield made
    made.bed.stop()


@pytest.fixture
def job(machine: Machine, tmp_path: Path) -> Job:
    return Job(machine, tmp_path, WORKERS, name="group_saved")


def hold(job: Job) -> None:
    """Have all but the root wait in the barrier."""
    (job.directory / "hold").touch()
    wait_until(lambda: stands_still(job), "the barrier")


def stands_still(job: Job) -> bool:
    """Whether all workers have written their line and wait, and the root is a round behind."""
    rounds = lines(job)
    mine = max(rounds[job.root])
    others = [max(found) for tid, found in rounds.items() if tid != job.root]
    return len(others) == WORKERS and all(one == mine + 1 for one in others)


def lines(job: Job) -> dict[int, list[int]]:
    """The rounds of each task as the log has them."""
    found = defaultdict(list)
    for line in (job.directory / "log").read_text().splitlines():
        tid, number = line.split()
        found[int(tid, 16)].append(int(number))
    return found


def group_server(machine: Machine) -> int:
    text = "print(*[t.tid for t in classic.tasks() if t.program == 'pvmgs'])"
    (tid,) = script(machine, text).out.split()
    return int(tid)


def end_group_server(machine: Machine) -> None:
    tid = group_server(machine)
    machine.here.code("sendsig", tid, 9)
    wait_until(lambda: machine.here.code("pstat", tid) < 0, "end of the group server")


def kill(job: Job) -> None:
    """End the job. Who is still there when the first has ended is told so in the barrier."""
    job.kill()
    for name in job.wrong():
        (job.directory / name).unlink()


def finish(job: Job) -> None:
    """Have the job end; each round of each task is in the log, once and in order."""
    (job.directory / "hold").unlink(missing_ok=True)
    job.finish()
    rounds = job.note("result")
    found = lines(job)
    assert len(found) == WORKERS + 1
    assert all(one == list(range(rounds)) for one in found.values())


@pytest.mark.parametrize("held", [False, True])
def test_job_goes_on_after_its_checkpoints(job: Job, held: bool) -> None:
    if held:
        hold(job)
    assert [job.save() for _ in range(3)] == [1, 2, 3]
    finish(job)


@pytest.mark.parametrize("held", [False, True])
def test_group_server_is_still_there(job: Job, held: bool) -> None:
    """It has been told that the members have ended, meanwhile."""
    if held:
        hold(job)
    job.save()
    server = group_server(job.machine)
    kill(job)
    assert len(job.restart()) == WORKERS + 1
    assert group_server(job.machine) == server
    finish(job)


@pytest.mark.parametrize("held", [False, True])
def test_group_server_is_another(job: Job, held: bool) -> None:
    if held:
        hold(job)
    job.save()
    kill(job)
    end_group_server(job.machine)
    assert len(job.restart()) == WORKERS + 1
    finish(job)


@pytest.mark.parametrize("hosts", [1, 2])
def test_another_machine(machine: Machine, tmp_path: Path, hosts: int) -> None:
    machine.here.spawn("/bin/true", count=12)  # the other machine's first tasks have these tids
    job = Job(machine, tmp_path, WORKERS, name="group_saved")
    hold(job)
    job.save()
    kill(job)
    other = Machine(("ours",) * hosts, network="loopback", programs=PROGRAMS)
    try:
        job.machine = other
        (job.directory / "elsewhere").touch()
        assert len(job.restart()) == WORKERS + 1
        finish(job)
    finally:
        other.bed.stop()


def test_started_twice(job: Job) -> None:
    hold(job)
    job.save()
    for host in (1, 2):
        kill(job)
        job.restart(host)
        job.save(host)
    kill(job)
    job.restart(number=2)
    finish(job)
