# SPDX-License-Identifier: MIT
"""What may follow on a line: commands, and what their rows in the table name.

A row's operands say what they are: host, tid, file and so on. Each such noun has a function here
that finds what there is of it.
"""

from __future__ import annotations

import os
import re
import signal
from collections.abc import Callable, Iterable
from typing import NamedTuple

import pvm3py.classic as pvm
from pvm3py.classic import PvmError

from ..commands.settings import OPTIONS
from ..output import tid_text
from ..session import Session
from ..table import COMMANDS, Command
from ..tracemask import event_names
from ..words import UnmatchedQuote, split

_SPECIAL = re.compile(r"([\s'\"\\$;#])")
# Names that are offered at most.
_MOST = 2000


class Candidate(NamedTuple):
    """A word that may stand there, and a few words about it."""

    word: str
    help: str = ""


Source = Callable[[Session, str], Iterable[Candidate]]


class Completion(NamedTuple):
    """Words that may replace the last `length` characters before the cursor."""

    length: int
    candidates: list[Candidate]


def complete(session: Session, text: str) -> Completion:
    """What may stand at the end of a text, which is the line up to the cursor.

    A word that is the only one comes with the blank that ends it.
    """
    word = text[re.search(r"(?:\\.|\S)*$", text, re.DOTALL).start() :]  # type: ignore[union-attr]
    try:
        before = split(text[: len(text) - len(word)], os.environ)
        found = sorted(_candidates(session, before, _unescaped(word)))[:_MOST]
    except (PvmError, UnmatchedQuote):
        return Completion(0, [])
    found = [one._replace(word=_SPECIAL.sub(r"\\\1", one.word)) for one in found]
    if len(found) == 1 and not found[0].word.endswith(("/", "=", "-")):
        found = [found[0]._replace(word=f"{found[0].word} ")]
    return Completion(len(word), found)


def _unescaped(word: str) -> str:
    return re.sub(r"\\(.)", r"\1", word)


def _candidates(session: Session, before: list[str], word: str) -> set[Candidate]:
    """Words that begin so, behind these."""
    if word.startswith("$"):
        return {Candidate(f"${name}") for name in os.environ if name.startswith(word[1:])}
    if not before:
        return _beginning(word, [*_commands(session, word), *_aliases(session, word)])
    name = session.aliases.get(before[0], before)[0]
    row = COMMANDS.get(name)
    if row is None:
        return set()
    if word.startswith("-") and row.options:
        return _options(session, row, word)
    operands = [w for w in before[1:] if (row.raw and not row.options) or not w.startswith("-")]
    nouns = _nouns(row.operands, len(operands))
    return _of_nouns(session, row.name, nouns, word)


def _beginning(word: str, candidates: Iterable[Candidate]) -> set[Candidate]:
    return {one for one in candidates if one.word.startswith(word)}


def _options(session: Session, row: Command, word: str) -> set[Candidate]:
    """Options, or values of one that has a value glued to it."""
    flags = [Candidate(option.flag, option.help) for option in row.options if len(option.flag) > 1]
    found = _beginning(word, flags)
    for option in row.options:
        if option.value and word.startswith(option.flag):
            nouns = re.findall(r"\w+", option.value.lower())[:1]
            rest = word.removeprefix(option.flag)
            values = _of_nouns(session, "", nouns, rest)
            found |= {Candidate(option.flag + one.word, one.help) for one in values}
    return found


def _nouns(operands: str, place: int) -> list[str]:
    """What the operand at a place may be; the last of a synopsis holds for those behind it."""
    places = operands.replace("[", " ").replace("]", " ").split()
    if not places or (place >= len(places) and not places[-1].endswith("...")):
        return []
    if "|" in places:
        return re.findall(r"\w+", operands)
    return re.findall(r"\w+", places[min(place, len(places) - 1)])


def _of_nouns(session: Session, name: str, nouns: list[str], word: str) -> set[Candidate]:
    """What there is of these nouns, which may have a meaning of their own in a command."""
    found: set[Candidate] = set()
    for noun in nouns:
        source = _SOURCES.get(f"{name} {noun}") or _SOURCES.get(noun)
        if source is not None:
            found |= _beginning(word, source(session, word))
    return found


# ---- what there is ---------------------------------------------------------


def _commands(session: Session, word: str) -> list[Candidate]:
    del session, word
    return [Candidate(row.name, row.summary) for row in COMMANDS.values() if not row.hidden]


def _aliases(session: Session, word: str) -> list[Candidate]:
    del word
    return [Candidate(name, " ".join(meaning)) for name, meaning in session.aliases.items()]


def _hosts(session: Session, word: str) -> list[Candidate]:
    del session, word
    return [Candidate(host.name, host.arch) for host in pvm.config()]


def _tids(session: Session, word: str) -> list[Candidate]:
    del word
    tasks = [task for task in pvm.tasks() if task.tid not in (0, session.tid)]
    return [Candidate(tid_text(task.tid), task.program) for task in tasks]


def _jobs(session: Session, word: str) -> list[Candidate]:
    del word
    return [Candidate(str(job.number)) for job in session.jobs.running()]


def _variables(session: Session, word: str) -> list[Candidate]:
    del session, word
    return [Candidate(name) for name in os.environ]


def _libpvm_options(session: Session, word: str) -> list[Candidate]:
    del session, word
    return [Candidate(name) for name in OPTIONS]


def _events(session: Session, word: str) -> list[Candidate]:
    del session, word
    return [Candidate(name) for name in event_names()]


def _signals(session: Session, word: str) -> list[Candidate]:
    del session, word
    return [Candidate(one.name.removeprefix("SIG").lower()) for one in signal.Signals]


def _classes(session: Session, word: str) -> list[Candidate]:
    del session, word
    return [Candidate(one.name) for one in pvm.getmboxinfo("*")]


def _files(session: Session, word: str) -> list[Candidate]:
    """Files whose path begins so; directories end with a slash."""
    del session
    directory, begin = os.path.split(word)
    hidden = begin.startswith(".")
    return [
        Candidate(os.path.join(directory, entry.name) + ("/" if entry.is_dir() else ""))
        for entry in _entries(directory or ".")
        if hidden or not entry.name.startswith(".")
    ]


def _programs(session: Session, word: str) -> list[Candidate]:
    """Files, and programs that the daemon of this host finds by name."""
    if "/" in word:
        return _files(session, word)
    root, arch = os.environ.get("PVM_ROOT", ""), os.environ.get("PVM_ARCH", "")
    usual = f"$HOME/pvm3/bin/{arch}:{root}/bin/{arch}"
    path = os.path.expandvars(os.environ.get("PVM_PATH") or usual)
    return [Candidate(entry.name) for where in path.split(":") for entry in _entries(where)]


def _entries(directory: str) -> list[os.DirEntry[str]]:
    try:
        with os.scandir(directory) as entries:
            return list(entries)
    except (OSError, ValueError):
        return []


def _words(*words: str) -> Source:
    return lambda session, word: [Candidate(one) for one in words]


_SOURCES: dict[str, Source] = {
    "alias name": _aliases,
    "buf": _words("buf"),
    "command": _commands,
    "event": _events,
    "file": _files,
    "full": _words("full", "time", "count"),
    "host": _hosts,
    "info": _words("info"),
    "job": _jobs,
    "name": _hosts,
    "names pattern": _classes,
    "opt": _words("opt"),
    "option": _libpvm_options,
    "put name": _classes,
    "setenv name": _variables,
    "signal": _signals,
    "spawn file": _programs,
    "tid": _tids,
    "unalias name": _aliases,
    "variable": _variables,
    "xpvm": _words("xpvm"),
}
