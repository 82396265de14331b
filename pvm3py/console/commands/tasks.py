# SPDX-License-Identifier: MIT
"""Commands about tasks that run."""

from __future__ import annotations

import pvm3py.classic as pvm
from pvm3py.binding.errors import text_of
from pvm3py.classic import Code

from ..movetable import MoveTable
from ..output import tid_text
from ..session import Session
from ..table import JSON, Given, Option, command
from ..tasktable import TaskTable, parse_tid

_PS_OPTIONS = (
    Option("-a", "tasks of all hosts, not of this one only"),
    Option("-h", "tasks of the host with this tid, 0 for all", "TID"),
    Option("-n", "tasks of the host with this name, . for this one", "HOST"),
    Option("-l", "long: parent and process as well"),
    Option("-m", "movable: host of birth, size, and whether it can be moved or why not"),
    Option("-x", "this console, too, and what is no task yet"),
    JSON,
)
_PS_NOTES = (
    "The options may be one word, and need no dash: ps axl.",
    "FLAG, letters:",
    "  f  started by the daemon        o  its connection is being closed",
    "  c  connected                    R  resource manager",
    "  a  not authenticated yet        H  starts daemons (hoster)",
    "  s  waits for shared pages       T  starts tasks (tasker)",
)


@command("ps", "", "list tasks", options=_PS_OPTIONS, notes=_PS_NOTES, dashless=True)
def ps(session: Session, given: Given) -> None:
    """Tasks of this host, another, or all."""
    hosts = pvm.config()
    where = _where(session, given, hosts)
    if where is None:
        return
    tasks = pvm.tasks(where)
    if "-x" not in given:
        tasks = [task for task in tasks if task.tid not in (0, session.tid)]
    table = _table(session, given, hosts)
    if "--json" in given:
        session.out.json([table.record(task) for task in tasks])
        return
    session.out.table(table.columns, map(table.row, tasks))


def _table(session: Session, given: Given, hosts: list[pvm.Host]) -> TaskTable:
    """The table that the options ask for."""
    long = "-l" in given
    if "-m" in given:
        return MoveTable(session.tid, hosts, long=long)
    return TaskTable(session.tid, hosts, long=long)


def _where(session: Session, given: Given, hosts: list[pvm.Host]) -> int | None:
    """Tid of the host whose tasks are asked for; 0: of all; None: what was typed is no tid."""
    here = pvm.tidtohost(session.tid)
    if "-a" in given:
        return 0
    if "-h" in given:
        word = given.options["-h"]
        tid = 0 if word == "0" else parse_tid(word)
        if tid is None:
            session.complain(f"-h{word}: no tid; one is like t80000")
        return tid
    name = given.options.get("-n", ".")
    if name == ".":
        return here
    found = [host.tid for host in hosts if host.name == name]
    if not found:
        session.complain(f"unknown host {name}")
    return found[0] if found else here


@command("pstat", "tid...", "show whether tasks run", least=1, most=None, raw=True)
def pstat(session: Session, given: Given) -> None:
    """Status of tasks."""
    for tid in _tids(session, given.operands):
        runs = pvm.pstat(tid)
        session.fail_if(not runs)
        session.out.line(f"t{tid:>8x}  {'run' if runs else text_of(Code.NO_TASK)}")


@command(
    "kill",
    "tid...",
    "end tasks",
    least=1,
    most=None,
    options=(Option("-c", "the children of these tasks instead"),),
)
def kill(session: Session, given: Given) -> None:
    """End tasks, or their children, by SIGTERM."""
    for tid in _tids(session, given.operands):
        if "-c" in given:
            for task in pvm.tasks():
                if task.parent == tid and task.tid:
                    pvm.kill(task.tid)
        elif tid == session.tid:
            session.complain(f"{tid_text(tid)}: that's me.")
        elif _runs(session, tid):
            pvm.kill(tid)


@command("sig", "signal tid...", "send a signal to tasks", least=2, most=None, raw=True)
def sig(session: Session, given: Given) -> None:
    """Send a signal, by number or by name, to tasks."""
    import signal  # noqa: PLC0415

    word, *tids = given.operands
    try:
        number = int(word) if word.isdigit() else signal.Signals[f"SIG{word.upper()}"].value
    except KeyError:
        session.complain(f"{word}: no signal")
        return
    for tid in _tids(session, tids):
        if _runs(session, tid):
            pvm.sendsig(tid, number)


def _tids(session: Session, words: list[str]) -> list[int]:
    """The tids that words name; those that name none are said."""
    tids = [(word, parse_tid(word)) for word in words]
    for word, tid in tids:
        if tid is None:
            session.complain(f"{word}: no tid; one is like t40001")
    return [tid for _, tid in tids if tid is not None]


def _runs(session: Session, tid: int) -> bool:
    """Whether a task runs; one that does not is said."""
    runs = pvm.pstat(tid)
    if not runs:
        session.complain(f"{tid_text(tid)}: {text_of(Code.NO_TASK)}")
    return runs
