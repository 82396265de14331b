# SPDX-License-Identifier: MIT
"""Tasks that share memory, and the bed that they are in where a test has none of its own."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from support.impostors.sharer import Make, Sharer, descriptors
from support.impostors.switchbed import A, B, Bed


@pytest.fixture
def bed() -> Iterator[Bed]:
    """A bed that ends with all descriptors closed."""
    before = descriptors()
    with Bed() as bed:
        yield bed
    assert descriptors() == before


@pytest.fixture
def make(bed: Bed) -> Iterator[Make]:
    """Makes tasks."""
    made: list[Sharer] = []

    def one(tid: int, *, shares: bool = True) -> Sharer:
        made.append(Sharer(bed, tid, shares=shares))
        return made[-1]

    yield one
    for sharer in made:
        sharer.release()


@pytest.fixture
def a(make: Make) -> Sharer:
    return make(A).offer()


@pytest.fixture
def b(make: Make) -> Sharer:
    return make(B).offer()
