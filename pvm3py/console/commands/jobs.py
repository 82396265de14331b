# SPDX-License-Identifier: MIT
"""Commands about jobs: spawning tasks, and waiting for them."""

from __future__ import annotations

import pvm3py.task as pvm
from pvm3py.task import Event

from ..jobs import Job
from ..launch import OPTIONS, Launch, LaunchError, launch, parse
from ..output import tid_text
from ..session import Session
from ..table import JSON, Given, Option, command
from ..tasktable import TaskTable, parse_tid


@command(
    "spawn",
    "file [argument...]",
    "start tasks",
    least=1,
    most=None,
    raw=True,
    options=OPTIONS,
    notes=(
        "HOST begins with a small letter or a dot, ARCH with a capital letter; write a host of",
        "another name as --host=NAME. Without -> output goes to the log of the master's daemon.",
    ),
)
def spawn(session: Session, given: Given) -> None:
    """Start tasks, as a job if their output or trace is wanted."""
    wanted = parse(given.operands)
    for flag in wanted.unknown:
        session.complain(f"unknown flag {flag}")
    if wanted.file is None:
        session.complain("incorrect arg count")
        return
    _launch(session, wanted)


def _launch(session: Session, wanted: Launch) -> None:
    try:
        results, texts = launch(session, wanted)
    except LaunchError as error:
        session.out.error(str(error))
        session.fail_if(True)
        return
    session.out.line(f"{sum(result > 0 for result in results)} successful")
    session.out.lines(texts)
    session.fail_if(any(result < 0 for result in results))


@command(
    "jobs",
    summary="list jobs that run",
    options=(Option("-l", "long: their tasks as `ps` lists them"), JSON),
)
def jobs(session: Session, given: Given) -> None:
    """Jobs with their tasks."""
    running = session.jobs.running()
    if "--json" in given:
        session.out.json([_record(job) for job in running])
        return
    if "-l" in given:
        table = TaskTable(session.tid, pvm.config())
        tasks = {task.tid: task for task in pvm.tasks()} if running else {}
        session.out.line(table.head())
    for job in running:
        if "-l" in given:
            session.out.line(f"{job.label}:")
            session.out.lines(table.line(tasks[t]) for t in job.running() if t in tasks)
        else:
            session.out.line(" ".join([f"{job.label}:", *map(tid_text, job.running())]))


def _record(job: Job) -> dict[str, object]:
    return {"job": job.number, "traced": job.trace is not None, "tasks": job.running()}


@command(
    "wait",
    "[job...|tid...]",
    "wait until jobs or tasks have ended",
    most=None,
    notes=("Without operands it waits for all jobs. Ctrl-C ends the wait.",),
)
def wait(session: Session, given: Given) -> None:
    """Wait; output of jobs comes meanwhile."""
    wanted = {word: _pending(session, word) for word in given.operands}
    for word, pending in wanted.items():
        if pending is None:
            session.complain(f"{word}: no job and no tid")
    tids = {parse_tid(word) for word in given.operands if word.startswith("t")}
    gone: set[int] = set()
    tag = session.mail.new_tag(lambda message: gone.add(pvm.upkint()))
    watched = [tid for tid in tids if tid is not None]
    if watched:
        pvm.notify(Event.TASK_EXIT, tag, watched)
    numbers = [int(word) for word in given.operands if word.isdigit()]
    every = not given.operands

    def done() -> bool:
        session.out.flush()
        left = [job for job in session.jobs.running() if every or job.number in numbers]
        return not left and gone.issuperset(watched)

    session.mail.wait(done)
    session.mail.forget(tag)


def _pending(session: Session, word: str) -> bool | None:
    del session
    return True if word.isdigit() or parse_tid(word) is not None else None
