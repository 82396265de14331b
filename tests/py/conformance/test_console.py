# SPDX-License-Identifier: MIT
"""PVM's console with either library under either daemon says what it says on 3.4.6 alone."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cache

import pytest
from support.machines.vm import VirtualMachine, wait_until
from support.screens.console import Console
from support.system import PATIENCE, SIDES, Side

CELLS = [(d, lib) for d in SIDES for lib in SIDES if (d, lib) != ("debian", "debian")]
KILLED = -15  # how a console that halts the machine ends


class Cell:
    """A machine whose tasks may be example programs, and the library of its consoles."""

    def __init__(self, daemon: Side, library: Side) -> None:
        self.vm = VirtualMachine(daemon, path=["/usr/bin", "/bin"])
        self.libpvm = library

    def console(self) -> Console:
        return Console(self.vm, self.libpvm)


@pytest.fixture(params=CELLS, ids="-".join)
def cell(request: pytest.FixtureRequest) -> Iterator[Cell]:
    """Daemon, and library of the console."""
    made = Cell(*request.param)
    with made.vm:
        yield made


# Every command that needs one host and no other task.
COMMANDS = """
conf
id
version
help
help spawn
echo a "b c" 'd e' f\\ g # comment
alias ll ps -a
ll
alias
alias xx xx
xx
unalias ll xx
alias
getopt
getopt PvmRoute
getopt Foo
setopt PvmShowTids 0
setopt PvmShowTids 1
setopt Foo 1
setopt PvmRoute abc
jobs
jobs -l
names
put foo 4
put foo 4 x
put bar 0 y
names
names ba*
mstat nosuchhost
ps
ps -x
ps -axl
ps -n.
ps -nfoo
ps -h0
ps -h40000
ps -h80000
ps -z
pstat 40001
pstat 40099
kill 40001
kill 40099
kill -c 40001
kill -q 40001
kill
sig 15 40099
export
export DISPLAY FOO
export
unexport FOO
export
setenv FOO bar baz
setenv FOO
setenv NOTSET
trace
trace + pvm_send
trace
trace - *
trace + foo
trace buf
trace buf 1000
trace buf
trace opt
trace opt time
trace opt
trace opt zz
trace xpvm
trace
tickle 5
tickle 6 1
tickle 5
tickle 6 0
tickle 0
tickle 1
tickle 2
tickle 3
tickle 4
tickle 7 2
tickle 8 40000
tickle 8 80000
tickle 9 1
tickle 55
tickle
reset foo
reset info
reset info foo 3
reset
names
nosuch
conf extra
delete nosuch
add
""".strip().splitlines()

_TID = re.compile(r"\b(t?)4[0-9a-f]{4}\b")
_PROMPT_BEFORE_OUTPUT = re.compile(r"^pvm> (?=\[)")
_PROCESS = re.compile(r"(?<= )\d+(?= +\w/[cf])")
# Our library and daemon agree on larger fragments.
_FRAGMENT = re.compile(r"(?<=PvmFragSize Currently Set to )\d+")


def settled(text: str) -> str:
    """What is printed without the numbers of processes and the size of fragments."""
    return _FRAGMENT.sub("N", _PROCESS.sub("PID", text))


def anonymous(lines: list[str]) -> list[str]:
    """Lines in a fixed order, their tasks without numbers; any may follow a prompt."""
    texts = [_PROMPT_BEFORE_OUTPUT.sub("", line) for line in lines if line.strip("pvm> \n")]
    return sorted(_TID.sub(r"\1TASK", settled(text)) for text in texts)


@cache
def commands_on_the_original() -> list[str]:
    made = Cell("debian", "debian")
    with made.vm:
        return run_commands(made)


def run_commands(cell: Cell) -> list[str]:
    """What each command prints."""
    with cell.console() as console:
        printed = [settled(console.greeting)]
        printed += [settled(console.do(command)) for command in COMMANDS]
        console.type("quit")
        status, rest = console.finish()
    return [*printed, rest, str(status)]


def test_every_command_answers_as_on_the_original(cell: Cell) -> None:
    expected = commands_on_the_original()
    assert "still running" in expected[-2]
    assert run_commands(cell) == expected


# ---- jobs --------------------------------------------------------------------------------

# Command, and how its last line begins if that is not the prompt.
JOBS = {
    "spawn -> hello.pvm": "[1] finished",
    "spawn -3 -> /bin/echo hi": "[2] finished",
    "spawn -> nosuchprogram": "pvm> ",
    "spawn -nohost -> /bin/true": "pvm> ",
    "spawn -. -> /bin/echo here": "[5] finished",
    "spawn -:/tmp -> /bin/pwd": "[6] finished",
    "spawn -LINUX64 -> /bin/echo arch": "[7] finished",
    '''spawn -> /bin/sh -c "echo no newline; printf abc; echo err >&2"''': "[8] finished",
    "spawn -0 /bin/true": "pvm> ",
    "spawn ->OUTPUT /bin/echo to-file": "[9] finished",
}


def run_jobs(cell: Cell) -> list[str]:
    """What the console prints about its jobs, in a fixed order."""
    output = cell.vm.home / "job"
    lines: list[str] = []
    with cell.console() as console:
        for command, end in JOBS.items():
            lines += console.do(command.replace("OUTPUT", str(output)), end).splitlines()
        console.type("quit")
        status, rest = console.finish()
    assert status == 0
    lines += rest.splitlines() + output.read_text().splitlines()
    return anonymous([line.replace(str(output), "OUTPUT") for line in lines])


@cache
def jobs_on_the_original() -> list[str]:
    made = Cell("debian", "debian")
    with made.vm:
        return run_jobs(made)


def test_output_of_jobs(cell: Cell) -> None:
    expected = jobs_on_the_original()
    assert len([line for line in expected if "finished" in line]) >= 6
    assert run_jobs(cell) == expected


def test_running_job_is_listed_and_reset_ends_it(cell: Cell) -> None:
    with cell.console() as console:
        text = console.do("spawn -2 -> /bin/sleep 1000")
        tids = re.findall(r"t(4[0-9a-f]{4})", text)
        assert len(tids) == 2
        assert console.do("jobs").split()[-4:] == ["1:", f"t{tids[0]}", f"t{tids[1]}", "pvm>"]
        for table in (console.do("jobs -l"), console.do("ps -a")):
            assert [f"{tid:>8}       2/f /bin/sleep" in table for tid in tids] == [True, True]
        console.do(f"kill {tids[0]}")
        console.read(f"[1:t{tids[0]}] EOF")
        wait_until(lambda: "No such" in console.do(f"pstat {tids[0]}"), "the killed task is gone")
        console.do("reset", until="[1] finished")
        wait_until(lambda: "No such" in console.do(f"pstat {tids[1]}"), "the other one is gone")
        console.type("quit")
        assert console.finish()[0] == 0


def test_trace_of_a_job(cell: Cell) -> None:
    path = cell.vm.home / "trace"
    with cell.console() as console:
        console.type(f"spawn -@{path} -> hello.pvm")
        console.read("Trace File Complete")
        console.type("quit")
        assert console.finish()[0] == 0
    text = path.read_text()
    for event in ("newtask(0)", "spntask(0)", "mytid(0.0)", "mytid(1.1)", "spawn(1.1)"):
        assert f'"{event}" {{' in text
    for event in ("recv(1.1)", "exit(0.0)", "endtask(0)"):
        assert f'"{event}" {{' in text


def test_settings_reach_tasks_that_it_spawns(cell: Cell) -> None:
    with cell.console() as console:
        console.do("setenv COLOUR green")
        console.do("export COLOUR")
        text = console.do("spawn -> /usr/bin/env", until="[1] finished")
        console.type("quit")
        console.finish()
    assert "] COLOUR=green\n" in text
    assert "] PVM_EXPORT=COLOUR\n" in text


def test_start_up_file_is_run(cell: Cell) -> None:
    (cell.vm.home / ".pvmrc").write_text("alias hosts conf\n")
    with cell.console() as console:
        assert "alias hosts conf" in console.greeting
        assert "1 host, 1 data format" in console.do("hosts")
        console.type("quit")
        assert console.finish()[0] == 0


def test_halt_ends_the_machine_and_every_console(cell: Cell) -> None:
    with cell.console() as first, cell.console() as second:
        assert "pvmd already running" in second.greeting
        first.do("spawn -2 -> /bin/sleep 1000")
        second.type("halt")
        assert second.finish()[0] == KILLED
        assert first.process.wait(PATIENCE) == KILLED
        assert cell.vm.process.wait(PATIENCE) == 0
        wait_until(lambda: not cell.vm.sock_file.exists(), "the sock file is gone")
