# SPDX-License-Identifier: MIT
"""A pool in a private machine; each test proves that nothing is left of it."""

from __future__ import annotations

import os
import tempfile
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from support.machines.vm import wait_until
from support.system import require_daemon

from pvm3py.futures import PvmPoolExecutor


def _processes() -> list[int]:
    """Processes of private machines that have their directories in this test's."""
    mark = f"PVM_TMP={tempfile.gettempdir()}".encode()
    found = []
    for entry in Path("/proc").iterdir():
        try:
            if entry.name.isdigit() and mark in (entry / "environ").read_bytes():
                found.append(int(entry.name))
        except OSError:
            pass
    return found


def _descriptors() -> int:
    return len(os.listdir("/proc/self/fd"))


@pytest.fixture(autouse=True)
def nothing_left(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """No process, descriptor, thread, directory or variable stays after a test."""
    require_daemon("ours")
    short = tempfile.mkdtemp(prefix="pp")
    monkeypatch.setattr(tempfile, "tempdir", short)
    variables = dict(os.environ)
    descriptors, threads = _descriptors(), threading.active_count()
    yield
    wait_until(lambda: not _processes(), "all processes of private machines gone")
    assert os.listdir(short) == []
    os.rmdir(short)
    names = ("PVM_TMP", "PVM_VMID", "PVMSOCK")
    assert {n: os.environ.get(n) for n in names} == {n: variables.get(n) for n in names}
    wait_until(lambda: threading.active_count() <= threads, "all threads ended")
    assert _descriptors() <= descriptors


@pytest.fixture
def pool(nothing_left: None) -> Iterator[PvmPoolExecutor]:
    """Two workers."""
    with PvmPoolExecutor(2) as executor:
        yield executor
