# SPDX-License-Identifier: MIT
"""Images that are cut, damaged or wrong in what they say are refused in words.

The restarter never crashes, and says it before it has changed anything, where it can read the
image twice. PVM3PY_IMAGE_FLIPS is how many images with a wrong bit are tried (100).
"""

from __future__ import annotations

import os
import random
import re
import socket
import struct
import threading
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from support.images import records, restarts
from support.images.records import Record

from pvm3py import __version__

FLIPS = int(os.environ.get("PVM3PY_IMAGE_FLIPS", "100"))
SEED = int(os.environ.get("PVM3PY_IMAGES_SEED") or random.randrange(1 << 30))
REFUSED, TOO_LATE = 1, 3
AREA = struct.Struct("=QQQIIII")


@pytest.fixture(scope="module")
def image(tmp_path_factory: pytest.TempPathFactory) -> Iterator[bytes]:
    """A small image with a file in it that has no name; restarted in the end, it tidies up."""
    restarts.require_restarter()
    path = tmp_path_factory.mktemp("whole") / "image"
    ended = restarts.run([restarts.c_program("image_state"), "unlinked", path])
    assert ended.status == 0, ended.output
    yield path.read_bytes()
    assert restarts.restart(path).status == 0


def refused(path: Path, data: bytes) -> str:
    """The reason why an image in a file is refused, with nothing changed."""
    path.write_bytes(data)
    ended = restarts.restart(path)
    assert ended.status == REFUSED, ended
    assert re.fullmatch(r"pvmrestart: .+\n", ended.report), ended
    assert ended.output == ""
    return ended.report.removeprefix("pvmrestart: ").strip()


def edges(image: bytes) -> list[int]:
    """Where records begin, and some bytes around these."""
    starts = [record.at for record in records.records(image)]
    around = {at + by for at in starts for by in (-1, 0, 1, records.RECORD.size)}
    return sorted(at for at in {0, 1, *around} if at < len(image))


@pytest.mark.slow
def test_image_cut_at_any_record_is_refused(image: bytes, tmp_path: Path) -> None:
    for at in edges(image):
        assert (
            refused(tmp_path / "cut", image[:at]) == f"the image ends too early, after {at} bytes"
        )


@pytest.mark.slow
def test_image_with_wrong_bit_is_refused(image: bytes, tmp_path: Path) -> None:
    """Most bits are those of memory; half of those that are tried are in what describes it."""
    chance = random.Random(SEED)
    described = next(r.at for r in records.records(image) if r.type == records.RUN)
    print("seed", SEED)
    for n in range(FLIPS):
        at = chance.randrange(described if n % 2 else len(image))
        wrong = bytearray(image)
        wrong[at] ^= 1 << chance.randrange(8)
        refused(tmp_path / "wrong", bytes(wrong))


@pytest.mark.slow
def test_image_cut_or_damaged_on_socket_is_refused(image: bytes) -> None:
    """There the memory of the restarter may be gone by then."""
    chance = random.Random(SEED)
    print("seed", SEED)
    for n in range(20):
        at = chance.randrange(len(image))
        wrong = bytearray(image)
        wrong[at] ^= 0x10
        data = image[:at] if n % 2 else bytes(wrong)
        ours, theirs = socket.socketpair()

        def send(to: socket.socket = ours, what: bytes = data) -> None:
            with to:
                try:
                    to.sendall(what)
                except ConnectionError:
                    pass

        sender = threading.Thread(target=send)
        sender.start()
        with theirs:
            ended = restarts.restart_from(theirs.fileno())
        sender.join()
        assert ended.status in (REFUSED, TOO_LATE), ended
        assert re.fullmatch(r"pvmrestart: .+\n", ended.report), ended


def test_more_bytes_than_the_image_are_refused(image: bytes, tmp_path: Path) -> None:
    said = refused(tmp_path / "long", image + b"\0")
    assert said == "more bytes follow the end of the image"


def test_something_else_is_no_image(tmp_path: Path) -> None:
    said = refused(tmp_path / "text", b"pvmimago" + bytes(1000))
    assert said == "this is no image of a process"


# ---- images that are whole, and wrong ------------------------------------------------


Change = Callable[[list[Record]], list[Record]]


def without(kind: int) -> Change:
    """Leave a record out."""
    return lambda parts: [part for part in parts if part.type != kind]


def twice(kind: int) -> Change:
    """Have a record twice."""
    return lambda parts: [p for part in parts for p in ([part] * (1 + (part.type == kind)))]


def first(kind: int) -> Change:
    """Have a kind of records before all others."""
    return lambda parts: sorted(parts, key=lambda part: part.type != kind)


