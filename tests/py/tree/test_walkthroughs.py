# SPDX-License-Identifier: MIT
"""Documents that show what to type are right: their files are written, their commands run.

What its blocks are a document says in comments: tests/py/support/programs/blocks.py lists them.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from support.programs.blocks import Block, blocks_of, documents
from support.system import ARCH, PATIENCE, PROJECT, missing

DOCUMENTS = [str(path) for path in documents() if any(b.kind == "run" for b in blocks_of(path))]
# These begin with a checkout. For all others commands are on the search path, as after installing.
BEGINNERS = ["README.md", "docs/porting.md", "docs/tutorial.md"]
# The name that a document uses for what it needs, and the program.
NEEDS = {"fortran": "gfortran"}


class Shell:
    """One shell, to which blocks are typed one by one."""

    def __init__(self, place: Path) -> None:
        home = place / "home"
        home.mkdir()
        keep = {key: os.environ[key] for key in ("PATH", "LANG", "LC_ALL") if key in os.environ}
        self.env = {**keep, "HOME": str(home), "PVM_TMP": str(place / "tmp")}
        if os.getuid() == 0:
            self.env["PVM_ALLOW_ROOT"] = "1"
        Path(self.env["PVM_TMP"]).mkdir()
        self.state = place / "state"
        self.state.write_text(f"cd '{checkout(place)}'\n")

    def run(self, text: str) -> subprocess.CompletedProcess[str]:
        """Run commands where the last ones left off, which have to succeed one by one."""
        keep = f"{{ export -p; printf 'cd %q\\n' \"$PWD\"; }} > '{self.state}'"
        script = f". '{self.state}'\nset -e\n{text}\n{keep}\n"
        return subprocess.run(
            ["bash", "-c", script],
            env=self.env,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            timeout=4 * PATIENCE,
        )


def checkout(place: Path) -> Path:
    """A directory that looks like a checkout with a tree that is built."""
    root = place / "checkout"
    (root / "build").mkdir(parents=True)
    for path in PROJECT.iterdir():
        if path.name != "build":
            (root / path.name).symlink_to(path)
    for name in ("pvm3", "venv"):
        (root / "build" / name).symlink_to(PROJECT / "build" / name)
    return root


@pytest.fixture
def shell(tmp_path: Path, document: str) -> Iterator[Shell]:
    shell = Shell(tmp_path)
    if document not in BEGINNERS:
        build = PROJECT / "build"
        installed = [build / "pvm3" / "lib", build / "pvm3" / "lib" / ARCH, build / "venv" / "bin"]
        shell.env["PATH"] = ":".join([*map(str, installed), shell.env["PATH"]])
    yield shell
    shell.run("command -v pvm && pvm -c halt || true")


def lacking(step: Block) -> str | None:
    """The program that a step needs and that is not there."""
    need = NEEDS.get(step.what or "", "true")
    return None if shutil.which(need) else need


def write(step: Block, shell: Shell) -> None:
    """Write a file that a document shows."""
    assert step.what
    place = shell.run(f"mkdir -p \"$(dirname '{step.what}')\"; pwd").stdout.strip()
    Path(place, step.what).write_text(step.text)


@pytest.mark.parametrize("document", DOCUMENTS)
def test_what_a_document_shows_can_be_typed(document: str, shell: Shell) -> None:
    lines: list[str] | None = None
    absent = set()
    for step in blocks_of(document):
        if step.kind == "file":
            write(step, shell)
        elif step.kind == "run" and (need := lacking(step)):
            lines = None
            absent.add(need)
        elif step.kind == "run":
            done = shell.run(step.text)
            assert done.returncode == 0, f"{step.text}\n{done.stdout}"
            lines = [line.rstrip() for line in done.stdout.splitlines()]
        elif step.kind == "prints":
            assert lines is None or set(step.text.splitlines()) <= set(lines), lines
    if absent:
        missing(f"parts of {document} need {', '.join(sorted(absent))}")


@pytest.mark.parametrize("document", BEGINNERS)
def test_a_document_for_beginners_has_something_to_type(document: str) -> None:
    kinds = [block.kind for block in blocks_of(document)]
    assert kinds.count("run") >= 2 and "file" in kinds


@pytest.mark.parametrize("path", documents(), ids=str)
def test_files_and_outputs_are_in_documents_that_are_typed(path: Path) -> None:
    kinds = {block.kind for block in blocks_of(path)}
    assert str(path) in DOCUMENTS or not kinds & {"file", "prints", "build"}
