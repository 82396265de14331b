# SPDX-License-Identifier: MIT
"""What a restarted process has of the one that was imaged: the cases of image_state.c."""

from __future__ import annotations

import os
import re
import shutil
import socket
import subprocess
import threading
from pathlib import Path

import pytest
from support.images import restarts
from support.system import C_SOURCES, missing

CASES = re.findall(r'\{ "(\w+)", \1 \}', (C_SOURCES / "image_state.c").read_text())
# The heap grows elsewhere there, since the kernel does not know where it is.
HIGH_ONLY = {"heap_grows", "process"}


def saved(case: str, image: Path) -> None:
    """Have the program write its image; it finds that nothing has changed for it."""
    restarts.require_restarter()
    ended = restarts.run([restarts.c_program("image_state"), case, image])
    assert ended.status == 0, ended.output
    assert "restarted 0" in ended.lines()


def check(ended: restarts.Ended) -> None:
    """The restarted process has found all as it was."""
    assert ended.report == "ready\n"
    assert ended.status == 0, ended.output
    assert "restarted 1" in ended.lines()


@pytest.mark.parametrize("case", CASES)
def test_state_is_as_it_was(case: str, tmp_path: Path) -> None:
    saved(case, tmp_path / "image")
    check(restarts.restart(tmp_path / "image"))


@pytest.mark.parametrize("case", CASES)
def test_state_is_as_it_was_in_other_namespaces(case: str, tmp_path: Path) -> None:
    restarts.require_namespaces()
    saved(case, tmp_path / "image")
    check(restarts.restart(tmp_path / "image", before=restarts.NAMESPACES))


@pytest.mark.parametrize("case", sorted({*CASES} - HIGH_ONLY))
def test_state_is_as_it_was_at_lowest_addresses(case: str, tmp_path: Path) -> None:
    saved(case, tmp_path / "image")
    check(restarts.restart(tmp_path / "image", low=True))


@pytest.mark.parametrize("case", CASES)
def test_user_without_privileges_restarts(case: str, tmp_path: Path) -> None:
    """The whole life of the process is that user's."""
    if os.geteuid():
        missing("only root can become another user")
    program = restarts.c_program("image_state")
    restarts.require_restarter()
    with restarts.readable_place() as place:
        copy = shutil.copy(program, place)
        image = place / "image"
        ended = restarts.run([*restarts.UNPRIVILEGED, copy, case, image])
        assert ended.status == 0, ended.output
        check(restarts.restart(image, before=restarts.UNPRIVILEGED, copied_to=place))


@pytest.mark.parametrize("case", ["memory", "unlinked", "extra"])
def test_image_comes_through_socket_in_pieces(case: str, tmp_path: Path) -> None:
    saved(case, tmp_path / "image")
    ours, theirs = socket.socketpair()
    data = (tmp_path / "image").read_bytes()

    def send() -> None:
        with ours:
            for at in range(0, len(data), 7001):
                ours.sendall(data[at : at + 7001])

    sender = threading.Thread(target=send)
    sender.start()
    with theirs:
        ended = restarts.restart_from(theirs.fileno())
    sender.join()
    check(ended)


def test_descriptor_that_is_not_the_processs_is_closed(tmp_path: Path) -> None:
    """The restarter inherits one by chance; files has the lowest free number checked."""
    saved("files", tmp_path / "image")
    stray = os.open("/dev/null", os.O_RDONLY)
    os.set_inheritable(stray, True)
    try:
        program = restarts.require_restarter()
        with (tmp_path / "image").open("rb") as image:
            done = subprocess.run(
                [program, str(image.fileno())],
                pass_fds=(image.fileno(), stray),
                stdin=subprocess.DEVNULL,
                capture_output=True,
                text=True,
            )
    finally:
        os.close(stray)
    assert done.returncode == 0, done.stdout + done.stderr
