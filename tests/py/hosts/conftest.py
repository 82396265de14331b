# SPDX-License-Identifier: MIT
"""Machines that many tests share; a test that breaks one gets it mended for the next."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from support.machines.machine import PAIR_IDS, PAIRS, Machine


@pytest.fixture(scope="module", params=PAIRS, ids=PAIR_IDS)
def shared_pair(request: pytest.FixtureRequest) -> Iterator[Machine]:
    """Master and slave in each combination of ours and 3.4.6; tests ask for `pair`."""
    machine = Machine(request.param)
    yield machine
    machine.bed.stop()


@pytest.fixture
def pair(shared_pair: Machine) -> Iterator[Machine]:
    """The machine of two hosts, whole; the agents' own state may be that of earlier tests."""
    yield shared_pair.ready()
