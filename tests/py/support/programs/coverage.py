# SPDX-License-Identifier: MIT
"""The table of what is tested, function by function, made of what test programs report.

A test program prints a line for each checked call: "case", the call (or its name), and its
result, separated by tabs. `collect` takes such output, `table` makes docs/coverage.md of all.
Calls of Fortran begin with pvmf, those of Python with "pvm3py.".
"""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from pvm3py import classic as task
from pvm3py.wire import constants as c
from support.programs.documented import (
    LIBRARIES,
    NOT_PROVOKED,
    SAME,
    fortran_name,
    python_name,
)

OK = "ok"
# Names of the error codes by number.
_NAME_OF = {
    value: name
    for name in dir(c)
    if name.startswith("Pvm") and name not in SAME and (value := getattr(c, name)) < 0
}


@dataclass
class Seen:
    """What was seen of one function: each code, and each word in its arguments, with the test."""

    codes: dict[str, str] = field(default_factory=dict)
    words: dict[str, str] = field(default_factory=dict)


class Collection:
    """All cases by function."""

    def __init__(self) -> None:
        self.functions: dict[str, Seen] = {}

    def collect(self, test: str, output: str) -> None:
        """Take the cases in a program's output; the first test of a case is kept."""
        for line in output.splitlines():
            kind, _, rest = line.partition("\t")
            if kind == "case":
                call, _, result = rest.rpartition("\t")
                self._add(test, call, int(result))

    def _add(self, test: str, call: str, result: int) -> None:
        function = re.match(r"(?:pvm3py\.)?\w+", call)
        assert function, call
        seen = self.functions.setdefault(function[0], Seen())
        named = re.search(r"== (Pvm\w+)$", call)
        code = named[1] if named else _NAME_OF.get(result, OK)
        seen.codes.setdefault(SAME.get(code, code), test)
        for word in re.findall(r"\b(?:Pvm|PVM_|[A-Z]+(?=[\d)]))\w*", call):
            seen.words.setdefault(word, test)


FUNCTIONS = {name: known for table in LIBRARIES.values() for name, known in table.items()}


def missing(collection: Collection) -> list[str]:
    """What is documented and neither tested nor explained, a line each; also in other languages."""
    lines = []
    for name, documented in FUNCTIONS.items():
        seen = collection.functions.get(name, Seen())
        wanted = [SAME.get(code, code) for code in (OK, *documented.codes)]
        found = {*seen.codes, *seen.words}
        lines += [
            f"{name} {word}"
            for word in (*wanted, *documented.options)
            if word not in found and (name, word) not in NOT_PROVOKED
        ]
        for other in (fortran_name(name), python_name(name)):
            function, _, word = other.partition("(")
            there = collection.functions.get(function, Seen())
            if other and (OK not in there.codes or word.rstrip(")") not in {"", *there.words}):
                lines.append(f"{other} {OK}")
    return lines


def unused(collection: Collection) -> set[str]:
    """Functions of pvm3py that nothing checks; tests/py/mist has those about moves."""
    known = {name for name in task.__all__ if inspect.isfunction(getattr(task, name))}
    known -= {"migrate", "canmigrate", "onmigrate", "holdtask", "checkpoint", "restart"}
    return {name for name in known if f"pvm3py.{name}" not in collection.functions}


def superfluous(collection: Collection) -> list[str]:
    """Explanations of what has a test all the same, a line each."""
    return [
        f"{name} {word}"
        for name, word in NOT_PROVOKED
        if name in collection.functions and word in collection.functions[name].codes
    ]


def _numbered(tests: Iterable[str]) -> dict[str, int]:
    return {test: index for index, test in enumerate(sorted(set(tests)), 1)}


def _listed(found: Mapping[str, str], wanted: Iterable[str], numbers: Mapping[str, int]) -> str:
    """Names with the number of a test each."""
    names = [name for name in wanted if SAME.get(name, name) in found]
    return ", ".join(f"{name} {numbers[found[SAME.get(name, name)]]}" for name in names)


def _elsewhere(name: str, seen: Mapping[str, Seen]) -> str:
    """A function of another language with its results; an item type behind it is an argument."""
    found = seen.get(name.partition("(")[0]) if name else None
    if found is None:
        return ""
    codes = [OK] if "(" in name else sorted(found.codes, key=lambda code: (code != OK, code))
    return f"{name.removeprefix('pvm3py.')}: {', '.join(codes)}"


_HEAD = """# What is tested, function by function

Made by `make coverage-table` from what programs of checks report when they run with our libraries
under our daemon; a test fails when it is out of date. For each function: the error codes and
options that a check provokes and compares, and behind each the number of a program that does; the
same function in Fortran and Python with its results; and what is documented but has no check,
with the reason.
"""


def table(collection: Collection) -> str:
    """The document."""
    seen = collection.functions
    numbers = _numbered(t for s in seen.values() for d in (s.codes, s.words) for t in d.values())
    lines = [_HEAD, "Programs: " + ", ".join(f"{n} {test}" for test, n in numbers.items()) + ".\n"]
    lines += ["| function | results | options | Fortran | Python | no check |"]
    lines += ["|---|---|---|---|---|---|"]
    left = [line.split() for line in missing(collection)]
    used = set()
    for name, documented in FUNCTIONS.items():
        found = seen.get(name, Seen())
        others = fortran_name(name), python_name(name)
        used |= {name, *(other.partition("(")[0] for other in others)}
        cells = [
            name,
            _listed(found.codes, (OK, *documented.codes), numbers),
            _listed(found.words, documented.options, numbers),
            *(_elsewhere(other, seen) for other in others),
            "; ".join(_unchecked(name, left)),
        ]
        lines.append("| " + " | ".join(cells) + " |")
    lines += ["", "## Besides", ""]
    lines += ["Entry points and functions that have no namesake above, with their results:", ""]
    lines += [
        f"* {name}: {_listed(seen[name].codes, seen[name].codes, numbers)}"
        for name in sorted(set(seen) - used)
    ]
    return "\n".join(lines) + "\n"


def _unchecked(name: str, left: list[list[str]]) -> list[str]:
    explained = [f"{word}: {why}" for (of, word), why in NOT_PROVOKED.items() if of == name]
    return explained + [word for function, word in left if function == name]
