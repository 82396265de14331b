# SPDX-License-Identifier: MIT
"""Compiling C and Fortran programs against either library, once a session."""

from __future__ import annotations

import hashlib
import os
import subprocess
import tempfile
from collections.abc import Iterable
from functools import cache
from pathlib import Path

from support.system import (
    ARCH,
    C_SOURCES,
    DEBIAN_EXAMPLES,
    PROJECT,
    Side,
    library_dir,
    pvm_root,
    require_examples,
    require_library,
    require_program,
)

# What sources of the 1990s need from today's compilers.
OLD_C = (
    "-w",
    "-std=gnu89",
    "-Wno-implicit-int",
    "-Wno-implicit-function-declaration",
    "-DSYSVSTR",
    "-DHASSTDLIB",
    "-DNOTMPNAM",
)
OLD_FORTRAN = ("-w", "-std=legacy", "-fallow-argument-mismatch")
SANITIZE = ("-fsanitize=address,undefined", "-fno-sanitize-recover=undefined", "-g")


@cache
def work_dir() -> Path:
    """Directory for everything compiled in this session; removed by the session fixture."""
    return Path(tempfile.mkdtemp(prefix="pvcc", dir="/tmp"))


def link_flags(side: Side) -> list[str]:
    """Flags that compile and link a program as a user of that side would."""
    if side == "debian":
        return ["-lpvm3"]
    return [f"-I{pvm_root() / 'include'}", f"-L{library_dir()}", "-lpvm3"]


def compile_program(
    name: str,
    sources: Iterable[Path],
    side: Side,
    flags: Iterable[str] = (),
    *,
    compiler: str = "cc",
    libraries: Iterable[str] = (),
) -> Path:
    """Compile `sources` into a program called `name`; the same request compiles once.

    libraries  further link arguments, placed before libpvm3
    """
    require_library(side)
    command = [compiler, *flags, *map(str, sources), *libraries, *link_flags(side)]
    key = hashlib.sha256("\0".join(command).encode()).hexdigest()[:12]
    target = work_dir() / f"{side}-{key}" / name
    if not target.exists():
        target.parent.mkdir(exist_ok=True)
        unfinished = target.with_name(f".{name}.{os.getpid()}")
        run_compiler([*command, "-o", str(unfinished)])
        unfinished.rename(target)
    return target


def run_compiler(command: list[str]) -> None:
    """Run a compiler; fail with its messages if it does not succeed."""
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, f"{' '.join(command)}\n{done.stderr}"


def test_program(name: str, side: Side, *, sanitized: bool = False) -> Path:
    """The program tests/c/NAME.c, warnings being errors; group_* with the group library."""
    require_program("cc", "gcc")
    flags = ["-std=gnu11", "-O2", "-g", "-Wall", "-Wextra", "-Werror", "-pthread"]
    if sanitized:
        return _sanitized_program(name, flags)
    libraries = [f"-L{library_dir()}"] if side == "ours" else []
    libraries += ["-lgpvm3"] if name.startswith("group_") else []
    return compile_program(name, [C_SOURCES / f"{name}.c"], side, flags, libraries=libraries)


# pytest must not take the function above for a test where it is imported.
test_program.__test__ = False  # type: ignore[attr-defined]


def _sanitized_program(name: str, flags: list[str]) -> Path:
    """tests/c/NAME.c with our library's sources, everything instrumented."""
    include = ["-I" + str(C_SOURCES.parents[1] / d) for d in ("include", "csrc/wire")]
    target = work_dir() / "sanitized" / name
    if not target.exists():
        target.parent.mkdir(exist_ok=True)
        run_compiler(
            ["cc", *flags, *SANITIZE, *include, str(C_SOURCES / f"{name}.c")]
            + [str(_sanitized_library()), "-o", str(target)]
        )
    return target


@cache
def _sanitized_library() -> Path:
    """Our library as one relocatable object with AddressSanitizer and UBSan."""
    project = C_SOURCES.parents[1]
    include = ["-I" + str(project / d) for d in ("include", "csrc/wire", "csrc/libpvm")]
    directory = work_dir() / "libpvm-sanitized"
    directory.mkdir()
    objects = []
    for source in sorted((project / "csrc" / "libpvm").glob("*.c")):
        objects.append(str(directory / f"{source.stem}.o"))
        run_compiler(
            ["cc", "-std=gnu11", "-O1", "-w", *SANITIZE, *include]
            + ["-c", str(source), "-o", objects[-1]]
        )
    library = directory / "libpvm3.a"
    run_compiler(["ar", "rcs", str(library), *objects])
    return library


@cache
def library_tree(name: str, *settings: str) -> Path:
    """PVM_ROOT tree of our C libraries alone, as `make lib SETTING...` builds it."""
    build = work_dir() / f"libraries-{name}"
    command = ["make", "-s", "-C", str(PROJECT), "lib", f"BUILD={build}", *settings]
    environment = {k: v for k, v in os.environ.items() if not k.startswith(("MAKE", "MFLAGS"))}
    done = subprocess.run(command, capture_output=True, text=True, env=environment)
    assert done.returncode == 0, done.stderr
    return build / "pvm3"


def sanitized_tree(sanitize: str = "address,undefined") -> Path:
    """Our C libraries with sanitizers: AddressSanitizer and UBSan, or others."""
    return library_tree(sanitize, f"SANITIZE={sanitize}", "CFLAGS=-O1")


