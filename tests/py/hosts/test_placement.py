# SPDX-License-Identifier: MIT
"""Where spawned tasks come to be: exactly where 3.4.6 puts them."""

from __future__ import annotations

import pytest
from support.machines.placements import REQUESTS, expected, placed
from support.system import Side

KINDS: tuple[tuple[Side, ...], ...] = (
    ("ours", "ours", "ours", "ours"),
    ("ours", "debian", "ours", "debian"),
    ("debian", "ours", "debian", "ours"),
)


@pytest.mark.parametrize("kinds", KINDS, ids="-".join)
def test_tasks_are_placed_as_by_the_original(kinds: tuple[Side, ...]) -> None:
    for asked_here, original in zip(placed(kinds), expected(), strict=True):
        for request, ours, theirs in zip(REQUESTS, asked_here, original, strict=True):
            assert ours == theirs, request
