# SPDX-License-Identifier: MIT
"""What `spawn` starts: its options, and the job that it becomes."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import pvm3py.classic as pvm
from pvm3py.binding.errors import text_of
from pvm3py.classic import SpawnError, SpawnFlag

from .jobfile import JobFile
from .jobs import Filed, Job, Printed, Sink
from .output import Output, tid_text
from .session import Session
from .table import Option

if TYPE_CHECKING:
    from .tracelog import TraceLog

OPTIONS = (
    Option("-", "number of tasks, 1 if not given", "COUNT"),
    Option("-", "on this host, in this directory; . is the console's host", "HOST[:DIR]"),
    Option("-", "on hosts of this architecture", "ARCH[:DIR]"),
    Option("-:", "in this directory", "DIR"),
    Option("--host=", "on the host of this name", "NAME[:DIR]"),
    Option("-~", "anywhere but there", "HOST|ARCH"),
    Option("-?", "under the debugger"),
    Option("->", "print the tasks' output here, as a job"),
    Option("->", "write it to a file", "FILE"),
    Option("->>", "append it to a file", "FILE"),
    Option("-@", "print the tasks' trace here"),
    Option("-@", "write it to a trace file", "FILE"),
)


class LaunchError(Exception):
    """Nothing was started; the text says why."""


@dataclass
class Launch:
    """A spawn as it was typed.

    where          place, as pvm_spawn has it: host or architecture, and directory
    output, trace  None: not wanted; "": here; else a file
    append         to the file of `output`
    unknown        options that there are not
    """

    file: str | None = None
    arguments: list[str] = field(default_factory=list)
    count: int = 1
    flags: SpawnFlag = SpawnFlag.DEFAULT
    where: str = ""
    output: str | None = None
    append: bool = False
    trace: str | None = None
    unknown: list[str] = field(default_factory=list)


def parse(words: list[str]) -> Launch:
    """Options, then the program and its arguments."""
    wanted = Launch()
    rest = list(words)
    while rest and rest[0].startswith("-"):
        word = rest.pop(0)
        if not _take(wanted, word[1:]):
            wanted.unknown.append(word)
    if rest:
        wanted.file, *wanted.arguments = rest
    return wanted


def _take(wanted: Launch, text: str) -> bool:
    """Take an option, without its dash; false: there is no such option."""
    match text[:1]:
        case ">":
            wanted.append = text.startswith(">>")
            wanted.output = text.lstrip(">")
        case "@":
            wanted.trace = text[1:]
        case "?":
            wanted.flags |= SpawnFlag.DEBUG
        case "~":
            wanted.flags |= SpawnFlag.HOST_COMPL
            return _place(wanted, text[1:])
        case digit if digit.isdecimal():
            wanted.count = _count(text)
        case _:
            return _place(wanted, text)
    return True


def _count(text: str) -> int:
    """A number of tasks; what is none, or more than there can be, is refused by the spawn."""
    return int(text) if text.isdecimal() and len(text) < 9 else 0


def _place(wanted: Launch, text: str) -> bool:
    """Take a host or an architecture."""
    kind = SpawnFlag.DEFAULT
    if text.startswith("-host="):
        text, kind = text.removeprefix("-host="), SpawnFlag.HOST
    elif text[:1].islower() or text[:1] == ".":
        kind = SpawnFlag.HOST
    elif text[:1].isupper():
        kind = SpawnFlag.ARCH
    elif text[:1] != ":":
        return False
    wanted.flags = wanted.flags & ~(SpawnFlag.HOST | SpawnFlag.ARCH) | kind
    wanted.where = text
    return True


def launch(session: Session, wanted: Launch) -> tuple[list[int], list[str]]:
    """Start the tasks: tids and codes, and a text of each. LaunchError: a file cannot be opened."""
    if wanted.output is None and wanted.trace is None:
        return _told(_spawn(wanted))
    number = session.jobs.number(wanted.trace is not None)
    session.out.line(f"[{number}]")
    sink = _sink(session.out, wanted)
    job = Job(number, sink, _trace_log(session.out, wanted, number))
    return _told(session.jobs.launch(job, lambda: _spawn(wanted)))


def _spawn(wanted: Launch) -> list[int]:
    """Start the tasks; tids, then codes of those that could not be started."""
    assert wanted.file is not None
    try:
        return pvm.spawn(
            wanted.file,
            wanted.arguments,
            flags=wanted.flags | SpawnFlag.NO_PARENT,
            where=wanted.where,
            count=wanted.count,
        )
    except SpawnError as error:
        return [*error.tids, *error.codes]


def _told(results: list[int]) -> tuple[list[int], list[str]]:
    return results, [tid_text(r) if r > 0 else text_of(r) for r in results]


def _sink(out: Output, wanted: Launch) -> Sink | None:
    """Where the output goes."""
    if wanted.output is None:
        return None
    if not wanted.output:
        return Printed(out)
    return Filed(_open(wanted.output, out, append=wanted.append))


def _trace_log(out: Output, wanted: Launch, number: int) -> TraceLog | None:
    """Where the trace goes."""
    if wanted.trace is None:
        return None
    # Takes longer to load than most commands need.
    from .tracelog import TraceLog  # noqa: PLC0415

    def show(tid: int, line: str) -> None:
        out.line(f"[T{number}:{tid_text(tid)}] {line}")

    try:
        file = _open(wanted.trace, out) if wanted.trace else None
    except LaunchError:
        raise LaunchError(f'\nError Opening File "{wanted.trace}"\n') from None
    return TraceLog(file, show)


def _open(path: str, out: Output, *, append: bool = False) -> JobFile:
    """A file of the job. LaunchError."""
    try:
        return JobFile(path, out, append=append)
    except (OSError, ValueError) as error:
        raise LaunchError(f"{path}: {getattr(error, 'strerror', error)}") from None
