# SPDX-License-Identifier: MIT
"""Compile one extension module: compile.py BUILDER SCRATCH DEST.

BUILDER is a script that defines `ffibuilder`, SCRATCH takes the intermediate files, and the
module replaces an older one in DEST in one step, so that running programs keep theirs.

Compilers take CC, CFLAGS, CPPFLAGS and LDFLAGS from the environment.
"""

from __future__ import annotations

import os
import runpy
import shlex
import shutil
import sys
import sysconfig
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


def leave_out_build_path() -> None:
    """Have compilers name files relative to the checkout: where it was is in no module."""
    flags = os.environ.get("CFLAGS", "")
    os.environ["CFLAGS"] = f'{flags} "-ffile-prefix-map={ROOT}=."'


def leave_out_interpreters_place() -> None:
    """Have modules look for libraries where the system does, not where this interpreter is."""
    words = shlex.split(sysconfig.get_config_var("LDSHARED"))
    compiler = shlex.split(os.environ.get("CC", words[0]))
    options = [word for word in words[1:] if not word.startswith(("-L", "-Wl,-rpath"))]
    os.environ.setdefault("LDSHARED", shlex.join([*compiler, *options]))


def leave_names_open() -> None:
    """Have linkers take names that the interpreter has, whatever the caller's flags say."""
    flags = os.environ.get("LDFLAGS", "")
    os.environ["LDFLAGS"] = f"{flags} -Wl,--unresolved-symbols=ignore-all"


def compile_module(builder: Path, scratch: Path, dest: Path) -> Path:
    """Run the builder's compilation and return the path of the module in `dest`."""
    scratch.mkdir(parents=True, exist_ok=True)
    dest.mkdir(parents=True, exist_ok=True)
    ffibuilder = runpy.run_path(str(builder.resolve()))["ffibuilder"]
    built = Path(ffibuilder.compile(tmpdir=str(scratch)))
    fresh = dest / (built.name + ".new")
    shutil.copy(built, fresh)
    return fresh.replace(dest / built.name)


if __name__ == "__main__":
    os.umask(0o022)
    leave_out_build_path()
    leave_out_interpreters_place()
    leave_names_open()
    compile_module(*map(Path, sys.argv[1:4]))
