# SPDX-License-Identifier: MIT
"""Tasks of C, C++, Fortran and Python that move while they answer messages by direct routes."""

from __future__ import annotations

import os
import random
import signal
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from support import compiler
from support.impostors.rawtask import Connector, enrolled
from support.impostors.wanderer import answer, ask
from support.machines.machine import Machine
from support.system import C_SOURCES, FORTRAN_SOURCES, PATIENCE, modules_dir, require_program

from pvm3py.wire import constants as c
from pvm3py.wire.moves import MoveReply

# Moves of a task; the environment may ask for more.
MOVES = int(os.environ.get("PVM_TEST_MOVES", "20"))

PYTHON = """
import sys
sys.path.insert(0, {modules!r})
from pvm3py import classic
classic.mytid()
classic.setopt(classic.Option.ROUTE, {direct})
numbers, taken = iter(range(1, 1 << 30)), dict()
while (info := classic.recv()).tag != 3:
    number, length, total = classic.upkint(3)
    try:
        assert sum(classic.upkbytes(length)) == total and number == next(numbers)
        raise KeyError(number)
    except KeyError as error:
        taken[str(error)] = [number] * 10
    classic.initsend()
    classic.pkint(number)
    classic.send(info.tid, 2)
classic.exit()
"""


def c_task() -> list[str]:
    return [str(compiler.test_program("moved", "ours")), "recv", "1", "direct"]


def cpp_task() -> list[str]:
    require_program("c++", "g++")
    source, flags = C_SOURCES / "moved_thrown.cpp", ["-O2", "-g", "-Wall", "-Wextra", "-Werror"]
    return [str(compiler.compile_program("thrown", [source], "ours", flags, compiler="c++"))]


def fortran_task() -> list[str]:
    require_program("gfortran", "gfortran")
    source, libraries = FORTRAN_SOURCES / "moved.f90", [*compiler.link_flags("ours"), "-lfpvm3"]
    program = compiler.compile_program(
        "fortran", [source], "ours", compiler.OLD_FORTRAN, compiler="gfortran", libraries=libraries
    )
    return [str(program)]


def python_task() -> list[str]:
    text = PYTHON.format(modules=str(modules_dir()), direct=c.PvmRouteDirect)

    def make(target: Path) -> None:
        target.write_text(text)

    return [sys.executable, str(compiler.made_once("moved.py", make))]


@pytest.fixture(scope="module")
def machine() -> Iterator[Machine]:
    made = Machine(("ours",) * 3, network="loopback", programs=("agent", "moved"))
    yield made
    made.bed.stop()


@pytest.mark.parametrize("task", [c_task, cpp_task, fortran_task, python_task])
def test_task_of_any_language_moves_while_it_works(
    machine: Machine, connector: Connector, task: Callable[[], list[str]]
) -> None:
    seed = random.randrange(1 << 30)
    print(f"seed {seed}")
    choose = random.Random(seed)
    first, second = machine.hosts[:2]
    program, *arguments = task()
    (tid,) = machine.here.spawn(program, *arguments, where=second.name)
    peer = first.start(first.program("moved"), "peer", str(tid))
    asker = enrolled(choose.choice(machine.hosts), connector)
    moved = 0
    while moved < MOVES and peer.poll() is None:
        reply = answer(asker, ask(asker, tid, choose.choice(machine.hosts).name))
        assert reply == MoveReply(0), f"{reply}\n{machine.everything()}"
        moved += 1
    peer.send_signal(signal.SIGUSR1)
    assert peer.wait(PATIENCE) == 0, f"{peer.stdout and peer.stdout.read()!r}"
    assert moved == MOVES
    asker.socket.close()
