# SPDX-License-Identifier: MIT
"""Recorded sessions are typed again: each console under each daemon prints the recorded lines."""

from __future__ import annotations

import re
import signal
import socket
from collections.abc import Iterator
from itertools import pairwise

import pytest
from support.machines.hosts import Bed
from support.machines.net import Namespaces, can_make_namespaces
from support.machines.vm import VirtualMachine, wait_until
from support.screens.console import Console, console_program
from support.system import PATIENCE, SIDES, Side, missing, require_examples
from support.vectors.sessions import (
    Command,
    recorded_consoles,
    recorded_session,
    trace_shape,
)

CELLS = [(console, daemon) for console in SIDES for daemon in SIDES]
_PROCESS = re.compile(r" +\d+(?= +\w/[cf])")
_FRAGMENT = re.compile(r"(?<=PvmFragSize Currently Set to )\d+")

# docs/differences.md has the reasons: what our console says in addition.
REPAIRS = {
    "jobs -z": ["unknown flag -z"],
    "kill 40099": ["t40099: No such task"],
    "sig 15 40099": ["t40099: No such task"],
    "setenv FOO=1 2": ['"FOO=1" is no name of a variable'],
}


# ---- one host ------------------------------------------------------------------------------


@pytest.fixture(params=CELLS, ids="-on-".join)
def cell(request: pytest.FixtureRequest) -> tuple[Side, Side]:
    """Console and daemon."""
    console, daemon = request.param
    return console, daemon


def settled(lines: list[str]) -> list[str]:
    """Lines without numbers of processes and the size of fragments."""
    return [_FRAGMENT.sub("N", _PROCESS.sub(" PID", line)) for line in lines]


def here(line: str) -> str:
    """A recorded line with the name of this host in place of `vm`."""
    name = socket.gethostname()
    return re.sub(r"(?<=mstat )vm|(?<=ps -n)vm|(?<=delete )vm", name, line).replace(
        f"{'vm':>24}", f"{name:>24}"
    )


def test_session_on_one_host(cell: tuple[Side, Side]) -> None:
    """Without the last command: whether a host can be added depends on the master's address."""
    program, daemon = cell
    session = [c for c in recorded_session("single_host_nontty") if c.text != "add nosuchhost"]
    with (
        VirtualMachine(daemon, path=["/usr/bin", "/bin"]) as vm,
        Console(vm, "debian", program) as console,
    ):
        assert console.greeting == "pvmd already running.\npvm> "
        for command in session[:-1]:
            repaired = REPAIRS.get(command.text, []) if program == "ours" else []
            expected = [here(line) for line in command.lines]
            expected[1:1] = repaired
            printed = console.do(here(command.text)).splitlines()[:-1]
            assert settled(printed) == settled(expected), command.text
        assert session[-1].text == "quit"
        console.type("quit")
        status, rest = console.finish()
    assert (status, rest.splitlines()) == (0, session[-1].lines[:-1])


# ---- two hosts -----------------------------------------------------------------------------

_NAMES = {"alpha": "h1", "beta": "h2"}
_TID = re.compile(r"\bt?(?:[48]00[0-9a-f]{2}|ffffffdd)\b|0x[48]00[0-9a-f]{2}(?:/\d+)?")


@pytest.fixture(params=CELLS, ids="-on-".join)
def bed(request: pytest.FixtureRequest) -> Iterator[tuple[Side, Bed]]:
    """A console on two hosts; more names mean the second one, and `dead` cannot be logged in to."""
    program, kind = request.param
    if not can_make_namespaces():
        missing("only root can make network namespaces")
    network = Namespaces(2, named=True)
    table = "10.77.0.1 h1\n10.77.0.2 h2 gamma delta beta2\n10.77.0.99 dead\n"
    for host in (0, 1):
        network.names(host, table)
    env = {"PVM_PATH": "/nowhere", "PVM_DEBUGGER": "/bin/true"}
    with Bed([kind, kind], network=network, programs=(), env=env) as made:
        yield program, made.start()


def typed(bed: Bed, text: str) -> str:
    """A recorded command with the names and files of a bed."""
    for old, new in _NAMES.items():
        text = re.sub(rf"(?:\b|(?<=-n)){old}\b", new, text)
    return text.replace("/tmp/x/", f"{bed.directory}/")


def anonymous(bed: Bed, lines: list[str]) -> list[str]:
    """Lines sorted, without blanks at their ends, tids, and which of the hosts printed its name.

    Several tasks print at the same time, and the daemons share them out in their own order. Some
    tasks are still listed for a moment after the end of their output.
    """
    home = re.compile(r"/home/user|" + "|".join(str(host.home) for host in bed.hosts))
    texts = []
    for line in settled(lines):
        if line.rstrip().endswith("2/f /bin/echo"):
            continue
        text = " ".join(_TID.sub("TASK", home.sub("HOME", typed(bed, line))).split())
        texts.append(re.sub(r"(?<=TASK\] )h[12]$", "HOST", text))
    return sorted(filter(None, texts))


