# SPDX-License-Identifier: MIT
"""The documents: links lead somewhere, README is short, the index has everything."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from support.programs.blocks import documents
from support.system import PROJECT

README_LINES = 140
LINK = re.compile(r"\[[^]]*\]\(([^)\s]+)\)")
FENCE = re.compile(r"^```.*?^```$", re.MULTILINE | re.DOTALL)
HEADING = re.compile(r"^#+ (.*)$", re.MULTILINE)


def prose(path: Path) -> str:
    """A document's text without its blocks of code."""
    return FENCE.sub("", (PROJECT / path).read_text())


def anchors(path: Path) -> set[str]:
    """The names by which links reach the headings of a document."""
    plain = (re.sub(r"[^\w\- ]", "", heading.lower()) for heading in HEADING.findall(prose(path)))
    return {heading.replace(" ", "-") for heading in plain}


def broken(path: Path) -> list[str]:
    """Links of a document to files or headings that are not there."""
    wrong = []
    for link in LINK.findall(prose(path)):
        if "://" in link:
            continue
        name, _, anchor = link.partition("#")
        target = (PROJECT / path.parent / name).resolve() if name else PROJECT / path
        if not target.exists() or (anchor and anchor not in anchors(target)):
            wrong.append(link)
    return wrong


@pytest.mark.parametrize("path", documents(), ids=str)
def test_every_link_leads_to_a_file_and_heading_that_exist(path: Path) -> None:
    assert broken(path) == []


def test_a_link_to_nowhere_is_found(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text("# A (b)\n[x](page.md#a-b) [y](page.md#c) [z](none.md)\n```\n[q](no)\n```\n")
    assert broken(page) == ["page.md#c", "none.md"]


def test_readme_is_short() -> None:
    assert len((PROJECT / "README.md").read_text().splitlines()) <= README_LINES


def test_index_has_every_document() -> None:
    folder = PROJECT / "docs"
    links = LINK.findall(prose(folder / "README.md"))
    named = {folder / link.partition("#")[0] for link in links}
    assert set(folder.glob("*.md")) - named == {folder / "README.md"}


# Files of the source as documents name them; a name with a placeholder is none.
SOURCE = re.compile(r"`((?:bench|csrc|docs|examples|include|pvm3py|tests|tree)/[\w./-]+)`")


@pytest.mark.parametrize("path", documents(), ids=str)
def test_every_file_that_a_document_names_exists(path: Path) -> None:
    named = set(SOURCE.findall(prose(path)))
    assert {name for name in named if not (PROJECT / name).exists()} == set()
