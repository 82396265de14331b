# SPDX-License-Identifier: MIT
"""Jobs whose checkpoints have what has changed since the last one: real tasks and daemons."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from support.images.increments import require_notes
from support.machines.jobs import PROGRAMS, Job
from support.machines.machine import Machine

from pvm3py.vault import verify

SIZE = 8 << 20
INCREMENTS_MAX = 8


@pytest.fixture(scope="module")
def machine() -> Iterator[Machine]:
    require_notes()
    made = Machine(("ours",) * 2, network="loopback", programs=PROGRAMS)
    yield made
    made.bed.stop()


def save(job: Job, times: int = 1, **named: object) -> None:
    for _ in range(times):
        job.save(incremental=True, **named)


def tasks(job: Job, number: int) -> list[dict[str, Any]]:
    """What the manifest of a checkpoint says of its tasks."""
    manifest = json.loads((job.place / f"{number:06}" / "manifest.json").read_text())
    found: list[dict[str, Any]] = manifest["tasks"]
    return found


def bases(job: Job, number: int) -> list[int]:
    """The numbers of the checkpoints on which a checkpoint builds, of all its tasks."""
    return sorted({base["number"] for task in tasks(job, number) for base in task["bases"]})


def present(job: Job) -> list[int]:
    return sorted(int(path.name) for path in job.place.iterdir() if path.name.isdigit())


def test_job_is_started_from_increments(machine: Machine, tmp_path: Path) -> None:
    job = Job(machine, tmp_path, 2, SIZE)
    save(job, 4)
    assert [bases(job, number) for number in (1, 2, 3, 4)] == [[], [1], [1, 2], [1, 2, 3]]
    whole = sum(task["image"]["size"] for task in tasks(job, 1))
    assert all(sum(task["image"]["size"] for task in tasks(job, n)) < whole / 4 for n in (2, 3, 4))
    job.kill()
    assert len(job.restart()) == 3
    job.finish()


def test_job_is_started_from_an_increment_before_and_goes_on_with_them(
    machine: Machine, tmp_path: Path
) -> None:
    """After a restart nothing is noted yet, so the next checkpoint stands alone."""
    job = Job(machine, tmp_path, 2, SIZE)
    save(job, 3, keep=9)
    for number in (2, 4):
        job.kill()
        job.restart(1, number=number)
        save(job, 2, keep=9)
    assert bases(job, 4) == bases(job, 6) == []
    assert (bases(job, 5), bases(job, 7)) == ([4], [6])
    job.kill()
    job.restart()
    job.finish()


def test_moved_task_has_a_whole_image_again(machine: Machine, tmp_path: Path) -> None:
    job = Job(machine, tmp_path, 0, SIZE)
    save(job, 2, keep=9)
    assert machine.here.code("migrate", job.root, machine.hosts[1].name, 0) == 0
    save(job, 2, keep=9)
    assert [bases(job, number) for number in (2, 3, 4)] == [[1], [], [3]]
    job.kill()
    job.restart()
    job.finish()


def test_bases_are_kept_as_long_as_they_are_needed(machine: Machine, tmp_path: Path) -> None:
    job = Job(machine, tmp_path, 0, SIZE)
    save(job, INCREMENTS_MAX + 1, keep=1)
    assert present(job) == list(range(1, INCREMENTS_MAX + 2))
    save(job, keep=1)
    assert bases(job, INCREMENTS_MAX + 2) == []
    assert present(job) == [INCREMENTS_MAX + 2]
    job.finish()


def test_checkpoint_that_was_removed_is_no_base(machine: Machine, tmp_path: Path) -> None:
    job = Job(machine, tmp_path, 0, SIZE)
    save(job, 2)
    shutil.rmtree(job.place / "000002")
    save(job)
    assert bases(job, 2) == []
    job.kill()
    job.restart()
    job.finish()


def test_whole_checkpoint_in_between_needs_no_base(machine: Machine, tmp_path: Path) -> None:
    """The next increment would build on it, but what has changed since was not noted for it."""
    job = Job(machine, tmp_path, 0, SIZE)
    save(job)
    job.save()
    save(job)
    assert [bases(job, number) for number in (2, 3)] == [[], []]
    job.kill()
    job.restart()
    job.finish()


# ---- bases that are not what they were ------------------------------------------------------


@pytest.fixture
def saved(machine: Machine, tmp_path: Path) -> Job:
    """A job with an increment on a whole checkpoint, which has ended."""
    job = Job(machine, tmp_path, 1, SIZE)
    save(job, 2)
    job.kill()
    return job


def image(job: Job, number: int, task: int = 0) -> Path:
    return job.place / f"{number:06}" / tasks(job, 2)[task]["image"]["name"]


def test_missing_base_is_refused(saved: Job) -> None:
    image(saved, 1).unlink()
    said = saved.refused()
    assert "000002 builds on what cannot be used" in said
    assert "No such file or directory" in said


def test_base_that_is_cut_off_is_refused(saved: Job) -> None:
    path = image(saved, 1)
    path.write_bytes(path.read_bytes()[:-1])
    assert "it is cut off" in saved.refused()


def test_damaged_base_is_refused(saved: Job) -> None:
    path = image(saved, 1)
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)
    assert "000002 builds on what cannot be used" in saved.refused()


def test_base_that_others_can_write_is_refused(saved: Job) -> None:
    image(saved, 1).chmod(0o666)
    assert "others than its user may use it" in saved.refused()


def test_base_of_another_task_is_refused(saved: Job) -> None:
    one, other = image(saved, 1), image(saved, 1, 1)
    one.write_bytes(other.read_bytes())
    assert "000002 builds on what cannot be used" in saved.refused()


def test_bases_are_verified(saved: Job) -> None:
    assert verify.report(str(saved.place), 2)[1]
    image(saved, 1).unlink()
    lines, right = verify.report(str(saved.place), 2)
    assert not right
    assert any("builds on what cannot be used" in line for line in lines)
