# SPDX-License-Identifier: MIT
"""Places for installs, with difficult names."""

from __future__ import annotations

import shutil
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from support.installs import clean_environment, run
from support.system import PROJECT, require_program


@pytest.fixture
def scratch() -> Iterator[Path]:
    """A directory with a short name and a blank in it."""
    path = Path(tempfile.mkdtemp(prefix="pv"))
    (path / "a b").mkdir()
    yield path / "a b"
    shutil.rmtree(path)


@pytest.fixture(scope="module")
def released() -> Iterator[Path]:
    """The sources as they are released, unpacked in a place with a difficult name."""
    require_program("make", "make")
    pytest.importorskip("setuptools", reason="needs setuptools")
    place = Path(tempfile.mkdtemp(prefix="pvsrc"))
    commands = ["egg_info", "--egg-base", place, "sdist", "--dist-dir", place]
    run(sys.executable, "setup.py", "-q", *commands, cwd=PROJECT, env=clean_environment())
    (archive,) = place.glob("pvm3py-*.tar.gz")
    run("tar", "-xzf", archive, "-C", place)
    (unpacked,) = (path for path in place.glob("pvm3py-*") if path.is_dir())
    yield unpacked.rename(place / "Göteborg by night")
    shutil.rmtree(place)
