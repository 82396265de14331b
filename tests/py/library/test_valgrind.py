# SPDX-License-Identifier: MIT
"""PVM's example programs and the checks of tests/c under valgrind: our library makes no error.

What tasks spawn is run by valgrind too: as "debugger" of the daemon, for which PVMTASK asks.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from support import compiler
from support.machines.vm import Finished, VirtualMachine, wait_until
from support.programs.group_examples import C_PROGRAMS, FORTRAN_PROGRAMS
from support.system import (
    ARCH,
    C_SOURCES,
    PATIENCE,
    require_examples,
    require_program,
    spawn_dir,
)

# They limit what a process may have, which valgrind needs itself, or use the single step.
LIMITED = {"check_memory", "check_start", "check_instants", "check_storm"}
CHECKS = sorted({path.stem for path in C_SOURCES.glob("check_*.c")} - LIMITED)
# Checks of messages in shared memory that end with all freed.
MEMORY = ["memory_again", "memory_forks"]
# Example programs with errors of their own; what else is found in them counts.
# Using what they never set: timing sends such an array, frsg begins its sums with anything,
# fslave1 compares with one tid more than it got.
UNSET = ("timing", "frsg", "fslave1")
# Forgetting to free: timing its arrays, gmbi the texts that it prints.
LEAKY = ("timing", "gmbi")
COMMAND = f"""\
#!/bin/sh
unset=yes leaks=full
case ${{1##*/}} in pvmgs) exec "$@" ;; esac
case ${{1##*/}} in {"|".join(UNSET)}) unset=no ;; esac
case ${{1##*/}} in {"|".join(LEAKY)}) leaks=no ;; esac
exec valgrind -q --vgdb=no --leak-check=$leaks --show-leak-kinds=definite \\
    --undef-value-errors=$unset --log-file="$VALGRIND_LOGS/log.%p" "$@"
"""
PVM_TASK_DEBUG = "4"


class Memcheck:
    """A machine whose tasks run under valgrind; what it finds is in `logs`."""

    def __init__(self, vm: VirtualMachine, starter: Path, logs: Path) -> None:
        self.vm, self.starter, self.logs = vm, starter, logs

    def run(self, program: Path, *args: object, stdin: str = "") -> Finished:
        """Run a program to its end; its exit status is its own business."""
        return self.vm.run(self.starter, program, *args, stdin=stdin)

    def check(self) -> None:
        """All tasks have ended and no error was found."""
        wait_until(lambda: not self._running(), "all tasks ended")
        found = "".join(log.read_text() for log in sorted(self.logs.iterdir()))
        for log in self.logs.iterdir():
            log.unlink()
        assert not found, found[:8000]

    def _running(self) -> list[int]:
        names = {pid: _name(pid) for pid in self.vm.processes()}
        return [pid for pid, name in names.items() if "memcheck" in name]


def _name(pid: int) -> str:
    try:
        return os.readlink(f"/proc/{pid}/exe")
    except OSError:
        return ""


@pytest.fixture(scope="module")
def tree() -> Path:
    """Our libraries with debug information."""
    require_program("valgrind", "valgrind")
    require_program("gcc", "gcc")
    return compiler.built_library("valgrind", "CFLAGS=-O1 -g")


@pytest.fixture(scope="module")
def memcheck(tree: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Memcheck]:
    """One machine for all tests of this module."""
    logs = tmp_path_factory.mktemp("valgrind")
    starter = compiler.script("valgrind/starter", COMMAND)
    env = {
        "PVM_DEBUGGER": str(starter),
        "PVMTASK": PVM_TASK_DEBUG,
        "VALGRIND_LOGS": str(logs),
        "PVM_TEST_DAEMON": "ours",
        "PVM_TEST_LIBRARY": "ours",
        "PVM_SHM": "on",
        "PVM_SHM_AFTER": "0",
    }
    path = [starter.parent, spawn_dir()]
    with VirtualMachine("ours", path=path, env=env) as vm:
        yield Memcheck(vm, starter, logs)


def build(tree: Path, name: str, sources: list[Path], *flags: str) -> Path:
    """Compile and link a program with the libraries of the tree."""
    fortran = sources[0].suffix == ".f"
    return compiler.compiled(
        f"valgrind/{name}",
        ["gfortran" if fortran else "gcc", "-g", *flags, f"-I{tree / 'include'}"]
        + [*map(str, sources), f"-L{tree / 'lib' / ARCH}"]
        + [*(["-lfpvm3"] if fortran else []), "-lgpvm3", "-lpvm3"],
    )


def check_program(tree: Path, name: str) -> Path:
    """A program of tests/c."""
    return build(tree, name, [C_SOURCES / f"{name}.c"], "-std=gnu11", "-O1", "-pthread")


def example(tree: Path, name: str) -> Path:
    """One of PVM's example programs."""
    require_examples()
    sources = compiler.example_sources()
    if name in compiler.C_EXAMPLES:
        files = [sources / "examples" / file for file in compiler.C_EXAMPLES[name]]
        return build(tree, name, files, *compiler.OLD_C)
    if name in C_PROGRAMS:
        source, *flags = C_PROGRAMS[name]
        return build(tree, name, [sources / source], *compiler.OLD_C, *flags)
    require_program("gfortran", "gfortran")
    source = FORTRAN_PROGRAMS[name]
    return build(tree, name, [sources / source], *compiler.OLD_FORTRAN)


@pytest.mark.slow
@pytest.mark.parametrize("name", CHECKS + MEMORY)
def test_checks(memcheck: Memcheck, tree: Path, name: str) -> None:
    done = memcheck.run(check_program(tree, name)).check()
    assert "FAIL" not in done.out, done.out
    memcheck.check()


def test_collective_calls(memcheck: Memcheck, tree: Path) -> None:
    member = check_program(tree, "group_member")
    tasks = [memcheck.vm.start(memcheck.starter, member, "group", 2, "wide") for _ in range(2)]
    for task in tasks:
        out, err = task.communicate(timeout=PATIENCE)
        assert task.returncode == 0, out + err
    memcheck.check()


# Programs that are run, with arguments and standard input, and those that they spawn.
EXAMPLES: dict[str, tuple[tuple[object, ...], str, tuple[str, ...]]] = {
    "hello.pvm": ((), "", ("hello_other",)),
    "master1": ((), "", ("slave1",)),
    "timing": ((), "", ("timing_slave",)),
    "gmbi": ((), "", ()),
    "lmbi": ((3, "p", "e"), "", ()),
    "rme": (("nosuch", 0), "", ()),
    "inherita": (("inherit1",), "", ("inherit1", "inherit2")),
    "inheritb": ((), "", ("inherit1", "inherit2", "inherit3")),
    "gexample": ((), "20 4\n", ()),
    "ge": ((4,), "", ()),
    "gexamp": ((4,), "", ()),
    "gs.pvm": ((3,), "", ()),
    "joinleave": ((20,), "", ()),
    "thb": ((4,), "", ("tnb",)),
    "tst": ((), "", ()),
    "trsg": ((), "4 5\n", ()),
    "tjl": ((), "", ()),
    "tjf": ((), "", ()),
    "fgexample": ((), "", ()),
    "frsg": ((), "4\n5\n", ()),
    "fmaster1": ((), "3\n", ("fslave1",)),
    "hitc": ((), "", ("hitc_slave",)),
}


@pytest.mark.parametrize("name", EXAMPLES)
def test_examples(memcheck: Memcheck, tree: Path, name: str) -> None:
    arguments, stdin, children = EXAMPLES[name]
    for child in children:
        example(tree, child)
    memcheck.run(example(tree, name), *arguments, stdin=stdin).check(None)
    memcheck.check()


# Programs of which several copies talk to each other.
COPIES = {"spmd": 3, "fspmd": 3}


@pytest.mark.parametrize("name", COPIES)
def test_examples_in_copies(memcheck: Memcheck, tree: Path, name: str) -> None:
    example(tree, name)
    memcheck.run(check_program(tree, "launch"), COPIES[name], name).check()
    memcheck.check()


@pytest.mark.parametrize("name", ["dbwtest", "ibwtest", "rbwtest", "pbwtest"])
def test_examples_of_bandwidth(memcheck: Memcheck, tree: Path, name: str) -> None:
    program = example(tree, name)
    tasks = [memcheck.vm.start(memcheck.starter, program) for _ in range(2)]
    text = b"".join(task.communicate(timeout=PATIENCE)[0] for task in tasks)
    assert b"100000 doubles received correctly" in text
    memcheck.check()


def test_examples_of_a_service(memcheck: Memcheck, tree: Path) -> None:
    names = ("task0", "task1", "task_end", "gmbi")
    server, client, end, look = (example(tree, name) for name in names)
    task = memcheck.vm.start(memcheck.starter, server, "svc", "d")
    wait_until(lambda: "<svc>" in memcheck.vm.run(look).out, "service svc in a mailbox")
    memcheck.run(client, "svc", 0, "d").check()
    memcheck.run(end, "svc", 0).check()
    task.communicate(timeout=PATIENCE)
    memcheck.check()


def test_examples_of_handlers(memcheck: Memcheck, tree: Path) -> None:
    server, client, look = (example(tree, n) for n in ("mhf_server", "mhf_tickle", "gmbi"))
    task = memcheck.vm.start(memcheck.starter, server)
    wait_until(lambda: "mhf_server" in memcheck.vm.run(look).out, "the server in the mailbox")
    memcheck.run(client, stdin="0\n9\n").check()
    task.communicate(timeout=PATIENCE)
    memcheck.check()
