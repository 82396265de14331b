# SPDX-License-Identifier: MIT
"""Threads of one task use the library at the same time; plain and with sanitizers."""

from __future__ import annotations

import collections
import os
import shutil
import subprocess
from functools import cache
from pathlib import Path

import pytest
from support import compiler
from support.impostors.rawtask import Connector
from support.impostors.tracer import Collector, events_of
from support.machines.vm import VirtualMachine
from support.programs.groups import server_dir
from support.system import ARCH, C_SOURCES, PATIENCE, PROJECT, missing, require_program

# threaded: at the same time; threaded_waits: in waits of all kinds.
PROGRAMS = ("threaded", "threaded_waits")
ROUTES = ("daemon", "direct")
THREADS, ROUNDS = 6, 60  # of tests/c/threads.h


def plain(name: str) -> Path:
    """tests/c/NAME.c with the libraries as they are built."""
    flags = ["-std=gnu11", "-O2", "-Wall", "-Wextra", "-Werror", "-pthread"]
    source = C_SOURCES / f"{name}.c"
    libraries = ["-lfpvm3", "-lgpvm3"]
    return compiler.compile_program(name, [source], "ours", flags, libraries=libraries)


def sanitized(name: str, sanitize: str) -> Path:
    """tests/c/NAME.c and the libraries, built with sanitizers."""
    tree = compiler.sanitized_tree(sanitize)
    return compiler.compiled(
        f"{sanitize}/{name}",
        ["gcc", "-std=gnu11", "-g", "-pthread", f"-fsanitize={sanitize}"]
        + [f"-I{tree / 'include'}", str(C_SOURCES / f"{name}.c"), f"-L{tree / 'lib' / ARCH}"]
        + ["-lfpvm3", "-lgpvm3", "-lpvm3"],
    )


def starts(*command: Path | str) -> bool:
    """Whether a program that does nothing comes to its end."""
    return subprocess.run(command, capture_output=True, check=False).returncode == 0


@cache
def thread_sanitizer() -> tuple[str, ...]:
    """What starts programs with ThreadSanitizer here; skips where they do not run.

    They fail where addresses are randomised over too wide a range.
    """
    require_program("gcc", "gcc")
    source = compiler.script("nothing.c", "int main(void) { return 0; }\n")
    try:
        program = compiler.compiled("nothing", ["gcc", "-fsanitize=thread", str(source)])
    except AssertionError:
        missing("gcc cannot build with ThreadSanitizer: apt-get install gcc libtsan2")
    fixed = ("setarch", "-R")
    if shutil.which("setarch") and starts(*fixed, program):
        return fixed
    if not starts(program):
        missing("programs with ThreadSanitizer do not run on this machine")
    return ()


def with_thread_sanitizer(name: str) -> Path:
    """A starter of tests/c/NAME.c with ThreadSanitizer, which is also what the program spawns."""
    command = thread_sanitizer()
    program = sanitized(name, "thread")
    if not command:
        return program
    return compiler.script(
        f"thread/{name}-starter", f'#!/bin/sh\nexec {" ".join(command)} {program} "$@"\n'
    )


# A forked child has its parent's threads, and has not joined them.
ENVIRONMENT = {"TSAN_OPTIONS": "halt_on_error=1 die_after_fork=0 report_thread_leaks=0"}
# Of the tasks: by streams alone, and by memory from the first message on.
WAYS = {"streams": {"PVM_SHM": "off"}, "memory": {"PVM_SHM": "on", "PVM_SHM_AFTER": "0"}}


def check_output(out: str, err: str, log: str = "") -> None:
    """No check of the program failed and no sanitizer found anything."""
    assert "FAIL" not in out, out + err
    assert "Sanitizer" not in err + log, err + log
    assert "runtime error" not in err + log, err + log


