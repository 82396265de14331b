# SPDX-License-Identifier: MIT
"""Commands about the console, the daemon and the machine as a whole."""

from __future__ import annotations

import signal

import pvm3py.classic as pvm
from pvm3py.classic import ConnectionLost

from ..output import tid_text
from ..session import Session
from ..table import COMMANDS, Command, Given, command


@command("help", "[command]", "print what a command is for", most=1)
def help_(session: Session, given: Given) -> None:
    """All commands, or one."""
    topic = given.operands[0] if given.operands else "help"
    row = COMMANDS.get(topic)
    if row is not None:
        session.out.lines(help_lines(row))
    if topic == "help":
        session.out.line("Commands are:")
        shown = [row for _, row in sorted(COMMANDS.items()) if not row.hidden]
        session.out.lines(f"  {row.name:<11} {row.summary}" for row in shown)


def help_lines(row: Command) -> list[str]:
    """What `help` says about a command."""
    lines = [f"{row.name:<11} {row.summary}", f"Syntax:  {row.synopsis}"]
    flags = [(option.flag + option.value, option.help) for option in row.options]
    width = max((len(flag) for flag, _ in flags), default=0)
    for at, (flag, text) in enumerate(flags):
        lines.append(f"{'Options:' if at == 0 else '':<9}{flag:<{width}}  {text}")
    return [*lines, *row.notes]


@command("id", summary="print the tid of this console")
def id_(session: Session, given: Given) -> None:
    """The own tid."""
    del given
    session.out.line(tid_text(session.tid))


@command("version", summary="print the version of PVM whose interface this is")
def version(session: Session, given: Given) -> None:
    """PVM's version, which programs compare."""
    del given
    session.out.line(pvm.version())


@command("quit", summary="leave the console; the machine runs on")
def quit_(session: Session, given: Given) -> None:
    """End of the console."""
    del given
    session.over = True


@command("halt", summary="end the machine, all its tasks, and this console")
def halt(session: Session, given: Given) -> None:
    """End everything. The daemon ends its tasks by a signal: this one ends by itself."""
    del given
    session.out.flush()
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    try:
        pvm.halt()
    except ConnectionLost:
        pass  # it has
    session.over = session.halted = True


@command(
    "reset",
    "[info [class [index]]]",
    "end all tasks, delete mailbox entries that they left",
    most=3,
    notes=(
        "reset info  only deletes persistent mailbox entries whose tasks have ended.",
        "Tasks with PvmNoReset go on, and so do this console and others.",
    ),
)
def reset(session: Session, given: Given) -> None:
    """Begin anew with the hosts that there are."""
    match given.operands:
        case []:
            pvm.reset()
        case ["info"]:
            pvm.reset(tasks=False)
        case ["info", name]:
            pvm.reset(tasks=False, name=name)
        case ["info", name, index]:
            pvm.reset(tasks=False, name=name, index=_number(index))
        case [word, *_]:
            session.complain(f'"{word}" arg to reset not valid')


def _number(text: str) -> int:
    """A number as C writes it, -1 if it is none."""
    try:
        return int(text, 0)
    except ValueError:
        return -1


_TICKLE_NOTES = (
    "The daemon's log has what it dumps.",
    "How:",
    "  0            memory",
    "  1            hosts",
    "  2            tasks",
    "  3            requests that wait",
    "  4            mailbox",
    "  5            print the debug mask",
    "  6 mask       set the debug mask",
    "  7 count      packets in flight to a host",
    "  8 dtid       take a host for failed; prints 1 if it was there",
    "  9 [1]        statistics, and set them to 0",
    "  21 tid       messages and bytes that a task has sent; each is two numbers of 31 bits",
)


@command(
    "tickle",
    "how [number...]",
    "ask the daemon for something of its inside",
    least=1,
    most=10,
    notes=_TICKLE_NOTES,
    hidden=True,
    raw=True,
)
def tickle(session: Session, given: Given) -> None:
    """Debugging hooks of the daemon."""
    answer = pvm.tickle(*(_c_number(word) for word in given.operands))
    session.out.line(" ".join(["(", *map(str, answer), ")"]))


def _c_number(text: str) -> int:
    """What C's strtol makes of a word: decimal, or hexadecimal behind 0x; a bad one is 0."""
    try:
        return int(text, 16 if text.lower().startswith("0x") else 10)
    except ValueError:
        return 0


@command("idump", "[how]", "", most=1, hidden=True, raw=True)
def idump(session: Session, given: Given) -> None:
    """The memory of a debugging library of PVM 3.4.6, which ours has not."""
    del given
    session.out.error(f"libpvm [{tid_text(session.tid)}]: i_dump() 0 bytes total")
