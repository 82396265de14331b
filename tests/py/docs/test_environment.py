# SPDX-License-Identifier: MIT
"""docs/environment.md has the variables that the sources read, and no others."""

from __future__ import annotations

import re
from pathlib import Path

from support.system import PROJECT

DOCUMENT = PROJECT / "docs" / "environment.md"
# These run when the project is built.
BUILDERS = PROJECT / "csrc" / "python"
# Names of variables are literals in C and Python, whichever function gets them.
LITERAL = re.compile(
    r'"(PVM[A-Z0-9_]*)"|getenv\("(\w+)"|environ(?:\.get|\.pop|\.setdefault)?[\[(]"(\w+)"'
    r'|\benv\("(\w+)"'
)
# In scripts, what is written in capitals is not the script's own; names may be passed on.
SHELL = re.compile(r"\$\{?([A-Z][A-Z0-9_]{2,})|=(PVM[A-Z0-9]*_[A-Z0-9_]+)")
SHELLS_OWN = {"PATH", "BASH_SOURCE"}
NO_CODE = re.compile(r"^\s*#.*$|@\w+@", re.MULTILINE)


def names(pattern: re.Pattern[str], text: str) -> set[str]:
    return {name for found in pattern.finditer(text) for name in found.groups() if name}


def read_by_sources() -> set[str]:
    found: set[str] = set()
    for folder in ("csrc", "pvm3py"):
        for path in (PROJECT / folder).rglob("*"):
            if path.suffix in (".c", ".h", ".py") and path.parent != BUILDERS:
                found |= names(LITERAL, path.read_text())
    for path in (PROJECT / "tree").iterdir():
        if path.is_file():
            found |= names(SHELL, NO_CODE.sub("", path.read_text()))
    return found - SHELLS_OWN


def documented(path: Path) -> set[str]:
    """Names in the first column of the table."""
    cells = re.findall(r"^\| (`[^|]*) \|", path.read_text(), re.MULTILINE)
    return {name for cell in cells for name in re.findall(r"`(\w+)`", cell)}


def test_the_table_is_what_the_sources_read() -> None:
    found = read_by_sources()
    assert len(found) > 40
    assert found == documented(DOCUMENT)


def test_a_variable_is_found_in_each_language() -> None:
    assert names(LITERAL, 'x = getenv("LANG"); env_int("PVMNEW", 0)') == {"LANG", "PVMNEW"}
    assert names(LITERAL, 'os.environ.get("NO_COLOR"), os.environ["A_B"]') == {"NO_COLOR", "A_B"}
    assert names(SHELL, 'echo "$PVM_ROOT/${HOME:-x}" $here') == {"PVM_ROOT", "HOME"}
    assert names(SHELL, "variable=PVM_CC") == {"PVM_CC"}
