# SPDX-License-Identifier: MIT
"""The tests of links, enrolments and sharing with a switch with AddressSanitizer and UBSan.

The fuzz targets hand packets to the switch one by one; here they go through the socket, many at
a time, over bad networks, with full queues.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from support import compiler
from support.system import PROJECT, missing, modules_dir

SANITIZE = "-fsanitize=address,undefined"
TESTS = ("test_links.py", "test_enrolment.py", "test_share.py", "test_enclosures.py")


def run(command: list[str], env: dict[str, str]) -> str:
    """The output of a command that must succeed."""
    clean = {k: v for k, v in os.environ.items() if not k.startswith(("MAKE", "MFLAGS", "PYTEST"))}
    done = subprocess.run(command, capture_output=True, text=True, env=clean | env, check=False)
    assert done.returncode == 0, (done.stdout + done.stderr)[-8000:]
    return done.stdout


@pytest.fixture(scope="module")
def modules() -> Path:
    """A copy of the Python tree whose switch is instrumented."""
    build = compiler.work_dir() / "sanitized-switch"
    flags = f"{SANITIZE} -fno-sanitize-recover=all -fno-omit-frame-pointer -g -O1"
    goal = build / "stamps" / "ext-switch"
    run(
        ["make", "-s", "-C", str(PROJECT), f"BUILD={build}", f"PYTHON={sys.executable}", "CC=gcc"]
        + [f"PYTHON_DEV={PROJECT / 'build' / 'python-dev'}", str(goal)],
        {"CFLAGS": flags, "LDFLAGS": SANITIZE},
    )
    tree = build / "pvm3" / "lib" / "python"
    others = shutil.ignore_patterns("_switch*.so")
    shutil.copytree(modules_dir(), tree, dirs_exist_ok=True, ignore=others)
    return tree


@pytest.mark.slow
@pytest.mark.parametrize("name", TESTS)
def test_instrumented_switch_finds_nothing(modules: Path, name: str) -> None:
    runtime = Path(run(["gcc", "-print-file-name=libasan.so"], {}).strip())
    if not runtime.is_absolute():
        missing("gcc has no AddressSanitizer: apt-get install libasan8")
    env = {
        "PYTHONPATH": str(modules),
        "LD_PRELOAD": str(runtime),
        "ASAN_OPTIONS": "detect_leaks=0",
        "UBSAN_OPTIONS": "print_stacktrace=1",
    }
    # -P: not the package in the current directory, which has no extension modules.
    python = [sys.executable, "-P"]
    used = run([*python, "-c", "import pvm3py._switch as s; print(s.__file__)"], env)
    assert used.startswith(str(modules))
    command = [*python, "-m", "pytest", "-q", "-p", "no:cacheprovider"]
    # The sanitizer is to report a fault, not Python.
    command += ["-p", "no:faulthandler"]
    out = run([*command, "--rootdir", str(PROJECT), str(Path(__file__).parent / name)], env)
    assert " passed" in out and "skipped" not in out, out
