# SPDX-License-Identifier: MIT
"""A libpvm3 inside a Python process, and processes that have one."""

from __future__ import annotations

import ctypes
import os
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path

from support.impostors.fakedaemon import FakeDaemon
from support.system import PATIENCE, Side, debian_library, library_dir

PVM_AUTO_ERR = 3


def enrolled(library: str, daemon: FakeDaemon) -> ctypes.CDLL:
    """The library, enrolled with a daemon; errors are only returned."""
    os.environ |= daemon.env()
    pvm = ctypes.CDLL(library)
    pvm.pvm_setopt(PVM_AUTO_ERR, 0)
    assert pvm.pvm_mytid() == daemon.tid
    return pvm


def run_module(
    module: str, side: Side, arguments: Iterable[Path]
) -> subprocess.CompletedProcess[str]:
    """Run support.programs.MODULE, which is given the library of a side and the arguments."""
    library = library_dir() / "libpvm3.so.3" if side == "ours" else debian_library()
    return subprocess.run(
        [sys.executable, "-m", f"support.programs.{module}", str(library), *map(str, arguments)],
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        cwd=Path(__file__).parents[2],
        env=os.environ | {"PVM_ALLOW_ROOT": "1"},
    )
