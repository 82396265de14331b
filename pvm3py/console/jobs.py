# SPDX-License-Identifier: MIT
"""Jobs: the tasks of a spawn and their children, whose output or trace comes to the console."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

import pvm3py.classic as pvm
from pvm3py.classic import Option
from pvm3py.wire.codec import WireError

from .jobfile import JobFile
from .mail import Mail
from .output import Output, tid_text

if TYPE_CHECKING:
    from pvm3py.trace.message import Event

    from .tracelog import TraceLog

# What a message of collected output says in place of a number of bytes.
_EOF, _SPAWNED, _NEW = 0, -1, -2
_MARKS = {_EOF: "GOTEOF", _SPAWNED: "GOTSPAWN", _NEW: "CREATION"}
# Parents of tasks that nobody spawned. One of these in a job is a stranger, who has told the daemon
# to send here what is about him.
_NO_PARENT = (0, -1)
# A line that gets longer is printed in pieces.
_LINE_MAX = 65536


def _begins(count: int) -> bool:
    """Whether a message of collected output, read up to its count, tells of a new task of a job."""
    return count in (_SPAWNED, _NEW) and pvm.upkint() not in _NO_PARENT


@dataclass
class Stream:
    """What is known of a task: its spawn was reported, its output ended, begin of its next line."""

    spawned: bool = False
    ended: bool = False
    traced: bool = False  # its end was in the trace, or none is expected
    partial: bytes = b""

    @property
    def over(self) -> bool:
        """Nothing comes any more."""
        return self.spawned and self.ended and self.traced


class Sink(Protocol):
    """Where the lines of a job go."""

    def put(self, job: Job, tid: int, text: str) -> None:
        """A line of a task."""

    def end_of(self, job: Job, tid: int) -> None:
        """The output of a task is complete."""

    def finish(self, job: Job) -> None:
        """All tasks have ended."""


class Job:
    """One job. launched: its spawn has returned, so that `tasks` has all that were spawned."""

    def __init__(self, number: int, sink: Sink | None, trace: TraceLog | None = None) -> None:
        self.number = number
        self.tasks: dict[int, Stream] = {}
        self.launched = False
        self.finished = False
        self._sink = sink
        self.trace = trace
        self.completed_trace = False

    @property
    def label(self) -> str:
        """Number as `jobs` shows it: trace jobs have a T."""
        return f"T{self.number}" if self.trace else f" {self.number}"

    def running(self) -> list[int]:
        """Tasks that have not ended."""
        return [tid for tid, stream in self.tasks.items() if not stream.over]

    def stream(self, tid: int) -> Stream:
        """The record of a task, made with the first news about it."""
        return self.tasks.setdefault(tid, Stream(traced=self.trace is None))

    def take_output(self, length: int) -> None:
        """Take a message of collected output, the receive buffer, that has so many bytes."""
        tid, count = pvm.upkint(2)
        if count > length or not (tid in self.tasks or _begins(count)):
            return
        stream = self.stream(tid)
        if count > 0:
            self._text(tid, stream, pvm.upkbytes(count))
            return
        stream.spawned |= count == _SPAWNED
        if count == _EOF:
            self._flush(tid, stream)
        if self.trace is not None and count in _MARKS:
            self.trace.output(tid, _MARKS[count])
        if count == _EOF and not stream.ended:
            self._end(tid, stream)

    def lose(self, tid: int) -> None:
        """A task is gone with its host: nothing of it comes any more."""
        stream = self.tasks[tid]
        self._flush(tid, stream)
        if not stream.ended:
            self._end(tid, stream)
        stream.spawned = stream.traced = True

    def _flush(self, tid: int, stream: Stream) -> None:
        """The last line of a task ends although no end of line came."""
        if stream.partial:
            self._line(tid, stream.partial)
        stream.partial = b""

    def _end(self, tid: int, stream: Stream) -> None:
        """A task prints nothing more."""
        stream.ended = True
        if self._sink is not None:
            self._sink.end_of(self, tid)

    def _text(self, tid: int, stream: Stream, text: bytes) -> None:
        *lines, stream.partial = (stream.partial + text).split(b"\n")
        if len(stream.partial) > _LINE_MAX:
            lines.append(stream.partial)
            stream.partial = b""
        for line in lines:
            self._line(tid, line)

    def _line(self, tid: int, line: bytes) -> None:
        text = line.decode(errors="surrogateescape")
        if self.trace is not None:
            self.trace.output(tid, text)
        if self._sink is not None:
            self._sink.put(self, tid, text)

    def finish(self) -> None:
        """All tasks have ended."""
        self.finished = True
        if self._sink is not None:
            self._sink.finish(self)
        if self.trace is not None:
            self.trace.close()


class Printed:
    """A sink that prints lines with job and task in front."""

    def __init__(self, out: Output) -> None:
        self._out = out

    def put(self, job: Job, tid: int, text: str) -> None:
        """A line of a task."""
        shown = pvm.getopt(Option.SHOW_TIDS)
        self._out.line(f"[{job.number}:{tid_text(tid)}] {text}" if shown else text)

    def end_of(self, job: Job, tid: int) -> None:
        """The output of a task is complete."""
        if pvm.getopt(Option.SHOW_TIDS):
            self.put(job, tid, "EOF")

    def finish(self, job: Job) -> None:
        """All tasks have ended."""


class Filed(Printed):
    """A sink that writes the same to a file."""

    def __init__(self, file: JobFile) -> None:
        self._file = file
        super().__init__(_FileOutput(file))

    def finish(self, job: Job) -> None:
        """All tasks have ended."""
        self._file.close()


class _FileOutput(Output):
    def __init__(self, file: JobFile) -> None:
        self._file = file

    def line(self, text: str = "") -> None:
        """Write a line."""
        self._file.write((text + "\n").encode(errors="surrogateescape"))


class Collected:
    """A sink that keeps the lines, or gives each to a function, for a command of the console."""

    def __init__(self, take: Callable[[int, str], None]) -> None:
        self._take = take

    def put(self, job: Job, tid: int, text: str) -> None:
        """A line of a task."""
        self._take(tid, text)

    def end_of(self, job: Job, tid: int) -> None:
        """The output of a task is complete."""

    def finish(self, job: Job) -> None:
        """All tasks have ended."""


class Jobs:
    """The jobs of this console."""

    def __init__(self, mail: Mail, out: Output) -> None:
        self._mail = mail
        self._out = out
        self._tags: dict[Job, list[int]] = {}
        self._next = 1

    def running(self) -> list[Job]:
        """Those that people see and that have not finished."""
        return [job for job in self._tags if job.number]

    def number(self, traced: bool) -> int:
        """A number for a job; a trace job uses up two."""
        number = self._next
        self._next += 2 if traced else 1
        return number

    def launch(self, job: Job, spawn: Callable[[], list[int]]) -> list[int]:
        """Have the tasks spawned as tasks of this job; what `spawn` returns: tids and codes.

        After Ctrl-C those that start all the same are ended.
        """
        tags = [self._mail.new_tag(lambda message: self._output(job, message))]
        if job.trace is not None:
            tags.append(self._mail.new_tag(lambda message: self._traced(job, message), tasks=True))
        self._tags[job] = tags
        try:
            with _directed(*tags):
                results = spawn()
            for tid in results:
                if tid > 0:
                    job.stream(tid).spawned = True
        except KeyboardInterrupt:
            self._abandon(job)
            raise
        finally:
            job.launched = True
            if not job.tasks:
                job.finish()
                self._drop(job)
        return results

    def _abandon(self, job: Job) -> None:
        """End the tasks of a job whose spawn was interrupted, also those that come to be later."""
        ended: set[int] = set()

        def end(tid: int) -> None:
            if tid not in ended:
                ended.add(tid)
                pvm.kill(tid)
                if job.number:
                    self._out.line(f"[{job.number}] {tid_text(tid)} ended: spawn was interrupted")

        def begun(message: pvm.MessageInfo) -> None:
            del message
            tid, count = pvm.upkint(2)
            if _begins(count):
                end(tid)

        self._mail.hand_over(self._tags[job].pop(0), begun)
        known = list(job.tasks)
        job.tasks.clear()
        for tid in known:
            end(tid)

    def lose_host(self, host: int) -> None:
        """The tasks of a host are gone with it."""
        for job in list(self._tags):
            for tid in job.running():
                if pvm.tidtohost(tid) == host:
                    job.lose(tid)
            self._look(job)

    def _output(self, job: Job, message: pvm.MessageInfo) -> None:
        job.take_output(message.length)
        self._look(job)

    def _traced(self, job: Job, message: pvm.MessageInfo) -> None:
        """Take a trace message of a daemon or a task. What is about strangers is dropped."""
        of_task = message.tid > 0
        if job.trace is None or (of_task and message.tid not in job.tasks):
            return
        try:
            events = job.trace.events(pvm.upkbytes(message.length), message.tid)
        except WireError as error:
            self._say(job, f"Message of {tid_text(message.tid)} is no trace: {error}")
            return
        for event in events:
            if not of_task:
                self._tell(job, event)
            if of_task or event.tid in job.tasks:
                job.trace.take(event, message.tid)
        self._look(job)

    def _tell(self, job: Job, event: Event) -> None:
        """A daemon has traced the begin or the end of a task."""
        if event.name == "newtask" and event.get("PT") not in _NO_PARENT:
            job.stream(event.tid)
            self._say(job, f"Task TID=0x{event.tid:x} Connected to Console")
        elif event.name == "endtask" and event.tid in job.tasks:
            job.tasks[event.tid].traced = True

    def _look(self, job: Job) -> None:
        """Say what has ended."""
        if not job.launched or job.finished:
            return
        ended = all(stream.ended for stream in job.tasks.values())
        if job.trace is not None and ended and not job.completed_trace:
            job.completed_trace = True
            self._say(job, "Trace File Complete")
        if not job.running():
            job.finish()
            if job.number:
                self._out.line(f"[{job.number}] finished")
            self._drop(job)

    def _drop(self, job: Job) -> None:
        for tag in self._tags.pop(job):
            self._mail.forget(tag)

    def _say(self, job: Job, text: str) -> None:
        self._out.error(f"[{job.number}] libpvmtrc: {text}")


class _directed:
    """Tasks spawned meanwhile send their output, and their trace, here with these tags."""

    def __init__(self, output: int, trace: int | None = None) -> None:
        here, context = pvm.mytid(), pvm.getcontext()
        self._wanted = {
            Option.OUTPUT_TID: here,
            Option.OUTPUT_CODE: output,
            Option.OUTPUT_CONTEXT: context,
        }
        if trace is not None:
            self._wanted |= {
                Option.TRACE_TID: here,
                Option.TRACE_CODE: trace,
                Option.TRACE_CONTEXT: context,
            }
        self._before: dict[Option, int] = {}

    def __enter__(self) -> None:
        for option, value in self._wanted.items():
            self._before[option] = pvm.setopt(option, value)

    def __exit__(self, *error: object) -> None:
        for option, value in reversed(self._before.items()):
            pvm.setopt(option, value)
