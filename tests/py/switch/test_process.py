# SPDX-License-Identifier: MIT
"""Processes that the switch's module starts for the daemon."""

from __future__ import annotations

import errno
import os

import pytest

from pvm3py.pvmd.io import switch as sw


def test_spawned_process_has_only_what_it_was_given() -> None:
    read_end, write_end = os.pipe()
    script = "ls -l /proc/self/fd | wc -l; readlink /proc/self/fd/0; pwd; echo $NAME; echo no >&2"
    pid = sw.spawn_process("/bin/sh", ["sh", "-c", script], {"NAME": "x"}, "/proc", write_end)
    os.close(write_end)
    with os.fdopen(read_end, encoding="ascii") as file:
        lines = file.read().split("\n")
    assert os.waitpid(pid, 0)[1] == 0
    assert lines == ["5", "/dev/null", "/proc", "x", "no", ""]


@pytest.mark.parametrize(
    ("path", "cwd", "code"),
    [
        ("/nonexistent/program", None, errno.ENOENT),
        ("/etc/passwd", None, errno.EACCES),
        ("/bin/true", "/nonexistent", errno.ENOENT),
    ],
)
def test_spawn_of_what_cannot_run_says_why(path: str, cwd: str | None, code: int) -> None:
    with open("/dev/null", "wb") as null, pytest.raises(OSError) as error:
        sw.spawn_process(path, [path], {}, cwd, null.fileno())
    assert error.value.errno == code
