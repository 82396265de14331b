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
    require_examples,
    require_library,
    require_program,
    spawn_dir,
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
    names = (*C_PROGRAMS, *FORTRAN_PROGRAMS)
    if flavour == "compiled":
        found = [_compiled(name) for name in names]
    else:
        require_examples()
        found = [compiler.installed_starter(name, _libraries(flavour)) for name in names]
    return compiler.linked(f"group-examples-{flavour}", found)


@cache
def server_dir(server: Side, flavour: Flavour) -> Path:
    """Directory of the group server alone; Debian's runs with the libraries of the flavour."""
    if server == "ours":
        return spawn_dir()
    require_program("pvmgs", "pvm")
    starter = compiler.installed_starter("pvmgs", _libraries(flavour))
    return compiler.linked(f"pvmgs-{flavour}", [starter])


def _libraries(flavour: Flavour) -> Side:
    """Whose shared libraries /usr/bin's programs run with."""
    return "ours" if flavour == "installed" else "debian"


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
    source = FORTRAN_PROGRAMS[name]
    return compiler.compile_program(
        name,
        [sources / source],
        "ours",
        [*compiler.OLD_FORTRAN, f"-I{(sources / source).parent}"],
        compiler="gfortran",
        libraries=[*ours, "-lfpvm3", "-lgpvm3"],
    )
