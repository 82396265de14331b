# SPDX-License-Identifier: MIT
"""Our headers and library have the binary interface of PVM 3.4.6."""

from __future__ import annotations

import ctypes
import json
import re
import subprocess
import sys
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from support.system import (
    C_SOURCES,
    library_dir,
    missing,
    pvm_root,
    require_library,
    require_program,
)

DEBIAN_INCLUDE = Path("/usr/include")
CTYPESGEN = "from ctypesgen.main import main; main()"
HEADERS = ("pvm3.h", "pvmtev.h", "pvmproto.h")
DEBIAN_PACKAGES = ("pvm", "pvm-examples", "libpvm3", "pvm-dev")

# Names that depend on the compiler's or the C library's headers, or guard a header.
FOREIGN = re.compile(r"_.*|PVMTMPNAM.*|L_tmpnam")


# Functions of libgpvm3.
GROUPS = {
    f"pvm_{name}"
    for name in (
        *("joingroup", "lvgroup", "freezegroup", "gettid", "getinst", "gsize", "barrier"),
        *("bcast", "reduce", "gather", "scatter"),
        *("psum", "pproduct", "pmax", "pmin"),
    )
} | {"PvmMax", "PvmMin", "PvmSum", "PvmProduct"}

# Exported without a public declaration: binaries built against 3.4.6 import them, and
# programs have declared them themselves.
BESIDES = {
    *("pvm_errno", "pvm_nerr", "pvm_errlist", "pvm_vpackf", "pvm_vunpackf"),
    *("pvm_getmwid", "pvm_setmwid"),
    *(
        "i_dump",
        "lpvmerr",
        "pvmbeatask",
        "pvmchkuid",
        "pvmendtask",
        "pvmdisplaymhfinfo",
        "pvmgetclock",
    ),
    *("pvmsleep", "pvmputenv", "pvmstrtoi", "pvmnametag", "pvmreset", "pvmsettaskname"),
    *("pvmtmpnam", "pvmmytid", "pvmmyctx", "pvmtoplvl", "pvmtrc", "pvmctrc", "pvmtrccodef"),
    *("pvmbailout", "pvmtevdidlist", "pvmtevinfo", "tev_begin", "tev_fin"),
}

# What our libgpvm3 uses of our libpvm3 to let threads call it at the same time.
THREADS = {
    *("pvmgroupbegin", "pvmgroupcount", "pvmgroupend", "pvmgroupmask"),
    *("pvmgrouppause", "pvmgroupresume"),
    *("pvmlock", "pvmunlock", "pvmviewbegin", "pvmviewend", "pvmtrecvf", "pvmturn", "pvmturnend"),
    *("pvmsession", "pvmistask"),
}

# What the Python interface, which is linked with the archive, finds in it besides.
IN_ARCHIVE = {
    *("pvmaskwaiting", "pvmwatch", "pvmdoze"),
    *("pvmsendbytes", "pvmsendpair", "pvmsendparts", "pvmtake", "pvmfill", "pvmlook"),
    *("pvmread", "pvmdrain"),
    *("pvmdescribe", "pvmrewind", "pvmspawn", "pvmforksibling", "pvmmove", "pvmmovable"),
    *("pvmcheckpoint", "pvmrevive"),
    "pvmowner",
}

# Debian's daemon is linked with inner parts of its library, and stays with that.
DAEMON = "pvmd"

# 3.4.6 says that the function it returns takes a function; it takes what it is called with.
WRONG_IN_DEBIAN = {"pvm_recvf"}


class Symbol(NamedTuple):
    """A dynamic symbol: nm's type letter and its size."""

    kind: str
    size: int


# ---- headers, by ctypesgen ---------------------------------------------------


@cache
def descriptions(header: Path) -> list[dict[str, Any]]:
    """What ctypesgen finds in a header: macros, structures, functions."""
    if not header.exists():
        missing(f"{header} does not exist: apt-get install pvm-dev")
    # pvm3.h declares pvm_catchout only behind <stdio.h>.
    command = [sys.executable, "-c", CTYPESGEN, "--output-language=json"]
    command += ["--cpp=cc -E -include stdio.h"]
    done = subprocess.run(
        [*command, f"-I{header.parent}", str(header)], capture_output=True, text=True, check=True
    )
    entries: list[dict[str, Any]] = json.loads(done.stdout)
    return entries


def bare_type(ctype: Any) -> Any:
    """A type without its place in the source and the names of parameters."""
    if isinstance(ctype, dict):
        drop = ("src", "attrib", "errors", "identifier", "anonymous", "qualifiers")
        return {key: bare_type(value) for key, value in ctype.items() if key not in drop}
    if isinstance(ctype, list):
        return [bare_type(item) for item in ctype]
    return ctype


