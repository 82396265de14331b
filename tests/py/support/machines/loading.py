# SPDX-License-Identifier: MIT
"""What a daemon loads some time after its start: tests that compare its memory wait for that."""

from __future__ import annotations

import sys
from pathlib import Path

from pvm3py.pvmd.topics.preload import MODULES
from support.machines.vm import wait_until


def wait_loaded(pid: int) -> None:
    """Wait until the daemon `pid`, one of ours, has loaded the last of these modules."""
    wait_until(lambda: _has_loaded_all(pid), "the modules that are loaded late")


def _has_loaded_all(pid: int) -> bool:
    name = MODULES[-1]
    maps = Path(f"/proc/{pid}/maps").read_text(encoding="utf-8")
    return name in sys.builtin_module_names or f"/{name}." in maps
