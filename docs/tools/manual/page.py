# SPDX-License-Identifier: MIT
"""A page of the reference, whether it becomes a manual page or one of the site."""

from __future__ import annotations

import re
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Paragraph:
    """Running text, in one line. `x` in it is literal."""

    text: str


@dataclass(frozen=True)
class Code:
    """Lines that stay as they are. language: as highlighters call it, "" for none."""

    lines: tuple[str, ...]
    language: str = ""


@dataclass(frozen=True)
class Terms:
    """Terms, which are literal, with what they mean."""

    entries: tuple[tuple[str, str], ...]


@dataclass(frozen=True)
class Bullets:
    """A list of short texts."""

    items: tuple[str, ...]


@dataclass(frozen=True)
class Table:
    """Rows of equal length; the first has the titles."""

    rows: tuple[tuple[str, ...], ...]


@dataclass(frozen=True)
class Subtitle:
    """What the blocks up to the next subtitle are about."""

    text: str


Block = Paragraph | Code | Terms | Bullets | Table | Subtitle


@dataclass
class Page:
    """A page.

    name      what it is called, as pvm_send
    section   of the manual: 1 commands, 3 functions, 5 files, 7 overviews
    summary   a sentence without its full stop
    also      other names that lead to it
    parts     titles and what is below them
    """

    name: str
    section: int
    summary: str
    also: tuple[str, ...] = ()
    parts: list[tuple[str, list[Block]]] = field(default_factory=list)

    def add(self, title: str, *blocks: Block) -> None:
        """Add a part, unless it has nothing in it."""
        if blocks:
            self.parts.append((title, list(blocks)))


_BULLET = re.compile(r"[*-] +")
_TERM = re.compile(r"(\w+(?:, \w+)*)  +(\S.*)")


def blocks_of(lines: list[str], language: str = "") -> list[Block]:
    """Blocks of plain text.

    Blank lines separate them. Indented lines, or lines between ``` marks, are code, lines with
    "* " in front a list, words with their meanings two blanks behind are terms, and lines between
    "|" a table.
    """
    blocks: list[Block] = []
    for chunk in _chunks(lines):
        first = chunk[0]
        if first.startswith("```"):
            blocks.append(Code(tuple(chunk[1:]), first[3:] or language))
        elif first.startswith(("\t", "    ")):
            blocks.append(Code(tuple(_outdented(chunk)), language))
        elif _BULLET.match(first):
            blocks.append(Bullets(tuple(_items(chunk))))
        elif all(_TERM.match(line) or line.startswith(" ") for line in chunk):
            blocks.append(Terms(tuple(_terms(chunk))))
        elif first.startswith("|"):
            blocks.append(
                Table(tuple(_row(line) for line in chunk if not set(line) <= set("|-: ")))
            )
        else:
            blocks.append(Paragraph(" ".join(line.strip() for line in chunk)))
    return blocks


def _chunks(lines: list[str]) -> list[list[str]]:
    """Runs of lines that are one block; of code, the blank lines inside are kept."""
    chunks: list[list[str]] = []
    fenced, apart = False, True
    for line in lines:
        if line.startswith("```"):
            if not fenced:
                chunks.append([line])
            fenced, apart = not fenced, True
        elif fenced:
            chunks[-1].append(line)
        elif not line.strip():
            apart = True
        elif apart and not _continues(chunks, line):
            chunks.append([line])
            apart = False
        else:
            chunks[-1] += ([""] if apart else []) + [line]
            apart = False
    return chunks


def _continues(chunks: list[list[str]], line: str) -> bool:
    """Whether a line behind a blank one goes on with the code before it."""
    indents = ("\t", "    ")
    return bool(chunks) and line.startswith(indents) and chunks[-1][0].startswith(indents)


def _outdented(lines: list[str]) -> list[str]:
    width = 1 if lines[0].startswith("\t") else 4
    return [line[width:].expandtabs(4) for line in lines]


def _items(lines: list[str]) -> list[str]:
    items: list[str] = []
    for line in lines:
        if bullet := _BULLET.match(line):
            items.append(line[bullet.end() :])
        else:
            items[-1] += " " + line.strip()
    return items


def _terms(lines: list[str]) -> list[tuple[str, str]]:
    terms: list[tuple[str, str]] = []
    for line in lines:
        if match := _TERM.match(line):
            terms.append((match[1], match[2]))
        else:
            terms[-1] = (terms[-1][0], f"{terms[-1][1]} {line.strip()}")
    return terms


def _row(line: str) -> tuple[str, ...]:
    return tuple(cell.strip() for cell in line.strip().strip("|").split("|"))