def changed(kind: int, change: Callable[[bytes], bytes]) -> Change:
    """Change the content of the first record of a kind."""

    def apply(parts: list[Record]) -> list[Record]:
        n = next(n for n, part in enumerate(parts) if part.type == kind)
        new = replace(parts[n], content=change(parts[n].content), crc=None)
        return [*parts[:n], new, *parts[n + 1 :]]

    return apply


def added(record: Record) -> Change:
    """Have one more record before the first one of memory."""

    def apply(parts: list[Record]) -> list[Record]:
        n = next(n for n, part in enumerate(parts) if part.type >= records.DATA)
        return [*parts[:n], record, *parts[n:]]

    return apply


def area(number: int, **fields: int) -> Change:
    """Change fields of an area."""
    names = ("start", "end", "offset", "protection", "flags", "file", "reserved")

    def change(content: bytes) -> bytes:
        at = number * AREA.size
        values = dict(zip(names, AREA.unpack_from(content, at), strict=True)) | fields
        return content[:at] + AREA.pack(*values.values()) + content[at + AREA.size :]

    return changed(records.VMA, change)


def patched(at: int, data: bytes) -> Callable[[bytes], bytes]:
    """Have other bytes at a place."""
    return lambda content: content[:at] + data + content[at + len(data) :]


def word(value: int) -> bytes:
    """Eight bytes."""
    return struct.pack("=Q", value)


def wiped(length: int, flags: int, of_file: bool = False) -> Change:
    """Say of the beginning of an area that children do not get it."""

    def apply(parts: list[Record]) -> list[Record]:
        content = next(part.content for part in parts if part.type == records.VMA)
        areas = list(AREA.iter_unpack(content))
        start = next(one[0] for one in areas if bool(one[5]) is of_file)
        said = struct.pack("=QQII", start, start + length, flags, 0)
        return [*parts[:-1], Record(records.WIPED, records.MUST, said), parts[-1]]

    return apply


RIP, RSP = 56, 48
HUGE = 1 << 62
WRONG: dict[str, tuple[Change, str]] = {
    "no process": (without(records.PROCESS), "does not describe a whole process"),
    "no areas": (without(records.VMA), "does not describe a whole process"),
    "no signals": (without(records.SIGACTION), "does not describe a whole process"),
    "two processes": (twice(records.PROCESS), "is out of order"),
    "areas first": (first(records.VMA), "is out of order"),
    "a record more": (lambda parts: [*parts[:3], *parts[2:]], "is out of order"),
    "unknown": (added(Record(77, records.MUST, b"x")), "type 77, which this restarter"),
    "short limits": (changed(records.LIMIT, lambda c: c[:-1]), "has a wrong length"),
    "odd auxv": (changed(records.AUXV, lambda c: c + b"x"), "has a wrong length"),
    "long directory": (changed(records.CWD, lambda c: b"/" * 5000), "has a wrong length"),
    "open directory": (changed(records.CWD, lambda c: b"/tmp"), "has no proper path"),
    "two directories": (changed(records.CWD, lambda c: b"/\0x\0"), "has no proper path"),
    "no directory": (changed(records.CWD, lambda c: b""), "has no proper path"),
    "other directory": (changed(records.CWD, lambda c: b"/no/such\0"), "cannot be entered"),
    "other file": (changed(records.FILE, lambda c: c[:48] + b"/no/such\0"), "error 2"),
    "other build": (changed(records.FILE, patched(8, b"12345")), "is another file here"),
    "device": (changed(records.FILE, lambda c: c[:48] + b"/dev/null\0"), "is no regular file"),
    "empty area": (area(0, start=4096, end=4096), "is not where one can be"),
    "backward area": (area(0, start=8192, end=4096), "is not where one can be"),
    "odd area": (area(0, start=4097), "is not where one can be"),
    "high area": (area(0, end=HUGE), "is not where one can be"),
    "overlapping areas": (area(1, start=4096), "is not where one can be"),
    "restarter's area": (
        area(0, start=0x200000000000, end=0x200000001000),
        "is where the restarter itself is",
    ),
    "protection": (area(0, protection=8), "is of an unknown kind"),
    "flags": (area(0, flags=0x80000000), "is of an unknown kind"),
    "file number": (area(0, file=4096), "is of an unknown kind"),
    "shared nothing": (area(0, file=0, flags=1), "is a contradiction"),
    "next instruction": (changed(records.PROCESS, patched(RIP, word(16))), "next instruction"),
    "stack pointer": (changed(records.PROCESS, patched(RSP, word(16))), "stack pointer"),
    "descriptor": (changed(records.FD, patched(0, b"\xff" * 4)), "is described wrongly"),
    "kind": (changed(records.FD, patched(8, b"\x63")), "is described wrongly"),
    "same as none": (changed(records.FD, patched(8, b"\2")), "the same as one that is not there"),
    "memory elsewhere": (changed(records.RUN, patched(0, word(HUGE))), "which the process has not"),
    "odd memory": (changed(records.RUN, lambda c: c[:-1]), "has a wrong length"),
    "much memory": (changed(records.RUN, lambda c: c + bytes(1 << 20)), "has a wrong length"),
    "no memory": (changed(records.RUN, lambda c: c[:3]), "has a wrong length"),
    "other content": (changed(records.DATA, patched(0, b"\x63")), "a file that is not open"),
    "far content": (changed(records.DATA, patched(8, word(HUGE))), "a file that is not open"),
    "no flag of wiped": (wiped(4096, 0), "which children get"),
    "only droppable": (wiped(4096, 2), "which children get"),
    "flag of wiped": (wiped(4096, 5), "which children get"),
    "wiped file": (wiped(4096, 1, of_file=True), "which children get"),
    "much wiped": (wiped(1 << 40, 1), "which children get"),
    "odd wiped": (wiped(4095, 1), "which children get"),
    "nothing wiped": (wiped(0, 1), "which children get"),
    "late process": (
        lambda parts: [*parts[:-2], parts[0], *parts[-2:]],
        "is out of order or unknown",
    ),
}