def constants(header: Path) -> dict[str, object]:
    """Values of the macros that are constants."""
    values: dict[str, object] = {}
    names = vars(ctypes) | {"ord_if_char": lambda value: value}
    for entry in descriptions(header):
        if entry["type"] == "macro" and not FOREIGN.fullmatch(entry["name"]):
            values[entry["name"]] = eval(entry["value"], names | values)
    return values


def structures(header: Path) -> dict[str, list[tuple[str, Any]]]:
    """Names and types of the members of each structure, in order."""
    return {
        entry["name"]: [(field["name"], bare_type(field["ctype"])) for field in entry["fields"]]
        for entry in descriptions(header)
        if entry["type"] == "struct" and entry["name"].lower().startswith("pvm")
    }


def prototypes(header: Path) -> dict[str, tuple[Any, list[Any], bool]]:
    """Result, parameters and "..." of each function."""
    return {
        entry["name"]: (
            bare_type(entry["return"]),
            [bare_type(argument) for argument in entry["args"]],
            entry["variadic"],
        )
        for entry in descriptions(header)
        if entry["type"] == "function" and entry["name"] not in WRONG_IN_DEBIAN
    }


@pytest.mark.parametrize(
    ("name", "reader"),
    [
        ("pvm3.h", constants),
        ("pvm3.h", structures),
        ("pvm3.h", prototypes),
        ("pvmtev.h", constants),
        ("pvmtev.h", structures),
        ("pvmtev.h", prototypes),
    ],
)
def test_header_declares_what_debians_declares(name: str, reader: Any) -> None:
    """Everything in 3.4.6's header is in ours, with the same value or type."""
    require_library("ours")
    theirs = reader(DEBIAN_INCLUDE / name)
    ours = reader(pvm_root() / "include" / name)
    assert theirs, f"ctypesgen found no {reader.__name__} in Debian's {name}"
    assert {key: ours.get(key) for key in theirs} == theirs


def test_protocol_numbers_are_debians() -> None:
    """Debian's pvmproto.h has inner matters of its daemon besides; ours must not differ."""
    theirs = constants(DEBIAN_INCLUDE / "pvmproto.h")
    ours = constants(pvm_root() / "include" / "pvmproto.h")
    common = ours.keys() & theirs.keys()
    assert {"TM_CONN2", "TM_GETOPT", "TC_SIBLINGS", "SM_STTASK", "SYSCTX_DG"} <= common
    assert {name: ours[name] for name in common} == {name: theirs[name] for name in common}


