# SPDX-License-Identifier: MIT
"""Manual pages: troff reads them without a warning, and names lead to them."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from manual.page import Bullets, Code, Page, Paragraph, Table, Terms
from manual.troff import lowered, manual_page
from support.system import PROJECT, missing, modules_dir, pvm_root, require_library


@pytest.fixture(scope="module")
def manual(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """All manual pages."""
    require_library("ours")
    target = tmp_path_factory.mktemp("man")
    path = f"{PROJECT / 'docs' / 'tools'}:{modules_dir()}"
    command = [sys.executable, "-P", "-m", "manual", "man", str(pvm_root()), str(target)]
    subprocess.run(
        command, check=True, cwd=PROJECT, env={"PYTHONPATH": path, "PATH": "/usr/bin:/bin"}
    )
    return target


def groff(*arguments: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    if not shutil.which("groff"):
        missing("groff is not installed: apt-get install groff-base")
    command = ["groff", "-man", "-ww", "-Kutf8", "-Tutf8", *arguments]
    return subprocess.run(command, cwd=cwd, capture_output=True, text=True)


def shown(page: str, cwd: Path) -> str:
    """The words of a page as a reader sees them; bold letters are struck twice, not coloured."""
    return " ".join(re.sub(".\x08", "", groff("-P-c", page, cwd=cwd).stdout).split())


def test_troff_has_no_warning_about_any_page(manual: Path) -> None:
    files = sorted(str(path.relative_to(manual)) for path in manual.rglob("*.?"))
    assert len(files) > 200
    done = groff("-z", *files, cwd=manual)
    assert (done.returncode, done.stderr, done.stdout) == (0, "", "")


def test_troff_warns_about_a_bad_page(tmp_path: Path) -> None:
    (tmp_path / "x.3").write_text('.TH X 3\n.SH NAME\nx \\- y\n.QQ "z"\n')
    assert "QQ" in groff("-z", "x.3", cwd=tmp_path).stderr


def test_other_names_lead_to_the_page(manual: Path) -> None:
    assert (manual / "man3" / "pvmfsend.3").read_text() == ".so man3/pvm_send.3\n"
    assert (manual / "man3" / "pvm_pkint.3").read_text() == ".so man3/pvm_pkbyte.3\n"


def test_a_page_shows_c_and_fortran_arguments_errors_and_example(manual: Path) -> None:
    text = shown("man3/pvm_send.3", manual)
    for part in (
        "pvm_send, pvmfsend - send the message in the send buffer to a task",
        "int pvm_send(int tid, int tag);",
        "subroutine pvmfsend(tid, tag, info)",
        "PvmNoBuf there is no send buffer.",
        'pvm_pkstr("hello");',
        "pvm_recv(3)",
    ):
        assert part in text


def test_the_options_of_a_command_are_those_it_prints(manual: Path) -> None:
    assert "-nNAME name or address of this host" in shown("man1/pvmd3.1", manual)


def test_text_for_troff_is_escaped() -> None:
    page = Page("x", 3, "It's a-b")
    page.add(
        "Description", Paragraph(".a `b-c` \\n pvm_send(3) [d](e.md)"), Code((".x", "'y", "\\"))
    )
    page.add("Own title", Terms((("-t", "u"),)), Bullets(("v",)), Table((("w", "x"), ("y", "z"))))
    lines = manual_page(page, "1").split("\n")
    assert "\\&.a \\fBb\\-c\\fR \\en \\fBpvm_send\\fR(3) d" in lines
    assert lines[lines.index(".nf") + 1 : lines.index(".fi")] == ["\\&.x", "\\&'y", "\\e"]
    assert '.SS "Own title"' in lines
    assert lines[-9:-1] == [".TP", "\\fB\\-t\\fR", "u", ".IP \\(bu 2", "v", ".TP", "y", "z"]


def test_the_first_letter_of_a_summary_is_small_unless_it_is_a_name() -> None:
    assert lowered("Send it") == "send it"
    assert lowered("PVM's name") == "PVM's name"
