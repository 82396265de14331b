# SPDX-License-Identifier: MIT
"""`make demo-mist`, in less time: what it shows, and what it says where it cannot be."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

from support.machines.net import require_namespaces
from support.system import PATIENCE, PROJECT, pvm_root, require_daemon

DEMO = PROJECT / "examples" / "mist" / "demo.py"
SECONDS = 20


def run(work: Path, path: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, DEMO, pvm_root(), work],
        env={"PATH": path, "PVM_DEMO_SECONDS": str(SECONDS)},
        capture_output=True,
        text=True,
        timeout=PATIENCE + 10 * SECONDS,
        check=False,
    )


def left() -> list[str]:
    """Namespaces of demonstrations that have ended; their names have the process."""
    names = [name for name in os.listdir("/run/netns") if name.startswith("pvmdemo")]
    makers = {name: name.removeprefix("pvmdemo").partition("-")[0] for name in names}
    return [name for name, maker in makers.items() if not Path(f"/proc/{maker}").exists()]


def test_workers_wander_and_every_row_is_right(tmp_path: Path) -> None:
    require_daemon("ours")
    require_namespaces()
    done = run(tmp_path, os.environ["PATH"])
    assert done.returncode == 0, done.stdout + done.stderr
    told = re.search(r"done: (\d+) pictures, (\d+) rows, (\d+) wrong", done.stdout)
    assert told is not None, done.stdout
    pictures, rows, wrong = map(int, told.groups())
    assert pictures > 0 and rows >= 30 * pictures and wrong == 0
    assert re.search(r" t[0-9a-f]+ from 10\.79\.0\.2 to 10\.79\.0\.[134]: \d+ KiB", done.stdout)
    assert "10.79.0.4 is killed" in done.stdout
    assert left() == []


def test_what_is_missing_is_said(tmp_path: Path) -> None:
    done = run(tmp_path, str(tmp_path))
    assert done.returncode == 1 and done.stdout == ""
    assert done.stderr == "demo-mist: there is no program ip; install iproute2\n"
    (tmp_path / "cc").symlink_to("/bin/true")
    (tmp_path / "ip").write_text("#!/bin/sh\necho 'Operation not permitted' >&2\nexit 1\n")
    (tmp_path / "ip").chmod(0o755)
    done = run(tmp_path, str(tmp_path))
    assert done.returncode == 1
    assert "cannot be made (Operation not permitted); run it as root" in done.stderr
