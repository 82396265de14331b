# SPDX-License-Identifier: MIT
"""The trace of a job in the form of a trace file, to a file or to the terminal."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable

import pvm3py.classic as pvm
from pvm3py.trace.file import Writer
from pvm3py.trace.message import Decoder, Event, Item
from pvm3py.trace.values import to_text
from pvm3py.wire import constants as c

from .jobfile import JobFile

Printer = Callable[[int, str], None]


class _Terminal:
    """Prints line by line with the tid that the lines are about."""

    def __init__(self, show: Printer, source: int) -> None:
        self._show = show
        self.source = source

    def write(self, data: bytes) -> int:
        """Print whole lines: the writer of trace files gives nothing else."""
        for line in to_text(data).removesuffix("\n").split("\n"):
            self._show(self.source, line)
        return len(data)


class TraceLog:
    """Writes what a job's tasks trace.

    out    a file; None: the terminal
    show   prints a line of the trace, and the tid that it is about, on the terminal
    """

    def __init__(self, out: JobFile | None, show: Printer) -> None:
        self._out = out
        self._terminal = _Terminal(show, pvm.mytid())
        version = pvm.version()
        self._writer = Writer(out or self._terminal, machine=f"Console {version} (PVM {version})")
        self._decoders: dict[int, Decoder] = {}
        self._now = _split(time.time())
        self._begin()

    def close(self) -> None:
        """Write the file to its end."""
        if self._out is not None:
            self._out.close()

    def take(self, body: bytes, source: int) -> list[Event]:
        """Write the events of a trace message; those that were in it. WireError: it is none."""
        decoder = self._decoders.setdefault(source, Decoder())
        events = [part for part in decoder.decode(body, source) if isinstance(part, Event)]
        for event in events:
            self._now = int(event["TS"]), int(event["TU"])
            self._write(event, source)
        return events

    def output(self, tid: int, text: str) -> None:
        """Write that a task has printed a line, at the time of the last event."""
        self._internal("output", tid, [Item("OS", c.TEV_DATA_STRING, text)])

    def _begin(self) -> None:
        """Hosts are the first events, and how their clocks differ."""
        hosts = pvm.config()
        for host in hosts:
            self._internal("host_add", host.tid, _host_items(host))
        here = pvm.tidtohost(pvm.mytid())
        for host in hosts:
            if host.tid != here:
                ahead = _split(pvm.hostsync(host.tid).ahead)
                self._internal("host_sync", host.tid, _ints(zip(("HDS", "HDU"), ahead)))  # noqa: B905

    def _internal(self, name: str, tid: int, items: list[Item]) -> None:
        head = _ints([("TS", self._now[0]), ("TU", self._now[1]), ("TID", tid)])
        self._write(Event(name, "", (*head, *items)), tid)

    def _write(self, event: Event, source: int) -> None:
        self._terminal.source = source
        self._writer.write(event)


def _host_items(host: pvm.Host) -> list[Item]:
    words = [("HN", host.name), ("HNA", host.name), ("HA", host.arch)]
    items = [Item(name, c.TEV_DATA_STRING, word) for name, word in words]
    return [*items, *_ints([("HSP", host.speed)])]


def _ints(pairs: Iterable[tuple[str, int]]) -> list[Item]:
    return [Item(name, c.TEV_DATA_INT, value) for name, value in pairs]


def _split(seconds: float) -> tuple[int, int]:
    """Whole seconds and microseconds, both with the sign of the time."""
    return int(seconds), int((seconds - int(seconds)) * 1e6)
