# SPDX-License-Identifier: MIT
"""Wheel of pvm3py: what `make tree` builds, laid out as a Python package.

The Makefile is the only description of the build. The tree's lib/python/pvm3py becomes the
package; the rest of the tree becomes the directory pvm3py/root inside it.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

from setuptools import Distribution, setup
from setuptools.command.build_py import build_py


class BuildTree(build_py):
    """Fills the build directory from the tree."""

    def run(self) -> None:
        """Build with the interpreter that runs this, then copy."""
        scratch = Path(self.get_finalized_command("build").build_temp)
        shutil.rmtree(scratch, ignore_errors=True)
        subprocess.run(
            ["make", "tree", f"BUILD={scratch}", f"PYTHON={sys.executable}"],
            check=True,
            stdout=sys.stderr,
        )
        package = Path(self.build_lib) / "pvm3py"
        shutil.rmtree(package, ignore_errors=True)
        tree = scratch / "pvm3"
        ignore = shutil.ignore_patterns("__pycache__")
        shutil.copytree(tree / "lib" / "python" / "pvm3py", package, ignore=ignore)
        shutil.copytree(tree, package / "root", ignore=shutil.ignore_patterns("python"))
        # A wheel holds files only; the directory for the user's programs needs one.
        for directory in (package / "root" / "bin").iterdir():
            (directory / "README").write_text("Programs that tasks may spawn by name go here.\n")


class BinaryDistribution(Distribution):
    """A distribution for one kind of machine and one version of Python."""

    def has_ext_modules(self) -> bool:
        """Yes, although setuptools does not build them."""
        return True


setup(cmdclass={"build_py": BuildTree}, distclass=BinaryDistribution)
