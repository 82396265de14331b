# SPDX-License-Identifier: MIT
"""Reads the Fortran interface: names, arguments, and the C function behind each."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from .header import Constants

_ENTRY = re.compile(
    r"^(?:/\*(?P<comment>(?:(?!\*/).)*)\*/\n)?ENTRY (?P<name>\w+)_\((?P<arguments>[^{]*)\)\s*"
    r"(?P<body>\{[^\n]*\}\n|\{\n.*?^\})",
    re.DOTALL | re.MULTILINE,
)
_ARGUMENT = re.compile(
    r"void \(\*(?P<function>\w+)\)\([^)]*\)"
    r"|procedure (?P<procedure>\w+)"
    r"|(?P<type>void|int|char) \*?(?P<name>\w+)"
)
_WIDTH = 72


@dataclass(frozen=True)
class Entry:
    """A subroutine.

    arguments   (name, declaration), as ("tids", "integer tids(*)")
    function    the first C function that it calls; "" if it calls none
    """

    name: str
    arguments: tuple[tuple[str, str], ...]
    remark: str
    function: str

    @property
    def synopsis(self) -> list[str]:
        """Lines that show how it is declared, in fixed and free source form."""
        names = ", ".join(name for name, _ in self.arguments)
        lines = _wrapped(f"subroutine {self.name}({names})")
        return lines + ["    " + line for line in self._declarations()]

    def _declarations(self) -> list[str]:
        """Declarations, those of one type in one line."""
        kinds: dict[str, list[str]] = {}
        for _, declaration in self.arguments:
            kind, _, what = declaration.rpartition(" ")
            kinds.setdefault(kind, []).append(what)
        return [f"{kind} {', '.join(names)}" for kind, names in kinds.items()]


def read_entries(folder: Path) -> list[Entry]:
    """All subroutines of the sources in a folder, by their names."""
    entries = [
        _entry(match)
        for path in sorted(folder.glob("*.c"))
        for match in _ENTRY.finditer(path.read_text(encoding="ascii"))
    ]
    return sorted(entries, key=lambda entry: entry.name)


def _entry(match: re.Match[str]) -> Entry:
    comment = re.sub(r"\s*\n \*\s*|\s+", " ", match["comment"] or "").strip(" *")
    remark = "" if "----" in comment or "SPDX" in comment else comment
    arguments = tuple(
        (name, _declaration(one, name, match["body"]))
        for one in _ARGUMENT.finditer(match["arguments"])
        if (name := one["function"] or one["procedure"] or one["name"])
        and not name.endswith("_length")
    )
    call = re.search(r"\b((?:pvm|Pvm)\w+)\(", match["body"])
    return Entry(match["name"], arguments, remark, call[1] if call else "")


def _declaration(argument: re.Match[str], name: str, body: str) -> str:
    if not argument["type"]:
        return f"external {name}"
    if argument["type"] == "char":
        return f"character*(*) {name}"
    if argument["type"] == "void":
        return f"<type> {name}(*)"
    # Arrays are indexed, or are what the C function takes as such.
    array = re.search(rf"\b{name}\[", body) or name == "tids"
    return f"integer {name}(*)" if array else f"integer {name}"


def _wrapped(text: str) -> list[str]:
    """The text in lines that Fortran takes: it goes on behind a `&`."""
    lines = [""]
    for word in text.split(" "):
        if len(lines[-1]) + len(word) > _WIDTH:
            lines[-1] += " &"
            lines.append("   ")
        lines[-1] += (" " if lines[-1] else "") + word
    return lines


_PARAMETER = re.compile(r"parameter \((\w+) = (-?\d+)\)")


def read_parameters(path: Path) -> list[Constants]:
    """The constants of fpvm3.h, by the comments before them."""
    groups: list[Constants] = []
    for chunk in path.read_text(encoding="ascii").split("\n\n"):
        title = " ".join(line[1:].strip() for line in chunk.split("\n") if line.startswith("!"))
        rows = [(name, value, "") for name, value in _PARAMETER.findall(chunk)]
        if rows:
            groups.append(Constants(title, rows))
    return groups
