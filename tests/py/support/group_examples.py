# SPDX-License-Identifier: MIT
"""PVM's example programs of groups and in Fortran: installed ones and compiled with our tree."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Literal

from support import compiler
from support.system import (
    Side,
    library_dir,
    pvm_root,
    require_library,
    require_program,
)

# "debian": /usr/bin's programs as they are; "installed": the same with our shared libraries;
# "compiled": their sources, compiled with our headers and libraries.
Flavour = Literal["debian", "installed", "compiled"]

_PACK = "-DPACK"
# Program: source, flags.
C_PROGRAMS: dict[str, tuple[str, ...]] = {
    "gexample": ("examples/gexample.c",),
    "ge": ("gexamples/ge.c",),
    "gexamp": ("gexamples/gexamp.c",),
    "gs.pvm": ("gexamples/gs.c",),
    "joinleave": ("gexamples/joinleave.c",),
    "thb": ("gexamples/thb.c",),
    "tnb": ("gexamples/tnb.c",),
    "tjf": ("gexamples/tjf.c",),
    "tjl": ("gexamples/tjl.c",),
    "trsg": ("gexamples/trsg.c",),
    "tst": ("gexamples/tst.c",),
    "dbwtest": ("examples/bwtest.c", _PACK, "-DENCODE=PvmDataDefault"),
    "ibwtest": ("examples/bwtest.c", _PACK, "-DENCODE=PvmDataInPlace"),
    "rbwtest": ("examples/bwtest.c", _PACK, "-DENCODE=PvmDataRaw"),
    "pbwtest": ("examples/bwtest.c",),
    "mhf_server": ("examples/mhf_server.c",),
    "mhf_tickle": ("examples/mhf_tickle.c",),
}
FORTRAN_PROGRAMS = {
    "fgexample": "examples/gexample.f",
    "frsg": "gexamples/frsg.f",
    "hitc": "examples/hitc.f",
    "hitc_slave": "examples/hitc_slave.f",
    "fmaster1": "examples/master1.f",
    "fslave1": "examples/slave1.f",
    "fspmd": "examples/spmd.f",
}


@cache
def programs(flavour: Flavour) -> Path:
    """Directory of all these programs."""
    require_library("ours" if flavour != "debian" else "debian")
    target = compiler.work_dir() / f"group-examples-{flavour}"
    target.mkdir()
    for name in (*C_PROGRAMS, *FORTRAN_PROGRAMS):
        if flavour == "compiled":
            (target / name).symlink_to(_compiled(name))
        else:
            _starter(target / name, "ours" if flavour == "installed" else "debian")
    return target


@cache
def server_dir(server: Side, flavour: Flavour) -> Path:
    """Directory of the group server alone; Debian's runs with the libraries of the flavour."""
    if server == "ours":
        return pvm_root() / "bin" / library_dir().name
    require_program("pvmgs", "pvm")
    target = compiler.work_dir() / f"pvmgs-{flavour}"
    target.mkdir()
    _starter(target / "pvmgs", "ours" if flavour == "installed" else "debian")
    return target


def _starter(path: Path, libraries: Side) -> None:
    """A script that runs /usr/bin's program of that name (see installed_examples)."""
    setting = f"LD_LIBRARY_PATH={library_dir()} " if libraries == "ours" else ""
    path.write_text(f'#!/bin/sh\n{setting}exec /usr/bin/{path.name} "$@"\n')
    path.chmod(0o755)


def _compiled(name: str) -> Path:
    sources = compiler.example_sources()
    ours = [f"-L{library_dir()}"]
    if name in C_PROGRAMS:
        source, *flags = C_PROGRAMS[name]
        return compiler.compile_program(
            name,
            [sources / source],
            "ours",
            [*compiler.OLD_C, *flags],
            libraries=[*ours, "-lgpvm3"],
        )
    require_program("gfortran", "gfortran")
    include = sources / "include"
    include.mkdir(exist_ok=True)
    header = include / "fpvm3.h"
    if not header.exists():
        header.symlink_to(pvm_root() / "include" / "fpvm3.h")
    source = FORTRAN_PROGRAMS[name]
    return compiler.compile_program(
        name,
        [sources / source],
        "ours",
        [*compiler.OLD_FORTRAN, f"-I{(sources / source).parent}"],
        compiler="gfortran",
        libraries=[*ours, "-lfpvm3", "-lgpvm3"],
    )
