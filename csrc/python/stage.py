# SPDX-License-Identifier: MIT
"""Put the Python part into a PVM_ROOT tree.

stage.py package DEST          the package pvm3py, the cffi run time, byte code, into DEST
stage.py launcher SOURCE DEST [PYTHON]  a program's launcher, which names an interpreter: the one
                               that runs this, or PYTHON

Files appear whole and under their names in one step: running programs keep the old ones.
"""

from __future__ import annotations

import compileall
import os
import py_compile
import shutil
import sys
from pathlib import Path

import _cffi_backend

PACKAGE = Path(__file__).resolve().parents[2] / "pvm3py"
SOURCES = ("*.py", "py.typed")


def sources(directory: Path) -> set[Path]:
    """Names of the files that make the package, relative to its directory."""
    found = (path for pattern in SOURCES for path in directory.rglob(pattern))
    return {path.relative_to(directory) for path in found}


def replace(source: str | Path, dest: str | Path) -> None:
    """Copy a file over another one."""
    fresh = f"{dest}.new"
    shutil.copy(source, fresh)
    os.replace(fresh, dest)


def package(dest: Path) -> None:
    """Copy the sources (extension modules are there already) and what they need at run time."""
    target = dest / PACKAGE.name
    wanted = sources(PACKAGE)
    for stale in sources(target) - wanted:
        (target / stale).unlink()
    for name in wanted:
        (target / name).parent.mkdir(parents=True, exist_ok=True)
        replace(PACKAGE / name, target / name)
    backend = Path(_cffi_backend.__file__)
    replace(backend, dest / backend.name)
    libraries = backend.parent / "cffi.libs"
    if libraries.is_dir():
        shutil.copytree(libraries, dest / libraries.name, copy_function=replace, dirs_exist_ok=True)
    # By their contents, not their times: copies of the tree keep it valid, edited sources do not.
    mode = py_compile.PycInvalidationMode.CHECKED_HASH
    if not compileall.compile_dir(target, quiet=1, invalidation_mode=mode):
        sys.exit("stage.py: a module does not compile")


def launcher(source: Path, dest: Path, python: Path | None = None) -> None:
    """Write the launcher, executable; it names the real interpreter, not a virtual environment."""
    text = source.read_text(encoding="utf-8")
    text = text.replace("@PYTHON@", str(python or os.path.realpath(sys.executable)))
    text = text.replace("@VERSION@", f"{sys.version_info.major}.{sys.version_info.minor}")
    fresh = dest.with_name(f"{dest.name}.new")
    fresh.write_text(text, encoding="utf-8")
    fresh.chmod(0o755)
    fresh.replace(dest)


if __name__ == "__main__":
    {"package": package, "launcher": launcher}[sys.argv[1]](*map(Path, sys.argv[2:]))
