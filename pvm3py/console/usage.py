# SPDX-License-Identifier: MIT
"""What tasks use: processor time, memory, and what they send; rates between two looks.

Processor time and memory are the kernel's figures. On this host the console reads them, on others
a shell script prints them. What tasks send is counted by their daemons, if these and the one of
this host are not 3.4.6's; messages by a direct route between hosts are not in it.
"""

from __future__ import annotations

import math
import os
import time
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pvm3py.classic as pvm
from pvm3py.classic import PvmError

from . import probe
from .jobs import Job
from .session import Session

# A hook of our daemons: messages and bytes that a task has sent, each as two numbers of 31 bits.
_TICKLE_SENT = 21
# Seconds of a look in which daemons are asked that, if somebody waits for the picture.
_COUNTING = 0.3
# Fields of /proc/PID/stat, counted behind the program's name.
_UTIME, _STIME, _RSS = 11, 12, 21

_SCRIPT = """read up rest </proc/uptime
printf 'now %s %s %s\\n' "$up" "$(getconf CLK_TCK)" "$(getconf PAGESIZE)"
for pid in PIDS; do read -r line </proc/$pid/stat && printf '%s\\n' "$line"; done 2>/dev/null"""


@dataclass
class Figures:
    """Counters of a process at a time. at, cpu: seconds; memory: bytes that are resident."""

    at: float
    cpu: float
    memory: int


@dataclass
class Usage:
    """A task, and what it uses. cpu: percent of a processor; sent: a second; None: not known."""

    task: pvm.TaskInfo
    host: str
    cpu: float | None = None
    memory: int | None = None
    messages: float | None = None
    bytes: float | None = None

    def record(self) -> dict[str, Any]:
        """The figures for programs."""
        known = {name: getattr(self, name) for name in ("cpu", "memory", "messages", "bytes")}
        names = {"tid": self.task.tid, "host": self.host, "pid": self.task.pid}
        return {**names, "program": self.task.program or None, **known}


@dataclass
class _Reader:
    """Reads what a host's script prints."""

    pids: dict[int, int]
    now: float = 0.0
    ticks: int = 100
    page: int = 4096
    found: dict[int, Figures] = field(default_factory=dict)

    def take(self, line: str) -> None:
        """Take a line. One that is not as it should be is of a process that has just ended."""
        words = line.split()
        try:
            if words[:1] == ["now"]:
                self.now, self.ticks, self.page = float(words[1]), int(words[2]), int(words[3])
                return
            tid = self.pids[int(words[0])]
            self.found[tid] = _figures(line, self.now, self.ticks, self.page)
        except (ValueError, IndexError, KeyError):
            pass


def _figures(line: str, now: float, ticks: int, page: int) -> Figures:
    """Figures of a line of /proc/PID/stat. ValueError, IndexError: it is none."""
    fields = line[line.rindex(")") + 1 :].split()
    cpu = (int(fields[_UTIME]) + int(fields[_STIME])) / ticks
    return Figures(now, cpu, int(fields[_RSS]) * page)


