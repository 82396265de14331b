# SPDX-License-Identifier: MIT
"""Commands about the console's own settings: aliases, variables, options of libpvm."""

from __future__ import annotations

import os
import re

import pvm3py.classic as pvm
from pvm3py.classic import Code, Option, PvmError

from ..session import Session
from ..table import Given, command

# The order and names of pvm3.h; those of shared memory ports and of threads are not for consoles.
_HIDDEN = {Option.POLL_TYPE, Option.POLL_TIME, Option.THREAD_BUFFERS, Option.MOVABLE}
OPTIONS = {
    "Pvm" + "".join(part.capitalize() for part in option.name.split("_")): option
    for option in Option
    if option not in _HIDDEN
}


@command("alias", "[name command...]", "define or list aliases", most=None, raw=True)
def alias(session: Session, given: Given) -> None:
    """Give a name to the begin of a command."""
    if len(given.operands) >= 2:
        name, *words = given.operands
        session.aliases[name] = words
        return
    for name, words in sorted(session.aliases.items()):
        session.out.line(f"{name}\t{' '.join(words)}")


@command("unalias", "name...", "forget aliases", least=1, most=None, raw=True)
def unalias(session: Session, given: Given) -> None:
    """Forget aliases."""
    for name in given.operands:
        session.aliases.pop(name, None)


@command("echo", "[word...]", "print words", most=None, raw=True)
def echo(session: Session, given: Given) -> None:
    """Print the words."""
    session.out.line(" ".join(given.operands))


@command(
    "setenv",
    "[name [value...]]",
    "set or print environment variables",
    most=None,
    raw=True,
    notes=(
        "In later commands $NAME stands for a variable, but not in quotes.",
        "Tasks get the variables that `export` names.",
    ),
)
def setenv(session: Session, given: Given) -> None:
    """All variables, the value of one, or a new value for one."""
    if not given.operands:
        session.out.lines(f"{name}={value}" for name, value in os.environ.items())
        return
    name, *words = given.operands
    if "=" in name or not name:
        session.complain(f'"{name}" is no name of a variable')
    elif words:
        os.environ[name] = " ".join(words)
    elif name in os.environ:
        session.out.line(os.environ[name])


@command("export", "[variable...]", "pass variables on to spawned tasks", most=None, raw=True)
def export(session: Session, given: Given) -> None:
    """Names of the variables that tasks get; more of them."""
    if not given.operands:
        session.out.line(f"PVM_EXPORT={os.environ.get('PVM_EXPORT', '')}")
    for name in given.operands:
        pvm.export(name)
        _take_over_export(name, wanted=True)


@command("unexport", "[variable...]", "do not pass variables on", most=None, raw=True)
def unexport(session: Session, given: Given) -> None:
    """Fewer variables for tasks."""
    del session
    for name in given.operands:
        pvm.unexport(name)
        _take_over_export(name, wanted=False)


def _take_over_export(name: str, *, wanted: bool) -> None:
    """Python's copy of the environment follows the library's."""
    names = dict.fromkeys(filter(None, os.environ.get("PVM_EXPORT", "").split(":")))
    if wanted:
        names[name] = None
    else:
        names.pop(name, None)
    os.environ["PVM_EXPORT"] = ":".join(names)


@command("getopt", "[option]", "print options of libpvm", most=1)
def getopt(session: Session, given: Given) -> None:
    """All options of the console's task, or one."""
    names = given.operands or list(OPTIONS)
    for name in names:
        if name in OPTIONS:
            session.out.line(f"{name} Currently Set to {_value(session, OPTIONS[name])}")
        else:
            session.complain(f'PVM Option "{name}" Unknown.')


def _value(session: Session, option: Option) -> int:
    return session.auto_err if option == Option.AUTO_ERR else pvm.getopt(option)


@command(
    "setopt",
    "option value",
    "set an option of libpvm",
    least=2,
    most=2,
    raw=True,
    notes=("It holds for the console's task; those for output and trace reach spawned tasks.",),
)
def setopt(session: Session, given: Given) -> None:
    """Set an option of the console's task."""
    name, word = given.operands
    if name not in OPTIONS:
        session.complain(f'PVM Option "{name}" Unknown.')
        return
    value = _leading_number(word)
    try:
        before = _set(session, OPTIONS[name], value)
    except PvmError as error:
        if error.code == Code.SYS_ERR:
            raise
        session.report(error)
        before = int(error.code)
    session.out.line(f"{name} Changed from {before} to {value}")


def _set(session: Session, option: Option, value: int) -> int:
    """Set an option; the old value."""
    if option != Option.AUTO_ERR:
        return pvm.setopt(option, value)
    before, session.auto_err = session.auto_err, value
    return before


def _leading_number(word: str) -> int:
    """The number that a word begins with, as C's atoi reads it."""
    match = re.match(r"\s*[+-]?\d{1,9}", word)
    return int(match[0]) if match else 0
