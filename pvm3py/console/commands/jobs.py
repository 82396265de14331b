# SPDX-License-Identifier: MIT
"""Commands about jobs: spawning tasks, and waiting for them."""

from __future__ import annotations

import pvm3py.classic as pvm
from pvm3py.classic import Event

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
    except KeyboardInterrupt:
        if wanted.output is None and wanted.trace is None:
            session.out.line("tasks that are being started may start all the same")
        raise
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
        _long(session, running)
        return
    for job in running:
        session.out.line(" ".join([f"{job.label}:", *map(tid_text, job.running())]))


def _long(session: Session, jobs: list[Job]) -> None:
    """Jobs with their tasks as `ps` shows them."""
    table = TaskTable(session.tid, pvm.config())
    tasks = {task.tid: task for task in pvm.tasks()} if jobs else {}
    groups = [
        (job.label, [table.row(tasks[tid]) for tid in job.running() if tid in tasks])
        for job in jobs
    ]
    session.out.groups("JOB", table.columns, groups)


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
    numbers, tids = _wanted(session, given.operands)
    left = set(tids)
    tag = session.mail.new_tag(lambda message: left.discard(pvm.upkint()))
    if tids:
        pvm.notify(Event.TASK_EXIT, tag, tids)

    def running() -> list[Job]:
        every = not given.operands
        return [job for job in session.jobs.running() if every or job.number in numbers]

    try:
        session.mail.wait(lambda: not left and not running())
    finally:
        session.mail.forget(tag)


def _wanted(session: Session, words: list[str]) -> tuple[list[int], list[int]]:
    """Jobs and tids that words name; a word that names none is said."""
    numbers, tids = [], []
    for word in words:
        tid = parse_tid(word)
        if word.isdecimal():
            numbers.append(int(word))
        elif word.startswith("t") and tid is not None:
            tids.append(tid)
        else:
            session.complain(f"{word}: no job, and no tid like t40001")
    return numbers, tids
