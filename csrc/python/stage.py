# SPDX-License-Identifier: MIT
"""Put the Python part into a PVM_ROOT tree.

stage.py package DEST          the package pvm3py, the cffi run time, byte code, into DEST
stage.py libraries DEST        what the console uses on a terminal, if this interpreter has it
stage.py launcher SOURCE DEST [PYTHON]  a program's launcher, which names an interpreter: the one
                               that runs this, or PYTHON

Files appear whole and under their names in one step: running programs keep the old ones.
"""

from __future__ import annotations

import compileall
import importlib.metadata
import os
import py_compile
import shutil
import sys
from pathlib import Path

import _cffi_backend

PACKAGE = Path(__file__).resolve().parents[2] / "pvm3py"
SOURCES = ("*.py", "py.typed")
# Distributions for the console: what it imports of rich needs nothing else of what rich names.
LIBRARIES = ("prompt_toolkit", "wcwidth", "rich")

# By their contents, not their times: copies of the tree keep it valid, edited sources do not.
HASHED = py_compile.PycInvalidationMode.CHECKED_HASH


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
    if not compileall.compile_dir(target, quiet=1, invalidation_mode=HASHED):
        sys.exit("stage.py: a module does not compile")


def libraries(dest: Path) -> None:
    """Copy the console's libraries with their licences; nothing if one of them is missing."""
    try:
        files = [file for name in LIBRARIES for file in importlib.metadata.files(name) or ()]
    except importlib.metadata.PackageNotFoundError:
        return
    for file in files:
        if ".." not in file.parts and "__pycache__" not in file.parts:
            (dest / file).parent.mkdir(parents=True, exist_ok=True)
            replace(file.locate(), dest / file)
    compileall.compile_dir(dest, quiet=1, invalidation_mode=HASHED)


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
    actions = {"package": package, "libraries": libraries, "launcher": launcher}
    actions[sys.argv[1]](*map(Path, sys.argv[2:]))
