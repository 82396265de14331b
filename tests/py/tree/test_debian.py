# SPDX-License-Identifier: MIT
"""Debian packages of this project take the place of PVM 3.4.6's.

PVM3PY_DEB=DIR builds and uses them in Debian 12 and 13 as well. Their systems are made by debootstrap
below DIR, where they stay for the next time.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from support.installs import clean_environment, run
from support.system import ARCH, PROJECT, require_daemon, require_program

MIRROR = "http://deb.debian.org/debian"
REPLACED = ("pvm", "pvm-dev", "libpvm3")
# Debian's packages of programs for PVM; only release 12 has them.
USERS = ("netpipe-pvm", "tablix2", "slang-pvm", "slsh", "pvm-examples")
# Parts of an install that Debian has elsewhere, or that packages do not need.
ELSEWHERE = re.compile(r"lib/pvm3/installed|.*/__pycache__/.*|share/doc/.*|lib/lib\w+\.a|.*/cffi.libs/.*")


def built(target: Path, **settings: str) -> Path:
    """The packages, built in a directory."""
    require_program("dh", "debhelper")
    require_program("dh_python3", "dh-python")
    if subprocess.run(["/usr/bin/python3", "-c", "import cffi, setuptools"]).returncode:
        pytest.skip("/usr/bin/python3 has no cffi and setuptools (python3-cffi, python3-setuptools)")
    env = clean_environment() | settings
    run("make", "-s", "deb", f"BUILD={target}", cwd=PROJECT, env=env)
    return target / "deb"


@pytest.fixture(scope="module")
def quick() -> Iterator[Path]:
    """Packages of code that is not optimised."""
    require_daemon("ours")
    place = Path(tempfile.mkdtemp(prefix="pvdeb"))
    yield built(place, DEB_BUILD_OPTIONS="noopt noautodbgsym")
    shutil.rmtree(place)


def contents(packages: Path) -> dict[str, set[str]]:
    """Paths of files and links of each package, below /usr."""
    found = {}
    for file in packages.glob("*.deb"):
        listing = run("dpkg-deb", "--fsys-tarfile", file, binary=True)
        names = subprocess.run(["tar", "-t"], input=listing, capture_output=True).stdout.decode()
        paths = {name.removeprefix("./usr/") for name in names.splitlines()}
        found[file.name.partition("_")[0]] = {path for path in paths if not path.endswith("/")}
    return found