def repaired(session: list[Command]) -> list[Command]:
    """The session on our console: output can be appended to a file."""
    for command, following in pairwise(session):
        if command.text.startswith("spawn ->>"):
            command.before = [line for line in command.before if "File exists" not in line]
            command.printed += ["1 successful", "t40008"]
            following.before.append("[15] finished")
    return session


def test_session_on_two_hosts(bed: tuple[Side, Bed]) -> None:
    program, made = bed
    session = recorded_session("two_hosts_spawn_nontty")
    if program == "ours":
        session = repaired(session)
    expected = [line for command in session for line in command.lines]
    expected = [line.replace("No route to host", "no such host") for line in expected]
    lines = replayed(made, session, program)
    assert anonymous(made, lines) == anonymous(made, expected[:-1])


def replayed(bed: Bed, session: list[Command], program: Side) -> list[str]:
    """What a session prints, without prompts; each command waits for the job of the one before."""
    lines: list[str] = []
    with Console(bed.master, "debian", program) as console:
        for command in session[:-1]:
            text = console.do(typed(bed, command.text))
            job = re.search(r"^\[(\d+)\]\n(.*\n)*?[1-9]\d* successful", text, re.MULTILINE)
            if job and "sleep" not in command.text:
                text += console.read(f"[{job[1]}] finished")
            lines += text.splitlines()
            if command.text == "delete beta":
                # PVM 3.4.6 answers a little before the host is out of the table.
                wait_until(lambda: deleted(bed, _NAMES["beta"]), "the host deleted")
            if command.text.startswith("ps -nbeta"):
                lines += console.read("[19] finished").splitlines()
        console.type("quit")
        status, rest = console.finish()
    assert status == 0
    return [re.sub("^pvm>( |$)", "", line) for line in lines + rest.splitlines()]


def deleted(bed: Bed, name: str) -> bool:
    """Whether a host is not in the machine."""
    return "No such host" in bed.master.run(console_program("ours"), "-c", f"mstat {name}").out


# ---- traces --------------------------------------------------------------------------------


def truncating(session: list[Command]) -> list[Command]:
    """The session on our console: a file that exists is written anew."""
    for command, following in pairwise(session):
        if command.before and command.before[0].endswith("File exists"):
            del command.before[0]
            command.printed += ["1 successful", "t40010"]
            following.before.insert(0, "[1] finished")
    return session


def test_session_of_trace_jobs_on_two_hosts(bed: tuple[Side, Bed]) -> None:
    require_examples()
    program, made = bed
    made.master.run(console_program("ours"), "-c", f"add {_NAMES['beta']}").check()
    (made.directory / "o1").touch()
    session = recorded_session("trace_jobs_nontty")
    if program == "ours":
        session = truncating(session)
    lines = replayed(made, session, program)
    expected = [line for command in session for line in command.lines][:-1]
    assert trace_shape(lines) == trace_shape(expected)
    expected, lines = (
        [line for line in some if not line.startswith("[T")] for some in (expected, lines)
    )
    assert anonymous(made, lines) == anonymous(made, expected)


# ---- two consoles --------------------------------------------------------------------------


def blank_apart(text: str) -> list[str]:
    """Lines without the widths of their columns, and without the prompt."""
    lines = [" ".join(line.split()) for line in text.splitlines()]
    return [line for line in lines if line != "pvm>"]


def test_session_of_two_consoles(bed: tuple[Side, Bed]) -> None:
    program, made = bed
    (look, look_again), (add, delete, halt) = recorded_consoles("two_consoles_tty")

    def expected(lines: list[str]) -> list[str]:
        return blank_apart(typed(made, "\n".join(lines)))

    def does(console: Console, command: Command) -> None:
        assert blank_apart(console.do(typed(made, command.text))) == expected(command.lines)

    with (
        Console(made.master, "debian", program) as first,
        Console(made.master, "debian", program) as second,
    ):
        does(first, look)
        does(second, add)
        told = expected(look_again.before)
        assert blank_apart(first.read("1000\r\n")) == told
        look_again.before = []
        does(first, look_again)
        does(second, delete)
        second.type(halt.text)
        status, rest = second.finish_by_itself()
        assert (status, rest.splitlines()) == (
            0 if program == "ours" else -signal.SIGTERM,
            ["halt"],
        )
        assert first.process.wait(PATIENCE) == -signal.SIGTERM
