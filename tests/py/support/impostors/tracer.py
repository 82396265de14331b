# SPDX-License-Identifier: MIT
"""A tracer that keeps every trace message as it is."""

from __future__ import annotations

from collections.abc import Iterator

from pvm3py import trace
from pvm3py.trace.message import Part
from pvm3py.wire import constants as c
from support.impostors.rawtask import Connector, enrolled, ints, string
from support.machines.vm import VirtualMachine

TRACE_TAG, OUTPUT_TAG = 666, 667


class Collector:
    """The registered tracer: gets every trace message as it is."""

    def __init__(self, machine: VirtualMachine, connector: Connector, option: int = 1) -> None:
        self.task = enrolled(machine, connector)
        mask = string(b"O" * 35)
        place = (0, TRACE_TAG, 0, OUTPUT_TAG)
        assert self.task.request(c.TM_TRACER, ints(1, *place) + mask + ints(0, option)).ints() == (
            0,
        )
        body = ints(c.TMDB_PUT, self.task.tid) + string(b"###_PVM_TRACER_###") + ints(0, 0)
        record = ints(self.task.tid, *place) + mask + ints(0, option)
        header = ints(len(record), 0, 0, 0, c.WIRE_ENC_XDR, 0, self.task.tid, 0, len(record))
        answer = self.task.request(c.TM_DB, body + header + record)
        assert answer.ints() == (0,), answer
        self._daemon, self._tasks = trace.Decoder(), trace.Decoder()

    def family(self, size: int) -> dict[int, list[trace.Event]]:
        """The events of each of so many tasks until all have ended; those of the daemon apart."""
        tasks: dict[int, list[trace.Event]] = {}
        decoders: dict[int, trace.Decoder] = {}
        while len(tasks) < size or not all(e[-1].name == "endtask" for e in tasks.values()):
            got = self.task.receive()
            if got.tag == TRACE_TAG:
                decoder = decoders.setdefault(got.src, trace.Decoder())
                for event in events_of([decoder.decode(got.body, got.src)]):
                    tasks.setdefault(event.tid, []).append(event)
        return tasks

    def messages(self) -> Iterator[list[Part]]:
        """Each message of the task, up to its end."""
        while True:
            got = self.task.receive()
            if got.tag != TRACE_TAG:
                continue
            if got.src & c.TIDPVMD:
                parts = self._daemon.decode(got.body)
                if isinstance(parts[0], trace.Event) and parts[0].name == "endtask":
                    return
            else:
                yield self._tasks.decode(got.body, got.src)


def events_of(messages: list[list[Part]]) -> list[trace.Event]:
    return [part for parts in messages for part in parts if isinstance(part, trace.Event)]
