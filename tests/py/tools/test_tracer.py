# SPDX-License-Identifier: MIT
"""The programs tracer and trcsort: what they are asked, the files that they write."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from io import BytesIO
from pathlib import Path

import pytest
from support.machines.hosts import Bed
from support.machines.vm import VirtualMachine, wait_until
from support.system import ARCH, SIDES, pvm_root, require_examples

from pvm3py import trace

LIBDIR = pvm_root() / "lib" / ARCH
TRACER, SORTER = LIBDIR / "tracer", LIBDIR / "trcsort"
EXAMPLES = Path("/usr/bin")


@pytest.fixture(params=SIDES)
def vm(request: pytest.FixtureRequest) -> Iterator[VirtualMachine]:
    """A machine of one host whose tasks find the examples."""
    with VirtualMachine(request.param, path=[EXAMPLES]) as made:
        yield made


class Tracer:
    """A tracer that runs; what it prints is in a file."""

    def __init__(self, vm: VirtualMachine, *arguments: object) -> None:
        self.printed = vm.home / "printed"
        with open(self.printed, "wb") as out:
            self.process = vm.start(
                TRACER, *arguments, stdin=subprocess.PIPE, stdout=out, stderr=subprocess.STDOUT
            )
        self.wait("tracer> ")

    def text(self) -> str:
        """What it has printed."""
        return self.printed.read_text()

    def wait(self, text: str) -> None:
        """Wait until it has printed something."""
        wait_until(lambda: text in self.text(), f"{text!r} is printed")

    def end(self, command: str = "quit\n") -> int:
        """Have it end; its exit status."""
        self.process.communicate(command.encode())
        return self.process.returncode


def types(vm: VirtualMachine, text: str) -> list[str]:
    """What a tracer prints behind its first prompt when this is typed."""
    out = vm.run(TRACER, "-T", vm.home / "trace", stdin=text).check().out
    assert out.endswith("Quitting Tracer.\n")
    return out.partition("tracer> ")[2].splitlines()[:-1]


def test_program_is_traced_to_its_end(vm: VirtualMachine) -> None:
    require_examples()
    path, copy = vm.home / "trace", vm.home / "copy"
    tracer = Tracer(vm, "-T", path, "-O", copy)
    assert "hello, world" in vm.run(EXAMPLES / "hello.pvm").check().out
    tracer.wait("Trace File Complete")
    assert tracer.end() == 0
    assert tracer.text().count(" Connected to Tracer\n") == 2
    events = list(trace.read(path))
    tasks = {event.tid for event in events if event.name == "newtask"}
    assert len(tasks) == 2
    assert {event.tid for event in events if event.name == "endtask"} == tasks
    assert {e.tid for e in events if (e.name, e.half) == ("send", "exit")} < tasks
    assert [event["HA"] for event in events if event.name == "host_add"] == ["LINUX64"]
    assert set(copy.read_text().splitlines()) == {f"[0x{tid:x}] EOF" for tid in tasks}
    assert path.stat().st_mode & 0o777 == 0o600


def test_output_that_nobody_collects_is_in_the_trace(vm: VirtualMachine) -> None:
    path, copy = vm.home / "trace", vm.home / "copy"
    tracer = Tracer(vm, "-T", path, "-O", copy)
    spawn = "import pvm3py; pvm3py.spawn('/bin/echo', ['some', 'words']); pvm3py.exit()"
    python = pvm_root().parent / "venv" / "bin" / "python"
    vm.run(python, "-c", spawn).check()
    tracer.wait("Trace File Complete")
    assert tracer.end() == 0
    assert "some words" in [e["OS"] for e in trace.read(path) if e.name == "output"]
    assert "] some words\n" in copy.read_text()


def test_console_beside_it_is_complete_when_it_has_ended(vm: VirtualMachine) -> None:
    """It gives up its tracer while it runs."""
    path = vm.home / "trace"
    tracer = Tracer(vm, "-T", path)
    vm.run(pvm_root() / "lib" / "pvm", "-c", "id").check()
    tracer.wait("Trace File Complete")
    assert tracer.end() == 0
    assert "endtask" in [event.name for event in trace.read(path)]


def test_mask_and_forms_of_events_take_effect(vm: VirtualMachine) -> None:
    require_examples()
    path = vm.home / "trace"
    tracer = Tracer(vm, "-T", path, "count")
    assert tracer.process.stdin
    tracer.process.stdin.write(b"mask - *\nmask + send\nbuffer 100\nbuffer\n")
    tracer.process.stdin.flush()
    tracer.wait("Current Trace Buffer Size is 100 Bytes")
    vm.run(EXAMPLES / "hello.pvm").check()
    tracer.wait("Trace File Complete")
    assert tracer.end() == 0
    profiles = [event["VID"] for event in trace.read(path) if event.name == "profiling"]
    assert sorted(profiles) == [[], ["send"]], "one of the two tasks sends"


def test_commands_answer_as_those_of_the_original(vm: VirtualMachine) -> None:
    assert types(vm, "buf\noptions\nopt zz\n\nfoo\n") == [
        "", "Current Trace Buffer Size is 0 Bytes", "",
        "tracer> ", "Current Tracing Option is full.", "",
        "tracer> ", 'Unknown Trace Option "zz".', "",
        'tracer> tracer> Unknown Command "foo".',
        "tracer> tracer> quit",
    ]  # fmt: skip
    assert types(vm, "help buffer\nhelp zz\ntrace + zz\nhelp\nq\n")[:5] == [
        "usage:  buffer [ nbytes ]",
        'tracer> No Help Available for "zz"',
        'tracer> No such event "zz"',
        "tracer> ",
        "Tracer 1.0.0",
    ]


def test_mask_is_shown_in_columns(vm: VirtualMachine) -> None:
    shown = types(vm, "mask - *\nmask + pvm_recv bcast\nq\n")
    on = [word for line in shown[-29:] for word in line.split("*")[1:]]
    assert sorted(word.split()[0] for word in on) == ["bcast", "recv"]


def test_default_file_is_in_the_temporary_directory(vm: VirtualMachine) -> None:
    vm.run(TRACER, env={"USER": "somebody", "LOGNAME": "somebody"}).check()
    assert list(trace.read(vm.tmp / "tracefile.somebody"))


def test_second_tracer_is_refused(vm: VirtualMachine) -> None:
    first = Tracer(vm, "-T", vm.home / "trace")
    done = vm.run(TRACER, "-T", vm.home / "other").check(1)
    assert done.err == "tracer: another tracer runs in this machine\n"
    assert first.end("") == 0


def test_file_that_cannot_be_written_is_named(vm: VirtualMachine) -> None:
    done = vm.run(TRACER, "-T", "/no/dir").check(1)
    assert done.err == "tracer: /no/dir: No such file or directory\n"


def test_end_of_the_machine_ends_the_tracer_and_the_file_is_whole() -> None:
    with VirtualMachine() as vm:
        path = vm.home / "trace"
        tracer = Tracer(vm, "-T", path)
        vm.run(pvm_root() / "lib" / "pvm", "-c", "halt").check()
        tracer.process.wait()
        assert next(event.name for event in trace.read(path)) == "host_add"


def test_hosts_that_come_and_go_are_in_the_trace() -> None:
    with Bed(("ours", "ours"), programs=()) as bed:
        bed.start()
        master, name = bed.master, bed.hosts[1].name
        path = master.home / "trace"
        tracer = Tracer(master, "-T", path)
        console = pvm_root() / "lib" / "pvm"
        master.run(console, "-c", f"add {name}").check()
        wait_until(lambda: b'"host_sync(0)" {' in path.read_bytes(), "its clock is in the trace")
        master.run(console, "-c", f"delete {name}").check()
        wait_until(lambda: b'"host_del(0)" {' in path.read_bytes(), "the loss is in the trace")
        assert tracer.end() == 0
        found = [(e.name, e.tid) for e in trace.read(path) if e.name.startswith("host_")]
        assert found == [
            ("host_add", 0x40000),
            ("host_add", 0x80000),
            ("host_sync", 0x80000),
            ("host_del", 0x80000),
        ]


def test_host_that_goes_at_once_does_not_end_the_tracer() -> None:
    with Bed(("ours", "ours"), programs=()) as bed:
        bed.start()
        master, name = bed.master, bed.hosts[1].name
        tracer = Tracer(master, "-T", master.home / "trace")
        commands = f"add {name}; delete {name}; " * 5
        master.run(pvm_root() / "lib" / "pvm", "-c", commands).check()
        assert tracer.end() == 0, tracer.text()


# ---- sorting ----------------------------------------------------------------------------


def event(name: str, second: int, *more: trace.Item) -> trace.Event:
    """An event at a time."""
    head = [trace.Item(n, 6, v) for n, v in (("TS", second), ("TU", 5), ("TID", 0x40002))]
    return trace.Event(name, "", (*head, *more))


def text(word: str) -> trace.Item:
    """A line of output."""
    return trace.Item("OS", 12, word)


EVENTS = [
    event("output", 3, text("GOTEOF")),
    event("spntask", 2, trace.Item("PT", 6, 1)),
    event("output", 2, text("a line")),
    event("output", 1, text("CREATION")),
]
SORTED = [EVENTS[3], EVENTS[1], EVENTS[2], EVENTS[0]]


@pytest.fixture
def unsorted(tmp_path: Path) -> Path:
    """A trace file whose events are in no order."""
    out = BytesIO()
    writer = trace.Writer(out, creation=0, machine="of a test")
    for one in EVENTS:
        writer.write(one)
    path = tmp_path / "unsorted"
    path.write_bytes(out.getvalue())
    return path


def sort(
    *arguments: object, stdin: bytes = b"", status: int = 0
) -> subprocess.CompletedProcess[bytes]:
    """Run trcsort."""
    words = [str(word) for word in (SORTER, *arguments)]
    done = subprocess.run(words, input=stdin, capture_output=True)
    assert done.returncode == status, done
    return done


def test_events_are_sorted_and_the_head_is_kept(unsorted: Path, tmp_path: Path) -> None:
    out = tmp_path / "sorted"
    assert sort(unsorted, "-o", out).stdout == b""
    assert list(trace.read(out)) == SORTED
    assert out.read_bytes().split(b";;")[0] == unsorted.read_bytes().split(b";;")[0]


def test_standard_streams_serve_as_well(unsorted: Path, tmp_path: Path) -> None:
    out = tmp_path / "sorted"
    out.write_bytes(sort(stdin=unsorted.read_bytes()).stdout)
    assert list(trace.read(out)) == SORTED
    assert sort(out).stdout == out.read_bytes(), "what is sorted stays as it is"


def test_file_can_be_sorted_onto_itself(unsorted: Path) -> None:
    sort(unsorted, "-o", unsorted)
    assert list(trace.read(unsorted)) == SORTED


def test_output_is_copied_apart(unsorted: Path, tmp_path: Path) -> None:
    sort(unsorted, "-v", "-O", tmp_path / "copy")
    assert (tmp_path / "copy").read_text() == "[0x40002] a line\n[0x40002] EOF\n"


def test_what_is_no_trace_file_is_refused(tmp_path: Path) -> None:
    other = tmp_path / "other"
    other.write_text("text")
    assert sort(other, status=1).stderr == f"trcsort: {other}: not a trace file\n".encode()
    assert sort("/no/such", status=1).stderr == b"trcsort: /no/such: No such file or directory\n"