@pytest.mark.parametrize("name", WRONG)
def test_image_that_is_whole_and_wrong_is_refused(name: str, image: bytes, tmp_path: Path) -> None:
    change, reason = WRONG[name]
    parts = change(list(records.records(image)))
    said = refused(tmp_path / "wrong", records.assembled(image[: records.HEADER_BYTES], parts))
    assert re.search(reason, said), said


def test_unknown_record_that_need_not_be_known_is_passed_over(image: bytes, tmp_path: Path) -> None:
    extended = added(Record(77, 0, b"of a later version"))(list(records.records(image)))
    path = tmp_path / "image"
    path.write_bytes(records.assembled(image[: records.HEADER_BYTES], extended))
    assert restarts.restart(path, only_check=True) == restarts.Ended(0, "", "right\n")


def test_more_than_the_restarter_has_room_for_is_refused(image: bytes, tmp_path: Path) -> None:
    at = next(r.at for r in records.records(image) if r.type >= records.DATA)
    huge = records.RECORD.pack(records.STASH, 0, 1 << 40, 0, 0)
    said = refused(tmp_path / "huge", image[:at] + huge)
    assert said == "the image describes more than the restarter has room for"


# Where fields of the header are: version, architecture, bytes of a page, state, features, kernel.
HEADERS = {
    "version": (8, b"\2", "is of version 2, not 1"),
    "architecture": (20, b"\xb7", "of another architecture: 183"),
    "page": (25, b"\x40", "has pages of 16384 bytes"),
    "vector state": (47, b"\x80", "the vector state here is another"),
    "feature": (71, b"\xff", r"the processor here lacks a feature: \w+"),
}


@pytest.mark.parametrize("field", HEADERS)
def test_image_of_another_machine_is_refused(field: str, image: bytes, tmp_path: Path) -> None:
    at, data, reason = HEADERS[field]
    header = patched(at, data)(image[: records.HEADER_BYTES])
    header = patched(16, bytes(4))(header)
    header = patched(16, struct.pack("=I", records.crc32c(header)))(header)
    said = refused(tmp_path / "other", header + image[records.HEADER_BYTES :])
    assert re.search(reason, said), said


def test_check_says_right_and_runs_nothing(image: bytes, tmp_path: Path) -> None:
    (tmp_path / "image").write_bytes(image)
    ended = restarts.restart(tmp_path / "image", only_check=True)
    assert ended == restarts.Ended(0, "", "right\n")


@pytest.mark.parametrize(
    "words", [[], ["x"], ["3", "4", "5", "6"], ["3", "3"], ["-c"], ["99999999999"]]
)
def test_wrong_call_shows_usage(words: list[str]) -> None:
    ended = restarts.run([restarts.require_restarter(), *words])
    assert ended.status == 2
    assert ended.output.startswith("usage: pvmrestart [-c] [-b BASE]... IMAGE [REPORT [STREAM]]\n")


def test_the_version_is_that_of_the_project() -> None:
    ended = restarts.run([restarts.require_restarter(), "--version"])
    assert (ended.status, ended.output) == (0, f"pvmrestart (pvm3py {__version__})\n")


def test_closed_descriptor_is_no_image() -> None:
    ended = restarts.run([restarts.require_restarter(), "99"])
    assert (ended.status, ended.output) == (1, "pvmrestart: descriptor 99 is no image: error 9\n")
