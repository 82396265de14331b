# SPDX-License-Identifier: MIT
"""The release builds without a network, and its wheel is the whole of PVM in any environment.

PVM3PY_PYTHONS=all does the same with every Python at hand.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from support.installs import QUICK, check_hello, clean_environment, daemon, daemon_pid, run
from support.system import ARCH, PROJECT

OLDEST = (3, 11)


@dataclass(frozen=True)
class Wheel:
    """A wheel, and the interpreter that it was built with and is for."""

    file: Path
    python: str


def other_pythons() -> list[str]:
    """Interpreters of other versions: on the search path, and of pyenv."""
    found: dict[str, str] = {}
    # pyenv's programs on the search path would only run the version that was chosen.
    pyenv = map(str, Path.home().glob(".pyenv/versions/*/bin"))
    places = [*pyenv, *os.environ["PATH"].split(":")]
    for directory in places:
        for program in Path(directory or ".").glob("python3.*"):
            version = re.fullmatch(r"python3\.(\d+)", program.name)
            if version and (3, int(version[1])) >= OLDEST:
                found.setdefault(program.name, str(program))
    found.pop(f"python3.{sys.version_info.minor}", None)
    return sorted(found.values())


def builder(python: str, place: Path) -> Path:
    """An interpreter that has what the release declares as needed for building."""
    if python == sys.executable:
        return Path(python)
    run(python, "-m", "venv", place / "builder", env=clean_environment())
    own = place / "builder" / "bin" / "python"
    wanted = re.search(r"requires = \[(.*)\]", (PROJECT / "pyproject.toml").read_text())
    assert wanted
    requirements = [word.strip('"') for word in wanted[1].split(", ")]
    run(own, "-m", "pip", "install", "-q", "wheel", *requirements, env=clean_environment())
    return own


@pytest.fixture(scope="module", params=[sys.executable, *other_pythons()], ids=os.path.basename)
def wheel(released: Path, request: pytest.FixtureRequest) -> Iterator[Wheel]:
    """A wheel, built from the release without a network, in the C locale."""
    if request.param != sys.executable and os.environ.get("PVM3PY_PYTHONS") != "all":
        pytest.skip("another Python: PVM3PY_PYTHONS=all")
    place = Path(tempfile.mkdtemp(prefix="pvwheel"))
    env = clean_environment() | QUICK | {"LC_ALL": "C", "PIP_NO_INDEX": "1"}
    options = ["-q", "--no-build-isolation", "--no-deps", "--wheel-dir", place]
    run(builder(request.param, place), "-m", "pip", "wheel", *options, released, env=env)
    (file,) = place.glob("*.whl")
    yield Wheel(file, request.param)
    shutil.rmtree(place)


@pytest.fixture
def venv(wheel: Wheel, scratch: Path) -> Path:
    """An environment with the wheel and what it needs, and nothing else."""
    path = scratch / "venv"
    env = clean_environment()
    run(wheel.python, "-m", "venv", path, env=env)
    run(path / "bin" / "python", "-m", "pip", "install", "-q", wheel.file, cwd=scratch, env=env)
    return path


@pytest.mark.slow
def test_wheel_is_all_of_pvm_in_a_bare_environment(venv: Path, scratch: Path) -> None:
    """Commands, the module, and the tree inside the package."""
    env = clean_environment() | {"LC_ALL": "C"}
    python = venv / "bin" / "python"
    root = Path(run(python, "-m", "pvm3py", "root", cwd=scratch, env=env).strip())
    assert venv in root.parents
    assert run(venv / "bin" / "pvm3py", "arch", cwd=scratch, env=env).strip() == ARCH
    check_versions(venv, scratch)
    check_hello(root, venv / "bin" / "pvmd3", scratch=scratch)
    assert "usage: pvmrm" in run(root / "bin" / ARCH / "pvmrm", "-h", env=env)
    with daemon(venv / "bin" / "pvmd", path=scratch) as task_env:
        code = "import pvm3py.classic as pvm3py; print(hex(pvm3py.mytid())); pvm3py.exit()"
        assert run(python, "-c", code, cwd=scratch, env=task_env).strip() == "0x40001"
    check_start_without_environment(venv, root, scratch)


def check_versions(venv: Path, scratch: Path) -> None:
    """All commands are there, and tell the version of the package."""
    env = clean_environment()
    asked = "from importlib import metadata; print(metadata.version('pvm3py'))"
    version = run(venv / "bin" / "python", "-c", asked, cwd=scratch, env=env).strip()
    commands = run("make", "-s", "commands", cwd=PROJECT, env=env).split()
    assert {"pvm3py", "pvmd", "pvmd3", "pvmgs", "pvmgetarch", "aimk", "pvm_gstat"} <= {*commands}
    told = {name: run(venv / "bin" / name, "--version", cwd=scratch, env=env) for name in commands}
    assert {name: text for name, text in told.items() if f"pvm3py {version}" not in text} == {}


def check_start_without_environment(venv: Path, root: Path, scratch: Path) -> None:
    """The daemon finds the interpreter beside it, as when another host starts it."""
    with daemon(root / "lib" / ARCH / "pvmd3", path=scratch) as env:
        words = Path(f"/proc/{daemon_pid(env)}/cmdline").read_text().split("\0")
        assert Path(words[0]).parent == venv / "bin"


@pytest.mark.slow
def test_wheel_names_no_place_of_its_build(wheel: Wheel, released: Path) -> None:
    homes = (sys.base_prefix, sys.prefix) if sys.base_prefix != "/usr" else (sys.prefix,)
    places = [str(path).encode() for path in (released, wheel.file.parent, PROJECT, *homes)]
    with zipfile.ZipFile(wheel.file) as archive:
        files = {name: archive.read(name) for name in archive.namelist()}
    assert any(name.endswith("/libpvm3.so.3") for name in files)
    assert [name for name, data in files.items() if any(place in data for place in places)] == []


@pytest.mark.slow
def test_editable_install_is_refused_in_words(released: Path, scratch: Path) -> None:
    env = clean_environment() | {"PIP_NO_INDEX": "1"}
    command = ["install", "--no-build-isolation", "--no-deps", "--target", scratch, "-e", released]
    words = [sys.executable, "-m", "pip", *map(str, command)]
    done = subprocess.run(words, env=env, capture_output=True, text=True)
    assert done.returncode != 0
    assert "pvm3py cannot be installed in editable mode" in done.stdout + done.stderr
