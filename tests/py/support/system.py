# SPDX-License-Identifier: MIT
"""Where this project's and Debian's PVM are installed, and what is missing of them."""

from __future__ import annotations

import os
import shutil
import socket
from functools import cache
from pathlib import Path
from typing import Literal, NoReturn

import pytest

Side = Literal["ours", "debian"]
SIDES: tuple[Side, ...] = ("ours", "debian")

PROJECT = Path(__file__).resolve().parents[3]
C_SOURCES = PROJECT / "tests" / "c"
FORTRAN_SOURCES = PROJECT / "tests" / "fortran"
VECTORS = PROJECT / "tests" / "vectors"
DEBIAN_ROOT = Path("/usr/lib/pvm3")
DEBIAN_EXAMPLES = Path("/usr/share/doc/pvm-examples")
ARCH = "LINUX64"
# Seconds that a test waits for what must happen, on a machine that may be busy with other work.
PATIENCE = 120


def pvm_root() -> Path:
    """The PVM_ROOT tree under test: $PVM3PY_ROOT, or what `make` leaves in build/pvm3."""
    return Path(os.environ.get("PVM3PY_ROOT", PROJECT / "build" / "pvm3")).absolute()


def modules_dir() -> Path:
    """Directory of the package pvm3py, for PYTHONPATH."""
    return pvm_root() / "lib" / "python"


def spawn_dir() -> Path:
    """Directory where our daemon looks for programs to spawn: the group server, and so on."""
    return pvm_root() / "bin" / ARCH


def library_dir() -> Path:
    """Directory of our libpvm3.so.3 and libpvm3.a."""
    return pvm_root() / "lib" / ARCH


def daemon_program(side: Side) -> Path:
    """The program that is the daemon of a side."""
    return library_dir() / "pvmd3" if side == "ours" else Path("/usr/bin/pvmd")


def missing(message: str) -> NoReturn:
    """Skip the running test because a prerequisite is missing.

    Where everything must be there ($PVM3PY_REQUIRE_ALL is set), the test fails.
    """
    if os.environ.get("PVM3PY_REQUIRE_ALL"):
        pytest.fail(f"prerequisite missing: {message}")
    pytest.skip(message)


def require_daemon(side: Side) -> None:
    """Skip unless the daemon of that side is installed."""
    program = daemon_program(side)
    if not program.exists():
        hint = "run `make`" if side == "ours" else "apt-get install pvm"
        missing(f"{program} does not exist: {hint}")
    if side == "debian" and not _own_name_resolves():
        missing(f"3.4.6 needs an address for the name {socket.gethostname()}: see /etc/hosts")


@cache
def _own_name_resolves() -> bool:
    try:
        socket.gethostbyname(socket.gethostname())
    except OSError:
        return False
    return True


def require_library(side: Side) -> None:
    """Skip unless header and library of that side are installed."""
    if side == "ours":
        library = library_dir() / "libpvm3.so.3"
        if not library.exists():
            missing(f"{library} does not exist: run `make`")
    elif not Path("/usr/include/pvm3.h").exists() or not debian_library():
        missing("Debian's pvm3.h and libpvm3 are not installed: apt-get install pvm-dev")


def require_examples() -> None:
    """Skip unless Debian's example programs and their sources are installed."""
    if not (DEBIAN_EXAMPLES / "examples.tar.gz").exists():
        missing("PVM's example programs are not installed: apt-get install pvm-examples")


def require_program(name: str, package: str) -> None:
    """Skip unless the command `name` is on the search path."""
    if shutil.which(name) is None:
        missing(f"{name} is not installed: apt-get install {package}")


def resident(pid: int) -> int:
    """Resident memory of a process, bytes."""
    pages = Path(f"/proc/{pid}/statm").read_text(encoding="ascii").split()[1]
    return int(pages) * os.sysconf("SC_PAGE_SIZE")


def processor_seconds(pid: int) -> float:
    """Processor time that a process has used."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return sum(map(int, fields[11:13])) / os.sysconf("SC_CLK_TCK")


def debian_library() -> Path | None:
    """Debian's shared libpvm3, or None."""
    found = sorted(Path("/usr/lib").glob("*/libpvm3.so"))
    return found[0] if found else None
