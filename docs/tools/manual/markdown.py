# SPDX-License-Identifier: MIT
"""A page as Markdown, for the site."""

from __future__ import annotations

import re
from collections.abc import Mapping

from .page import Block, Bullets, Code, Page, Paragraph, Subtitle, Table, Terms

# Name of a page, or another name that leads to it: its address as seen from the page.
Places = Mapping[str, str]

_MARKS = re.compile(r"`[^`]+`|\[[^]]+\]\([^)]+\)|\w[\w.]*(?:\(\d\))?|[*<>\[\]]")
_CODE = re.compile(r"Pvm[A-Z]\w+|PVM_[A-Z0-9_]+|PVM[A-Z]+|TEV_\w+")


def markdown_page(page: Page, places: Places) -> str:
    """The text of the page."""
    heading = ", ".join((page.name, *page.also))
    lines = [f"# {heading}" if len(page.also) < 3 else f"# {page.name} ...", ""]
    lines += [inline(page.summary + ".", places, page.name), ""]
    for title, blocks in page.parts:
        lines += [f"## {title}", ""]
        for block in blocks:
            lines += [*block_lines(block, places, page.name), ""]
    return "\n".join(lines)


def block_lines(block: Block, places: Places, own: str = "") -> list[str]:
    """Lines of a block. own: name of the page, which is not linked to itself."""
    match block:
        case Paragraph(text):
            return [inline(text, places, own)]
        case Subtitle(text):
            return [f"### {inline(text, {})}"]
        case Code(lines, language):
            return [f"```{language or 'text'}", *lines, "```"]
        case Terms(entries):
            return [f"* `{term}`: {inline(text, places, own)}" for term, text in entries]
        case Bullets(items):
            return [f"* {inline(item, places, own)}" for item in items]
        case Table(rows):
            cells = [[inline(cell, places, own) for cell in row] for row in rows]
            rule = ["---"] * len(rows[0])
            return [f"| {' | '.join(row)} |" for row in (cells[0], rule, *cells[1:])]


def inline(text: str, places: Places, own: str = "") -> str:
    """Running text with links to the pages that it names."""
    return _MARKS.sub(lambda match: _marked(match[0], places, own), text)


def _marked(word: str, places: Places, own: str) -> str:
    if word.startswith(("`", "[")) and len(word) > 1:
        return word
    if word in "*<>[]":
        return "\\" + word
    bare = word.rstrip(".")
    name = re.sub(r"\(\d\)$", "", bare)
    if name in places and name != own:
        return f"[`{name}`]({places[name]})" + word[len(bare) :]
    if name == own or _CODE.fullmatch(name):
        return f"`{name}`" + word[len(bare) :]
    return word
