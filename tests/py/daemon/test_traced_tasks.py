# SPDX-License-Identifier: MIT
"""Trace events of the daemon, and output, of tasks that have a tracer."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest
from support.impostors.rawtask import Connector, Message, RawTask, ints, string
from support.machines.vm import VirtualMachine
from support.system import VECTORS

from pvm3py import trace
from pvm3py.trace.message import ItemTable
from pvm3py.wire import constants as c

TRACE_TAG, OUTPUT_TAG, CONTEXT = 666, 667, 0
MASK = b"O" * 35


@pytest.fixture
def machine() -> Iterator[VirtualMachine]:
    with VirtualMachine(path=["/bin"]) as vm:
        yield vm


def tracer(machine: VirtualMachine, connector: Connector) -> RawTask:
    """A task that is the registered tracer."""
    task = RawTask(machine.address, connector).enrol(machine.tmp)
    body = ints(1, CONTEXT, TRACE_TAG, CONTEXT, OUTPUT_TAG) + string(MASK) + ints(0, 1)
    assert task.request(c.TM_TRACER, body).ints() == (0,)
    return task


def next_message(task: RawTask, tag: int) -> Message:
    """The next message with this tag."""
    while (message := task.receive()).tag != tag:
        pass
    return message


def recorded(name: str) -> bytes:
    data: str = json.loads((VECTORS / "trace" / f"{name}.json").read_text())["hex"]
    return bytes.fromhex(data)


def test_first_message_is_the_recorded_table_of_items(
    machine: VirtualMachine, connector: Connector
) -> None:
    with tracer(machine, connector) as collector, RawTask(machine.address, connector) as task:
        task.enrol(machine.tmp)
        body = next_message(collector, TRACE_TAG).body
        decoder = trace.Decoder()
        assert decoder.decode(body) == decoder.decode(recorded("data_id_table")) == [ItemTable()]
        assert len(body) == len(recorded("data_id_table"))


def test_task_started_by_hand_is_described_once(
    machine: VirtualMachine, connector: Connector
) -> None:
    with tracer(machine, connector) as collector:
        decoder = trace.Decoder()
        for described in (True, False):
            with RawTask(machine.address, connector) as task:
                task.enrol(machine.tmp)
                if described:
                    next_message(collector, TRACE_TAG)
                (event,) = decoder.decode(next_message(collector, TRACE_TAG).body)
            (end,) = decoder.decode(next_message(collector, TRACE_TAG).body)
            assert isinstance(event, trace.Event)
            assert isinstance(end, trace.Event)
            assert (event.name, end.name) == ("newtask", "endtask")
            assert event.described is end.described is described
            assert event.tid == end.tid == task.tid
            assert (event["PT"], event["TF"], event["TN"]) == (-1, -1, "-")
            assert event.time <= end.time


@pytest.mark.parametrize("flags", [0, c.PvmNoSpawnParent])
def test_spawned_task_is_traced_from_begin_to_end(
    machine: VirtualMachine, connector: Connector, flags: int
) -> None:
    with tracer(machine, connector) as collector, RawTask(machine.address, connector) as task:
        task.enrol(machine.tmp)
        start = string(b"true") + ints(flags) + string(b"") + ints(1, 0, *[0] * 6, 0)
        _, child = task.request(c.TM_SPAWN, start).ints()
        decoder = trace.Decoder()
        events = []
        while not (events and events[-1].name == "endtask"):
            parts = decoder.decode(next_message(collector, TRACE_TAG).body)
            events += [p for p in parts if isinstance(p, trace.Event) and p.tid == child]
        assert [event.name for event in events] == ["newtask", "spntask", "endtask"]
        new, spawned, end = events
        parent = c.PvmParentNotSet if flags else task.tid
        assert (new["PT"], new["TF"], new["TN"]) == (parent, flags, "true")
        assert spawned["PT"] == parent
        assert end["TST"] == 0


def test_end_goes_where_the_task_said_last(machine: VirtualMachine, connector: Connector) -> None:
    with (
        RawTask(machine.address, connector) as watcher,
        RawTask(machine.address, connector) as task,
    ):
        watcher.enrol(machine.tmp)
        task.enrol(machine.tmp)
        for option, value in (
            (c.TS_TRCTID, 1),
            (c.TS_TRCTAG, TRACE_TAG),
            (c.TS_TRCTID, 0),
            (c.TS_TRCTID, watcher.tid),
        ):
            task.request(c.TM_SETOPT, ints(option) + string(f"{value:x}".encode()))
        task.request(c.TM_EXIT)
        decoder = trace.Decoder()
        events: list[trace.Event] = []
        while not events:
            parts = decoder.decode(next_message(watcher, TRACE_TAG).body)
            events += [p for p in parts if isinstance(p, trace.Event)]
        assert [(event.name, event.tid) for event in events] == [("endtask", task.tid)]


def test_untraced_task_sends_nothing(machine: VirtualMachine, connector: Connector) -> None:
    with RawTask(machine.address, connector) as one, RawTask(machine.address, connector) as two:
        one.enrol(machine.tmp)
        two.enrol(machine.tmp)
        assert one.sync() == {(c.TM_PSTAT, one._wid)}
