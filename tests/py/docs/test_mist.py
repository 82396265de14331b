# SPDX-License-Identifier: MIT
"""docs/mist.md has every reason for which a task stays where it is, in the words of the code."""

from __future__ import annotations

import re

from support.system import PROJECT

from pvm3py.wire.moves import WORDS

ROW = re.compile(r"^\| ([^|]+?) \|", re.MULTILINE)
ENTRY = re.compile(r'^\t+\[(?:WIRE_)?WHY_[^]]*\] = "(.*)",$', re.MULTILINE)


def rows(section: str) -> list[str]:
    """The first cells of the tables that follow a line of the document, without titles."""
    text = (PROJECT / "docs" / "mist.md").read_text().split(f"\n{section}\n")[1]
    table = text.lstrip().split("\n\n")[0]
    return [row for row in ROW.findall(table) if row not in ("text", "---")]


def words_of_tasks() -> list[str]:
    """What the library says, from its tables."""
    sources = (PROJECT / "csrc" / "libpvm").rglob("*.c")
    return [text for source in sources for text in ENTRY.findall(source.read_text())]


def test_reasons_of_daemons_are_those_of_the_code() -> None:
    assert sorted(rows("The daemons say:")) == sorted(WORDS.values())


def test_reasons_of_tasks_are_those_of_the_code() -> None:
    words = words_of_tasks()
    assert "an open socket" in words and "it has a direct route to a task of 3.4.6" in words
    assert sorted(rows("The task itself says:")) == sorted(words)