class Watch:
    """Looks at the tasks of the machine again and again."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self._here = pvm.tidtohost(session.tid)
        self._before: dict[int, Figures] = {}
        self._now: dict[int, Figures] = {}
        self._sent: dict[int, tuple[float, int, int]] = {}
        self._rates: dict[int, tuple[float, float]] = {}
        self._uncounted: set[int] = set()  # hosts where messages are not counted
        self._probes: dict[int, tuple[Job, _Reader]] = {}
        self._tasks: list[Usage] = []
        self.hosts: dict[int, str] = {}

    def look(self) -> None:
        """Look at the tasks. What other hosts tell comes later."""
        self.hosts = {host.tid: host.name for host in pvm.config()}
        self._collect()
        ours = {tid for job, _ in self._probes.values() for tid in job.tasks}
        ours |= {0, self._session.tid}
        tasks = [task for task in pvm.tasks() if task.tid not in ours]
        self._forget({task.tid for task in tasks})
        of_host: dict[int, list[pvm.TaskInfo]] = {}
        for task in tasks:
            of_host.setdefault(task.host, []).append(task)
        self._look_here(of_host.pop(self._here, []))
        for host, there in of_host.items():
            self._ask(host, there)
        self._count_sent(tasks)
        self._tasks = [Usage(task, self.hosts.get(task.host, "-")) for task in tasks]

    def known(self) -> list[Usage]:
        """The tasks of the last look, with what is known by now."""
        self._collect()
        for usage in self._tasks:
            self._rate(usage)
        return self._tasks

    def settle(self, seconds: float) -> None:
        """Wait until the other hosts have told what they were asked, or for this long."""
        jobs = [job for job, _ in self._probes.values()]
        self._session.mail.wait(lambda: all(job.finished for job in jobs), seconds)

    def close(self) -> None:
        """End what still runs on other hosts."""
        probe.end(job for job, _ in self._probes.values())

    def _forget(self, alive: set[int]) -> None:
        """Forget figures of tasks that have ended."""
        tables: tuple[dict[int, Any], ...] = (self._before, self._now, self._sent, self._rates)
        for table in tables:
            for tid in table.keys() - alive:
                del table[tid]

    def _note(self, tid: int, figures: Figures) -> None:
        if tid in self._now:
            self._before[tid] = self._now[tid]
        self._now[tid] = figures

    def _rate(self, usage: Usage) -> None:
        """Fill in what is known of a task."""
        usage.messages, usage.bytes = self._rates.get(usage.task.tid, (None, None))
        now, before = self._now.get(usage.task.tid), self._before.get(usage.task.tid)
        if now is not None:
            usage.memory = now.memory
        if now is not None and before is not None and now.at > before.at:
            usage.cpu = 100 * (now.cpu - before.cpu) / (now.at - before.at)

    def _count_sent(self, tasks: Iterable[pvm.TaskInfo]) -> None:
        """Ask what tasks have sent; those first whose count is the oldest, as there may be many."""
        deadline = time.monotonic() + (_COUNTING if self._session.out.live else math.inf)
        for task in sorted(tasks, key=lambda task: self._sent.get(task.tid, (0.0, 0, 0))[0]):
            if time.monotonic() > deadline:
                break
            if task.host not in self._uncounted:
                self._count(task)

    def _count(self, task: pvm.TaskInfo) -> None:
        """What a task has sent since it was last asked for."""
        counts = pvm.tickle(_TICKLE_SENT, task.tid)
        now = time.monotonic()
        if len(counts) != 4:
            # The task has just ended; or it runs, and a daemon of 3.4.6 counts nothing.
            if pvm.pstat(task.tid):
                self._uncounted.add(task.host)
            return
        sent = counts[0] << 31 | counts[1], counts[2] << 31 | counts[3]
        if task.tid in self._sent:
            before, *old = self._sent[task.tid]
            span = max(now - before, 1e-6)
            self._rates[task.tid] = (sent[0] - old[0]) / span, (sent[1] - old[1]) / span
        self._sent[task.tid] = now, *sent

    # ---- this host ----------------------------------------------------------

    def _look_here(self, tasks: Iterable[pvm.TaskInfo]) -> None:
        ticks, page = os.sysconf("SC_CLK_TCK"), os.sysconf("SC_PAGE_SIZE")
        for task in tasks:
            try:
                line = Path(f"/proc/{task.pid}/stat").read_text(errors="replace")
                self._note(task.tid, _figures(line, time.monotonic(), ticks, page))
            except (OSError, ValueError, IndexError):
                pass  # it has just ended

    # ---- other hosts --------------------------------------------------------

    def _ask(self, host: int, tasks: list[pvm.TaskInfo]) -> None:
        """Have a host told what its processes use, unless it has not answered yet."""
        if host in self._probes or host not in self.hosts:
            return
        reader = _Reader({task.pid: task.tid for task in tasks if task.pid > 0})
        script = _SCRIPT.replace("PIDS", " ".join(map(str, reader.pids)))
        try:
            job = probe.begin(
                self._session, self.hosts[host], script, lambda _, line: reader.take(line)
            )
        except PvmError:
            return
        if job is not None:
            self._probes[host] = job, reader

    def _collect(self) -> None:
        """Take over what hosts have told."""
        for host, (job, reader) in list(self._probes.items()):
            if job.finished:
                del self._probes[host]
                for tid, figures in reader.found.items():
                    self._note(tid, figures)
