# SPDX-License-Identifier: MIT
"""Fortran programs with our libfpvm3 and fpvm3.h."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest
from support import compiler
from support.machines.vm import VirtualMachine
from support.programs import cases
from support.programs.groups import library_flags, server_dir
from support.system import PROJECT, SIDES, Side, library_dir, missing, require_program
from support.vectors.normalise import normalise, recorded, sorted_lines

DEBIAN_LIBRARY = Path("/usr/lib/x86_64-linux-gnu/libfpvm3.a")
DEBIAN_HEADER = Path("/usr/include/fpvm3.h")

# Program: source, input, programs that it spawns with their sources.
EXAMPLES = {
    "hitc": ("examples/hitc.f", "", ("hitc_slave:examples/hitc_slave.f",)),
    "fmaster1": ("examples/master1.f", "3\n", ("fslave1:examples/slave1.f",)),
    "fgexample": ("examples/gexample.f", "20\n4\n", ()),
    "frsg": ("gexamples/frsg.f", "4\n5\n", ()),
}


def example(name: str, source: str) -> Path:
    """A Fortran example program of PVM with our header and libraries."""
    require_program("gfortran", "gfortran")
    path = compiler.example_sources() / source
    return compiler.compile_program(
        name,
        [path],
        "ours",
        [*compiler.OLD_FORTRAN, f"-I{path.parent}"],
        compiler="gfortran",
        libraries=library_flags("ours", "-lfpvm3", "-lgpvm3"),
    )


def symbols(library: Path, *options: str) -> set[str]:
    text = subprocess.run(
        ["nm", *options, str(library)], check=True, capture_output=True, text=True
    ).stdout
    return set(re.findall(r" T (pvm\w+_)$", text, re.MULTILINE))


def test_archive_and_shared_library_have_every_entry_point() -> None:
    if not DEBIAN_LIBRARY.exists():
        missing("Debian's libfpvm3.a is not installed: apt-get install pvm-dev")
    wanted = symbols(DEBIAN_LIBRARY)
    assert len(wanted) > 60
    assert symbols(library_dir() / "libfpvm3.a") == wanted
    assert symbols(library_dir() / "libfpvm3.so.3", "-D") == wanted


def test_constants_are_those_of_the_original() -> None:
    if not DEBIAN_HEADER.exists():
        missing("Debian's fpvm3.h is not installed: apt-get install pvm-dev")
    pattern = re.compile(r"parameter *\( *(\w+) *= *(-?\d+) *\)", re.IGNORECASE)

    def constants(header: Path) -> dict[str, str]:
        return {name.upper(): value for name, value in pattern.findall(header.read_text())}

    ours = constants(PROJECT / "include" / "fpvm3.h")
    assert ours == constants(DEBIAN_HEADER) | {"PVMTASKFIXED": "128"}


@pytest.mark.parametrize("daemon", SIDES)
def test_every_entry_point_is_checked(daemon: Side) -> None:
    checked = set(re.findall(r"^case\t(\w+)", cases.fortran(daemon), re.MULTILINE))
    assert {f"{name}_" for name in checked} == symbols(library_dir() / "libfpvm3.a")


@pytest.mark.parametrize("daemon", SIDES)
@pytest.mark.parametrize("name", EXAMPLES)
def test_example_program(name: str, daemon: Side) -> None:
    source, stdin, children = EXAMPLES[name]
    main = example(name, source)
    others = [example(*child.split(":")) for child in children]
    path = [main.parent, *(child.parent for child in others), server_dir("ours")]
    with VirtualMachine(daemon, path=path) as vm:
        done = vm.run(main, stdin=stdin, merged=True).check()
    assert sorted_lines(normalise(done.out)) == sorted_lines(normalise(recorded(name)))


@pytest.mark.parametrize("library", SIDES)
def test_error_text_keeps_its_blanks(library: Side) -> None:
    program = cases.fortran_program("error_text.f90", library)
    done = subprocess.run([program], capture_output=True, text=True, check=True)
    texts = [line.split("]: ", 1)[1] for line in done.stderr.splitlines()]
    assert texts == ["text: : Error 0", "word  : Error 0", " : Error 0", ": Error 0"]


@pytest.mark.parametrize("daemon", SIDES)
def test_spawned_siblings(daemon: Side) -> None:
    program = example("fspmd", "examples/spmd.f")
    launch = compiler.test_program("launch", "ours")
    with VirtualMachine(daemon, path=[program.parent]) as vm:
        out = vm.run(launch, 4, "fspmd").check().out
    text = normalise(out)
    assert "Pass a token through the           4  tid ring:" in text
    ring = re.findall(r"(\S+) +->", text)
    assert len(ring) == len(set(ring)) == 4
    assert "token ring done" in text
