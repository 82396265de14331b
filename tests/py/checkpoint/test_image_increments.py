# SPDX-License-Identifier: MIT
"""Images that have only what has changed since another one, and restarts from these together."""

from __future__ import annotations

import os
import struct
import subprocess
from pathlib import Path

import pytest
from support.images import records, restarts
from support.images.increments import require_notes

REFUSED, TOO_LATE = 1, 3
INCREMENTS_MAX = 8
SNAPSHOT = 4
# A header begins with magic, version, length, checksum, architecture, page, tid, job, epoch.
HEADER = struct.Struct("=8sIIIIIiii")


def made(place: Path, seed: int, images: int, operations: object, how: int = 0) -> list[int]:
    """Have the program write so many images; the number of the base of each, 0: none."""
    restarts.require_restarter()
    program = restarts.c_program("image_increments")
    ended = restarts.run([program, place, seed, images, operations, how])
    assert ended.status == 0, ended.output
    return [int(line.split()[1]) for line in ended.lines()]


def chain(bases: list[int], number: int) -> list[int]:
    """The numbers of an image's bases, the oldest first, and its own."""
    before = bases[number - 1]
    return [*(chain(bases, before) if before else []), number]


def restart(place: Path, numbers: list[int], *, low: bool = False) -> restarts.Ended:
    """Restart the last of these images on the others."""
    program = restarts.require_restarter()
    fds = [os.open(place / f"image{number}", os.O_RDONLY) for number in numbers]
    command = [str(program.with_name("pvmrestart-low") if low else program)]
    for fd in fds[:-1]:
        command += ["-b", str(fd)]
    try:
        done = subprocess.run(
            [*command, str(fds[-1])],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            pass_fds=fds,
            text=True,
            timeout=60,
        )
        return restarts.Ended(done.returncode, done.stdout, done.stderr)
    finally:
        for fd in fds:
            os.close(fd)


@pytest.mark.parametrize("how", [0, SNAPSHOT])
@pytest.mark.parametrize("seed", range(6))
def test_all_that_was_changed_at_random_is_there(tmp_path: Path, seed: int, how: int) -> None:
    require_notes()
    bases = made(tmp_path, seed, 7, 4, how)
    assert any(bases)
    for number in range(1, len(bases) + 1):
        ended = restart(tmp_path, chain(bases, number), low=number % 2 == 0)
        assert ended.status == 0, ended.output + ended.report
        assert f"restarted {number}" in ended.lines()


def test_increments_are_small(tmp_path: Path) -> None:
    require_notes()
    bases = made(tmp_path, 1, 2, 0)
    assert bases == [0, 1]
    whole, increment = ((tmp_path / f"image{n}").stat().st_size for n in (1, 2))
    assert increment < whole / 20


def test_image_stands_alone_after_eight_increments(tmp_path: Path) -> None:
    require_notes()
    bases = made(tmp_path, 1, 2 * INCREMENTS_MAX + 2, 0)
    cycle = [number % (INCREMENTS_MAX + 1) for number in range(2 * INCREMENTS_MAX + 2)]
    assert [base and 1 for base in bases] == [min(one, 1) for one in cycle]
    ended = restart(tmp_path, chain(bases, INCREMENTS_MAX + 1))
    assert f"restarted {INCREMENTS_MAX + 1}" in ended.lines()


def test_process_that_changes_everything_has_whole_images(tmp_path: Path) -> None:
    """And for some images nothing is noted, which would only cost."""
    require_notes()
    assert not any(made(tmp_path, 1, 6, "wild"))
    assert "restarted 6" in restart(tmp_path, [6]).lines()


def test_program_that_closes_what_notes_changes_has_whole_images(tmp_path: Path) -> None:
    require_notes()
    assert not any(made(tmp_path, 1, 3, "closed"))
    assert "restarted 3" in restart(tmp_path, [3]).lines()


# ---- what is wrong with bases --------------------------------------------------------------


@pytest.fixture
def three(tmp_path: Path) -> Path:
    """A whole image and two increments."""
    require_notes()
    assert made(tmp_path, 2, 3, 0) == [0, 1, 2]
    return tmp_path


def refusal(place: Path, numbers: list[int]) -> str:
    ended = restart(place, numbers)
    assert ended.status == REFUSED
    return ended.report


def test_missing_base_is_refused(three: Path) -> None:
    text = "the image on which this one builds is missing: number"
    assert f"{text} 2 of the task" in refusal(three, [3])
    assert f"{text} 1 of the task" in refusal(three, [2, 3])


def test_wrong_base_is_refused(three: Path) -> None:
    assert "of base 1: it is not the image on which the next one builds" in refusal(three, [1, 3])
    assert "not on 1" in refusal(three, [2, 1])


def test_base_of_another_task_is_refused(three: Path) -> None:
    path = three / "image1"
    image = bytearray(path.read_bytes())
    words = list(HEADER.unpack_from(image))
    words[6], words[3] = 0x40003, 0
    HEADER.pack_into(image, 0, *words)
    words[3] = records.crc32c(bytes(image[: records.HEADER_BYTES]))
    HEADER.pack_into(image, 0, *words)
    path.write_bytes(image)
    assert "of task 40002, not 1 of 40003" in refusal(three, [1, 2])


@pytest.mark.parametrize("cut", [100, 5000, -1])
def test_base_that_is_cut_off_is_refused(three: Path, cut: int) -> None:
    path = three / "image1"
    path.write_bytes(path.read_bytes()[:cut])
    assert "of base 1: the image ends too early" in refusal(three, [1, 2])


def test_base_that_is_damaged_is_refused(three: Path) -> None:
    path = three / "image1"
    image = bytearray(path.read_bytes())
    image[len(image) // 2] ^= 4
    path.write_bytes(image)
    assert "of base 1: record" in refusal(three, [1, 2])


def test_kept_memory_out_of_order_is_refused(three: Path) -> None:
    path = three / "image2"
    image = path.read_bytes()
    parts = list(records.records(image))
    for n, part in enumerate(parts):
        if part.type == records.KEPT:
            start = struct.pack("=QQ", 0x2000, 0x1000)
            parts[n] = records.Record(part.type, part.flags, start + part.content[16:])
    path.write_bytes(records.assembled(image[: records.HEADER_BYTES], parts))
    assert "keeps memory at 0x2000, which is out of order" in refusal(three, [1, 2])
