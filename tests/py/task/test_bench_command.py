# SPDX-License-Identifier: MIT
"""The command `pvm3py bench`: each row brings figures, and nothing stays behind."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from support.machines.private import nothing_left
from support.system import PATIENCE, modules_dir

from pvm3py.bench.__main__ import ROWS, Row

COMMAND = (sys.executable, "-P", "-m", "pvm3py", "bench")


@pytest.fixture(autouse=True)
def clean() -> Iterator[None]:
    """Nothing stays after a test."""
    with nothing_left():
        yield


def bench(tmp: Path, *words: str) -> subprocess.CompletedProcess[str]:
    """Run the command."""
    env = {name: value for name, value in os.environ.items() if not name.startswith("PVM")}
    env |= {"PVM_TMP": str(tmp), "PVM_ALLOW_ROOT": "1", "PYTHONPATH": str(modules_dir())}
    return subprocess.run(
        [*COMMAND, *words], cwd=tmp, env=env, capture_output=True, text=True, timeout=PATIENCE
    )


@pytest.mark.parametrize(
    "row",
    [row for row in ROWS if not row.name.endswith("6")],
    ids=lambda row: row.name,
)
def test_row_has_figures_of_both_sides(tmp_path: Path, row: Row) -> None:
    name, theirs = row.name, row.theirs
    done = bench(tmp_path, name, "--rounds", "1", "--seconds", "0.02", "--json")
    assert done.returncode == 0, done.stderr
    (result,) = json.loads(done.stdout)
    assert result["row"] == name and result["pvm3py"] > 0
    assert (result["multiprocessing"] is None) == (theirs is None)


def test_table_names_row_figures_and_unit(tmp_path: Path) -> None:
    done = bench(tmp_path, "tuple", "--rounds", "1", "--seconds", "0.02")
    head, line = done.stdout.splitlines()
    assert head.split() == ["pvm3py", "multiprocessing"]
    assert line.startswith("small tuple, half a round trip ") and line.endswith("  us")


def test_row_that_is_unknown_is_named(tmp_path: Path) -> None:
    done = bench(tmp_path, "nothing")
    assert done.returncode == 2 and "no row nothing" in done.stderr
