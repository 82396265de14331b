# SPDX-License-Identifier: MIT
"""Questions asked before, which the library answers for the server until members change."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from support.machines.vm import VirtualMachine, wait_until
from support.programs.groups import Member
from support.system import PATIENCE


class Group:
    """Three members; the first two ask."""

    def __init__(self, vm: VirtualMachine) -> None:
        self.vm = vm
        self.members = [Member(vm) for _ in range(3)]

    def asked(self, words: str) -> str:
        """What all of three questions get, the last two of which have been asked before."""
        answers = []
        for member in (*self.members[:2], self.members[0]):
            member.tell(words)
            answers.append(member.answer())
        assert answers == [answers[0]] * 3
        return answers[0]

    def all_do(self, words: str) -> list[str]:
        for member in self.members:
            member.tell(words)
        return [member.answer() for member in self.members]


@pytest.fixture
def group(own_machine: VirtualMachine) -> Iterator[Group]:
    group = Group(own_machine)
    yield group
    for member in group.members:
        if member.task.poll() is None:
            member.task.communicate(timeout=PATIENCE)


def leave(member: Member) -> None:
    member.tell("lvgroup(group)")
    assert member.answer() == f"{member.instance + 1}.0"


def test_size_when_members_come_and_go(group: Group) -> None:
    assert group.asked("gsize(group)") == "3"
    group.members.append(Member(group.vm))
    assert group.asked("gsize(group)") == "4"
    leave(group.members.pop())
    assert group.asked("gsize(group)") == "3"


def test_size_when_a_member_dies(group: Group) -> None:
    assert group.asked("gsize(group)") == "3"
    group.members.pop().kill()
    wait_until(lambda: group.asked("gsize(group)") == "2", "the dead member is missed")


def test_place_that_another_takes(group: Group) -> None:
    first = group.asked("gettid(group, 2)")
    assert group.asked(f"getinst(group, {first})") == "2"
    leave(group.members.pop())
    assert group.asked("gettid(group, 2)") == "NO_INST"
    assert group.asked(f"getinst(group, {first})") == "NOT_IN_GROUP"
    group.members.append(Member(group.vm))
    assert group.asked("gettid(group, 2)") not in (first, "NO_INST")
    assert group.asked(f"getinst(group, {first})") == "NOT_IN_GROUP"


def test_group_that_becomes_static(group: Group) -> None:
    """A question of somebody else gets the record then, by which later ones need no server."""
    stranger = Member(group.vm)
    leave(stranger)
    assert group.asked("gsize(group)") == "3"
    assert group.all_do("freezegroup(group)") == ["3"] * 3
    stranger.tell("gsize(group)")
    assert stranger.answer() == "3"
    leave(group.members.pop())
    stranger.tell("gsize(group)")
    assert stranger.answer() == "3"
    group.members.append(stranger)


@pytest.mark.parametrize("kind", ["dynamic", "static"])
def test_collective_calls_of_a_group_with_a_missing_instance(group: Group, kind: str) -> None:
    """Gather and scatter need all instances at the root only; reduce needs the root's."""
    assert group.all_do("reduce(Operation.SUM, items, 7, group, root=2)")[2] == "6.0"
    leave(group.members.pop(1))
    if kind == "static":
        assert group.all_do("freezegroup(group)") == ["2"] * 2
    assert group.all_do("reduce(Operation.SUM, items, 7, group, root=2)")[1] == "4.0"
    assert group.all_do("reduce(Operation.SUM, items, 7, group, root=1)") == ["NO_INST"] * 2
    assert group.all_do("gather(items, 7, group, root=2)") == ["1.0", "NO_INST"]
    assert group.all_do("gather(items, 7, group, root=1)") == ["NO_INST"] * 2
    root = group.members[1]
    root.tell("scatter(items, 7, group, root=2, items=items)")
    assert root.answer() == "NO_INST"
