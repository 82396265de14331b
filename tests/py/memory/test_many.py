# SPDX-License-Identifier: MIT
"""A task with more peers than links has them with those that it exchanges most with."""

from __future__ import annotations

import re

import pytest
from support.compiler import test_program as program
from support.machines.sharing import ON
from support.machines.vm import VirtualMachine

ALL_LINKS = 63


def courses(peers: int, slots: int, *words: int) -> list[tuple[int, ...]]:
    """What tests/c/shared_many.c prints of each course: favoured, others, links, opened."""
    many = program("shared_many", "ours")
    env = ON | {"PVM_SHM_PEERS": str(ALL_LINKS)}
    with VirtualMachine("ours", path=[many.parent], env=env) as vm:
        done = vm.run(many, peers, *words, env=env | {"PVM_SHM_PEERS": str(slots)}).check()
        assert not re.search("FAIL|memory of|link.*ignored", done.out + done.err + vm.log())
    lines = re.findall(r"favoured (\d+) others (\d+) links (\d+) opened (\d+)", done.out)
    assert lines, done.out
    return [tuple(map(int, line)) for line in lines]


@pytest.mark.parametrize("rounds", [10, -10], ids=["both ways", "coming"])
@pytest.mark.parametrize(("peers", "slots", "favoured"), [(16, 4, 3), (200, ALL_LINKS, 20)])
@pytest.mark.slow
def test_links_go_to_those_with_most_messages(
    peers: int, slots: int, favoured: int, rounds: int
) -> None:
    """Also when these are others than before."""
    even = 30, 0, 0
    latest = peers - favoured
    first, second, third = courses(
        peers, slots, *even, rounds, favoured, latest, rounds, favoured, latest - 2 * favoured
    )
    assert first[2] == slots, first
    for course in second, third:
        assert course[0] == 100, (first, second, third)
        assert course[2] == slots
        assert course[1] > 0, "the other slots are in use, too"


def test_links_stay_where_they_are_among_equals() -> None:
    (begin, later) = courses(16, 4, 100, 0, 0, 400, 0, 0)
    assert begin[2] == later[2] == 4
    assert later[3] - begin[3] <= 4, (begin, later)
