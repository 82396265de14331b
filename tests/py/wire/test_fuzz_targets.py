# SPDX-License-Identifier: MIT
"""The fuzz targets on their corpus and a bounded number of further inputs."""

from __future__ import annotations

import os
import subprocess

import pytest
from support import compiler
from support.system import PROJECT, missing, require_program

BUILD = PROJECT / "build" / "fuzz"


@pytest.fixture(scope="module")
def _targets() -> None:
    require_program("clang", "clang")
    probe = subprocess.run(
        ["clang", "-fsanitize=fuzzer,address", "-x", "c", "-", "-o", "/dev/null"],
        input="int LLVMFuzzerTestOneInput(const char *d, long n) { return d && n < 0; }",
        capture_output=True,
        text=True,
        check=False,
    )
    if probe.returncode:
        missing("clang has no libFuzzer: apt-get install libclang-rt-dev")
    compiler.made_once("fuzz", lambda done: (make("build"), done.touch()))


def make(goal: str) -> None:
    """Run a goal of tests/fuzz/Makefile."""
    jobs = f"-j{os.cpu_count() or 1}"
    done = subprocess.run(
        ["make", "-s", jobs, "-C", str(PROJECT / "tests" / "fuzz"), f"BUILD={BUILD}", goal],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, (done.stdout + done.stderr)[-8000:]


@pytest.mark.slow
@pytest.mark.usefixtures("_targets")
@pytest.mark.parametrize(
    "target",
    ["switch", "network", "stream", "orders", "unpack", "ring", "archive", "listing", "hosts"],
)
def test_fuzz_target_finds_nothing(target: str) -> None:
    make(f"check-{target}")
