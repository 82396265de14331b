# SPDX-License-Identifier: MIT
"""Programs that image themselves, and restarts of their images."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from support import compiler
from support.system import (
    C_SOURCES,
    FORTRAN_SOURCES,
    PATIENCE,
    PROJECT,
    library_dir,
    missing,
    require_program,
)

CHECKPOINT = PROJECT / "csrc" / "libpvm" / "checkpoint"
INCLUDE = [f"-I{PROJECT / d}" for d in ("include", "csrc/wire", "csrc/libpvm", "tests/c")]
NOBODY = 65534

# In other namespaces the process has another number, no network, and mounts of its own. A shell
# is the first process there, for that one ignores signals.
NAMESPACES = ["unshare", "--fork", "--pid", "--net", "--mount", "--mount-proc"]
NAMESPACES += ["sh", "-c", '"$@"; exit $?', "sh"]
UNPRIVILEGED = ["setpriv", f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups"]


@cache
def can_make_namespaces() -> bool:
    """Whether this user may make namespaces for restarts."""
    try:
        return subprocess.run([*NAMESPACES, "true"], capture_output=True).returncode == 0
    except OSError:
        return False


def require_namespaces() -> None:
    """Skip where they cannot be made."""
    if not can_make_namespaces():
        missing("pid, network and mount namespaces cannot be made here")


def require_restarter() -> Path:
    """The restarter; skip where there is none."""
    program = library_dir() / "pvmrestart"
    if not program.exists():
        if os.uname().machine == "x86_64":
            missing(f"{program} does not exist: run `make`")
        pytest.skip("processes cannot be imaged on this architecture")
    return program


# ---- programs ------------------------------------------------------------------


def checkpointer() -> list[str]:
    """The sources of the checkpointer and of tests/c/imager.c."""
    return [str(C_SOURCES / "imager.c"), *map(str, sorted(CHECKPOINT.glob("*.c")))]


@cache
def checkpointer_archive() -> Path:
    """The same, compiled once for all programs."""

    def make(target: Path) -> None:
        flags = ["-std=gnu11", "-O2", "-g", "-fPIC", "-Wall", "-Wextra", "-Werror", *INCLUDE]
        compiler.run_compiler(
            ["gcc", *flags, "-r", "-nostdlib", *checkpointer(), "-o", str(target)]
        )

    require_program("gcc", "gcc")
    return compiler.made_once("imager/imager.o", make)


def c_program(name: str, *flags: str) -> Path:
    """The program tests/c/NAME.c or .cpp with the checkpointer in it, compiled with FLAGS."""
    source = next(C_SOURCES.glob(f"{name}.c*"))
    command = ["g++"] if source.suffix == ".cpp" else ["gcc", "-std=gnu11"]
    require_program(command[0], command[0])
    command += ["-O2", "-g", "-Wall", "-Wextra", "-Werror", *INCLUDE, *flags]
    label = "".join(flag.strip("-") for flag in flags) or "default"
    command += [str(source), str(checkpointer_archive()), "-pthread", "-lm"]
    return compiler.compiled(f"imaged-{label}/{name}", command)


def foreign_program(name: str, command: str, package: str) -> Path:
    """The program tests/c/NAME.c with the checkpointer, static, by another compiler."""
    require_program(command, package)
    words = [command, "-std=gnu11", "-O2", "-static", *INCLUDE]
    words += [str(C_SOURCES / f"{name}.c"), *checkpointer(), "-pthread", "-lm"]
    return compiler.compiled(f"imaged-{command}/{name}", words)


def fortran_program(name: str) -> Path:
    """The program tests/fortran/NAME.f90 with the checkpointer in it."""
    require_program("gfortran", "gfortran")
    source = FORTRAN_SOURCES / f"{name}.f90"
    command = ["gfortran", "-O2", str(source), str(checkpointer_archive())]
    return compiler.compiled(f"imaged-fortran/{name}", command)


def preloaded() -> Path:
    """The checkpointer as a library that any program can be made to load."""
    command = ["gcc", "-shared", str(checkpointer_archive())]
    return compiler.compiled("imaged-preload/libimager.so", command)


def python_worker() -> list[str]:
    """The command of an interpreter that images itself."""
    worker = PROJECT / "tests" / "py" / "support" / "images" / "worker.py"
    setting = [f"LD_PRELOAD={preloaded()}", "PYTHONDONTWRITEBYTECODE=1"]
    return ["env", *setting, sys.executable, "-I", str(worker)]


# ---- running them ----------------------------------------------------------------


@dataclass(frozen=True)
class Ended:
    """How a program or a restart has ended.

    report  what the restarter has said; "" of a program
    """

    status: int
    output: str
    report: str = ""

    def lines(self) -> list[str]:
        """The lines of the output."""
        return self.output.splitlines()


def run(command: Sequence[object], env: dict[str, str] | None = None, **settings: object) -> Ended:
    """Run a program to its end, which may image itself; settings are those of imager.h."""
    added = {f"IMAGER_{name.upper()}": str(value) for name, value in settings.items()}
    done = subprocess.run(
        [str(word) for word in command],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        env=os.environ | added | (env or {}),
        text=True,
        timeout=PATIENCE,
    )
    return Ended(done.returncode, done.stdout)


def end_group(leader: int) -> None:
    """Kill what a command has started."""
    with suppress(ProcessLookupError):
        os.killpg(leader, signal.SIGKILL)


def restart(
    image: Path,
    *,
    before: Iterable[str] = (),
    low: bool = False,
    only_check: bool = False,
    copied_to: Path | None = None,
) -> Ended:
    """Restart the process of an image, and wait for its end.

    before      words before the restarter's
    low         with the restarter for the lowest addresses
    only_check  the restarter checks the image, and that is all
    copied_to   a copy of the restarter in this directory is used
    """
    program = require_restarter()
    if low:
        program = program.with_name("pvmrestart-low")
    if copied_to:
        program = Path(shutil.copy(program, copied_to))
    with image.open("rb") as file:
        return restart_from(file.fileno(), program, before=before, only_check=only_check)


@contextmanager
def readable_place() -> Iterator[Path]:
    """A directory that any user may write to and reach."""
    with TemporaryDirectory(dir="/tmp") as place:
        Path(place).chmod(0o777)
        yield Path(place)


def restart_from(
    image: int,
    program: Path | None = None,
    *,
    before: Iterable[str] = (),
    only_check: bool = False,
) -> Ended:
    """The same with an open descriptor: a file or a socket."""
    program = program or require_restarter()
    reading, writing = os.pipe()
    with open(reading) as report:
        try:
            command = [*before, str(program), *(["-c"] if only_check else [])]
            process = subprocess.Popen(
                [*command, str(image), str(writing)],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                pass_fds=(image, writing),
                start_new_session=True,
                text=True,
            )
        finally:
            os.close(writing)
        try:
            output, _ = process.communicate(timeout=PATIENCE)
        except subprocess.TimeoutExpired:
            end_group(process.pid)
            raise
        return Ended(process.returncode, output, report.read())
