# SPDX-License-Identifier: MIT
"""Trace jobs of our console: the recorded lines on the terminal, and files that can be read."""

from __future__ import annotations

import re

from support.machines.vm import VirtualMachine
from support.screens.console import console_program
from support.system import require_examples
from support.vectors.sessions import recorded_session, trace_shape

from pvm3py.console.tracemask import changed
from pvm3py.trace import read

PROGRAM = "/usr/bin/hello.pvm"


def recorded_trace() -> list[str]:
    """The trace of PROGRAM as it was recorded, without what a second host adds."""
    session = recorded_session("trace_jobs_nontty")
    at = next(i for i, c in enumerate(session) if c.text.startswith("spawn -@ "))
    lines = [*session[at].printed, *session[at + 1].before]
    text = "\n".join(lines)
    second = re.compile(r'\[T3:t80000\] "host_add.*\n(\[T3:t80000\] .*\n)*')
    return second.sub("", text, count=1).splitlines()


def test_trace_on_the_terminal_is_the_recorded_one(vm: VirtualMachine) -> None:
    """The program finds no other to spawn, as when it was recorded."""
    require_examples()
    done = vm.run(console_program("ours"), "-c", f"spawn -@ {PROGRAM}", merged=True)
    lines = done.check().out.splitlines()
    assert lines[0] == "[1]"
    said = [line for line in lines if "libpvmtrc" in line]
    assert re.fullmatch(r"\[1\] libpvmtrc: Task TID=0x4\w+ Connected to Console", said[0])
    assert said[1:] == ["[1] libpvmtrc: Trace File Complete"]
    assert lines[-1] == "[1] finished"
    assert trace_shape(lines) == trace_shape(recorded_trace())


def test_trace_file_can_be_read(vm: VirtualMachine) -> None:
    require_examples()
    path = vm.home / "trace"
    text = f"spawn -@{path} -> {PROGRAM}; echo done"
    out = vm.run(console_program("ours"), "-c", text).check().out
    assert re.search(r"\[1:t4\w+\] can't start hello_other", out)
    events = list(read(path))
    names = [event.name for event in events]
    assert names[0] == "host_add" and {"newtask", "mytid", "spawn", "endtask"} <= set(names)
    printed = [event["OS"] for event in events if event.name == "output"]
    assert "can't start hello_other" in printed and printed[-1] == "GOTEOF"
    assert path.stat().st_mode & 0o777 == 0o600


def test_mask_and_options_reach_the_tasks(vm: VirtualMachine) -> None:
    require_examples()
    path = vm.home / "trace"
    text = f"trace - *; trace + exit pvm_spawn; trace opt count; spawn -@{path} {PROGRAM}"
    vm.run(console_program("ours"), "-c", text).check()
    (event,) = [event for event in read(path) if event.name == "profiling"]
    assert set(event["VID"]) == {"exit", "spawn"}


def test_second_trace_job_is_traced_like_the_first(vm: VirtualMachine) -> None:
    """3.4.6 tells the console only once what the events of its daemon are made of."""
    text = "spawn -@first /bin/true; wait; spawn -@second /bin/true; wait"
    vm.run(console_program("ours"), "-c", text).check()
    for name in ("first", "second"):
        names = {event.name for event in read(vm.home / name)}
        assert {"newtask", "spntask", "endtask"} <= names


def test_events_that_are_always_traced_are_no_unknown_words() -> None:
    always = ["newtask", "spntask", "endtask", "timing", "profiling"]
    assert changed(set(), ["+", *always, "nonsense"], {}) == (set(always), ["nonsense"])
    assert changed({"recv", *always}, ["-", *always], {}) == ({"recv"}, [])
