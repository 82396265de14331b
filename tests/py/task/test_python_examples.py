# SPDX-License-Identifier: MIT
"""The Python examples, each run as its first lines say."""

from __future__ import annotations

import importlib.util
import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from support import compiler
from support.compiler import compile_program
from support.machines.private import nothing_left
from support.programs.groups import library_flags
from support.programs.scripts import ScriptMachine
from support.system import PATIENCE, PROJECT, missing, modules_dir, require_program

EXAMPLES = PROJECT / "examples"
MIXED = EXAMPLES / "mixed_group"


def require_module(name: str) -> None:
    if importlib.util.find_spec(name) is None:
        missing(f"{name}: `make build/stamps/venv-test` brings it")


def run(tmp: Path, *command: object) -> str:
    """Run a program that makes a machine of its own; its output."""
    env = {name: value for name, value in os.environ.items() if not name.startswith("PVM")}
    env |= {"PVM_TMP": str(tmp), "PVM_ALLOW_ROOT": "1", "PYTHONPATH": str(modules_dir())}
    words = [sys.executable, *map(str, command)]
    done = subprocess.run(words, cwd=tmp, env=env, capture_output=True, text=True, timeout=PATIENCE)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_pool_finds_the_longest_way_to_one(tmp_path: Path) -> None:
    with nothing_left():
        assert run(tmp_path, EXAMPLES / "pool.py") == "6171 takes 261 steps\n"


def test_monte_carlo_comes_near_pi(tmp_path: Path) -> None:
    with nothing_left():
        output = run(tmp_path, "-m", "pvm3py", "run", EXAMPLES / "monte_carlo.py")
    assert re.fullmatch(r"pi is about 3\.1[345], by 400000 points\n", output)


@pytest.mark.parametrize("tasks", [1, 3, 4])
def test_heat_is_the_same_with_any_number_of_tasks(tmp_path: Path, tasks: int) -> None:
    require_module("numpy")
    with nothing_left():
        output = run(tmp_path, "-m", "pvm3py", "run", "-n", tasks, EXAMPLES / "heat.py")
    assert "mean temperature 11.02 after 400 steps" in output


def test_web_service_answers_while_workers_count(tmp_path: Path) -> None:
    require_module("aiohttp")
    with nothing_left():
        assert run(tmp_path, "-c", _CLIENT, EXAMPLES).split() == ["25", "168", "1229", "0", "404"]


_CLIENT = """
import asyncio, sys
sys.path.insert(0, sys.argv[1])
from aiohttp.test_utils import TestClient, TestServer
from pvm3py.futures import PvmPoolExecutor
from web_service import service

async def main(pool):
    async with TestClient(TestServer(service(pool))) as client:
        async def ask(n):
            async with client.get(f"/primes/{n}") as answer:
                return (await answer.json())["primes"]
        print(*await asyncio.gather(*map(ask, (100, 1000, 10000, 0))))
        async with client.get("/primes/many") as answer:
            print(answer.status)

if __name__ == "__main__":
    with PvmPoolExecutor(2) as pool:
        asyncio.run(main(pool))
"""


def test_c_master_gets_squares_from_python_workers(machine: ScriptMachine) -> None:
    master = compile_program("c_master", [EXAMPLES / "c_master.c"], "ours")
    worker = python_program(machine, EXAMPLES / "python_worker.py")
    done = machine.vm.run(master, worker).check()
    assert done.out == "c_master: the sum of the squares is 13.75\n"


def test_group_of_c_fortran_and_python_does_every_collective_call(machine: ScriptMachine) -> None:
    require_program("gfortran", "gfortran")
    libraries = library_flags("ours", "-lgpvm3")
    first = compile_program("member_c", [MIXED / "member.c"], "ours", libraries=libraries)
    second = compile_program(
        "member_f",
        [MIXED / "member.f"],
        "ours",
        [*compiler.OLD_FORTRAN, f"-I{PROJECT / 'include'}"],
        compiler="gfortran",
        libraries=library_flags("ours", "-lfpvm3", "-lgpvm3"),
    )
    (machine.programs / "member_f").symlink_to(second)
    done = machine.vm.run(first, python_program(machine, MIXED / "member.py")).check()
    said = re.sub(r"^\[t\w+\] ", "", done.out, flags=re.MULTILINE)
    for line in (
        "C: gathered 1 2 3",
        "C: the slices add up to 60",
        "Fortran: 42 was broadcast",
        "Python: 42 was broadcast",
    ):
        assert line in said, said
    slices = re.findall(r"(?:Fortran|Python): the slice is +(\d+)", said)
    assert sorted(slices) == ["20", "30"]


def python_program(machine: ScriptMachine, path: Path) -> Path:
    """The program with the interpreter and the package under test."""
    head, text = path.read_text().split("\n", 1)
    assert head.startswith("#!")
    found = machine.programs / path.name
    place = f"import sys; sys.path.insert(0, {str(modules_dir())!r})"
    text = text.replace("from pvm3py import", f"{place}\nfrom pvm3py import", 1)
    found.write_text(f"#!{sys.executable}\n{text}")
    found.chmod(0o755)
    return found


def test_every_cell_of_the_tour_runs(tmp_path: Path) -> None:
    """The notebook's cells one after the other, each with the text that the notebook shows."""
    require_module("numpy")
    notebook = json.loads((EXAMPLES / "tour.ipynb").read_text())
    cells = [cell for cell in notebook["cells"] if cell["cell_type"] == "code"]
    assert len(cells) > 5
    script = tmp_path / "cells.py"
    script.write_text("\n".join("".join(cell["source"]) for cell in cells) + "\n")
    with nothing_left():
        output = run(tmp_path, script)
    shown = [
        "".join(part["text"])
        for cell in cells
        for part in cell["outputs"]
        if part["output_type"] == "stream"
    ]
    assert output == "".join(shown)
