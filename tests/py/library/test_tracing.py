# SPDX-License-Identifier: MIT
"""Tracing of tasks: what our library sends to a tracer, compared with what 3.4.6 sends."""

from __future__ import annotations

import subprocess
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from support.compiler import compile_program, installed_examples
from support.impostors.rawtask import Connector, RawTask, ints, message, string
from support.impostors.tracer import TRACE_TAG, Collector, events_of
from support.machines.vm import VirtualMachine, wait_until
from support.system import C_SOURCES, PATIENCE, SIDES, VECTORS, Side, require_program

from pvm3py import trace
from pvm3py.trace.message import Mark, Part
from pvm3py.wire import constants as c

RECORDED = VECTORS / "trace" / "traced.trace"
FULL, TIME, COUNT = "1", "2", "3"
# Items that are not the same in two runs: times, tids, buffers, addresses, descriptors, contexts.
VOLATILE = {"TS", "TU", "TID", "MT", "DST", "SRC", "RST", "TT", "TW", "MDL", "NTL", "IST"}
VOLATILE |= {"MB", "MSB", "MRB", "CD", "CR", "PDA", "FDS", "CXN", "CXS", "CXC", "CXF", "AC", "HSP"}
VOLATILE |= {"HN", "HNA", "TUS", "TUU", "TSS", "TSU"}
_EMPTY = {c.TEV_DATA_INT | c.TEV_DATA_ARRAY: [], c.TEV_DATA_STRING: ""}


@pytest.fixture
def machine() -> Iterator[VirtualMachine]:
    with VirtualMachine() as vm:
        yield vm


def program(side: Side) -> Path:
    """The traced task."""
    return compile_program("traced", [C_SOURCES / "traced.c"], side, ["-w"])


def settled(event: trace.Event) -> trace.Event:
    """The event without what may differ."""
    volatile = VOLATILE | ({"CC"} if event.name in ("setcontext", "insert") else set())
    items = (
        replace(item, value=_EMPTY.get(item.kind, 0)) if item.name in volatile else item
        for item in event.items
    )
    return replace(event, items=tuple(items))


def calls(events: list[trace.Event]) -> list[trace.Event]:
    """The events that must be the same in every run.

    When the handler is invoked is not fixed, and 3.4.6's library then makes events of its own.
    """
    names = [(event.name, event.half) for event in events]
    begin, end = names.index(("addmhf", "exit")), names.index(("delmhf", "entry"))
    assert ("mhf_invoke", "entry") in names[begin:end]
    return [settled(event) for event in events[: begin + 1] + events[end:]]


def has_tracer(task: RawTask) -> bool:
    """Whether a tracer has left its settings in the mailbox, which it does when it is ready."""
    body = ints(c.TMDB_GET, task.tid) + string(b"###_PVM_TRACER_###") + ints(0, 0)
    return task.request(c.TM_DB, body).ints()[0] >= 0


def tracer_file(
    machine: VirtualMachine, witness: RawTask, library: Side, work: Callable[[], object]
) -> list[trace.Event]:
    """Events that Debian's tracer, with a library, collects meanwhile; `witness` is older."""
    require_program("tracer", "pvm")
    path = machine.home / "trace"
    program = installed_examples(library) / "tracer"
    tracer = machine.start(program, "-T", path, "full", stdin=subprocess.PIPE)
    wait_until(lambda: has_tracer(witness), "the tracer is ready")
    work()

    def complete() -> bool:
        """Whether the last record that is whole is the end of the task."""
        return any("endtask(0)" in record for record in path.read_text().split("};;")[-2:-1])

    wait_until(complete, "the end of the task")
    assert tracer.stdin
    tracer.stdin.write(b"quit\n")
    tracer.stdin.close()
    tracer.wait(PATIENCE)
    machine.tasks.remove(tracer)
    for stream in (tracer.stdout, tracer.stderr):
        assert stream
        stream.close()
    return list(trace.read(path))


