# SPDX-License-Identifier: MIT
"""A connection that the restarter is given takes its place, in the image of a task alone."""

from __future__ import annotations

import socket
import struct
from collections.abc import Iterator
from pathlib import Path

import pytest
from support.images import records, restarts
from support.images.records import Record

REFUSED = 1


@pytest.fixture(scope="module")
def image(tmp_path_factory: pytest.TempPathFactory) -> Iterator[bytes]:
    """A small image of a process that has a file open; restarted in the end, it tidies up."""
    restarts.require_restarter()
    path = tmp_path_factory.mktemp("whole") / "image"
    ended = restarts.run([restarts.c_program("image_state"), "unlinked", path])
    assert ended.status == 0, ended.output
    yield path.read_bytes()
    assert restarts.restart(path).status == 0


def with_connection(image: bytes, content: bytes) -> bytes:
    """The image of a task whose record has this content."""
    parts = list(records.records(image))
    at = next(n for n, part in enumerate(parts) if part.type >= records.DATA)
    parts.insert(at, Record(records.PVM, 0, content))
    return records.assembled(image[: records.HEADER_BYTES], parts)


def files_of(image: bytes) -> list[int]:
    """Numbers of open files of the process."""
    fds = (record for record in records.records(image) if record.type == records.FD)
    return [struct.unpack_from("=i", record.content)[0] for record in fds]


def restart(data: bytes, path: Path) -> restarts.Ended:
    """How a restart with a connection ends."""
    path.write_bytes(data)
    near, far = socket.socketpair()
    with near, far, path.open("rb") as file:
        return restarts.restart_from(file.fileno(), stream=far.fileno())


def test_process_that_is_no_task_gets_no_connection(image: bytes, tmp_path: Path) -> None:
    ended = restart(image, tmp_path / "image")
    assert ended.status == REFUSED
    assert ended.report == ("pvmrestart: the image is of no task: it has no use for a connection\n")


@pytest.mark.parametrize("content", [b"", b"\0" * 4, struct.pack("=ii", 1, 1)])
def test_task_without_proper_number_gets_no_connection(
    content: bytes, image: bytes, tmp_path: Path
) -> None:
    assert (
        "the image is of no task" in restart(with_connection(image, content), tmp_path / "i").report
    )


def test_number_of_open_file_is_refused(image: bytes, tmp_path: Path) -> None:
    number = max(files_of(image))
    ended = restart(with_connection(image, struct.pack("=ii", number, 1)), tmp_path / "image")
    assert f"descriptor {number} is a file and the connection" in ended.report


def test_task_restarts_without_connection(image: bytes, tmp_path: Path) -> None:
    path = tmp_path / "image"
    path.write_bytes(with_connection(image, struct.pack("=ii", 77, 1)))
    assert restarts.restart(path, only_check=True) == restarts.Ended(0, "", "right\n")
