# SPDX-License-Identifier: MIT
"""Checkpoints that cannot be written or used: refused in words, and nothing is changed."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from support.machines.jobs import PROGRAMS, Job, script
from support.machines.machine import Machine
from support.screens.console import console_program

from pvm3py.commands import verify
from pvm3py.vault.manifest import hash_of
from pvm3py.vault.store import hash_file, new_hash


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


def rewrite(place: Path, change: Callable[[dict[str, Any]], None]) -> None:
    """Change what the manifest says, and give it the hash that fits."""
    words = json.loads((place / "manifest.json").read_text())
    change(words)
    words["hash"] = hash_of(words)
    (place / "manifest.json").write_text(json.dumps(words))


def cut_off(place: Path) -> None:
    os.truncate(images(place)[0], 100000)


def flip(place: Path) -> None:
    with images(place)[1].open("r+b") as image:
        image.seek(150000)
        byte = image.read(1)
        image.seek(150000)
        image.write(bytes([byte[0] ^ 1]))


def swap(place: Path) -> None:
    """And have the manifest say so: the images tell whose they are."""

    def change(words: dict[str, Any]) -> None:
        first, second = words["tasks"][:2]
        first["image"], second["image"] = second["image"], first["image"]

    rewrite(place, change)


def exchange(place: Path) -> None:
    """The files alone, as large as they should be."""
    first, second = sorted(images(place)[:2], key=lambda path: path.stat().st_size)
    first.rename(place / "x")
    second.rename(first)
    (place / "x").rename(second)

    def change(words: dict[str, Any]) -> None:
        for task in words["tasks"]:
            task["image"]["size"] = (place / task["image"]["name"]).stat().st_size

    rewrite(place, change)


def flip_and_hash(place: Path) -> None:
    """A hash that fits the damage: the records tell."""
    flip(place)

    def change(words: dict[str, Any]) -> None:
        for task in words["tasks"]:
            task["image"]["hash"] = hash_file(str(place / task["image"]["name"]))[1]

    rewrite(place, change)


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
    rewrite(place, lambda words: words.update(stamp=float("inf")))


def escape(place: Path) -> None:
    rewrite(place, lambda words: words["tasks"][0]["image"].update(name="../../image"))


def alter(place: Path) -> None:
    """The state of a task, without the hash that fits."""
    path = place / "manifest.json"
    path.write_text(path.read_text().replace('"place": "', '"place": "x', 1))


def add_queue(place: Path, content: bytes, said: bytes) -> None:
    """Messages that were held, and what the manifest takes them to be."""
    whole = new_hash()
    whole.update(said)
    queue = {"name": "held-40000.q", "size": len(said), "hash": whole.hexdigest()}
    rewrite(place, lambda words: words.update(queues=[queue]))
    (place / "held-40000.q").write_bytes(content)
    (place / "held-40000.q").chmod(0o600)


def garble_queue(place: Path) -> None:
    content = bytes(8) + b"\x7f" * 12
    add_queue(place, content, content)


def flip_queue(place: Path) -> None:
    add_queue(place, bytes(20), bytes(19) + b"\1")


def give_away(place: Path) -> None:
    if os.geteuid():
        pytest.skip("only root can give files away")
    os.chown(images(place)[0], 65534, 65534)


SPOILT: dict[Callable[[Path], None], str] = {
    cut_off: "it is cut off",
    flip: "is damaged: its hash is another",
    flip_and_hash: "is damaged",
    swap: "is of another task or checkpoint",
    exchange: "is of another task or checkpoint",
    lose: "No such file or directory",
    link: "symbolic links",
    open_up: "others than its user may use it",
    open_directory: "others than its user may use it",
    garble: "is damaged: 'format'",
    deepen: "is damaged: ",
    enlarge: "is damaged: ",
    escape: "is no name of a file",
    alter: "is damaged: its hash is another",
    garble_queue: "is damaged",
    flip_queue: "is damaged: its hash is another",
    give_away: "belongs to user 65534",
}


@pytest.mark.parametrize("spoil", SPOILT, ids=lambda spoil: spoil.__name__)
def test_spoilt_checkpoint_is_refused(
    ended: Job, place: Path, spoil: Callable[[Path], None]
) -> None:
    spoil(place)
    assert SPOILT[spoil] in ended.refused(place.parent)
    assert ended.tasks() == []


@pytest.mark.parametrize("spoil", SPOILT, ids=lambda spoil: spoil.__name__)
def test_verify_finds_what_is_wrong(
    ended: Job, place: Path, spoil: Callable[[Path], None], capsys: pytest.CaptureFixture[str]
) -> None:
    spoil(place)
    assert verify.main([f"{place.parent}@1"]) == 1
    assert SPOILT[spoil] in capsys.readouterr().out
    assert ended.tasks() == []


def test_verify_of_the_right_one(
    machine: Machine, ended: Job, place: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """On the command line, which needs no daemon, and in the console."""
    assert verify.main([str(place.parent)]) == 0
    said = capsys.readouterr().out.splitlines()
    assert said[0].startswith(f"{place}: 3 tasks, ")
    names = sorted(path.name for path in place.iterdir() if path.name != "manifest.json")
    assert sorted(said[1:]) == [f"  {name}: right" for name in names]
    console = machine.hosts[0].run(console_program("ours"), "-c", f"verify {place.parent}@1")
    assert console.check(0).out.splitlines() == said
    flip(place)
    console = machine.hosts[0].run(console_program("ours"), "-c", f"verify {place.parent}@1")
    assert "its hash is another" in console.check(1).out
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
