# SPDX-License-Identifier: MIT
"""Groups of a job are told for a checkpoint, and taken back: the server's state machine alone."""

from __future__ import annotations

import pytest

from pvm3py.groupserver.messages import DeadTid, GroupName, GroupNumber, Result
from pvm3py.groupserver.server import GroupServer
from pvm3py.wire import constants as c
from pvm3py.wire.checkpoints import GroupsAnswer, GroupsKeep, GroupsRestore, KeptGroups
from pvm3py.wire.record import Record

A, B, C, D = 0x40011, 0x40012, 0x40013, 0x40014
STAMP = 7


class Groups:
    """A server; what it answers is the number that a message to each tid has."""

    def __init__(self, *members: int) -> None:
        self.server = GroupServer()
        for tid in members:
            self.ask(tid, c.GROUP_JOIN, GroupName("g"))

    def ask(self, caller: int, tag: int, body: Record) -> dict[int, int]:
        self.server.handle([caller], tag, body.encode())
        told = {
            tid: Result.decode(one.body).value
            for one in self.server.outbox
            if one.tag != c.SM_CKPT_GROUPS
            for tid in one.tids
        }
        self.answers = [one for one in self.server.outbox if one.tag == c.SM_CKPT_GROUPS]
        self.server.outbox.clear()
        return told

    def barrier(self, caller: int, count: int, tag: int = c.GROUP_BARRIER) -> dict[int, int]:
        return self.ask(caller, tag, GroupNumber("g", count))

    def keep(self, *tids: int) -> KeptGroups:
        assert self.ask(c.TIDPVMD, c.GROUP_KEEP, GroupsKeep(STAMP, list(tids))) == {}
        (answer,) = self.answers
        said = GroupsAnswer.decode(answer.body)
        assert (answer.tids, said.stamp, said.code) == ([c.TIDPVMD], STAMP, 0)
        return KeptGroups.decode(said.groups)

    def restore(self, groups: KeptGroups, *, waits: bool = True) -> dict[int, int]:
        told = self.ask(c.TIDPVMD, c.GROUP_RESTORE, GroupsRestore(STAMP, int(waits), groups))
        (answer,) = self.answers
        self.code = GroupsAnswer.decode(answer.body).code
        return told

    def die(self, *tids: int) -> None:
        for tid in tids:
            self.ask(c.TIDPVMD, c.GROUP_DEADTID, DeadTid(tid))

    @property
    def slots(self) -> list[int]:
        return [tid for tid in self.server.groups["g"].slots if tid > 0]


def test_members_and_instances_are_kept_and_watched() -> None:
    old, new = Groups(A, B, C), Groups()
    old.ask(A, c.GROUP_LEAVE, GroupName("g"))
    assert new.restore(old.keep(B, C)) == {}
    assert new.code == 0
    assert new.slots == [B, C]
    assert sorted(new.server.watch) == [B, C]
    assert new.ask(A, c.GROUP_JOIN, GroupName("g")) == {A: 0}


def test_groups_without_members_of_the_job_are_not_told() -> None:
    assert Groups(A, B).keep(C, D).groups == []


def test_who_waits_in_a_barrier_comes_through() -> None:
    old, new = Groups(A, B, C), Groups()
    for tid in (A, B):
        assert old.barrier(tid, 3) == {}
    new.restore(old.keep(A, B, C))
    assert new.barrier(C, 3) == dict.fromkeys((A, B, C), 3)
    assert new.barrier(A, 2) == {}
    assert new.barrier(B, 2) == {A: 2, B: 2}


def test_who_asks_again_is_not_counted_twice() -> None:
    old, new = Groups(A, B, C), Groups()
    for tid in (A, B):
        old.barrier(tid, 3)
    new.restore(old.keep(A, B, C), waits=False)
    assert [new.barrier(tid, 3) for tid in (A, B)] == [{}, {}]
    assert new.barrier(C, 3) == dict.fromkeys((A, B, C), 3)


def test_the_same_server_that_has_seen_them_die() -> None:
    """D is of another job: it is told of the ends in the barrier, once, and goes on beside them."""
    groups = Groups(A, B, C, D)
    for tid in (A, B):
        groups.barrier(tid, 4)
    kept = groups.keep(A, B, C)
    groups.die(A, B, C)
    assert groups.slots == [D]
    assert groups.restore(kept) == {}
    assert groups.slots == [A, B, C, D]
    assert groups.barrier(D, 4) == {D: c.PvmNoTask}
    assert groups.barrier(D, 4) == {}
    assert groups.barrier(C, 4) == dict.fromkeys((A, B, C, D), 4)


def test_barrier_that_is_complete_with_them_ends() -> None:
    old, now = Groups(A, B, D), Groups(A, B, D)
    old.barrier(A, 2)
    kept = old.keep(A)
    now.barrier(D, 2)
    assert now.restore(kept) == {A: 2, D: 2}


def test_another_task_has_an_instance() -> None:
    old, new = Groups(A, B), Groups(D)
    assert new.restore(old.keep(A, B)) == {}
    assert new.code == c.PvmDupGroup
    assert new.slots == [D]


@pytest.mark.parametrize(("kept", "kind"), [((A, B), c.GROUP_STATIC), ((A,), c.GROUP_DEAD)])
def test_static_group_is_one_only_as_a_whole(kept: tuple[int, ...], kind: int) -> None:
    old, new = Groups(A, B), Groups()
    for tid in (A, B):
        old.ask(tid, c.GROUP_FREEZE, GroupNumber("g", 2))
    assert old.server.groups["g"].kind == c.GROUP_STATIC
    new.restore(old.keep(*kept))
    assert new.server.groups["g"].kind == kind


def test_freezing_that_waits_goes_on() -> None:
    old, new = Groups(A, B), Groups()
    old.ask(A, c.GROUP_FREEZE, GroupNumber("g", 2))
    new.restore(old.keep(A, B))
    assert new.barrier(B, 2, c.GROUP_FREEZE) == {A: 2, B: 2}
    assert new.server.groups["g"].kind == c.GROUP_STATIC


def test_tasks_cannot_ask_for_either() -> None:
    groups = Groups(A, B)
    assert groups.ask(A, c.GROUP_KEEP, GroupsKeep(STAMP, [A])) == {}
    assert groups.answers == []
    assert groups.ask(D, c.GROUP_RESTORE, GroupsRestore(STAMP, 1, KeptGroups([]))) == {}
    assert groups.answers == []