@pytest.mark.parametrize("compiler", ["cc", "c++"])
@pytest.mark.parametrize("name", HEADERS)
def test_header_compiles_alone_without_warning(name: str, compiler: str) -> None:
    require_library("ours")
    require_program(compiler, {"cc": "gcc", "c++": "g++"}[compiler])
    language = {"cc": "c", "c++": "c++"}[compiler]
    done = subprocess.run(
        [compiler, "-x", language, "-Wall", "-Wextra", "-Werror", "-fsyntax-only"]
        + [f"-I{pvm_root() / 'include'}", "-"],
        input=f"#include <{name}>\n",
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr


# ---- symbols, by nm ----------------------------------------------------------


def dynamic_symbols(file: Path, *, defined: bool) -> dict[str, Symbol]:
    """Dynamic symbols that a file defines, or those that it wants from others."""
    flag = "--defined-only" if defined else "--undefined-only"
    output = subprocess.run(
        ["nm", "-D", "--format=posix", flag, str(file)], capture_output=True, text=True, check=True
    ).stdout
    symbols = {}
    for line in output.splitlines():
        name, kind, *numbers = line.split()
        size = int(numbers[1], 16) if len(numbers) > 1 else 0
        symbols[name.split("@")[0]] = Symbol(kind, size)
    return symbols


def exported() -> dict[str, Symbol]:
    """What our libpvm3.so.3 exports."""
    require_library("ours")
    return dynamic_symbols(library_dir() / "libpvm3.so.3", defined=True)


def intended() -> set[str]:
    """What libpvm3 is to export: what the headers declare for it, BESIDES and THREADS."""
    include = pvm_root() / "include"
    declared = {*prototypes(include / "pvm3.h"), *prototypes(include / "pvmtev.h")}
    own = {n for n in declared if n.startswith("pvm")} - GROUPS
    return own | BESIDES | THREADS | WRONG_IN_DEBIAN


@cache
def debian_library() -> Path:
    """Debian's libpvm3.so.3."""
    require_library("debian")
    return next(Path("/usr/lib").glob("*/libpvm3.so.3"))


@cache
def debian_programs() -> tuple[Path, ...]:
    """Programs and libraries of Debian's PVM packages that are linked dynamically."""
    found = []
    for package in DEBIAN_PACKAGES:
        listing = subprocess.run(["dpkg", "-L", package], capture_output=True, text=True)
        if listing.returncode != 0:
            missing(f"package {package} is not installed: apt-get install {package}")
        for line in listing.stdout.splitlines():
            file = Path(line)
            if file.is_file() and file.suffix != ".a" and file.read_bytes()[:4] == b"\x7fELF":
                found.append(file)
    return tuple(found)


def test_exports_are_exactly_the_intended_ones() -> None:
    assert set(exported()) == intended()


def debian_imports() -> dict[str, str]:
    """What Debian's binaries import from libpvm3, each name with one that does."""
    theirs = dynamic_symbols(debian_library(), defined=True)
    wanted: dict[str, str] = {}
    for file in debian_programs():
        if file.name not in ("libpvm3.so.3", DAEMON):
            for name in dynamic_symbols(file, defined=False):
                if name in theirs:
                    wanted[name] = file.name
    assert wanted, "no installed program imports anything from libpvm3"
    return wanted


def test_every_import_of_debians_binaries_is_exported() -> None:
    ours = exported()
    wanted = debian_imports()
    assert {name: user for name, user in wanted.items() if name not in ours} == {}


def test_meaning_of_imports_beside_the_interface_is_checked() -> None:
    """By tests/c/check_symbols.c; of the tables of names below."""
    checked = set(re.findall(r"\w+", (C_SOURCES / "check_symbols.c").read_text()))
    beside = {name for name in debian_imports() if not name.startswith("pvm_")}
    assert beside - checked == {"pvmtevdidlist", "pvmtevinfo"}


# Prints the tables of names in a library as one list.
TABLES = """
import ctypes, json, sys
class Info(ctypes.Structure):
    _fields_ = [("name", ctypes.c_char_p), ("status", ctypes.c_int), ("rest", ctypes.c_long * 5)]
class Did(ctypes.Structure):
    _fields_ = [("did", ctypes.c_char_p), ("text", ctypes.c_char_p)]
library = ctypes.CDLL(sys.argv[1])
infos = (Info * 109).in_dll(library, "pvmtevinfo")
dids = (Did * 123).in_dll(library, "pvmtevdidlist")
errors = (ctypes.c_char_p * 37).in_dll(library, "pvm_errlist")
texts = [i.name for i in infos] + [t for d in dids for t in (d.did, d.text)] + list(errors)
print(json.dumps([ctypes.sizeof(Info), [t and t.decode() for t in texts]]))
"""


def test_tables_of_names_are_debians() -> None:
    """Names of events, of their items with descriptions, of errors."""
    require_library("ours")
    ours, theirs = (
        json.loads(
            subprocess.run(
                [sys.executable, "-c", TABLES, str(library)],
                capture_output=True,
                text=True,
                check=True,
            ).stdout
        )
        for library in (library_dir() / "libpvm3.so.3", debian_library())
    )
    assert len(theirs[1]) == 109 + 2 * 123 + 37
    assert ours == theirs


def test_data_objects_have_debians_sizes() -> None:
    """Programs hold copies of them, whose size was fixed when they were linked."""
    theirs = dynamic_symbols(debian_library(), defined=True)
    ours = exported()
    data = {name: symbol for name, symbol in theirs.items() if symbol.kind in "BDR"}
    common = {name: symbol.size for name, symbol in data.items() if name in ours}
    assert {"pvm_errno", "pvm_errlist", "pvmtevinfo", "pvmtrc"} <= set(common)
    assert {name: ours[name].size for name in common} == common
    assert all(ours[name].kind in "BDR" for name in common)


def test_shared_library_has_the_original_soname() -> None:
    require_library("ours")
    output = subprocess.run(
        ["objdump", "-p", str(library_dir() / "libpvm3.so.3")],
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    assert "SONAME               libpvm3.so.3" in output
    assert re.findall(r"NEEDED +(\S+)", output) == ["libc.so.6"]


def archive_names(library: str) -> set[str]:
    """Names that the members of an archive define for others."""
    done = subprocess.run(
        ["nm", "--extern-only", "--defined-only", "--format=posix", str(library_dir() / library)],
        capture_output=True,
        text=True,
        check=True,
    )
    return {line.split()[0] for line in done.stdout.splitlines() if len(line.split()) > 2}


def test_static_library_has_no_internal_global_names() -> None:
    """A program's own functions cannot clash with the library's internal ones."""
    require_library("ours")
    others = archive_names("libgpvm3.a") | archive_names("libfpvm3.a")
    assert archive_names("libpvm3.a") == intended() | IN_ARCHIVE | others