def run_threaded(program: Path, route: str, way: str) -> None:
    """Run a program, which checks what its threads got."""
    with VirtualMachine("ours", path=[server_dir("ours")], env=WAYS[way]) as vm:
        done = vm.run(program, route, env=ENVIRONMENT)
        check_output(done.out, done.err, vm.log())
        done.check()


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("route", ROUTES)
@pytest.mark.parametrize("name", PROGRAMS)
def test_threads(name: str, route: str, way: str) -> None:
    run_threaded(plain(name), route, way)


@pytest.mark.slow
@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("route", ROUTES)
@pytest.mark.parametrize("name", PROGRAMS)
def test_threads_with_address_sanitizer(name: str, route: str, way: str) -> None:
    run_threaded(sanitized(name, "address,undefined"), route, way)


@pytest.mark.slow
@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("route", ROUTES)
@pytest.mark.parametrize("name", PROGRAMS)
def test_threads_with_thread_sanitizer(name: str, route: str, way: str) -> None:
    run_threaded(with_thread_sanitizer(name), route, way)


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("build", [plain, with_thread_sanitizer])
@pytest.mark.parametrize("senders", [1, 3])
def test_sleeping_threads_are_woken(build: object, senders: int, way: str) -> None:
    assert callable(build)
    environment = ENVIRONMENT | {
        "PVM3PY_CHAOS_SECONDS": os.environ.get("PVM3PY_CHAOS_SECONDS", "3"),
    }
    with VirtualMachine("ours", env=WAYS[way]) as vm:
        done = vm.run(build("sleepers"), senders, env=environment)
        check_output(done.out, done.err)
        done.check()


def test_sleeping_thread_gets_what_another_one_has_read() -> None:
    with VirtualMachine("ours", env=WAYS["streams"]) as vm:
        done = vm.run(plain("read_ahead"))
        check_output(done.out, done.err)
        done.check()


def test_ring_between_threads() -> None:
    """The records of a ring, under ThreadSanitizer."""
    library = PROJECT / "csrc/libpvm"
    program = compiler.compiled(
        "thread/ring_threads",
        ["gcc", "-std=gnu11", "-g", "-O1", "-pthread", "-fsanitize=thread"]
        + [f"-I{PROJECT / 'include'}", f"-I{PROJECT / 'csrc/wire'}", f"-I{library}"]
        + [str(C_SOURCES / "ring_threads.c"), str(library / "transport/ring.c")],
    )
    command = [*thread_sanitizer(), str(program)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE)
    check_output(done.stdout, done.stderr)
    assert done.returncode == 0


# ---- tracing ---------------------------------------------------------------------------


def run_traced(program: Path, option: str, buffer: int) -> collections.Counter[tuple[str, str]]:
    """Events, by name and half, that a tracer gets of a task whose threads send messages."""
    connector = Connector()
    try:
        with VirtualMachine() as machine:
            collector = Collector(machine, connector)
            with collector.task:
                task = machine.start(program, "traced", option, buffer, env=ENVIRONMENT)
                events = events_of(list(collector.messages()))
                out, err = task.communicate(timeout=PATIENCE)
                machine.tasks.remove(task)
                check_output(out.decode(), err.decode())
                assert task.returncode == 0
    finally:
        connector.close()
    if option == "1":
        return collections.Counter((event.name, event.half) for event in events)
    total = events[-1]
    counts = zip(total["VID"], total["PRF"], strict=True)
    return collections.Counter({(name, ""): count for name, count in counts})


@pytest.mark.parametrize("buffer", [0, 2000])
@pytest.mark.parametrize("build", [plain, with_thread_sanitizer])
def test_each_call_of_threads_is_traced(build: object, buffer: int) -> None:
    assert callable(build)
    events = run_traced(build("threaded_waits"), "1", buffer)
    for name in ("psend", "precv"):
        assert events[name, "entry"] == events[name, "exit"] == THREADS * ROUNDS


def test_calls_of_threads_are_counted() -> None:
    events = run_traced(plain("threaded_waits"), "3", 0)
    assert events["psend", ""] == events["precv", ""] == 2 * THREADS * ROUNDS