@pytest.mark.parametrize("library", SIDES)
@pytest.mark.parametrize("daemon", SIDES)
def test_debians_tracer_sees_of_our_tasks_what_it_sees_of_its_own(
    daemon: Side, library: Side, connector: Connector
) -> None:
    with (
        VirtualMachine(daemon) as machine,
        RawTask(machine.address, connector).enrol(machine.tmp) as witness,
    ):
        events = tracer_file(
            machine, witness, library, lambda: machine.run(program("ours"), FULL, 0, 1).check()
        )
    assert calls(events) == calls(list(trace.read(RECORDED)))


# ---- with a collector of our own --------------------------------------------------------


def collected(
    machine: VirtualMachine, connector: Connector, *arguments: object, side: Side = "ours"
) -> list[list[Part]]:
    """The messages about one run of the task."""
    collector = Collector(machine, connector)
    with collector.task:
        task = machine.start(program(side), *arguments)
        messages = list(collector.messages())
        out, err = task.communicate(timeout=PATIENCE)
        machine.tasks.remove(task)
        assert (task.returncode, out, err) == (0, b"", b"")
    return messages


def test_each_event_is_described_the_first_time_only(
    machine: VirtualMachine, connector: Connector
) -> None:
    described = set()
    for event in events_of(collected(machine, connector, FULL, 0, 2)):
        if event.name != "user_defined":
            assert event.described == ((event.name, event.half) not in described)
            described.add((event.name, event.half))
    assert len(described) > 100


def test_messages_are_the_same_bytes_as_of_a_task_of_3_4_6(
    machine: VirtualMachine, connector: Connector
) -> None:
    ours, theirs = (collected(machine, connector, FULL, 0, 1, side=side) for side in SIDES)
    assert all(len(parts) == 1 for parts in ours + theirs)
    for one, other in zip(calls(events_of(ours)), calls(events_of(theirs)), strict=True):
        # Calls that the handler makes may be the ones that are described in 3.4.6.
        same = replace(other, described=one.described)
        assert trace.encode([one]) == trace.encode([same]), (one, other)


def test_buffered_events_come_in_few_messages(
    machine: VirtualMachine, connector: Connector
) -> None:
    single = events_of(collected(machine, connector, FULL, 0, 1))
    messages = collected(machine, connector, FULL, 2000, 1)
    buffered = [m for m in messages if m[0] is Mark.BEGIN]
    assert 3 < len(buffered) < 20
    assert all(m[-1] is Mark.END for m in buffered)
    assert all(len(trace.encode(m)) >= 2000 for m in buffered[:-1])
    # A handler runs when its message comes, which may be in another call.
    assert Counter(halves(events_of(messages))) == Counter(halves(single))


def halves(events: list[trace.Event]) -> list[tuple[str, str]]:
    """Begins and ends of calls."""
    return [(event.name, event.half) for event in events if event.name != "user_defined"]


@pytest.mark.parametrize(("option", "name"), [(TIME, "timing"), (COUNT, "profiling")])
def test_sums_come_with_the_end_of_the_task(
    machine: VirtualMachine, connector: Connector, option: str, name: str
) -> None:
    events = events_of(collected(machine, connector, option, 0, 2))
    total = events[-1]
    assert total.name == name
    counts = dict(zip(total["VID"], total["PRF"], strict=True))
    assert total["VCT"] == len(counts)
    assert (counts["send"], counts["exit"], counts["mhf_invoke"]) == (20, 1, 2)
    assert (name == "timing") == (total.get("TGU") is not None)
    assert {e.name for e in events[1:-1]} <= {"mytid", "setopt", name, "user_defined"}


@pytest.mark.parametrize("daemon", SIDES)
def test_siblings_of_one_spawn_inherit_tracer_and_mask(daemon: Side, connector: Connector) -> None:
    with VirtualMachine(daemon) as machine:
        collector = Collector(machine, connector)
        with collector.task:
            machine.start(compile_program("family", [C_SOURCES / "family.c"], "ours"))
            tasks = collector.family(4)
    (parent,) = (tid for tid, events in tasks.items() if any(e.name == "spawn" for e in events))
    ended = next(e for e in tasks.pop(parent) if (e.name, e.half) == ("spawn", "exit"))
    assert sorted(tasks) == sorted(ended["STL"])
    daemons = ["newtask", "spntask", "endtask"]
    for events in tasks.values():
        assert {e.name for e in events if e.name in daemons} == set(daemons)
        own = [event for event in events if event.name not in daemons]
        assert [(event.name, event.half) for event in own] == [
            (name, half) for name in ("siblings", "send") for half in ("entry", "exit")
        ]
        assert all(event.described for event in own)
        assert own[1]["SIB"] == ended["STL"]


