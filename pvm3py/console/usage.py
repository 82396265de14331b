# SPDX-License-Identifier: MIT
"""What tasks use: processor time, memory, and what they send; rates between two looks.

Processor time and memory are the kernel's figures. On this host the console reads them, on others
a shell script prints them. What tasks send is counted by the daemon of this host for its
own tasks, unless that is 3.4.6's; messages by a direct route between hosts are not in it.
"""

from __future__ import annotations

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

    @property
    def program(self) -> str:
        """What runs, without characters that a terminal would obey."""
        name = self.task.program or "-"
        return "".join(c if c.isprintable() else "?" for c in name)

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
        self._counts = True
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
        self._tasks = [self._usage(task) for task in tasks]

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
        for job, _ in self._probes.values():
            probe.end(job)

    def _forget(self, alive: set[int]) -> None:
        """Forget figures of tasks that have ended."""
        tables: tuple[dict[int, Any], ...] = (self._before, self._now, self._sent)
        for table in tables:
            for tid in table.keys() - alive:
                del table[tid]

    def _note(self, tid: int, figures: Figures) -> None:
        if tid in self._now:
            self._before[tid] = self._now[tid]
        self._now[tid] = figures

    def _usage(self, task: pvm.TaskInfo) -> Usage:
        usage = Usage(task, self.hosts.get(task.host, "-"))
        if task.host == self._here and self._counts:
            self._count(task.tid, usage)
        return usage

    def _rate(self, usage: Usage) -> None:
        """Fill in processor and memory."""
        now, before = self._now.get(usage.task.tid), self._before.get(usage.task.tid)
        if now is not None:
            usage.memory = now.memory
        if now is not None and before is not None and now.at > before.at:
            usage.cpu = 100 * (now.cpu - before.cpu) / (now.at - before.at)

    # ---- this host ----------------------------------------------------------

    def _look_here(self, tasks: Iterable[pvm.TaskInfo]) -> None:
        ticks, page = os.sysconf("SC_CLK_TCK"), os.sysconf("SC_PAGE_SIZE")
        for task in tasks:
            try:
                line = Path(f"/proc/{task.pid}/stat").read_text(errors="replace")
                self._note(task.tid, _figures(line, time.monotonic(), ticks, page))
            except (OSError, ValueError, IndexError):
                pass  # it has just ended

    def _count(self, tid: int, usage: Usage) -> None:
        """What a task here has sent since the last look."""
        now = time.monotonic()
        counts = pvm.tickle(_TICKLE_SENT, tid)
        if len(counts) != 4:
            # The task has just ended; or the daemon is 3.4.6's, which counts nothing.
            self._counts = pvm.pstat(tid) is False
            return
        messages, size = counts[0] << 31 | counts[1], counts[2] << 31 | counts[3]
        before = self._sent.get(tid)
        self._sent[tid] = now, messages, size
        if before is not None and now > before[0]:
            usage.messages = (messages - before[1]) / (now - before[0])
            usage.bytes = (size - before[2]) / (now - before[0])

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
