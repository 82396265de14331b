# SPDX-License-Identifier: MIT
"""Blocks of code in the documents, and the comment before each that says what it is.

<!-- file: NAME -->   the text of a file, in the directory where the document's shell is
<!-- run -->          commands, typed to one shell for the whole document
<!-- run: NEED -->    the same, if the program NEED is there
<!-- prints -->       what the commands before it print, among other lines
<!-- build -->        commands that build the tree, which the tests have
<!-- commands -->     commands that take long, or change a system: what they name exists
<!-- dialogue -->     what is typed to programs with a prompt, and maybe what they print
<!-- hostfile -->     lines of a host file
<!-- snippet: NAME -->   a part of a Python program, which a test makes whole and runs
<!-- fragment -->     a part of a source, which is not run
<!-- text -->         neither commands nor code
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from support.system import PROJECT

KINDS = {
    "file", "run", "prints", "build", "commands", "dialogue", "hostfile", "snippet", "fragment",
    "text",
}  # fmt: skip
_BLOCK = re.compile(
    r"(?:^<!-- (?P<kind>\w+)(?:: (?P<what>\S+))? -->\n)?^```(?P<language>\w*)\n(?P<text>.*?)^```$",
    re.MULTILINE | re.DOTALL,
)
# Indented by four, behind an empty line: Markdown takes that for code as well.
_INDENTED = re.compile(r"^(?:[^ \n*].*)?\n\n(    .*)$", re.MULTILINE)


@dataclass(frozen=True)
class Block:
    """A block: its kind (empty: none is said), what that is about, language of its fence, text."""

    kind: str
    what: str | None
    language: str
    text: str


def documents() -> list[Path]:
    """All documents of the project, relative to it."""
    found = (path.relative_to(PROJECT) for path in PROJECT.rglob("*.md"))
    return sorted(path for path in found if path.parts[0][0] != "." and path.parts[0] != "build")


def blocks(text: str) -> list[Block]:
    """The fenced blocks of a document."""
    found = _BLOCK.finditer(text)
    return [Block(b["kind"] or "", b["what"], b["language"], b["text"]) for b in found]


def blocks_of(document: Path | str) -> list[Block]:
    """The blocks of a document of the project."""
    return blocks((PROJECT / document).read_text())


def indented(text: str) -> list[str]:
    """First lines of blocks of code that have no fence."""
    return _INDENTED.findall(_BLOCK.sub("", text))
