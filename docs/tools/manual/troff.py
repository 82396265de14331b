# SPDX-License-Identifier: MIT
"""A page as a manual page, in the man macros of troff."""

from __future__ import annotations

import re

from .page import Block, Bullets, Code, Page, Paragraph, Subtitle, Table, Terms

_SECTIONS = {1: "PVM Commands", 3: "PVM Functions", 5: "PVM Files", 7: "PVM Overview"}
# Titles of parts that manual pages usually have.
_USUAL = frozenset(
    {
        *("Synopsis", "Fortran", "Description", "Arguments", "Options", "Commands"),
        *("Return value", "Exit status", "Errors", "Example", "Environment", "Files", "See also"),
    }
)
# Literal text, names of functions with a section, and links of Markdown.
_MARKS = re.compile(r"`([^`]+)`|\b([\w.+-]+)\((\d)\)|\[([^]]+)\]\(([^)]+)\)")


def manual_page(page: Page, version: str) -> str:
    """The text of the page."""
    names = ", ".join((page.name, *page.also))
    title, kind = page.name.upper(), _SECTIONS[page.section]
    lines = [
        f'.TH "{title}" {page.section} "" "pvm3py {version}" "{kind}"',
        ".SH NAME",
        f"{_plain(names)} \\- {_plain(lowered(page.summary))}",
    ]
    for title, blocks in page.parts:
        lines.append(_heading(title))
        before: Block | None = None
        for block in blocks:
            lines += _block(block, first=before is None or isinstance(before, Subtitle))
            before = block
    return "\n".join(lines) + "\n"


def link(page: Page) -> str:
    """The text of a file under another name of the page."""
    return f".so man{page.section}/{page.name}.{page.section}\n"


def lowered(sentence: str) -> str:
    """A sentence as the end of another one: with a small first letter, unless it is a name's."""
    return sentence[:1].lower() + sentence[1:] if sentence[1:2].islower() else sentence


def _heading(title: str) -> str:
    """The beginning of a part; names in the titles of constants stay as they are."""
    return f".SH {title.upper()}" if title in _USUAL else f'.SS "{_plain(title)}"'


def _block(block: Block, *, first: bool) -> list[str]:
    match block:
        case Paragraph(text):
            return ([] if first else [".PP"]) + [_line(text)]
        case Subtitle(text):
            return [f'.SS "{_plain(text)}"']
        case Code(lines):
            code = [_guarded(_plain(line)) for line in lines]
            return ([] if first else [".PP"]) + [".RS 4", ".nf", *code, ".fi", ".RE"]
        case Terms(entries):
            return [line for term, text in entries for line in (".TP", _bold(term), _line(text))]
        case Bullets(items):
            return [line for item in items for line in (".IP \\(bu 2", _line(item))]
        case Table(rows):
            return [line for row in rows[1:] for line in _row(row)]


def _row(cells: tuple[str, ...]) -> list[str]:
    """A row of a table: its first cell as a term, the others behind it."""
    first, *others = cells
    return [".TP", _line(first), _line("; ".join(cell for cell in others if cell) or "\\&")]


def _plain(text: str) -> str:
    """Text without marks, for troff."""
    return text.replace("\\", "\\e").replace("-", "\\-")


def _guarded(line: str) -> str:
    """A line that does not look like a request."""
    return "\\&" + line if line.startswith((".", "'")) else line


def _bold(text: str) -> str:
    return f"\\fB{_plain(text)}\\fR"


def _line(text: str) -> str:
    """Running text, in which literals and names of pages are bold."""
    parts, end = [], 0
    for match in _MARKS.finditer(text):
        parts += [_plain(text[end : match.start()]), _marked(match)]
        end = match.end()
    return _guarded("".join(parts) + _plain(text[end:])) if text != "\\&" else text


def _marked(match: re.Match[str]) -> str:
    literal, name, section, title, _ = match.groups()
    if literal:
        return _bold(literal)
    return f"{_bold(name)}({section})" if name else _plain(title)
