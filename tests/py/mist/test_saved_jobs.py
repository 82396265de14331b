# SPDX-License-Identifier: MIT
"""Jobs that are written to disk while they run, and started from there: real tasks and daemons."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from support.machines.jobs import PROGRAMS, Job, script
from support.machines.machine import Machine

from pvm3py import Tid
from pvm3py.wire import constants as c


@pytest.fixture(scope="module")
def machine() -> Iterator[Machine]:
    made = Machine(("ours",) * 3, network="loopback", programs=PROGRAMS)
    yield made
    made.bed.stop()


@pytest.mark.parametrize("workers", [0, 2, 7])
def test_job_goes_on_after_its_checkpoints(machine: Machine, tmp_path: Path, workers: int) -> None:
    job = Job(machine, tmp_path, workers)
    assert [job.save() for _ in range(3)] == [1, 2, 3]
    job.finish()


@pytest.mark.parametrize("workers", [0, 2, 7])
def test_job_is_started_again(machine: Machine, tmp_path: Path, workers: int) -> None:
    job = Job(machine, tmp_path, workers, 1 << 20)
    job.save()
    tids = job.tasks()
    job.kill()
    assert sorted(job.restart()) == tids
    job.finish()


@pytest.mark.parametrize("workers", [2, 6])
def test_job_with_direct_routes_is_started_again(
    machine: Machine, tmp_path: Path, workers: int
) -> None:
    (tmp_path / "direct").touch()
    job = Job(machine, tmp_path, workers)
    assert [job.save() for _ in range(2)] == [1, 2]
    job.kill()
    assert len(job.restart()) == workers + 1
    job.save()
    job.finish()


AWAITED = """
import asyncio
from pvm3py import aio
async def main():
    async with aio.Task() as task:
        {}
asyncio.run(main())
"""


@pytest.mark.parametrize("face", ["classic", "aio"])
def test_job_is_written_and_started_by_other_faces(
    machine: Machine, tmp_path: Path, face: str
) -> None:
    job = Job(machine, tmp_path, 1)
    tids = job.tasks()
    place = repr(str(tmp_path))

    def told(call: str) -> str:
        text = f"print(await task.{call})" if face == "aio" else f"print(classic.{call})"
        return script(machine, AWAITED.format(text) if face == "aio" else text).out.strip()

    write = f"checkpoint({place}, [{job.root}], jobs=True"
    assert told(f"{write})") == "1"
    assert told(f"{write}, incremental=True)") == "2"
    job.kill()
    assert sorted(Tid(word) for word in re.findall(r"\w+", told(f"restart({place})"))) == tids
    job.finish()


def test_job_of_a_task_with_an_event_loop_is_refused_with_the_reason(
    machine: Machine, tmp_path: Path
) -> None:
    done = script(machine, AWAITED.format(f"await task.checkpoint({str(tmp_path)!r})"), status=1)
    assert "NotMovable" in done.err and "threads" in done.err


def test_job_is_started_twice_from_one_checkpoint(machine: Machine, tmp_path: Path) -> None:
    """And written again in between, so that images of restarted tasks are restarted."""
    job = Job(machine, tmp_path, 3)
    job.save()
    for host in (1, 2):
        job.kill()
        job.restart(host)
        job.save(host)
    job.kill()
    job.restart(number=2)
    job.finish()


def test_task_that_asks_for_the_checkpoint_returns_twice(machine: Machine, tmp_path: Path) -> None:
    """From the same call, with the number: where it goes on, and where it is started later."""
    job = Job(machine, tmp_path, 2)
    (tmp_path / "save").touch()
    assert job.await_note("saved") == 1
    job.kill()
    (tmp_path / "saved").unlink()
    job.restart(1)
    assert job.await_note("saved") == 1
    job.finish()


def test_last_checkpoints_are_kept(machine: Machine, tmp_path: Path) -> None:
    job = Job(machine, tmp_path, 1)
    for keep in (None, None, None, 3):
        job.save(2, keep=keep)
    assert sorted(path.name for path in job.place.iterdir()) == [
        *("000002", "000003", "000004", "latest")
    ]
    assert (job.place / "latest").readlink() == Path("000004")
    job.kill()
    assert len(job.restart(number=3)) == 2
    job.finish()


def test_checkpoint_without_its_end_is_none(machine: Machine, tmp_path: Path) -> None:
    job = Job(machine, tmp_path, 1)
    job.save()
    (job.place / "000002.part").mkdir(0o700)
    (job.place / "000002.part" / f"t{job.root:x}.img").write_bytes(b"pvmimage")
    (job.place / "000003").mkdir(0o700)
    assert job.save() == 2
    assert (job.place / "latest").readlink() == Path("000002")
    assert not (job.place / "000002.part").exists()
    job.finish()


@pytest.mark.parametrize("hosts", [1, 2, 5])
def test_job_of_three_hosts_goes_on_in_another_machine(
    machine: Machine, tmp_path: Path, hosts: int
) -> None:
    """Some tids bear numbers of hosts that are not there; new tasks do not get these tids."""
    machine.here.spawn("/bin/true", count=12)  # the other machine's first tasks have these tids
    job = Job(machine, tmp_path, 5)
    job.save()
    tids = job.tasks()
    job.kill()
    other = Machine(("ours",) * hosts, network="loopback", programs=PROGRAMS)
    try:
        job.machine = other
        assert sorted(job.restart()) == job.tasks() == tids
        fresh = [other.here.spawn("/bin/true")[0] for _ in range(12)]
        assert not set(fresh) & set(tids)
        assert "tasks with these tids are there" in job.refused()
        job.finish()
        assert other.here.code("pstat", job.root) == c.PvmNoTask
    finally:
        other.bed.stop()


def test_tasks_of_a_list_are_written_without_their_jobs(machine: Machine, tmp_path: Path) -> None:
    first, second = machine.here.agents(machine.hosts[1].name, 2)
    assert first.code("mytid") > 0
    assert second.code("mytid") > 0
    call = f"checkpoint({str(tmp_path)!r}, [{first.tid}])"
    assert script(machine, f"print({call})").out.split() == ["1"]
    for agent in (first, second):
        machine.here.code("sendsig", agent.tid, 9)
    text = f"while any(Tid(t).alive() for t in ({first.tid}, {second.tid})): pass"
    script(machine, f"{text}\nassert restart({str(tmp_path)!r}) == [{first.tid}]")
    assert first.code("mytid") == first.tid
    machine.here.code("kill", first.tid)
