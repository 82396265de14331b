# SPDX-License-Identifier: MIT
"""Checkpoints that cannot be written or used: refused in words, and nothing is changed."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from support.machines.jobs import PROGRAMS, Job, script
from support.machines.machine import Machine


@pytest.fixture(scope="module")
def machine() -> Iterator[Machine]:
    made = Machine(("ours",) * 2, network="loopback", programs=PROGRAMS)
    yield made
    made.bed.stop()


@pytest.fixture(scope="module")
def ended(machine: Machine, tmp_path_factory: pytest.TempPathFactory) -> Job:
    """A job that has been written, and ended."""
    job = Job(machine, tmp_path_factory.mktemp("job"), 2)
    job.save()
    job.kill()
    return job


@pytest.fixture
def place(ended: Job, tmp_path: Path) -> Path:
    """A copy of its checkpoint."""
    copy = tmp_path / ended.place.name
    shutil.copytree(ended.place, copy, symlinks=True)
    return copy / "000001"


def images(place: Path) -> list[Path]:
    return sorted(place.glob("*.img"))


def cut_off(place: Path) -> None:
    os.truncate(images(place)[0], 100000)


def flip(place: Path) -> None:
    with images(place)[1].open("r+b") as image:
        image.seek(150000)
        byte = image.read(1)
        image.seek(150000)
        image.write(bytes([byte[0] ^ 1]))


def swap(place: Path) -> None:
    first, second = images(place)[:2]
    first.rename(place / "x")
    second.rename(first)
    (place / "x").rename(second)
    words = json.loads((place / "manifest.json").read_text())
    for task in words["tasks"]:
        task["bytes"] = (place / task["image"]).stat().st_size
    (place / "manifest.json").write_text(json.dumps(words))


def lose(place: Path) -> None:
    images(place)[0].unlink()


def link(place: Path) -> None:
    (first := images(place)[0]).rename(place / "elsewhere")
    first.symlink_to(place / "elsewhere")


def open_up(place: Path) -> None:
    images(place)[0].chmod(0o640)


def open_directory(place: Path) -> None:
    place.chmod(0o750)


def garble(place: Path) -> None:
    (place / "manifest.json").write_text("{}")


def deepen(place: Path) -> None:
    (place / "manifest.json").write_text("[" * 100_000)


def enlarge(place: Path) -> None:
    words = json.loads((place / "manifest.json").read_text())
    words["stamp"] = float("inf")
    (place / "manifest.json").write_text(json.dumps(words))


def escape(place: Path) -> None:
    words = json.loads((place / "manifest.json").read_text())
    words["tasks"][0]["image"] = "../../image"
    (place / "manifest.json").write_text(json.dumps(words))


def garble_queue(place: Path) -> None:
    words = json.loads((place / "manifest.json").read_text())
    words["queues"] = ["held-40000.q"]
    (place / "manifest.json").write_text(json.dumps(words))
    (place / "held-40000.q").write_bytes(bytes(8) + b"\x7f" * 12)
    (place / "held-40000.q").chmod(0o600)


def give_away(place: Path) -> None:
    if os.geteuid():
        pytest.skip("only root can give files away")
    os.chown(images(place)[0], 65534, 65534)


SPOILT: dict[Callable[[Path], None], str] = {
    cut_off: "it is cut off",
    flip: "is damaged",
    swap: "is of another task or checkpoint",
    lose: "No such file or directory",
    link: "symbolic links",
    open_up: "others than its user may use it",
    open_directory: "others than its user may use it",
    garble: "is damaged: 'format'",
    deepen: "is damaged: ",
    enlarge: "is damaged: ",
    escape: "is no name of a file",
    garble_queue: "is damaged",
    give_away: "belongs to user 65534",
}


@pytest.mark.parametrize("spoil", SPOILT, ids=lambda spoil: spoil.__name__)
def test_spoilt_checkpoint_is_refused(
    ended: Job, place: Path, spoil: Callable[[Path], None]
) -> None:
    spoil(place)
    assert SPOILT[spoil] in ended.refused(place.parent)
    assert ended.tasks() == []


def test_right_one_is_started_after_all_that(ended: Job) -> None:
    assert len(ended.restart()) == 3
    ended.finish()


def test_directory_that_others_can_use_is_refused(machine: Machine, tmp_path: Path) -> None:
    job = Job(machine, tmp_path, 1)
    job.place.mkdir(0o755)
    call = f"checkpoint({str(tmp_path)!r}, [{job.root}], jobs=True)"
    said = script(machine, call, status=1).err
    assert "NotMovable" in said and "others than its user may use it" in said
    job.place.rmdir()
    job.finish()


def test_directory_is_made_but_not_those_above(machine: Machine, tmp_path: Path) -> None:
    job = Job(machine, tmp_path, 1)
    new = tmp_path / "new"
    script(machine, f"checkpoint({str(new)!r}, [{job.root}], jobs=True)").check()
    assert (new / f"job-t{job.root:x}/latest").exists()
    call = f"checkpoint({str(tmp_path / 'none/none')!r}, [{job.root}], jobs=True)"
    assert "No such file or directory" in script(machine, call, status=1).err
    said = script(machine, f"checkpoint(None, [{job.root}])", status=1).err
    assert "BadParam" in said and "none is named" in said
    job.finish()


def test_task_that_cannot_be_written_is_named_and_nothing_is_left(
    machine: Machine, tmp_path: Path
) -> None:
    job = Job(machine, tmp_path, 1)
    (worker,) = set(job.tasks()) - {job.root}
    (unwilling,) = machine.here.agents(machine.hosts[1].name)
    assert unwilling.code("setopt", 1002, 0) == 1
    call = f"checkpoint({str(tmp_path)!r}, [{job.root}, {worker}, {unwilling.tid}])"
    said = script(machine, call, status=1).err
    assert "the task does not want to be moved" in said
    assert not job.place.exists()
    machine.here.code("kill", unwilling.tid)
    job.finish()
