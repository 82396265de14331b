# SPDX-License-Identifier: MIT
"""Members that die: those who need them get an error and never hang."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from support.machines.vm import VirtualMachine
from support.programs.groups import Member, server_dir
from support.system import PATIENCE


@pytest.fixture
def members() -> Iterator[list[Member]]:
    """Three members; the first is the coordinator of the host."""
    with VirtualMachine("ours", path=[server_dir("ours")]) as vm:
        found = [Member(vm) for _ in range(3)]
        assert [member.instance for member in found] == [0, 1, 2]
        yield found
        for member in found:
            if member.task.poll() is None:
                member.task.communicate(timeout=PATIENCE)


def freeze(members: list[Member]) -> None:
    """Make the group static, so that all go on to count on a member that dies."""
    for member in members:
        member.tell("freezegroup(group)")
    assert [member.answer() for member in members] == ["3"] * 3


def test_reduce_at_the_coordinator_misses_a_member(members: list[Member]) -> None:
    freeze(members)
    members[2].kill()
    for member in members[:2]:
        member.tell("reduce(Operation.SUM, items, 7, group)")
    assert members[0].answer() == "NO_TASK"
    members[1].answer()


def test_reduce_at_another_member_is_told_by_the_coordinator(members: list[Member]) -> None:
    freeze(members)
    members[2].kill()
    for member in members[:2]:
        member.tell("reduce(Operation.SUM, items, 7, group, root=1)")
    assert [member.answer() for member in members[:2]] == ["NO_TASK"] * 2


def test_reduce_misses_the_coordinator(members: list[Member]) -> None:
    freeze(members)
    members[0].kill()
    members[1].tell("reduce(Operation.SUM, items, 7, group, root=1)")
    assert members[1].answer() == "NO_TASK"


def test_reduce_takes_what_a_member_sent_before_it_died(members: list[Member]) -> None:
    freeze(members)
    members[2].tell("reduce(Operation.SUM, items, 7, group)")
    members[2].answer()
    members[2].kill()
    for member in members[:2]:
        member.tell("reduce(Operation.SUM, items, 7, group)")
    assert members[0].answer() == "6.0"


def test_gather_misses_a_member(members: list[Member]) -> None:
    freeze(members)
    members[1].kill()
    for member in (members[0], members[2]):
        member.tell("gather(items, 7, group)")
    assert members[0].answer() == "NO_TASK"


def test_scatter_misses_the_root(members: list[Member]) -> None:
    freeze(members)
    members[0].kill()
    members[1].tell("scatter(items, 7, group)")
    assert members[1].answer() == "NO_TASK"


def test_barrier_that_begins_after_a_death(members: list[Member]) -> None:
    members[1].kill()
    members[0].tell("gsize(group)")
    while members[0].answer() != "2":
        members[0].tell("gsize(group)")
    members[0].tell("barrier(group, 3)")
    assert members[0].answer() == "NO_TASK"
    for member in (members[0], members[2]):
        member.tell("barrier(group, 2)")
    assert [members[0].answer(), members[2].answer()] == ["1.0", "3.0"]
