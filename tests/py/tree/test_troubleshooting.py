# SPDX-License-Identifier: MIT
"""docs/troubleshooting.md has the messages that users see, as the sources say them."""

from __future__ import annotations

import re
from collections.abc import Iterator

from support.system import PROJECT

# A call of pvm__log in C, or a StartError in Python, with its text in one or several pieces.
LOGGED = re.compile(r"\bpvm__log\(\s*((?:\"(?:[^\"\\]|\\.)*\"\s*)+)")
REFUSED = re.compile(r"\bStartError\(\s*f?\"((?:[^\"\\]|\\.)*)\"")
PIECE = re.compile(r"\"((?:[^\"\\]|\\.)*)\"")
# What stands for something else: a conversion of printf, an expression of an f-string, an escape.
BLANK = re.compile(r"%[-\d.]*[a-z]|\{[^}]*\}|\\.")
# Characters in a row that a reader can look for.
FEWEST = 8


def messages() -> Iterator[str]:
    """The texts in the sources."""
    for path in PROJECT.glob("csrc/lib*/**/*.c"):
        for call in LOGGED.findall(path.read_text()):
            yield "".join(PIECE.findall(call))
    for path in (PROJECT / "pvm3py" / "pvmd").rglob("*.py"):
        yield from REFUSED.findall(path.read_text())


def known(message: str, page: str) -> bool:
    """Whether a page has the first words of a message that are always the same."""
    parts = [part.strip() for part in re.split("[;:,()]", BLANK.sub(";", message))]
    fixed = [part for part in parts if len(part) >= FEWEST]
    return not fixed or fixed[0] in page


def page() -> str:
    return (PROJECT / "docs" / "troubleshooting.md").read_text()


def test_every_message_of_the_libraries_and_of_a_refused_start_is_explained() -> None:
    texts = set(messages())
    assert len(texts) > 40
    assert sorted(text for text in texts if not known(text, page())) == []


def test_a_message_that_is_not_explained_is_found() -> None:
    assert not known("the moon is full: %s", page())


def test_every_file_of_sources_is_looked_at() -> None:
    assert any("PVMSOCK" in text for text in messages())
    assert any("PVM_VMID" in text for text in messages())
