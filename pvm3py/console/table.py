# SPDX-License-Identifier: MIT
"""The table of commands. Each is one row: what is typed, what it says about itself, a function.

Dispatch, `help`, completion, the manual page and tests read the rows.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from .session import Session


@dataclass(frozen=True)
class Option:
    """An option. value: what is glued to it, "" if nothing is."""

    flag: str
    help: str
    value: str = ""


JSON = Option("--json", "print JSON, for programs")


@dataclass
class Given:
    """What was typed behind a command: its options, with their values, and the other words."""

    operands: list[str]
    options: dict[str, str] = field(default_factory=dict)

    def __contains__(self, flag: str) -> bool:
        return flag in self.options


Run = Callable[[Session, Given], None]


@dataclass(frozen=True)
class Command:
    """A row.

    operands     as the synopsis shows them; words like host, tid, file tell what completes them
    summary      a few words
    least, most  how many operands there may be; most None: any number
    notes        further lines of its help
    hidden       not in the list of `help`
    raw          words that begin with "-" are operands
    dashless     options need no "-"; there are no operands
    """

    name: str
    operands: str
    summary: str
    run: Run
    least: int = 0
    most: int | None = 0
    options: tuple[Option, ...] = ()
    notes: tuple[str, ...] = ()
    hidden: bool = False
    raw: bool = False
    dashless: bool = False

    @property
    def synopsis(self) -> str:
        """How it is typed."""
        shown = "[options] " if self.options else ""
        return f"{self.name} {shown}{self.operands}".strip()

    def fits(self, count: int) -> bool:
        """Whether there may be so many operands."""
        return self.least <= count and (self.most is None or count <= self.most)

    def parse(self, words: list[str]) -> tuple[Given, list[str]]:
        """Options and operands of the words, and the options that it does not know."""
        given, unknown = Given([]), list[str]()
        rest = [self._dashed(word) for word in words]
        while rest and self._is_option(rest[0]):
            word = rest.pop(0)
            if word == "--":
                given.operands = rest
                return given, unknown
            unknown += self._take(word, given)
        late = self._late(rest)
        given.options |= dict.fromkeys(late, "")
        given.operands = [word for word in rest if word not in late]
        return given, unknown

    def _late(self, words: list[str]) -> set[str]:
        """Long options among operands: people write them last."""
        long = {option.flag for option in self.options if option.flag.startswith("--")}
        return set() if self.raw else long.intersection(words)

    def _is_option(self, word: str) -> bool:
        """Whether a word is one of options; a dash alone is one without letters."""
        if self.raw or not word.startswith("-"):
            return False
        return len(word) > 1 or any(len(option.flag) == 2 for option in self.options)

    def _dashed(self, word: str) -> str:
        """A word with the dash that options may lack."""
        return f"-{word}" if self.dashless and not word.startswith("-") else word

    def _take(self, word: str, given: Given) -> list[str]:
        """Take a word of options: a long one, or letters, of which the last may have a value."""
        known = {option.flag: option for option in self.options}
        if word in known:
            given.options[word] = ""
            return []
        if word.startswith("--"):
            return [word]
        unknown = []
        for at, letter in enumerate(word[1:], 2):
            option = known.get(f"-{letter}")
            if option is None:
                unknown.append(f"-{letter}")
            elif option.value:
                given.options[option.flag] = word[at:]
                break
            else:
                given.options[option.flag] = ""
        return unknown


COMMANDS: dict[str, Command] = {}


def command(
    name: str,
    operands: str = "",
    summary: str = "",
    *,
    least: int = 0,
    most: int | None = 0,
    options: tuple[Option, ...] = (),
    notes: tuple[str, ...] = (),
    hidden: bool = False,
    raw: bool = False,
    dashless: bool = False,
) -> Callable[[Run], Run]:
    """Make a function a row of the table; the arguments are those of Command."""

    def add(run: Run) -> Run:
        COMMANDS[name] = Command(
            name, operands, summary, run, least, most, options, notes, hidden, raw, dashless
        )
        return run

    return add
