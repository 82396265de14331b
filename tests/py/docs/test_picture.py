# SPDX-License-Identifier: MIT
"""The picture of the console shows what a session shows today."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest
from support.system import PROJECT, missing, modules_dir, pvm_root, require_daemon


def words(picture: Path) -> list[str]:
    """The words of a picture, sorted: tasks on two hosts write in no certain order."""
    return sorted(re.findall(r"<text .*>(.+)</text>", picture.read_text(encoding="utf-8")))


@pytest.mark.slow
def test_picture_of_the_console_is_that_of_a_session(tmp_path: Path) -> None:
    """`make pictures` renews it."""
    require_daemon("ours")
    pytest.importorskip("pyte", reason="needs pyte")
    if not (modules_dir() / "console-libraries").is_dir():
        missing("prompt_toolkit and rich in the tree: `make` with a network brings them")
    tool, fresh = PROJECT / "docs" / "tools" / "picture.py", tmp_path / "fresh.svg"
    subprocess.run([sys.executable, tool, pvm_root(), fresh], check=True)
    shown = words(PROJECT / "docs" / "images" / "console.svg")
    assert len(shown) > 50
    assert words(fresh) == shown
