# SPDX-License-Identifier: MIT
"""Sources and makefiles of the 1990s, in tests/legacy, are built by aimk and run, untouched."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest
from support.machines.vm import VirtualMachine
from support.system import ARCH, PROJECT, missing, pvm_root, require_daemon, require_program
from support.usertree import attempt, run, script

# Of each tree: its programs, the first of which a user starts, and what that prints.
TREES = {
    "ring": (("ring", "tally"), "3 tasks, sum 7.5\n"),
    "heat": (("heat",), "sum 5\n"),
    "nbody": (("host", "node"), "total 25\n"),
}


@pytest.fixture(params=TREES)
def legacy(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    """A copy of one of the trees, beside the home directory of its user."""
    for program, package in (("make", "make"), ("gcc", "gcc"), ("gfortran", "gfortran")):
        require_program(program, package)
    require_daemon("ours")
    (tmp_path / "home" / "pvm3").mkdir(parents=True)
    return Path(shutil.copytree(PROJECT / "tests" / "legacy" / request.param, tmp_path / "sources"))


def build(place: Path, *words: str, **env: str) -> Path:
    """Build with aimk; the directory of the programs."""
    home = place.parent / "home"
    settings = {"HOME": str(home), "PVM_ROOT": str(pvm_root())} | env
    run(pvm_root() / "lib" / "aimk", *words, cwd=place, env=settings)
    return home / "pvm3" / "bin" / ARCH


def test_aimk_builds_an_old_tree_that_then_runs(
    legacy: Path, request: pytest.FixtureRequest
) -> None:
    name = request.node.callspec.params["legacy"]
    programs, output = TREES[name]
    place = build(legacy, *(["install"] if name == "heat" else []))
    assert sorted(os.listdir(place)) == sorted(programs)
    with VirtualMachine("ours", path=[place]) as machine:
        assert machine.run(place / programs[0]).check().out == output


@pytest.mark.parametrize("legacy", ["ring"], indirect=True)
def test_aimk_without_pvm_root_finds_everything(legacy: Path) -> None:
    home = {"HOME": str(legacy.parent / "home")}
    run(pvm_root() / "lib" / "aimk", cwd=legacy, env=home)
    assert (legacy / ARCH / "ring").exists()


@pytest.mark.parametrize("legacy", ["ring"], indirect=True)
def test_aimk_cleans_what_it_built(legacy: Path) -> None:
    build(legacy)
    build(legacy, "clean")
    assert os.listdir(legacy / ARCH) == []


@pytest.mark.parametrize("legacy", ["nbody"], indirect=True)
def test_old_tree_fails_without_the_compilers_of_aimk(legacy: Path) -> None:
    """Else the tests above would test nothing: C's common blocks, Fortran's arguments."""
    home = str(legacy.parent / "home")
    env = {"HOME": home, "PVM_ROOT": str(pvm_root()), "PVM_ARCH": ARCH}
    done = attempt("make", "CC=gcc -w -std=gnu89", cwd=legacy, env=env)
    assert done.returncode != 0
    assert "multiple definition" in done.stderr


def test_compilers_of_aimk_are_those_that_are_found_behind_them(tmp_path: Path) -> None:
    """Also when the next one looks for a compiler itself, as ccache does."""
    compat = pvm_root() / "lib" / "compat"
    if not compat.exists():
        missing("run `make`")
    script(tmp_path / "bin" / "cc", 'echo "cc with $* in $PATH"\n')
    path = f"{tmp_path}/bin:{os.environ['PATH']}"
    twice = f"{compat}:{compat}:{path}"
    out = run("cc", "-c", "x.o", cwd=tmp_path, env={"PATH": twice})
    assert out == f"cc with -c x.o in {path}\n"


def test_name_of_an_old_fortran_compiler_means_the_present_one(tmp_path: Path) -> None:
    require_program("gfortran", "gfortran")
    (tmp_path / "empty.f").write_text("      end\n")
    run(pvm_root() / "lib" / "compat" / "g77", "-c", "empty.f", cwd=tmp_path)
    assert (tmp_path / "empty.o").exists()
