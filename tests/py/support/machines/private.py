# SPDX-License-Identifier: MIT
"""Private machines of the test's own process, and proof that nothing is left of them."""

from __future__ import annotations

import os
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from support.machines.vm import wait_until
from support.system import require_daemon

_VARIABLES = ("PVM_TMP", "PVM_VMID", "PVMSOCK")


def _processes(directory: str) -> list[int]:
    """Processes of private machines that have their directories in this one."""
    mark = f"PVM_TMP={directory}".encode()
    found = []
    for entry in Path("/proc").iterdir():
        try:
            if entry.name.isdigit() and mark in (entry / "environ").read_bytes():
                found.append(int(entry.name))
        except OSError:
            pass
    return found


def descriptors() -> int:
    """How many this process has open."""
    return len(os.listdir("/proc/self/fd"))


@contextmanager
def nothing_left() -> Iterator[None]:
    """No process, descriptor, thread, directory or variable stays of what is made meanwhile."""
    require_daemon("ours")
    before, tempfile.tempdir = tempfile.tempdir, tempfile.mkdtemp(prefix="pp")
    directory = tempfile.tempdir
    variables = {name: os.environ.get(name) for name in _VARIABLES}
    files, threads = descriptors(), threading.active_count()
    try:
        yield
    finally:
        tempfile.tempdir = before
    wait_until(lambda: not _processes(directory), "all processes of private machines gone")
    assert os.listdir(directory) == []
    os.rmdir(directory)
    assert {name: os.environ.get(name) for name in _VARIABLES} == variables
    wait_until(lambda: threading.active_count() <= threads, "all threads ended")
    wait_until(lambda: descriptors() <= files, "all descriptors closed")
