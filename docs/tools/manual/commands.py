# SPDX-License-Identifier: MIT
"""Pages of commands and files: texts of docs/man with what the programs say of themselves."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterable
from dataclasses import dataclass, field
from importlib import import_module
from pathlib import Path
from typing import Any

from .page import Block, Code, Page, Paragraph, Subtitle, Terms, blocks_of

TEXTS = "docs/man"
_HEADING = re.compile(r"# (.+?)\((\d)\) - (.+)")
_OPTION = re.compile(r" {2,4}(\S.*?)(?:  +(\S.*))?")
_PATIENCE = 60


@dataclass
class Help:
    """What a program answers to --help: how it is used, options, and further paragraphs."""

    usage: list[str] = field(default_factory=list)
    options: list[tuple[str, str]] = field(default_factory=list)
    text: list[str] = field(default_factory=list)


def command_pages(project: Path, tree: Path) -> list[Page]:
    """Pages of all texts, but those about programs that the tree does not have."""
    pages = (text_page(path, tree) for path in sorted((project / TEXTS).glob("*.md")))
    return [page for page in pages if page is not None]


def text_page(path: Path, tree: Path) -> Page | None:
    """The page of a text; None: the program is missing.

    The first line is `# names(section) - summary`, and "## " begins a part.
    """
    head, *lines = path.read_text(encoding="utf-8").rstrip("\n").split("\n")
    match = _HEADING.fullmatch(head)
    if not match:
        raise ValueError(f"{path}: the first line is not `# name(section) - summary`")
    names, section, summary = match[1].split(", "), int(match[2]), match[3].rstrip(".")
    page = Page(names[0], section, summary, tuple(names[1:]))
    help_text = None
    if section == 1:
        program = find_program(names[0], tree)
        if program is None:
            return None
        help_text = read_help(ask(program))
    _fill(page, help_text, _parts(lines))
    return page


def find_program(name: str, tree: Path) -> list[str] | None:
    """The command line of a program of the tree, or of a module of Python."""
    if name.startswith("pvm3py"):
        return [sys.executable, "-P", "-m", *name.split("-")]
    found = [*tree.glob(f"lib/{name}"), *tree.glob(f"lib/*/{name}")]
    return [str(found[0])] if found else None


def ask(program: list[str]) -> str:
    """What the program answers to --help."""
    done = subprocess.run(
        [*program, "--help"],
        stdin=subprocess.DEVNULL,
        env=os.environ | {"COLUMNS": "80"},
        capture_output=True,
        encoding="utf-8",
        timeout=_PATIENCE,
    )
    if done.returncode or not done.stdout.startswith("usage: "):
        raise ValueError(f"{' '.join(program)} --help: no usage: {done.stdout}{done.stderr}")
    return done.stdout


def read_help(text: str) -> Help:
    """Usage lines, options, and paragraphs of an answer to --help."""
    found = Help()
    first, *lines = text.rstrip("\n").split("\n")
    found.usage.append(first.removeprefix("usage: "))
    while lines and lines[0].startswith("       "):
        found.usage.append(lines.pop(0).removeprefix("       "))
    for line in lines:
        _take(found, line)
    # Words that stand for others, which follow.
    found.options = [(term, text) for term, text in found.options if text]
    return found


def _take(found: Help, line: str) -> None:
    """Take a line behind the usage."""
    if line.startswith("     "):
        _continue(found, line.strip())
    elif match := _OPTION.fullmatch(line):
        found.options.append((match[1], match[2] or ""))
    elif not line.endswith(":"):
        found.text.append(line)


def _continue(found: Help, text: str) -> None:
    """More about the last option."""
    if not found.options:
        raise ValueError(f"indented, but behind no option: {text}")
    term, before = found.options[-1]
    found.options[-1] = (term, f"{before} {text}".strip())


def _parts(lines: list[str]) -> list[tuple[str, list[str]]]:
    """Titles and lines; the first title is empty."""
    parts: list[tuple[str, list[str]]] = [("", [])]
    for line in lines:
        if line.startswith("## "):
            parts.append((line[3:], []))
        else:
            parts[-1][1].append(line)
    return parts


def _fill(page: Page, answer: Help | None, parts: list[tuple[str, list[str]]]) -> None:
    """Parts of the page: what the program says, then the text's own."""
    description: list[Block] = blocks_of(answer.text) if answer else []
    if answer:
        page.add("Synopsis", Code(tuple(answer.usage)))
    page.add("Description", *description, *blocks_of(parts[0][1]))
    if answer and answer.options:
        page.add("Options", Terms(tuple(answer.options)))
    if page.name == "pvm":
        page.add("Commands", *console_commands())
    for title, lines in parts[1:]:
        page.add(title, *blocks_of(lines))


# ---- the console's table --------------------------------------------------------------------


def console_commands() -> list[Block]:
    """What the console knows, from its table; nothing if there is no console."""
    return [block for row in _rows() for block in (Subtitle(row.synopsis), *_about(row))]


def console_pages() -> list[Page]:
    """A page for each command of the console, named without its program."""
    pages = []
    for row in _rows():
        page = Page(str(row.name), 1, row.summary)
        page.add("Synopsis", Code((row.synopsis,)))
        page.add("Description", *_about(row))
        pages.append(page)
    return pages


def _rows() -> list[Any]:
    """The rows of the console's table that `help` lists."""
    try:
        table = import_module("pvm3py.console.commands").COMMANDS
    except ModuleNotFoundError:
        return []
    return sorted((row for row in table.values() if not row.hidden), key=_name_of)


def _name_of(command: Any) -> str:
    return str(command.name)


def _about(command: Any) -> Iterable[Block]:
    """Meaning and options of a command."""
    yield Paragraph(f"{command.summary[:1].upper()}{command.summary[1:]}.")
    if command.options:
        yield Terms(tuple((f"{one.flag}{one.value}", one.help) for one in command.options))
    if command.notes:
        # What has columns, or is an example, stays as it is.
        laid_out = any("  " in note for note in command.notes)
        yield Code(tuple(command.notes)) if laid_out else Paragraph(" ".join(command.notes))