# What tests/c/fault.c stands in for: every function of libc that can fail and is called by
# libpvm or libgpvm, but those that only fail for a wrong argument.
FAULT_WRAPPED = (
    *("malloc", "calloc", "realloc", "strdup", "strndup", "setenv", "putenv", "pthread_atfork"),
    *("socket", "connect", "bind", "listen", "accept4", "getsockname", "getpeername"),
    *("getsockopt", "setsockopt", "sendmsg", "recvmsg", "poll", "epoll_create1", "epoll_ctl"),
    *("epoll_wait", "open", "read", "write", "close", "unlink", "stat", "fcntl", "pipe2", "dup2"),
    *("fork", "waitpid", "execv", "execvp", "sleep"),
)


@cache
def fault_program() -> Path:
    """The program tests/c/faulty.c with our libraries, everything instrumented."""
    tree = sanitized_tree()
    target = work_dir() / "faulty"
    sources = [C_SOURCES / f"{name}.c" for name in ("faulty", "fault", "fault_scenarios")]
    run_compiler(
        ["gcc", "-std=gnu11", "-O1", "-Wall", "-Wextra", "-Werror", *SANITIZE]
        + [f"-I{tree / 'include'}", *map(str, sources), f"-L{tree / 'lib' / ARCH}"]
        + ["-lgpvm3", "-lpvm3", *(f"-Wl,--wrap={name}" for name in FAULT_WRAPPED)]
        + ["-o", str(target)]
    )
    return target


# ---- PVM's example programs ----------------------------------------------------

C_EXAMPLES: dict[str, tuple[str, ...]] = {
    "hello.pvm": ("hello.c",),
    "hello_other": ("hello_other.c",),
    "master1": ("master1.c",),
    "slave1": ("slave1.c",),
    "spmd": ("spmd.c",),
    "timing": ("timing.c",),
    "timing_slave": ("timing_slave.c",),
    "gmbi": ("gmbi.c", "taskf.c"),
    "lmbi": ("lmbi.c", "taskf.c"),
    "rme": ("rme.c", "taskf.c"),
    "task0": ("task0.c", "taskf.c"),
    "task1": ("task1.c", "taskf.c"),
    "task_end": ("task_end.c", "taskf.c"),
    "inherita": ("inherita.c",),
    "inheritb": ("inheritb.c",),
    "inherit1": ("inherit1.c",),
    "inherit2": ("inherit2.c",),
    "inherit3": ("inherit3.c",),
}
FORTRAN_EXAMPLES: dict[str, tuple[str, ...]] = {
    "hitc": ("hitc.f",),
    "hitc_slave": ("hitc_slave.f",),
}


@cache
def example_sources() -> Path:
    """Directory of the unpacked sources of package pvm-examples."""
    require_examples()
    target = work_dir() / "example-sources"
    target.mkdir()
    for archive in ("examples.tar.gz", "gexamples.tar.gz"):
        subprocess.run(["tar", "xzf", DEBIAN_EXAMPLES / archive, "-C", target], check=True)
    return target


@cache
def compiled_examples(side: Side) -> Path:
    """Directory of the C example programs compiled against header and library of a side."""
    require_library(side)
    target = work_dir() / f"examples-{side}"
    target.mkdir()
    sources = example_sources() / "examples"
    for name, files in C_EXAMPLES.items():
        program = compile_program(name, [sources / f for f in files], side, OLD_C)
        (target / name).symlink_to(program)
    return target


@cache
def compiled_fortran_examples(side: Side) -> Path:
    """The same for the Fortran ones; Debian's libfpvm3 over the libpvm3 of a side."""
    require_program("gfortran", "gfortran")
    target = work_dir() / f"fortran-{side}"
    target.mkdir()
    sources = example_sources() / "examples"
    include = Path("/usr/include")
    (sources.parent / "include").mkdir(exist_ok=True)
    header = sources.parent / "include" / "fpvm3.h"
    if not header.exists():
        header.symlink_to(include / "fpvm3.h")
    for name, files in FORTRAN_EXAMPLES.items():
        program = compile_program(
            name,
            [sources / f for f in files],
            side,
            [*OLD_FORTRAN, f"-I{sources}"],
            compiler="gfortran",
            libraries=["-lfpvm3"],
        )
        (target / name).symlink_to(program)
    return target


@cache
def installed_examples(side: Side) -> Path:
    """Directory of starters for /usr/bin's example programs with the libpvm3 of a side.

    A starter is needed because Debian's daemon is itself linked with libpvm3: the
    choice of the library must not be in its environment, only in the tasks'.
    """
    require_examples()
    require_library(side)
    target = work_dir() / f"installed-{side}"
    target.mkdir()
    setting = f"LD_LIBRARY_PATH={library_dir()} " if side == "ours" else ""
    for name in INSTALLED:
        starter = target / name
        starter.write_text(f'#!/bin/sh\n{setting}exec /usr/bin/{name} "$@"\n')
        starter.chmod(0o755)
    return target


INSTALLED = (
    *C_EXAMPLES,
    *FORTRAN_EXAMPLES,
    *("pvm", "pvmgs", "gexample", "ge", "gs.pvm", "joinleave", "thb", "tnb", "tst", "trsg"),
    *("fspmd", "fmaster1", "fslave1", "mhf_server", "mhf_tickle", "xep", "mtile"),
    *("tracer", "trcsort", "pvm_gstat", "pvmgroups", "srm.pvm"),
)
