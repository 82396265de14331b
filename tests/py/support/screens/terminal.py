# SPDX-License-Identifier: MIT
"""A master that was started on a terminal, whose user answers its questions."""

from __future__ import annotations

import fcntl
import os
import pty
import select
import subprocess
import termios
from collections.abc import Iterator
from contextlib import contextmanager
from typing import IO

from support.machines.hosts import Bed
from support.machines.vm import read_line, wait_until
from support.system import PATIENCE


@contextmanager
def master_on_terminal(bed: Bed) -> Iterator[IO[bytes]]:
    """Start the master of a bed on a new terminal: the user's side of that."""
    master = bed.master
    terminal, far = pty.openpty()
    master.tasks.append(
        subprocess.Popen(
            [*master.enter, str(master.tmp / "bin" / "pvmd"), f"-n{master.name}"],
            stdin=far,
            stdout=far,
            stderr=far,
            env=master.env,
            start_new_session=True,
            preexec_fn=lambda: fcntl.ioctl(0, termios.TIOCSCTTY, 0),  # noqa: PLW1509
        )
    )
    os.close(far)
    with os.fdopen(terminal, "r+b", buffering=0) as user:
        wait_until(lambda: read_line(user, PATIENCE).startswith("/"), "the address of the daemon")
        yield user


def read_until(user: IO[bytes], end: bytes) -> None:
    """Read what the daemon writes up to these bytes."""
    seen = b""
    while not seen.endswith(end):
        assert select.select([user], [], [], PATIENCE)[0], f"no {end!r} after {seen!r}"
        seen += user.read(1)
