# SPDX-License-Identifier: MIT
"""The table of what is tested, function by function, made of what test programs report.

A test program prints a line for each checked call: "case", the call (or its name), and its
result, separated by tabs. `collect` takes such output, `table` makes docs/coverage.md of all.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from pvm3py.wire import constants as c
from support.documented import LIBRARIES, NOT_PROVOKED, SAME, Documented

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
        function = re.match(r"\w+", call)
        assert function, call
        seen = self.functions.setdefault(function[0], Seen())
        named = re.search(r"== (Pvm\w+)$", call)
        code = named[1] if named else _NAME_OF.get(result, OK)
        seen.codes.setdefault(SAME.get(code, code), test)
        for word in re.findall(r"\b(?:Pvm|PVM_)\w+", call):
            seen.words.setdefault(word, test)


def missing(collection: Collection) -> list[str]:
    """What is documented and neither tested nor listed as impossible to provoke, a line each."""
    lines = []
    for functions in LIBRARIES.values():
        for name, documented in functions.items():
            seen = collection.functions.get(name, Seen())
            if OK not in seen.codes:
                lines.append(f"{name} {OK}")
            lines += [f"{name} {code}" for code in _untested(name, documented, seen)]
            lines += [f"{name} {word}" for word in documented.options if word not in seen.words]
    return lines


def unchecked(collection: Collection) -> list[str]:
    """Functions that no program checks at all."""
    return [
        name
        for functions in LIBRARIES.values()
        for name in functions
        if name not in collection.functions
    ]


def _untested(name: str, documented: Documented, seen: Seen) -> list[str]:
    return [
        code
        for code in documented.codes
        if SAME.get(code, code) not in seen.codes and not reason(name, code)
    ]


def reason(name: str, code: str) -> str:
    """Why no test provokes a code, or ""."""
    return NOT_PROVOKED.get((name, code), "")


def _numbered(tests: Iterable[str]) -> dict[str, int]:
    return {test: index for index, test in enumerate(sorted(set(tests)), 1)}


def _listed(found: Mapping[str, str], wanted: Iterable[str], numbers: Mapping[str, int]) -> str:
    """Names with the number of a test each."""
    names = [name for name in wanted if SAME.get(name, name) in found]
    return ", ".join(f"{name} {numbers[found[SAME.get(name, name)]]}" for name in names)


_HEAD = """# What is tested, function by function

Made by `make coverage-table` from what the programs `tests/c/check_*.c`, `halt.c` and
`group_member.c` report when they run with our libraries under our daemon; a test fails when it is
out of date. For each function: the error codes and options that a check provokes and compares, and
behind each the number of a program that does. The last column has what is documented and has no
check there. Tests in Python, of Fortran and of the daemon are not part of this table.
"""


def table(collection: Collection) -> str:
    """The document."""
    seen = collection.functions
    numbers = _numbered(t for s in seen.values() for d in (s.codes, s.words) for t in d.values())
    lines = [_HEAD, "Programs: " + ", ".join(f"{n} {test}" for test, n in numbers.items()) + ".\n"]
    left = [line.split() for line in missing(collection)]
    lines += ["| function | results | options | no check |", "|---|---|---|---|"]
    for name, documented in (LIBRARIES["libpvm3"] | LIBRARIES["libgpvm3"]).items():
        found = seen.get(name, Seen())
        codes = _listed(found.codes, (OK, *documented.codes), numbers)
        options = _listed(found.words, documented.options, numbers)
        none = ", ".join(word for function, word in left if function == name)
        lines.append(f"| {name} | {codes} | {options} | {none} |")
    lines += ["", "Documented, but nothing makes these functions return it:", ""]
    lines += [f"* {name} {code}: {why}" for (name, code), why in NOT_PROVOKED.items()]
    return "\n".join(lines) + "\n"
