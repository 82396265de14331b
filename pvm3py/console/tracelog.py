# SPDX-License-Identifier: MIT
"""The trace of a job in the form of a trace file, to a file or to the terminal."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Sequence

import pvm3py.classic as pvm
from pvm3py.trace.file import Writer
from pvm3py.trace.message import Decoder, Event, Item, encode
from pvm3py.trace.values import to_text
from pvm3py.wire import constants as c
from pvm3py.wire.codec import WireError

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
    maker  what the file says who has written it; with the release of PVM, by default the console
    """

    def __init__(self, out: JobFile | None, show: Printer, maker: str = "") -> None:
        self._out = out
        self._terminal = _Terminal(show, pvm.mytid())
        version = pvm.version()
        machine = f"{maker or f'Console {version}'} (PVM {version})"
        self._writer = Writer(out or self._terminal, machine=machine)
        self._decoders: dict[int, Decoder] = {}
        self._now = _split(time.time())
        self.add_hosts(pvm.config())

    def close(self) -> None:
        """Write the file to its end."""
        if self._out is not None:
            self._out.close()

    def events(self, body: bytes, source: int) -> list[Event]:
        """The events of a trace message. WireError: it is none."""
        if source not in self._decoders:
            self._decoders[source] = _decoder(source)
        decoder = self._decoders[source]
        events = [part for part in decoder.decode(body, source) if isinstance(part, Event)]
        heads = [event.get(name) for event in events for name in ("TS", "TU", "TID")]
        if not all(isinstance(value, int) for value in heads):
            raise WireError("an event has no time or no tid")
        return events

    def take(self, event: Event, source: int) -> None:
        """Write an event of a trace message."""
        self._now = int(event["TS"]), int(event["TU"])
        self._write(event, source)

    def output(self, tid: int, text: str) -> None:
        """Write that a task has printed a line, at the time of the last event."""
        self._internal("output", tid, [Item("OS", c.TEV_DATA_STRING, text)])

    def add_hosts(self, hosts: Sequence[pvm.Host]) -> None:
        """Write that there are these hosts, and how their clocks differ from that of this one."""
        for host in hosts:
            self._internal("host_add", host.tid, _host_items(host))
        here = pvm.tidtohost(pvm.mytid())
        for host in hosts:
            if host.tid != here:
                self._compare_clocks(host.tid)

    def _compare_clocks(self, host: int) -> None:
        """Write how far this clock is ahead, unless the host has gone meanwhile."""
        try:
            ahead = _split(pvm.hostsync(host).ahead)
        except pvm.ConnectionLost:
            raise
        except pvm.PvmError:
            return
        self._internal("host_sync", host, _ints(zip(("HDS", "HDU"), ahead)))  # noqa: B905

    def lose_host(self, host: pvm.Host) -> None:
        """Write that a host has gone."""
        self._internal("host_del", host.tid, [Item("HN", c.TEV_DATA_STRING, host.name)])

    def _internal(self, name: str, tid: int, items: list[Item]) -> None:
        head = _ints([("TS", self._now[0]), ("TU", self._now[1]), ("TID", tid)])
        self._write(Event(name, "", (*head, *items)), tid)

    def _write(self, event: Event, source: int) -> None:
        self._terminal.source = source
        self._writer.write(event)


def _decoder(source: int) -> Decoder:
    """A decoder for a sender. Daemons of 3.4.6 describe an event only to the first of our jobs."""
    decoder = Decoder()
    if source < 0:
        decoder.decode(encode([*_described_by_daemons()]))
    return decoder


def _described_by_daemons() -> Iterator[Event]:
    """Descriptions of the events that daemons trace."""
    head = [("TS", 0), ("TU", 0), ("TID", 0)]
    used = [("TST", 0), ("TUS", 0), ("TUU", 0), ("TSS", 0), ("TSU", 0)]
    name = Item("TN", c.TEV_DATA_STRING, "")
    yield Event("newtask", "", (*_ints([*head, ("PT", 0), ("TF", 0)]), name), described=True)
    yield Event("spntask", "", tuple(_ints([*head, ("PT", 0)])), described=True)
    yield Event("endtask", "", tuple(_ints([*head, *used])), described=True)


def _host_items(host: pvm.Host) -> list[Item]:
    words = [("HN", host.name), ("HNA", host.name), ("HA", host.arch)]
    items = [Item(name, c.TEV_DATA_STRING, word) for name, word in words]
    return [*items, *_ints([("HSP", host.speed)])]


def _ints(pairs: Iterable[tuple[str, int]]) -> list[Item]:
    return [Item(name, c.TEV_DATA_INT, value) for name, value in pairs]


def _split(seconds: float) -> tuple[int, int]:
    """Whole seconds and microseconds, both with the sign of the time."""
    return int(seconds), int((seconds - int(seconds)) * 1e6)
