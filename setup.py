# SPDX-License-Identifier: MIT
"""Wheel of pvm3py: what `make tree` builds, laid out as a Python package.

The Makefile is the only description of the build. The tree's lib/python/pvm3py becomes the
package; the rest of the tree becomes the directory pvm3py/root inside it. Man pages and completion
go where `make install` has them, below the prefix of the environment.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from itertools import groupby
from pathlib import Path

from setuptools import Distribution, setup
from setuptools.command.build_py import build_py
from setuptools.command.editable_wheel import editable_wheel

sys.path.insert(0, str(Path(__file__).parent / "packaging"))
from layout import Link, completion, documents


def make(*words: str) -> str:
    """Output of make. Programs that are asked for their usage run with this interpreter."""
    command = ["make", "-s", "--no-print-directory", *words]
    env = os.environ | {"PVM3PY_PYTHON": sys.executable}
    return subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True, env=env).stdout


def commands() -> list[str]:
    """What users can call."""
    return make("commands").split()


def entry_points() -> list[str]:
    """A command of Python's for each, which becomes the program of its name."""
    functions = {"pvm3py": "run_pvm3py"}
    return [f"{name} = pvm3py.__main__:{functions.get(name, 'run_program')}" for name in commands()]


class BuildTree(build_py):
    """Fills the build directory from the tree."""

    def run(self) -> None:
        """Build with the interpreter that runs this, then copy."""
        scratch = Path(self.get_finalized_command("build").build_temp)
        shutil.rmtree(scratch, ignore_errors=True)
        # Its place on another machine is not known: programs look for the name.
        name = f"python{sys.version_info.major}.{sys.version_info.minor}"
        made = make(
            "tree", "man", f"BUILD={scratch}", f"PYTHON={sys.executable}", f"RUN_PYTHON={name}"
        )
        sys.stderr.write(made)
        self.copy_package(scratch / "pvm3", Path(self.build_lib) / "pvm3py")
        self.distribution.data_files = data_files(scratch)

    def copy_package(self, tree: Path, package: Path) -> None:
        """The tree as a package."""
        shutil.rmtree(package, ignore_errors=True)
        ignore = shutil.ignore_patterns("__pycache__")
        shutil.copytree(tree / "lib" / "python" / "pvm3py", package, ignore=ignore)
        shutil.copytree(tree, package / "root", ignore=shutil.ignore_patterns("python"))
        # A wheel holds files only; the directory for the user's programs needs one.
        for directory in (package / "root" / "bin").iterdir():
            (directory / "README").write_text("Programs that tasks may spawn by name go here.\n")


def data_files(scratch: Path) -> list[tuple[str, list[str]]]:
    """Man pages and completion, for setuptools: written below scratch, by directory."""
    items = {item.path: item for item in (*documents(scratch), *completion(commands()))}
    for path, item in items.items():
        file = scratch / path
        file.parent.mkdir(parents=True, exist_ok=True)
        # A wheel has no links.
        content = items[str(Path(path).with_name(item.target))] if isinstance(item, Link) else item
        assert not isinstance(content, Link)
        file.write_bytes(content.content())
    grouped = groupby(sorted(items), key=lambda path: str(Path(path).parent))
    return [(directory, [str(scratch / path) for path in paths]) for directory, paths in grouped]


class Refused(editable_wheel):
    """`pip install -e`, which cannot be: Python would find sources without compiled modules."""

    def run(self) -> None:
        """Say so, and what there is instead."""
        sys.exit(
            "pvm3py cannot be installed in editable mode, since its modules are compiled. Use "
            "`pip install .`, or `make` and then build/venv/bin/python, which finds what make built"
        )


class BinaryDistribution(Distribution):
    """A distribution for one kind of machine and one version of Python."""

    def has_ext_modules(self) -> bool:
        """Yes, although setuptools does not build them."""
        return True


setup(
    cmdclass={"build_py": BuildTree, "editable_wheel": Refused},
    distclass=BinaryDistribution,
    entry_points={"console_scripts": entry_points()},
)
