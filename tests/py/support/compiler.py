# SPDX-License-Identifier: MIT
"""Compiling C and Fortran programs against either library, once a session.

The processes of a session that runs tests in parallel share what is compiled.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Iterable
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
# Variables stay on the stack, as programs jump over frames there, and fill it.
SANITIZE = (
    *("-fsanitize=address,undefined", "-fno-sanitize-recover=undefined", "-g"),
    *("--param", "asan-use-after-return=0"),
)


# Names the directory to the processes that run tests; it belongs to one user.
WORK_DIR = "PVM3PY_TEST_PROGRAMS"


def begin_session() -> Callable[[], None]:
    """Make the session's directory unless a parent process has; what removes it again."""
    if WORK_DIR in os.environ:
        return lambda: None
    directory = os.environ[WORK_DIR] = tempfile.mkdtemp(prefix="pvcc")

    def end() -> None:
        del os.environ[WORK_DIR]
        shutil.rmtree(directory, ignore_errors=True)

    return end


def work_dir() -> Path:
    """Directory for everything compiled in this session."""
    return Path(os.environ[WORK_DIR])


def made_once(name: str, make: Callable[[Path], object]) -> Path:
    """The file or directory NAME of the session, which the first who wants it makes.

    make    makes it at the path that it is given, whose last part is that of NAME
    """
    target = work_dir() / name
    if not target.exists():
        target.parent.mkdir(parents=True, exist_ok=True)
        with target.with_name(f".{target.name}.lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            if not target.exists():
                with tempfile.TemporaryDirectory(dir=work_dir()) as unfinished:
                    make(Path(unfinished, target.name))
                    Path(unfinished, target.name).rename(target)
    return target


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
    return compiled(f"{side}-{key}/{name}", command)


def compiled(name: str, command: list[str]) -> Path:
    """The program NAME of the session as a compiler makes it, whose -o is added."""
    return made_once(name, lambda target: run_compiler([*command, "-o", str(target)]))


def script(name: str, text: str) -> Path:
    """An executable script of the session."""

    def make(target: Path) -> None:
        target.write_text(text)
        target.chmod(0o755)

    return made_once(name, make)


def run_compiler(command: list[str]) -> None:
    """Run a compiler; fail with its messages if it does not succeed. Paths are absolute."""
    # Fortran's modules are written where the compiler runs.
    with tempfile.TemporaryDirectory(dir=work_dir()) as place:
        done = subprocess.run(command, capture_output=True, text=True, cwd=place)
    assert done.returncode == 0, f"{' '.join(command)}\n{done.stderr}"


def test_program(name: str, side: Side, *, sanitized: bool = False) -> Path:
    """The program tests/c/NAME.c, warnings being errors; some with the group library."""
    require_program("cc", "gcc")
    flags = ["-std=gnu11", "-O2", "-g", "-Wall", "-Wextra", "-Werror", "-pthread"]
    if sanitized:
        return _sanitized_program(name, flags)
    libraries = [f"-I{PROJECT / 'csrc/wire'}", f"-L{library_dir()}"] if side == "ours" else []
    libraries += ["-lgpvm3"] if name.startswith(("group_", "check_storm")) else []
    return compile_program(name, [C_SOURCES / f"{name}.c"], side, flags, libraries=libraries)


# pytest must not take the function above for a test where it is imported.
test_program.__test__ = False  # type: ignore[attr-defined]


def _sanitized_program(name: str, flags: list[str]) -> Path:
    """tests/c/NAME.c with our library's sources, everything instrumented."""
    include = [f"-I{PROJECT / 'include'}", f"-I{PROJECT / 'csrc/wire'}"]
    libraries = [str(sanitized_tree() / "lib" / ARCH / f"lib{one}3.a") for one in ("gpvm", "pvm")]
    source = str(C_SOURCES / f"{name}.c")
    return compiled(f"sanitized/{name}", ["cc", *flags, *SANITIZE, *include, source, *libraries])


def built_library(name: str, *settings: str) -> Path:
    """PVM_ROOT tree of our C libraries alone, as `make lib SETTING...` builds it."""

    def make(build: Path) -> None:
        # The other processes of the session wait for it.
        jobs = f"-j{os.cpu_count() or 1}"
        command = ["make", "-s", jobs, "-C", str(PROJECT), "lib", f"BUILD={build}", *settings]
        environment = {k: v for k, v in os.environ.items() if not k.startswith(("MAKE", "MFLAGS"))}
        done = subprocess.run(command, capture_output=True, text=True, env=environment)
        assert done.returncode == 0, done.stderr

    return made_once(f"libraries-{name}", make) / "pvm3"


def sanitized_tree(sanitize: str = "address,undefined") -> Path:
    """Our C libraries with sanitizers: AddressSanitizer and UBSan, or others."""
    return built_library(sanitize, f"SANITIZE={sanitize}", "CFLAGS=-O1")


# What tests/c/fault.c stands in for: every function of libc that can fail and is called by
# libpvm or libgpvm, but those that only fail for a wrong argument.
FAULT_WRAPPED = (
    *("malloc", "calloc", "realloc", "strdup", "strndup", "setenv", "putenv", "pthread_atfork"),
    *("socket", "connect", "bind", "listen", "accept4", "getsockname", "getpeername"),
    *("getsockopt", "setsockopt", "sendmsg", "recvmsg", "poll", "epoll_create1", "epoll_ctl"),
    *("epoll_wait", "epoll_pwait", "ppoll"),
    *("open", "read", "write", "close", "unlink", "stat", "fcntl", "pipe2", "dup2"),
    *("fork", "waitpid", "execv", "execvp", "sleep"),
    *("fstat", "eventfd", "ftruncate", "fallocate", "mmap", "syscall"),
)


def fault_program() -> Path:
    """The program tests/c/faulty.c with our libraries, everything instrumented."""
    tree = sanitized_tree()
    sources = [
        C_SOURCES / f"{name}.c" for name in ("faulty", "fault", "fault_scenarios", "fault_shared")
    ]
    return compiled(
        "faulty",
        ["gcc", "-std=gnu11", "-O1", "-Wall", "-Wextra", "-Werror", *SANITIZE]
        + [f"-I{tree / 'include'}", *map(str, sources), f"-L{tree / 'lib' / ARCH}"]
        + ["-lgpvm3", "-lpvm3", *(f"-Wl,--wrap={name}" for name in FAULT_WRAPPED)],
    )


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


def example_sources(header: Side = "ours") -> Path:
    """Directory of the unpacked sources of package pvm-examples; with fpvm3.h of a side."""
    require_examples()
    include = pvm_root() / "include" if header == "ours" else Path("/usr/include")

    def unpack(target: Path) -> None:
        (target / "include").mkdir(parents=True)
        (target / "include" / "fpvm3.h").symlink_to(include / "fpvm3.h")
        for archive in ("examples.tar.gz", "gexamples.tar.gz"):
            subprocess.run(["tar", "xzf", DEBIAN_EXAMPLES / archive, "-C", target], check=True)

    return made_once(f"example-sources-{header}", unpack)


def linked(name: str, programs: Iterable[Path]) -> Path:
    """The directory NAME of the session, with links to programs."""

    def link(target: Path) -> None:
        target.mkdir()
        for program in programs:
            (target / program.name).symlink_to(program)

    return made_once(name, link)


@cache
def compiled_examples(side: Side) -> Path:
    """Directory of the C example programs compiled against header and library of a side."""
    require_library(side)
    sources = example_sources() / "examples"
    programs = [
        compile_program(name, [sources / f for f in files], side, OLD_C)
        for name, files in C_EXAMPLES.items()
    ]
    return linked(f"examples-{side}", programs)


@cache
def compiled_fortran_examples(side: Side) -> Path:
    """The same for the Fortran ones; Debian's libfpvm3 over the libpvm3 of a side."""
    require_program("gfortran", "gfortran")
    sources = example_sources("debian") / "examples"
    programs = [
        compile_program(
            name,
            [sources / f for f in files],
            side,
            [*OLD_FORTRAN, f"-I{sources}"],
            compiler="gfortran",
            libraries=["-lfpvm3"],
        )
        for name, files in FORTRAN_EXAMPLES.items()
    ]
    return linked(f"fortran-{side}", programs)


def installed_starter(name: str, side: Side) -> Path:
    """A starter for the program NAME of /usr/bin with the libpvm3 of a side.

    It is needed because Debian's daemon is itself linked with libpvm3: the choice of the
    library must not be in its environment, only in the tasks'.
    """
    setting = f"LD_LIBRARY_PATH={library_dir()} " if side == "ours" else ""
    text = f'#!/bin/sh\n{setting}exec /usr/bin/{name} "$@"\n'
    return script(f"installed-{side}/{name}", text)


@cache
def installed_examples(side: Side) -> Path:
    """Directory of starters for /usr/bin's example programs with the libpvm3 of a side."""
    require_examples()
    require_library(side)
    for name in INSTALLED:
        starter = installed_starter(name, side)
    return starter.parent


INSTALLED = (
    *C_EXAMPLES,
    *FORTRAN_EXAMPLES,
    *("pvm", "pvmgs", "gexample", "ge", "gs.pvm", "joinleave", "thb", "tnb", "tst", "trsg"),
    *("fspmd", "fmaster1", "fslave1", "mhf_server", "mhf_tickle", "xep", "mtile"),
    *("tracer", "trcsort", "pvm_gstat", "pvmgroups", "srm.pvm"),
)
