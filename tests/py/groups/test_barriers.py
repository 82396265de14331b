# SPDX-License-Identifier: MIT
"""Barriers one after the other, which the library counts for the server, and what ends that."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator

import pytest
from support.machines.vm import VirtualMachine
from support.programs.groups import Member, program, wait_for_arrivals
from support.system import PATIENCE

DONE = "done"


class Members:
    """Members of a group that have passed several barriers together."""

    def __init__(self, vm: VirtualMachine, size: int) -> None:
        self.vm = vm
        self.all = [Member(vm) for _ in range(size)]
        self.pass_barriers(*self.all)

    def pass_barriers(self, *members: Member, words: str = "barrier(group, {n})") -> None:
        """Three barriers of these: the second and the third are counted by the library."""
        for _ in range(3):
            for member in members:
                call(member, words.format(n=len(members)))
            assert [member.answer() for member in members] == [DONE] * len(members)


def call(member: Member, words: str) -> None:
    member.tell(f"{words} or '{DONE}'")


@pytest.fixture
def members(own_machine: VirtualMachine) -> Iterator[Members]:
    members = Members(own_machine, 3)
    yield members
    for member in members.all:
        if member.task.poll() is None:
            member.task.communicate(timeout=PATIENCE)


def test_barriers_in_different_words(members: Members) -> None:
    a, b, c = members.all
    members.pass_barriers(a, b, c, words="barrier(group)")
    for _ in range(3):
        call(a, "barrier(group, 3)")
        call(b, "barrier(group)")
        call(c, "barrier(group, 3)")
        assert [member.answer() for member in members.all] == [DONE] * 3
    members.pass_barriers(a, b)
    members.pass_barriers(a, b, c)


def test_other_count_is_refused_and_the_barrier_goes_on(members: Members) -> None:
    a, b, c = members.all
    call(a, "barrier(group, 3)")
    wait_for_arrivals(members.vm, 1)
    call(b, "barrier(group, 2)")
    assert b.answer() == "MISMATCH"
    for member in (b, c):
        call(member, "barrier(group, 3)")
    assert [member.answer() for member in members.all] == [DONE] * 3
    members.pass_barriers(a, b, c)


def test_questions_of_those_who_do_not_wait_yet(members: Members) -> None:
    a, b, c = members.all
    call(a, "barrier(group, 3)")
    for _ in range(2):
        b.tell("[gsize(group), getinst(group, gettid(group, 2))]")
        assert b.answer() == "[3, 2]"
    wait_for_arrivals(members.vm, 1)
    call(b, "barrier(group, 3)")
    wait_for_arrivals(members.vm, 2)
    call(c, "barrier(group, 3)")
    assert [member.answer() for member in members.all] == [DONE] * 3


def test_member_joins_while_others_wait(members: Members) -> None:
    a, b, c = members.all
    members.pass_barriers(a, b, c, words="barrier(group)")
    call(a, "barrier(group)")
    wait_for_arrivals(members.vm, 1)
    members.all.append(Member(members.vm))
    for member in (b, c):
        call(member, "barrier(group)")
    assert [member.answer() for member in (a, b, c)] == [DONE] * 3
    members.pass_barriers(*members.all, words="barrier(group)")


def test_member_leaves_while_others_wait(members: Members) -> None:
    a, b, c = members.all
    call(a, "barrier(group, 2)")
    wait_for_arrivals(members.vm, 1)
    call(c, "lvgroup(group)")
    assert c.answer() == DONE
    call(c, "barrier(group, 2)")
    assert c.answer() == "NOT_IN_GROUP"
    call(b, "barrier(group, 2)")
    assert [a.answer(), b.answer()] == [DONE] * 2
    members.pass_barriers(a, b, words="barrier(group)")


def test_member_dies_while_others_wait(members: Members) -> None:
    a, b, c = members.all
    for member in (a, b):
        call(member, "barrier(group, 3)")
    c.kill()
    assert [a.answer(), b.answer()] == ["NO_TASK"] * 2
    members.pass_barriers(a, b)


def test_members_of_two_groups(members: Members) -> None:
    a, b, c = members.all
    for member in (a, b):
        call(member, "joingroup('other') * 0")
        assert member.answer() == DONE
    for _ in range(3):
        call(a, "barrier('other', 2)")
        for member in (b, c):
            call(member, "barrier('group', 2)")
        assert [b.answer(), c.answer()] == [DONE] * 2
        call(b, "barrier('other', 2)")
        assert [a.answer(), b.answer()] == [DONE] * 2
        members.pass_barriers(a, b, c)


def test_member_with_the_old_library(members: Members) -> None:
    """It arrives in the words of the others, and counts in their barriers."""
    waiter = program("group_waiter", "debian")
    old = members.vm.start(waiter, "group", 4, 4, "join", stdin=subprocess.PIPE)
    for _ in range(2):
        for member in members.all:
            call(member, "barrier(group, 4)")
    assert old.stdout and old.stdout.readline() == b"ready\n"
    assert [member.answer() for member in members.all] == [DONE] * 3
    out, _ = old.communicate(b"go\n", timeout=PATIENCE)
    assert int(out) == 0
    assert [member.answer() for member in members.all] == [DONE] * 3
