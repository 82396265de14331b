# SPDX-License-Identifier: MIT
"""Commands that move tasks to other hosts."""

from __future__ import annotations

import pvm3py.classic as pvm
from pvm3py.binding.errors import text_of
from pvm3py.classic import Code

from ..movetable import MOVED, Outcome, move
from ..output import tid_text
from ..session import Session
from ..table import JSON, Given, command
from ..tasktable import parse_tid


@command(
    "migrate",
    "[-live] tid [host]",
    "move a task to another host",
    least=1,
    most=3,
    raw=True,
    notes=(
        "The task keeps its tid, its messages and its output. Without a host it goes where",
        "it is best. With -live it runs while its memory is sent, which takes longer. ps -m shows",
        "what can be moved, and why something cannot.",
    ),
)
def migrate(session: Session, given: Given) -> None:
    """Move a task, or say why it stays."""
    live = given.operands[0] == "-live"
    word, *host = [*given.operands[int(live) :], ""]
    tid = parse_tid(word)
    if len(host) > 2:
        session.complain("name a task and a host")
    elif tid is None:
        session.complain(f"{word}: no tid; one is like t40001")
    elif tid == session.tid:
        session.complain(f"{tid_text(tid)}: that's me.")
    else:
        outcome = move(tid, host[0] or None, _names(), live=live)
        session.fail_if(outcome.why is not None)
        session.out.line(f"{tid_text(tid)}: {outcome.why or f'on {outcome.host}'}")


@command(
    "evacuate",
    "host",
    "move all tasks away from a host",
    least=1,
    most=1,
    options=(JSON,),
    notes=(
        "Tasks go where it is best, one after the other. Those that cannot be moved stay, each",
        "with a reason. The host stays in the machine, and new tasks may be started there.",
    ),
)
def evacuate(session: Session, given: Given) -> None:
    """Move what can be moved away from a host, and name the rest."""
    names = _names()
    found = [tid for tid, name in names.items() if name == given.operands[0]]
    if not found:
        session.complain(f"{given.operands[0]}: {text_of(Code.NO_HOST)}")
        return
    tasks = [task for task in pvm.tasks(found[0]) if task.tid not in (0, session.tid)]
    with session.out.progress("moving tasks", len(tasks)) as advance:
        outcomes = []
        for task in tasks:
            outcomes.append(move(task.tid, None, names))
            advance(1)
    session.fail_if(any(outcome.why for outcome in outcomes))
    _show(session, outcomes, as_json="--json" in given)


def _show(session: Session, outcomes: list[Outcome], *, as_json: bool) -> None:
    """A table of what became of tasks, or the same for programs."""
    if as_json:
        session.out.json([outcome._asdict() for outcome in outcomes])
        return
    session.out.line(f"{sum(outcome.why is None for outcome in outcomes)} successful")
    rows = [(one.host, f"{one.tid:x}", one.why or "moved") for one in outcomes]
    session.out.table(MOVED, rows)


def _names() -> dict[int, str]:
    """Names of hosts by the tids of their daemons."""
    return {host.tid: host.name for host in pvm.config()}
