# SPDX-License-Identifier: MIT
"""Documents that show what to type are right: their files are written, their commands run.

A block of code behind one of these comments is used; all others are only shown.

    <!-- file: NAME -->   the text of a file, in the directory where the document's shell is
    <!-- run -->          commands, typed to one shell for the whole document
    <!-- run: NEED -->    the same, if the program NEED is there
    <!-- prints -->       what the commands before it print, among other lines
    <!-- build -->        commands that build the tree, which the tests have
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from support.system import PROJECT, missing

BLOCK = re.compile(
    r"^<!-- (?P<kind>\w+)(?:: (?P<what>\S+))? -->\n```\w*\n(?P<text>.*?)^```$", re.M | re.S
)
DOCUMENTS = ["README.md", "docs/tutorial.md", "docs/porting.md"]
# The name that a document uses for what it needs, and the program.
NEEDS = {"fortran": "gfortran"}


@dataclass
class Step:
    """A block of a document."""

    kind: str
    what: str | None
    text: str


def steps(document: str) -> list[Step]:
    """The blocks of a document that are used."""
    found = BLOCK.finditer((PROJECT / document).read_text())
    return [Step(block["kind"], block["what"], block["text"]) for block in found]


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
            timeout=120,
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
def shell(tmp_path: Path) -> Iterator[Shell]:
    shell = Shell(tmp_path)
    yield shell
    shell.run("command -v pvm && pvm -c halt || true")


def lacking(step: Step) -> str | None:
    """The program that a step needs and that is not there."""
    need = NEEDS.get(step.what or "", "true")
    return None if shutil.which(need) else need


def write(step: Step, shell: Shell) -> None:
    """Write a file that a document shows."""
    assert step.what
    place = shell.run(f"mkdir -p \"$(dirname '{step.what}')\"; pwd").stdout.strip()
    Path(place, step.what).write_text(step.text)


@pytest.mark.parametrize("document", DOCUMENTS)
def test_what_a_document_shows_can_be_typed(document: str, shell: Shell) -> None:
    lines: list[str] | None = None
    absent = set()
    for step in steps(document):
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
        else:
            assert step.kind == "build", step
    if absent:
        missing(f"parts of {document} need {', '.join(sorted(absent))}")


@pytest.mark.parametrize("document", DOCUMENTS)
def test_a_document_has_something_to_type(document: str) -> None:
    kinds = [step.kind for step in steps(document)]
    assert kinds.count("run") >= 2 and "file" in kinds
