# SPDX-License-Identifier: MIT
"""Reads a public header: functions with their comments, constants, structures."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from pathlib import Path

from .page import Block, blocks_of


class HeaderError(Exception):
    """A comment or a declaration that this module cannot read."""


@dataclass(frozen=True)
class Function:
    """A declaration. text: as it is in the header; arguments: their names."""

    name: str
    text: str
    arguments: tuple[str, ...]


@dataclass
class Doc:
    """A comment, and the functions that it is about.

    functions    those that the header declares behind it
    undeclared   those that the library has and the header does not declare, and data
    errors       codes with their reasons
    """

    title: str
    section: str
    functions: list[Function] = field(default_factory=list)
    undeclared: list[Function] = field(default_factory=list)
    description: list[Block] = field(default_factory=list)
    arguments: list[tuple[str, str]] = field(default_factory=list)
    returns: str = ""
    errors: list[tuple[str, str]] = field(default_factory=list)
    example: list[str] = field(default_factory=list)
    see: list[str] = field(default_factory=list)

    @property
    def names(self) -> list[str]:
        """Names of all functions."""
        return [function.name for function in self.functions + self.undeclared]


@dataclass
class Constants:
    """Definitions below one comment: name, value, meaning."""

    title: str
    rows: list[tuple[str, str, str]]


@dataclass
class Structure:
    """A structure: the comment before it, and its text."""

    name: str
    title: str
    text: str


@dataclass
class Header:
    """What a header says."""

    name: str
    introduction: list[Block]
    constants: list[Constants]
    structures: list[Structure]
    docs: list[Doc]


_COMMENT = re.compile(r"^/\*(.*?)\*/[ \t]*\n", re.DOTALL | re.MULTILINE)
_SECTION = re.compile(r"---- (.+) ----")
_DEFINE = re.compile(r"#define (\w+)[ \t]+(\S.*)")
_TAG = re.compile(r"@\w+: |Pvm[A-Z]\w+: |Returns |See |Undeclared: |Example:$")
_NAME = re.compile(r"\b(pvm\w*|Pvm\w+)\b(?=[(\[]|$)")


def read_header(path: Path) -> Header:
    """The header. HeaderError: a comment does not fit its function."""
    text = path.read_text(encoding="ascii")
    constants, _, functions = text.partition('extern "C" {\n#endif\n')
    introduction = next(match for match in _COMMENT.findall(constants) if "SPDX" not in match)
    return Header(
        path.name,
        blocks_of(_clean(introduction)),
        _constants(constants),
        _structures(constants),
        _docs(functions),
    )


def _clean(comment: str) -> list[str]:
    """Lines of a comment without its frame."""
    return [re.sub(r"^ ?\* ?", "", line).rstrip() for line in comment.strip().split("\n")]


# ---- functions -------------------------------------------------------------------------------


def _docs(text: str) -> list[Doc]:
    """Comments about functions, in order."""
    docs, section = [], ""
    for match in _COMMENT.finditer(text):
        lines = _clean(match[1])
        if heading := _SECTION.search(match[1]):
            section = heading[1]
            continue
        doc = _parsed(lines, section)
        doc.functions = _declarations(text[match.end() :])
        if doc.names:
            _check(doc)
            docs.append(doc)
    return docs


def _declarations(text: str) -> list[Function]:
    """Functions that are declared from here to a blank line."""
    lines: list[str] = []
    for line in text.split("\n"):
        if not line.strip() or line.startswith(("#", "/*")):
            break
        lines.append(line)
    joined = "\n".join(lines)
    return [function(one.strip()) for one in joined.split(";") if one.strip()]


def function(text: str) -> Function:
    """A declaration, or that of data, whose `;` is missing."""
    # What C++ programs see; for C programs of old the header leaves the word out.
    text = " ".join(text.split()).replace("PVM_CONST", "const")
    name = _NAME.search(text)
    if not name:
        raise HeaderError(f"no name in: {text}")
    rest = text[name.end() :]
    inner = _inside(rest) if rest.startswith("(") else "void"
    found = [] if inner in ("void", "") else [_argument_name(one) for one in _split(inner)]
    return Function(name[1], text + ";", tuple(one for one in found if one != "..."))


def _inside(text: str) -> str:
    """What is between the bracket that the text begins with and the one that closes it."""
    depth = 0
    for at, char in enumerate(text):
        depth += (char == "(") - (char == ")")
        if depth == 0:
            return text[1:at]
    raise HeaderError(f"brackets do not match: {text}")


def _split(arguments: str) -> list[str]:
    """Arguments, at the commas outside of brackets."""
    parts, depth = [""], 0
    for char in arguments:
        depth += (char == "(") - (char == ")")
        if char == "," and depth == 0:
            parts.append("")
        else:
            parts[-1] += char
    return [part.strip() for part in parts]


def _argument_name(text: str) -> str:
    pointer = re.search(r"\(\*(\w+)\)", text)
    return pointer[1] if pointer else re.findall(r"\w+|\.\.\.", text)[-1]


def _parsed(lines: list[str], section: str) -> Doc:
    """The comment: first sentence, description, then lines that begin with what they are about."""
    end = lines.index("") if "" in lines else len(lines)
    doc = Doc(" ".join(line.strip() for line in lines[:end]), section)
    description: list[str] = []
    tagged: list[str] = []
    inside = False
    for line in lines[end + 1 :]:
        if line.startswith("\t") or (doc.example and not line):
            doc.example.append(line[1:].expandtabs(4))
        elif _TAG.match(line):
            tagged.append(line)
            inside = True
        elif line and inside:
            tagged[-1] += " " + line.strip()
        else:
            inside = False
            description.append(line)
    doc.description = blocks_of(description)
    for text in tagged:
        _note(doc, text)
    return doc


def _note(doc: Doc, text: str) -> None:
    """Take what a tag begins."""
    tag, _, rest = text.partition(" ")
    if tag == "Returns":
        doc.returns = text
    elif tag == "See":
        doc.see = rest.split(", ")
    elif tag == "Undeclared:":
        doc.undeclared.append(function(rest))
    elif tag.startswith("@"):
        doc.arguments.append((tag[1:-1], rest))
    elif tag != "Example:":
        doc.errors.append((tag[:-1], rest))


def _check(doc: Doc) -> None:
    """HeaderError: the comment leaves out an argument or what is returned, or has another one."""
    known = {name for one in doc.functions + doc.undeclared for name in one.arguments}
    said = [name for name, _ in doc.arguments]
    # The formats' further arguments have no names of their own to tell about.
    if missing := known - set(said) - {"arguments"}:
        raise HeaderError(f"{doc.names[0]}: nothing is said of {', '.join(sorted(missing))}")
    if unknown := set(said) - known:
        raise HeaderError(f"{doc.names[0]}: there is no argument {', '.join(sorted(unknown))}")
    if not doc.returns and not all(one.text.startswith("void ") for one in doc.functions):
        raise HeaderError(f"{doc.names[0]}: what does it return?")


# ---- constants and structures -----------------------------------------------------------------


def _constants(text: str) -> list[Constants]:
    """Definitions, by the comments that are lines of their own before them."""
    groups: list[Constants] = []
    for chunk in re.split(r"\n(?=/\*)", text):
        match = _COMMENT.match(chunk)
        rows = _rows(chunk[match.end() :]) if match else []
        if match and rows:
            groups.append(Constants(" ".join(_clean(match[1])), rows))
    return groups


def _rows(text: str) -> list[tuple[str, str, str]]:
    """Name, value and meaning of each definition that is one line."""
    rows = []
    for name, rest in _DEFINE.findall(text):
        value, _, meaning = rest.partition("/*")
        if not value.rstrip().endswith("\\"):
            rows.append((name, value.strip(), meaning.replace("*/", "").strip()))
    return rows


def _structures(text: str) -> list[Structure]:
    """Structures, each with the comment before it."""
    pattern = re.compile(r"^/\*([^/]*)\*/\n(struct (\w+) \{\n.*?^\};)", re.DOTALL | re.MULTILINE)
    return [
        Structure(name, " ".join(_clean(comment)), body)
        for comment, body, name in pattern.findall(text)
    ]
