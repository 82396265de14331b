# SPDX-License-Identifier: MIT
"""The registered tracer of the machine: takes events and output of tasks, and writes them."""

from __future__ import annotations

import select
from dataclasses import dataclass, field

import pvm3py.classic as pvm
from pvm3py.classic import Event, Option
from pvm3py.console.interrupts import Interrupts
from pvm3py.console.jobfile import JobFile
from pvm3py.console.jobs import Job
from pvm3py.console.mail import Mail
from pvm3py.console.output import Output, tid_text
from pvm3py.console.tracelog import TraceLog
from pvm3py.console.tracemask import OPTIONS, XPVM, mask_of
from pvm3py.wire.codec import WireError

VERSION = "Tracer 1.0.0"
# What the tracer begins with: fewer events than displays ask for by themselves.
EVENTS = XPVM - {"addmhf", "delmhf", "mhf_invoke", "siblings"}


@dataclass(frozen=True)
class Wanted:
    """What tasks are to trace.

    events  names of the calls
    buffer  bytes of events that a task collects before it sends them
    option  what an event tells: a name of OPTIONS
    """

    events: set[str] = field(default_factory=lambda: set(EVENTS))
    buffer: int = 0
    option: str = "full"


class Collector:
    """The tracer of this machine, from its making on. PvmError ALREADY: there is another one.

    path    the trace file
    copy    a file for the output of tasks, too; None: there is none
    """

    def __init__(self, path: str, copy: str | None, wanted: Wanted, out: Output) -> None:
        self.wanted = wanted
        self._out = out
        self._mail = Mail(out.flush, Interrupts())
        self._hosts: dict[int, pvm.Host] = {}
        pvm.setopt(Option.NO_RESET, 1)
        sink = None if copy is None else _Copy(JobFile(copy, out))
        self._trace = TraceLog(JobFile(path, out), lambda tid, line: None, VERSION)
        # All tasks that are traced now, as if they were one job.
        self._tasks = Job(0, sink, self._trace)
        self._place = (
            (0, self._mail.new_tag(self._traced, tasks=True)),
            (0, self._mail.new_tag(self._output)),
        )
        self._gone = self._mail.new_tag(self._host_gone)
        pvm.notify(Event.HOST_ADD, self._mail.new_tag(self._hosts_added))
        self._watch(pvm.config())
        self._toggle()

    def wait_for(self, fd: int) -> None:
        """Serve messages until a descriptor can be read."""
        while True:
            self._mail.take_in()
            self._out.flush()
            if fd in select.select([fd, *pvm.getfds()], [], [])[0]:
                return

    def want(self, wanted: Wanted) -> None:
        """Change what is traced: tasks that connect from now on trace that."""
        self._toggle()
        self.wanted = wanted
        self._toggle()

    def close(self) -> None:
        """Resign, and write the file to its end."""
        self._toggle()
        self._mail.take_in()
        self._trace.close()

    def _toggle(self) -> None:
        """Become the tracer, or cease to be it."""
        wanted = self.wanted
        mask = mask_of(wanted.events)
        pvm.reg_tracer(*self._place, mask, buffer=wanted.buffer, options=OPTIONS[wanted.option])

    # ---- messages -----------------------------------------------------------------

    def _traced(self, message: pvm.MessageInfo) -> None:
        try:
            events = self._trace.events(pvm.upkbytes(message.length), message.tid)
        except WireError as error:
            self._out.error(f"Message of {tid_text(message.tid)} is no trace: {error}")
            return
        for event in events:
            self._trace.take(event, message.tid)
            if event.name == "newtask":
                self._tasks.stream(event.tid)
                self._out.line(f"Task TID=0x{event.tid:x} Connected to Tracer")
            elif event.name == "endtask":
                self._tasks.stream(event.tid).traced = True
        self._look()

    def _output(self, message: pvm.MessageInfo) -> None:
        self._tasks.take_output(message.length)
        self._look()

    def _look(self) -> None:
        """Say when no task is left of which something may come."""
        streams = self._tasks.tasks
        if streams and all(stream.ended and stream.traced for stream in streams.values()):
            streams.clear()
            self._out.line("Trace File Complete")

    # ---- hosts --------------------------------------------------------------------

    def _watch(self, hosts: list[pvm.Host]) -> None:
        """Remember hosts, and ask for notices of their end."""
        self._hosts |= {host.tid: host for host in hosts}
        here = pvm.tidtohost(pvm.mytid())
        others = [host.tid for host in hosts if host.tid != here]
        if others:
            pvm.notify(Event.HOST_DELETE, self._gone, others)

    def _hosts_added(self, message: pvm.MessageInfo) -> None:
        del message
        new = [host for host in pvm.config() if host.tid not in self._hosts]
        self._watch(new)
        self._trace.add_hosts(new)

    def _host_gone(self, message: pvm.MessageInfo) -> None:
        del message
        host = self._hosts.pop(pvm.tidtohost(pvm.upkint()), None)
        if host is None:
            return
        self._trace.lose_host(host)
        for tid in list(self._tasks.tasks):
            if pvm.tidtohost(tid) == host.tid:
                self._tasks.lose(tid)
        self._look()


class _Copy:
    """A file with the lines that tasks print."""

    def __init__(self, file: JobFile) -> None:
        self._file = file

    def put(self, job: Job, tid: int, text: str) -> None:
        """A line of a task."""
        self._file.write(f"[0x{tid:x}] {text}\n".encode(errors="surrogateescape"))

    def end_of(self, job: Job, tid: int) -> None:
        """The output of a task is complete."""
        self.put(job, tid, "EOF")

    def finish(self, job: Job) -> None:
        """All tasks have ended; others may come."""
