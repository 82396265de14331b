# SPDX-License-Identifier: MIT
"""PVM's own example programs: each daemon with each library prints what 3.4.6 printed."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from support import compiler
from support.machines.vm import VirtualMachine, wait_until
from support.programs.cells import Cell
from support.screens.console import Console
from support.system import PATIENCE, SIDES, Side
from support.vectors.normalise import mask_numbers, normalise, recorded, sorted_lines

Flavour = str  # "installed": /usr/bin's binaries; "compiled": their sources, compiled here


def programs_of(library: Side, flavour: Flavour) -> Path:
    """Directory of the example programs of a cell."""
    if flavour == "installed":
        return compiler.installed_examples(library)
    return compiler.compiled_examples(library)


CELLS = [(d, lib, f) for d in SIDES for lib in SIDES for f in ("installed", "compiled")]


@pytest.fixture(scope="module", params=CELLS, ids="-".join)
def parameters(request: pytest.FixtureRequest) -> tuple[Side, Side, Flavour]:
    """Daemon, library and flavour of the programs."""
    daemon, library, flavour = request.param
    return daemon, library, flavour


@pytest.fixture(scope="module")
def cell(parameters: tuple[Side, Side, Flavour]) -> Iterator[Cell]:
    """The cell's machine, shared by the tests that leave nothing in it."""
    yield from make_cell(parameters)


@pytest.fixture
def fresh_cell(parameters: tuple[Side, Side, Flavour]) -> Iterator[Cell]:
    """A machine of its own."""
    yield from make_cell(parameters)


def make_cell(parameters: tuple[Side, Side, Flavour]) -> Iterator[Cell]:
    """Start the machine, yield the cell, stop the machine."""
    daemon, library, flavour = parameters
    programs = programs_of(library, flavour)
    with VirtualMachine(daemon, path=[programs]) as vm:
        yield Cell(vm, library, programs)


def test_hello_prints_its_greeting(cell: Cell) -> None:
    assert cell.run("hello.pvm") == normalise(recorded("hello.pvm"))


def test_tids_are_consecutive(cell: Cell) -> None:
    texts = [cell.vm.run(cell.programs / "hello.pvm").check().out for _ in range(2)]
    tids = [int(tid, 16) for tid in re.findall(r"t(4[0-9a-f]{4})", "".join(texts))]
    assert tids == list(range(tids[0], tids[0] + 4))


def test_hello_other_without_parent_reports_a_bad_parameter(cell: Cell) -> None:
    assert cell.run("hello_other") == normalise(recorded("hello_other"))


def test_master1_gets_every_slaves_result(cell: Cell) -> None:
    expected = sorted_lines(normalise(recorded("master1")))
    assert sorted_lines(cell.run("master1")) == expected


def test_timing_completes_all_sizes(cell: Cell) -> None:
    expected = mask_numbers(normalise(recorded("timing")))
    assert mask_numbers(cell.run("timing", status=1)) == expected


def test_spmd_alone_is_a_ring_of_one(cell: Cell) -> None:
    assert cell.run("spmd", status=1) == normalise(recorded("spmd-shell"))


def test_spmd_of_four_passes_the_token(cell: Cell) -> None:
    launch = compiler.test_program("launch", cell.libpvm)
    text = normalise(cell.vm.run(launch, 4, "spmd").check().out)
    printed = re.findall(r"\] (?!BEGIN|EOF)(.*)", text)
    ring = " -> ".join(f"TASK{n}" for n in (0, 1, 2, 3, 0))
    assert [line.strip() for line in printed] == [
        "Pass a token through the   4 tid ring:",
        ring,
        "token ring done",
    ]
    for n in range(4):
        assert f"[tTASK{n}] BEGIN\n" in text
        assert text.count(f"[tTASK{n}] EOF") == 1


def test_spmd_spawned_by_the_console(fresh_cell: Cell) -> None:
    with Console(fresh_cell.vm, fresh_cell.libpvm) as console:
        text = console.do("spawn -4 -> spmd", until="[1] finished")
        console.type("quit")
        status, rest = console.finish()
    assert status == 0
    expected = console_lines(normalise(recorded("spmd")))
    assert console_lines(normalise(text + rest)) == expected


def console_lines(text: str) -> list[str]:
    """What the console printed about the job, without its commands."""
    keep = re.compile(r"\[1:tTASK\d\]|successful|^tTASK\d|\[1\] finished|still running")
    return sorted(
        re.sub(r"^pvm> ", "", line.strip()) for line in text.splitlines() if keep.search(line)
    )


def test_gmbi_finds_no_mailbox(fresh_cell: Cell) -> None:
    assert fresh_cell.run("gmbi", status=None) == normalise(recorded("gmbi"))


def test_lmbi_leaves_persistent_mailboxes(fresh_cell: Cell) -> None:
    text = fresh_cell.vm.run(fresh_cell.programs / "lmbi", 3, "p", "e").check().out
    text += fresh_cell.vm.run(fresh_cell.programs / "gmbi").check(None).out
    text += fresh_cell.vm.run(fresh_cell.programs / "rme", "nosuch", 0).check(255).out
    assert normalise(text) == normalise(recorded("lmbi"))


def test_rme_without_arguments_explains_itself(cell: Cell) -> None:
    assert cell.run("rme", status=255) == normalise(recorded("rme"))


def test_task0_without_arguments_explains_itself(cell: Cell) -> None:
    assert cell.run("task0", status=255) == normalise(recorded("task0"))


def test_service_found_through_a_mailbox(cell: Cell) -> None:
    server = cell.vm.start(cell.programs / "task0", "svc", "d")
    wait_until(lambda: "<svc>" in cell.run("gmbi", status=None), "service svc in a mailbox")
    text = "== task1 svc 0 d\n" + cell.vm.run(cell.programs / "task1", "svc", 0, "d").check().out
    text += "== task_end svc 0\n" + cell.vm.run(cell.programs / "task_end", "svc", 0).check().out
    text += server.communicate(timeout=PATIENCE)[0].decode()
    assert server.returncode == 0
    assert normalise(text) == normalise(recorded("task0_task1_task_end"))


@pytest.mark.parametrize("child", ["inherit1", "inherit3"])
def test_children_inherit_the_context(cell: Cell, child: str) -> None:
    assert cell.run("inherita", child) == normalise(recorded(f"inherita_{child}"))


def test_contexts_separate_two_children(cell: Cell) -> None:
    assert cell.run("inheritb") == normalise(recorded("inheritb"))


def test_hitc_in_fortran(parameters: tuple[Side, Side, Flavour]) -> None:
    daemon, library, flavour = parameters
    if flavour == "compiled":
        programs = compiler.compiled_fortran_examples(library)
    else:
        programs = compiler.installed_examples(library)
    with VirtualMachine(daemon, path=[programs]) as vm:
        text = vm.run(programs / "hitc").check().out
        assert normalise(text) == normalise(recorded("hitc"))
