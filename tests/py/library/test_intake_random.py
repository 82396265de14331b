# SPDX-License-Identifier: MIT
"""What a library call takes in: random programs, which both libraries must run alike."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest
from support.intake.bed import Bed, Way, each_task
from support.intake.model import STEPS, Generator, play
from support.machines.vm import VirtualMachine
from support.system import SIDES, Side

SEEDS = range(int(os.environ.get("PVM3PY_INTAKE_SEEDS", "5")))


@pytest.fixture(scope="module", params=SIDES, ids=lambda side: f"daemon-{side}")
def machine(request: pytest.FixtureRequest) -> Iterator[VirtualMachine]:
    """A machine with each daemon."""
    with VirtualMachine(request.param) as vm:
        yield vm


@each_task
@pytest.mark.parametrize("way", Way, ids=lambda way: way.name.lower())
@pytest.mark.parametrize("seed", SEEDS)
def test_random_program(
    machine: VirtualMachine, library: Side, unasked: bool, way: Way, seed: int
) -> None:
    steps = Generator(seed, way, STEPS // 2 if unasked else 0).steps()
    with Bed(machine, library, 2 if way is Way.DAEMON else 1, unasked) as bed:
        for child in range(len(bed.children)):
            bed.open(way, child)
        told = play(bed, way, steps)
    for number, step in enumerate(steps):
        before = [(s.sends, s.words, s.told) for s in steps[: number + 1]]
        assert told[number] == step.told, f"step {number} of {before}"
