# SPDX-License-Identifier: MIT
"""What a library call takes in: random programs, which both libraries must run alike."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest
from support.intake.bed import SOCKETS, Bed, Way, each_task
from support.intake.model import CHILDREN, STEPS, Generator, play
from support.machines.sharing import ON
from support.machines.vm import VirtualMachine
from support.system import SIDES, Side

SEEDS = range(int(os.environ.get("PVM3PY_INTAKE_SEEDS", "5")))


@pytest.fixture(scope="module", params=SIDES, ids=lambda side: f"daemon-{side}")
def machine(request: pytest.FixtureRequest) -> Iterator[VirtualMachine]:
    """A machine with each daemon."""
    with VirtualMachine(request.param, env=ON) as vm:
        yield vm


def run(bed: Bed, way: Way, seed: int, selects_from: int) -> None:
    """Let the task run the program of a seed, and compare."""
    steps = Generator(seed, way, selects_from).steps()
    for child in range(len(bed.children)):
        bed.open(way, child)
    told = play(bed, way, steps)
    for number, step in enumerate(steps):
        before = [(s.sends, s.words, s.told) for s in steps[: number + 1]]
        assert told[number] == step.told, f"step {number} of {before}"


@each_task
@pytest.mark.parametrize("way", SOCKETS, ids=lambda way: way.name.lower())
@pytest.mark.parametrize("seed", SEEDS)
def test_random_program(
    machine: VirtualMachine, library: Side, unasked: bool, way: Way, seed: int
) -> None:
    with Bed(machine, library, CHILDREN[way], unasked) as bed:
        run(bed, way, seed, STEPS // 2 if unasked else 0)


@pytest.mark.parametrize("machine", ["ours"], indirect=True)
@pytest.mark.parametrize("seed", SEEDS)
def test_random_program_by_memory(machine: VirtualMachine, seed: int) -> None:
    with Bed(machine, "ours", CHILDREN[Way.MEMORY], unasked=True, memory=True) as bed:
        run(bed, Way.MEMORY, seed, STEPS // 2)
