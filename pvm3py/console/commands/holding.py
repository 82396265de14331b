# SPDX-License-Identifier: MIT
"""Commands that stop tasks for a while, and that tell of the owners of hosts."""

from __future__ import annotations

import pvm3py.classic as pvm
from pvm3py.binding import moves
from pvm3py.classic import Code, ConnectionLost, PvmError
from pvm3py.wire import constants as c

from ..output import tid_text
from ..session import Session
from ..table import Given, command
from ..tasktable import parse_tid

_WORDS = {
    "here": c.WIRE_OWNER_HERE,
    "gone": c.WIRE_OWNER_GONE,
    "auto": c.WIRE_OWNER_AUTO,
}
# Flag of pvm_tasks: the daemon has started it.
_FORKED = 2


@command(
    "hold",
    "tid | host",
    "stop a task, or all that were spawned on a host",
    least=1,
    most=1,
    raw=True,
    notes=(
        "What is sent to it waits. It stays stopped if it is moved, and ends as always if it is",
        "killed. release lets it go on. New tasks may still be started on the host.",
    ),
)
def hold(session: Session, given: Given) -> None:
    """Stop tasks."""
    _hold(session, given.operands[0], on=True)


@command(
    "release",
    "tid | host",
    "let tasks go on that hold has stopped",
    least=1,
    most=1,
    raw=True,
)
def release(session: Session, given: Given) -> None:
    """Let tasks go on."""
    _hold(session, given.operands[0], on=False)


def _hold(session: Session, word: str, *, on: bool) -> None:
    """Stop what a word names, or let it go on; what cannot be is said."""
    tid = parse_tid(word)
    host = next((host for host in pvm.config() if host.name == word), None)
    if host is not None:
        tids = [task.tid for task in pvm.tasks(host.tid) if task.flags & _FORKED]
    elif tid is not None:
        tids = [tid]
    else:
        session.complain(f"{word}: neither a tid, like t40001, nor a host")
        return
    held = sum(_did(session, tid, on=on) for tid in tids if tid != session.tid)
    if session.tid in tids:
        session.complain(f"{tid_text(session.tid)}: that's me.")
    session.out.line(f"{held} {'held' if on else 'released'}")


def _did(session: Session, tid: int, *, on: bool) -> bool:
    try:
        moves.hold(tid, on)
    except ConnectionLost:
        raise
    except PvmError as error:
        session.complain(f"{tid_text(tid)}: {error.text}")
        return False
    return True


@command(
    "owner",
    "host here|gone|auto",
    "say whether the owner of a host uses it",
    least=2,
    most=2,
    notes=(
        "The resource manager `pvmrm mist` keeps tasks from hosts whose owners use them. auto has",
        "the daemon find that out by itself again.",
    ),
)
def owner(session: Session, given: Given) -> None:
    """Tell the daemon of a host."""
    host, word = given.operands
    if word not in _WORDS:
        session.complain(f"{word}: neither of {', '.join(_WORDS)}")
        return
    try:
        moves.say_owner(host, _WORDS[word])
    except ConnectionLost:
        raise
    except PvmError as error:
        nobody = error.code == Code.NO_TASK
        why = "no resource manager wants to know; start pvmrm mist" if nobody else error.text
        session.complain(f"{host}: {why}")
