# SPDX-License-Identifier: MIT
"""Commands that ask the hosts themselves: how they are, and what their daemons log."""

from __future__ import annotations

import re
import time
from dataclasses import dataclass

import pvm3py.classic as pvm
from pvm3py.classic import PvmError

from .. import probe
from ..output import DTID, HOST, Column
from ..session import Session
from ..table import JSON, Given, Option, command

# Seconds that hosts have to tell what they know.
_PATIENCE = 3.0

_LOOK = f"""
read load rest </proc/loadavg && echo "load $load"
echo "cores $(getconf _NPROCESSORS_ONLN)"
sed -n -e 's/.* \\(pvm3py [0-9][^ ]*\\).*/version \\1/p' \\
    -e 's/.* [A-Z0-9]* \\(3\\.4[.0-9]*\\)$/version \\1/p' {probe.LOG} | head -1
"""


@dataclass
class Look:
    """What is known of a host; None: it did not say.

    link  seconds for a request to its daemon and the answer
    load  mean number of processes that want a processor
    """

    name: str
    tid: int
    tasks: int
    link: float | None = None
    version: str | None = None
    load: float | None = None
    cores: int | None = None

    def take(self, line: str) -> None:
        """Take a line that the host has printed."""
        word, _, value = line.partition(" ")
        if word == "version":
            self.version = value
        elif word == "load" and re.fullmatch(r"\d+(\.\d+)?", value):
            self.load = float(value)
        elif word == "cores" and value.isdecimal():
            self.cores = int(value)


@command(
    "hosts",
    summary="list the hosts with versions, links and load",
    options=(JSON,),
    notes=(
        "A small task on each host looks; what it cannot tell is shown as -.",
        "LINK is the time for a request to the host's daemon and the answer, in milliseconds.",
    ),
)
def hosts(session: Session, given: Given) -> None:
    """Hosts as they are now."""
    looks = _look(session)
    if "--json" in given:
        session.out.json([vars(look) for look in looks])
        return
    session.out.table(_COLUMNS, map(_row, looks))


_COLUMNS = (
    HOST,
    DTID,
    Column("TASKS", 6),
    Column("LOAD", 6),
    Column("CORES", 6),
    Column("LINK", 8),
    Column("VERSION", 0, "  "),
)


def _row(look: Look) -> list[str]:
    """What `hosts` says about a host."""
    link = None if look.link is None else f"{look.link * 1000:.2f}"
    fields = (look.name, f"{look.tid:x}", look.tasks, look.load, look.cores, link, look.version)
    return ["-" if field is None else str(field) for field in fields]


def _look(session: Session) -> list[Look]:
    """Look at all hosts at the same time."""
    tasks = [pvm.tidtohost(task.tid) for task in pvm.tasks() if task.tid]
    looks = {h.tid: Look(h.name, h.tid, tasks.count(h.tid)) for h in pvm.config()}
    begun = [
        probe.begin(session, look.name, _LOOK, lambda host, line: looks[host].take(line))
        for look in looks.values()
    ]
    for look in looks.values():
        look.link = _round_trip(look.tid)
    jobs = [job for job in begun if job is not None]
    try:
        session.mail.wait(lambda: all(job.finished for job in jobs), _PATIENCE)
    finally:
        probe.end(jobs)
    return list(looks.values())


def _round_trip(host: int) -> float | None:
    """Seconds for a request to a host's daemon and the answer."""
    begin = time.monotonic()
    try:
        pvm.hostsync(host)
    except PvmError:
        return None
    return time.monotonic() - begin


@command(
    "log",
    "[host]",
    "print the log of a daemon",
    most=1,
    options=(Option("-f", "follow it until Ctrl-C"), Option("-n", "this many lines, not 20", "N")),
    notes=("Without operand it is that of the daemon on this host.",),
)
def log(session: Session, given: Given) -> None:
    """The end of a host's log, and what is added to it."""
    count = given.options.get("-n", "20")
    name = given.operands[0] if given.operands else "."
    if not count.isdecimal():
        session.complain(f"-n{count}: no number")
        return
    follow = "-F" if "-f" in given else ""
    script = f"exec tail -n {int(count)} {follow} {probe.LOG} 2>&1"
    job = probe.begin(session, name, script, lambda host, line: session.out.line(line))
    if job is None:
        session.complain(f"{name}: the log cannot be read there")
        return
    try:
        session.mail.wait(lambda: job.finished)
    finally:
        probe.end([job])