# ---- settings changed while the task runs -----------------------------------------------


def asked(tracer: RawTask, tid: int, decoder: trace.Decoder) -> list[str]:
    """Have the task answer once; names of the events that came before its answer."""
    tracer.send(message(1, dst=tid, src=tracer.tid, ctx=0))
    names = []
    while (got := tracer.receive()).tag != 2:
        if got.tag == TRACE_TAG and not got.src & c.TIDPVMD:
            parts = decoder.decode(got.body)
            names += [p.name for p in parts if isinstance(p, trace.Event)]
    return names


def control(tracer: RawTask, tid: int, tag: int, body: bytes) -> None:
    tracer.send(message(tag, body, dst=tid, src=tracer.tid, ctx=c.SYSCTX_TC))


def test_only_tasks_that_enrol_after_the_tracer_are_traced(
    machine: VirtualMachine, connector: Connector
) -> None:
    obedient = compile_program("obedient", [C_SOURCES / "obedient.c"], "ours")

    def started() -> tuple[subprocess.Popen[bytes], int]:
        task = machine.start(obedient)
        assert task.stdout
        return task, int(task.stdout.readline())

    older = started()
    with Collector(machine, connector).task as tracer:
        decoder = trace.Decoder()
        assert asked(tracer, older[1], decoder) == []
        younger = started()
        names = asked(tracer, younger[1], decoder) + asked(tracer, younger[1], decoder)
        assert names.count("siblings") == 2
        assert {"recv", "bufinfo", "initsend", "send"} <= set(names)
        for task, tid in (older, younger):
            tracer.send(message(3, dst=tid, src=tracer.tid, ctx=0))
            assert task.wait(PATIENCE) == 0


def test_running_task_follows_its_new_settings(
    machine: VirtualMachine, connector: Connector
) -> None:
    obedient = compile_program("obedient", [C_SOURCES / "obedient.c"], "ours")
    task = machine.start(obedient)
    assert task.stdout
    tid = int(task.stdout.readline())
    decoder = trace.Decoder()
    with RawTask(machine.address, connector).enrol(machine.tmp) as tracer:
        assert asked(tracer, tid, decoder) == []
        mask = string(b"O" * 35)
        settings = ints(tracer.tid, 0, TRACE_TAG, 0, 0, 0) + mask + ints(0, c.PvmTraceFull)
        control(tracer, tid, c.TC_SETTRACE, settings)
        asked(tracer, tid, decoder)
        seen = asked(tracer, tid, decoder)
        assert {"recv", "bufinfo", "initsend", "send"} <= set(seen)
        control(tracer, tid, c.TC_SETTMASK, string(b"@" * 35))
        asked(tracer, tid, decoder)
        assert asked(tracer, tid, decoder) == []
        control(tracer, tid, c.TC_SETTMASK, mask)
        control(tracer, tid, c.TC_SETTRCOPT, ints(c.PvmTraceCount))
        asked(tracer, tid, decoder)
        assert asked(tracer, tid, decoder) == []
        control(tracer, tid, c.TC_SETTRCOPT, ints(c.PvmTraceFull))
        assert "profiling" in asked(tracer, tid, decoder) + asked(tracer, tid, decoder)
        # Buffered, events wait; with the next setting they are sent together.
        control(tracer, tid, c.TC_SETTRCBUF, ints(1 << 20))
        asked(tracer, tid, decoder)
        assert asked(tracer, tid, decoder) == []
        control(tracer, tid, c.TC_SETTRCBUF, ints(0))
        collected = asked(tracer, tid, decoder) + asked(tracer, tid, decoder)
        assert collected.count("send") > 4
        tracer.send(message(3, dst=tid, src=tracer.tid, ctx=0))
        assert task.wait(PATIENCE) == 0
