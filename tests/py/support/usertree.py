# SPDX-License-Identifier: MIT
"""The tree as those use it who build programs: a copy in a difficult place, commands in it."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path

from support.compiler import made_once
from support.system import ARCH, pvm_root, require_library

# Sources of the early 1990s: types and declarations are missing, a variable is defined twice.
OLD_C: dict[str, str] = {
    "shared.h": "int rounds;\nstruct pair { int first, second; } pair;\n",
    "main.c": """\
#include <stdio.h>
#include "pvm3.h"
#include "shared.h"
static failed;
char *label();

main(argc, argv)
	char **argv;
{
	int tid = pvm_mytid();

	failed = tid < 0;
	pair.first = 20;
	pair.second = 22;
	printf("%s %d\\n", label(tid), sum(&pair));
	pvm_exit();
	exit(failed);
}

char *
label(tid)
{
	if (tid < 0)
		return;
	return rounds ? "more" : "task";
}
""",
    "sum.c": """\
#include "shared.h"

sum(of)
	struct pair *of;
{
	int *first = of;
	long address = first;

	rounds = 0;
	return address ? first[0] + first[1] : strlen("");
}
""",
}
# Packs arrays of two types by one subroutine, as all programs in Fortran 77 do.
OLD_FORTRAN = """\
      program worker
      include 'fpvm3.h'
      integer tid, info, counts(3)
      real*8 values(3)
      call pvmfmytid(tid)
      call pvmfinitsend(PVMDEFAULT, info)
      call pvmfpack(INTEGER4, counts, 3, 1, info)
      call pvmfpack(REAL8, values, 3, 1, info)
      if (info .eq. 0) print *, 'packed'
      call pvmfexit(info)
      end
"""


def moved_tree() -> Path:
    """A copy of the tree without its Python part, below a directory with a blank in its name."""
    require_library("ours")

    def copy(place: Path) -> None:
        shutil.copytree(
            pvm_root(), place / "pvm3", symlinks=True, ignore=shutil.ignore_patterns("python")
        )

    return made_once("moved tree", copy) / "pvm3"


def library(root: Path) -> Path:
    """The directory of a tree's libraries."""
    return root / "lib" / ARCH


def clean_environment() -> dict[str, str]:
    """The environment of a user who has set nothing for PVM, make and compilers."""
    names = ("PVM", "PYTHON", "MAKE", "MFLAGS", "PKG_CONFIG", "CMAKE", "CC", "CXX", "FC", "F77")
    return {k: v for k, v in os.environ.items() if not k.startswith(names)}


def attempt(
    *command: object, cwd: Path, env: Mapping[str, str] | None = None
) -> subprocess.CompletedProcess[str]:
    """Run a command in a clean environment with additions."""
    return subprocess.run(
        [str(word) for word in command],
        cwd=cwd,
        env=clean_environment() | dict(env or {}),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
    )


def run(*command: object, cwd: Path, env: Mapping[str, str] | None = None) -> str:
    """Output of such a command, which must succeed."""
    done = attempt(*command, cwd=cwd, env=env)
    assert done.returncode == 0, f"{command}\n{done.stdout}\n{done.stderr}"
    return done.stdout


def write(place: Path, files: Mapping[str, str]) -> None:
    """Write files, whose names may have directories, below a place."""
    for name, text in files.items():
        (place / name).parent.mkdir(parents=True, exist_ok=True)
        (place / name).write_text(text)


def script(path: Path, text: str) -> Path:
    """An executable shell script."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"#!/bin/sh\n{text}")
    path.chmod(0o755)
    return path


def needed(program: Path) -> set[str]:
    """Libraries of ours that a program or library names."""
    output = run("readelf", "-d", program, cwd=program.parent)
    words = (line.split("[")[1].rstrip("]") for line in output.splitlines() if "(NEEDED)" in line)
    return {word for word in words if "pvm3" in word}


@cache
def compilers(names: Sequence[str]) -> tuple[str, ...]:
    """Those of the named compilers that are installed, with their versions as Debian has them."""
    wanted = [f"{name}{suffix}" for name in names for suffix in ("", *VERSIONS)]
    return tuple(name for name in wanted if shutil.which(name))


VERSIONS = tuple(f"-{number}" for number in range(12, 30))
