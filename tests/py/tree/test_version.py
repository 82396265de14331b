# SPDX-License-Identifier: MIT
"""The version stands in pvm3py/__init__.py; everything else that tells it reads it there."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from support.system import ARCH, PROJECT, pvm_root, require_daemon

RELEASE = re.compile(r"^## \[?(\d+\.\d+\.\d+)\]?", re.MULTILINE)


def source_version() -> str:
    """The version as the source states it."""
    text = (PROJECT / "pvm3py" / "__init__.py").read_text()
    (version,) = re.findall(r'^__version__ = "(.*)"$', text, re.MULTILINE)
    assert isinstance(version, str)
    return version


@pytest.fixture
def tmp() -> Iterator[Path]:
    """A directory with a short name."""
    path = Path(tempfile.mkdtemp(prefix="pv"))
    yield path
    shutil.rmtree(path)


def output(*command: object, env: dict[str, str]) -> str:
    """What a command prints that must succeed."""
    words = [str(word) for word in command]
    done = subprocess.run(words, env=env, capture_output=True, text=True, check=True)
    return done.stdout


def test_built_tree_tells_the_version_of_the_source(tmp: Path) -> None:
    require_daemon("ours")
    env = {"PYTHONPATH": str(pvm_root() / "lib" / "python")}
    command = (sys.executable, "-m", "pvm3py", "--version")
    assert output(*command, env=env) == f"pvm3py {source_version()}\n"


def test_daemon_logs_the_version_of_the_source(tmp: Path) -> None:
    require_daemon("ours")
    env = {"PVM_TMP": str(tmp), "PVM_ALLOW_ROOT": "1", "PATH": "/usr/bin:/bin"}
    output(pvm_root() / "lib" / ARCH / "pvmd3", "-t", env=env)
    (log,) = tmp.glob("pvml.*")
    assert f"pvmd3 {source_version()} " in log.read_text()


def test_package_gets_the_version_of_the_source(tmp: Path) -> None:
    """setuptools finds it without an import: the copy has nothing that could be imported."""
    config = pytest.importorskip("setuptools.config.pyprojecttoml", reason="needs setuptools")
    shutil.copy(PROJECT / "pyproject.toml", tmp)
    shutil.copy(PROJECT / "README.md", tmp)
    (tmp / "pvm3py").mkdir()
    text = (PROJECT / "pvm3py" / "__init__.py").read_text()
    (tmp / "pvm3py" / "__init__.py").write_text(f"import a_module_that_is_not_there\n{text}")
    found = config.read_configuration(tmp / "pyproject.toml")
    assert found["project"]["version"] == source_version()


def test_change_log_begins_with_the_version_of_the_source() -> None:
    releases = RELEASE.findall((PROJECT / "CHANGELOG.md").read_text())
    assert releases[0] == source_version()
