# SPDX-License-Identifier: MIT
"""Commands that write tasks to disk and start them from there."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from pvm3py.binding import checkpoints
from pvm3py.classic import ConnectionLost, PvmError
from pvm3py.vault import verify as verifying

from ..movetable import words_of
from ..output import tid_text
from ..session import Session
from ..table import Given, command
from ..tasktable import parse_tid

Result = TypeVar("Result")

_NUMBERS = ("-every", "-keep")


@command(
    "checkpoint",
    "[-i] [-every seconds] [-keep count] tid [tid...] dir",
    "write jobs to disk, from where they can be started again",
    least=2,
    most=None,
    raw=True,
    notes=(
        "Each tid stands for its job: the task that was started by hand or by the console, and all",
        "that this has spawned. The jobs stop for a moment together. All their hosts share the",
        "directory. The last 2 checkpoints are kept, or count. With -i only what has changed since",
        "the last one is written, where that is less.",
    ),
)
def checkpoint(session: Session, given: Given) -> None:
    """Write a checkpoint of jobs, or say why there is none."""
    try:
        incremental, numbers, words = _options(given.operands)
    except ValueError as error:
        session.complain(str(error))
        return
    *names, path = words or [""]
    tids = [parse_tid(name) for name in names]
    if not tids or None in tids:
        session.complain("name tasks, which are like t40001, and a directory")
        return
    whole = [tid for tid in tids if tid is not None]
    number = _tried(
        session,
        lambda: checkpoints.write(
            path,
            whole,
            jobs=True,
            every=numbers["-every"],
            keep=numbers["-keep"],
            incremental=incremental,
        ),
    )
    if number is not None:
        session.out.line(f"checkpoint {number}")


def _options(words: list[str]) -> tuple[bool, dict[str, int], list[str]]:
    """Whether -i is there, other options' values, and the words behind them.

    ValueError: a value is no number.
    """
    numbers = dict.fromkeys(_NUMBERS, 0)
    incremental = False
    while words and words[0] in ("-i", *numbers):
        if words[0] == "-i":
            incremental, words = True, words[1:]
            continue
        value = words[1] if len(words) > 1 else ""
        if not value.isdecimal() or not 0 < int(value) < 1 << 31:
            raise ValueError(f"{words[0]}: expected a number, not {value or 'nothing'}")
        numbers[words[0]], words = int(value), words[2:]
    return incremental, numbers, words


@command(
    "restart",
    "dir[@number] [host...]",
    "start the tasks of a checkpoint again",
    least=1,
    most=None,
    raw=True,
    notes=(
        "They have the same tids as before, on whatever hosts they are. Without a number it is the",
        "last checkpoint. What tasks outside the job have done since is not undone, and output of",
        "the job that came after the checkpoint comes again.",
    ),
)
def restart(session: Session, given: Given) -> None:
    """Start tasks from a checkpoint, or say why they cannot be."""
    word, *hosts = given.operands
    path, number = verifying.at_number(word)
    tids = _tried(session, lambda: checkpoints.restart(path, number, hosts))
    if tids is not None:
        session.out.line(f"{len(tids)} successful")
        session.out.lines([tid_text(tid) for tid in tids])


@command(
    "verify",
    "dir[@number]",
    "check a checkpoint, and start nothing",
    least=1,
    most=1,
    raw=True,
    notes=(
        "Owner and modes of all files, their hashes, the manifest, and every record of the images,",
        "on the console's host. Without a number it is the last checkpoint.",
    ),
)
def verify(session: Session, given: Given) -> None:
    """Say what is right, and what is not."""
    lines, right = verifying.report(*verifying.at_number(given.operands[0]))
    if right:
        session.out.lines(lines)
    else:
        session.complain("\n".join(lines))


def _tried(session: Session, call: Callable[[], Result]) -> Result | None:
    """What a call returns; None: what is against it has been said."""
    try:
        return call()
    except ConnectionLost:
        raise
    except PvmError as error:
        session.complain(words_of(error))
        return None
