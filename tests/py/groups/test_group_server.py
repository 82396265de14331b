# SPDX-License-Identifier: MIT
"""The group server's state machine: bodies as PVM 3.4.6 sent them, and its rules, without PVM."""

from __future__ import annotations

import json
import struct

import pytest
from support.system import VECTORS

from pvm3py.groupserver.group import Group
from pvm3py.groupserver.server import GroupServer, display_order
from pvm3py.wire import constants as c

A, B, C = 0x4001D, 0x4001E, 0x4001F
HOST = 0x40000


def vector(name: str) -> bytes:
    return bytes.fromhex(json.loads((VECTORS / "groups" / f"{name}.json").read_text())["hex"])


def name_and(*numbers: int, group: bytes = b"grp") -> bytes:
    size = len(group) + 1
    return (
        struct.pack(">i", size)
        + group
        + bytes(-size % 4 + 1)
        + struct.pack(f">{len(numbers)}i", *numbers)
    )


class Machine:
    def __init__(self, *members: int) -> None:
        self.server = GroupServer()
        for tid in members:
            self.ask(tid, c.GROUP_JOIN, name_and())

    def ask(self, caller: int, request: int, body: bytes) -> list[tuple[list[int], int, bytes]]:
        self.server.handle([caller], request, body)
        out = [tuple(answer) for answer in self.server.outbox]
        self.server.outbox.clear()
        return out

    def result(self, caller: int, request: int, body: bytes) -> int:
        """The number in the only answer, which goes to the caller."""
        ((tids, tag, answer),) = self.ask(caller, request, body)
        assert (tids, tag) == ([caller], request)
        return struct.unpack_from(">i", answer)[0]

    def die(self, tid: int) -> list[tuple[list[int], int, int]]:
        return [
            (tids, tag, struct.unpack_from(">i", body)[0])
            for tids, tag, body in self.ask(c.TIDPVMD, c.GROUP_DEADTID, struct.pack(">i", tid))
        ]


@pytest.mark.parametrize(
    ("members", "caller", "request_tag", "request_body", "reply"),
    [
        ((), A, c.GROUP_JOIN, "join_request", "join_reply"),
        ((A,), A, c.GROUP_JOIN, "join_request", "join_dup_reply"),
        ((A,), A, c.GROUP_LEAVE, "leave_request", "leave_reply"),
        ((A, B), A, c.GROUP_GETINST, "getinst_request", "getinst_reply"),
        ((A, B), C, c.GROUP_GETTID, "gettid_request", "gettid_reply"),
        ((A, B), A, c.GROUP_GSIZE, "gsize_request", "gsize_reply"),
        ((), A, c.GROUP_GSIZE, "gsize_request", "gsize_reply_nogroup"),
        ((A, B), A, c.GROUP_BCAST, "bcast_tidlist_request", "bcast_tidlist_reply"),
        ((A, B), A, c.GROUP_TIDLIST, "gsize_request", "tidlist_reply"),
        ((A, B), C, c.GROUP_HOSTCHAR, "hostchar_request", "hostchar_reply"),
        ((A, B), C, c.GROUP_HOSTCHARV, "gsize_request", "hostcharv_reply"),
    ],
)
def test_replies_are_those_of_the_original(
    members: tuple[int, ...], caller: int, request_tag: int, request_body: str, reply: str
) -> None:
    machine = Machine(*members)
    answers = machine.ask(caller, request_tag, vector(request_body))
    assert answers == [([caller], request_tag, vector(reply))]


def test_barrier_is_released_for_all_who_wait() -> None:
    machine = Machine(A, B)
    assert machine.ask(A, c.GROUP_BARRIER, vector("barrier_request")) == []
    answers = machine.ask(B, c.GROUP_BARRIER, vector("barrier_request"))
    assert answers == [([A, B], c.GROUP_BARRIER, vector("barrier_release"))]


def test_barrier_with_another_count_is_refused() -> None:
    machine = Machine(A, B)
    machine.ask(A, c.GROUP_BARRIER, vector("barrier_request"))
    answers = machine.ask(B, c.GROUP_BARRIER, name_and(3))
    assert answers == [([B], c.GROUP_BARRIER, vector("barrier_error"))]


def test_frozen_group_is_told_whole_and_then_with_each_answer() -> None:
    machine = Machine(A, B, C)
    machine.ask(A, c.GROUP_FREEZE, vector("freeze_request"))
    machine.ask(B, c.GROUP_FREEZE, vector("freeze_request"))
    answers = machine.ask(C, c.GROUP_FREEZE, vector("freeze_request"))
    assert answers == [([A, B, C], c.GROUP_FREEZE, vector("freeze_reply"))]
    answers = machine.ask(0x40021, c.GROUP_GSIZE, vector("gsize_request"))
    assert answers == [([0x40021], c.GROUP_GSIZE, vector("gsize_reply_static"))]
    assert machine.result(0x40021, c.GROUP_JOIN, name_and()) == c.PvmNotInGroup


def test_list_of_groups_shows_the_last_barrier() -> None:
    machine = Machine(A, B)
    machine.ask(A, c.GROUP_BARRIER, name_and(2))
    machine.ask(B, c.GROUP_BARRIER, name_and(2))
    machine.ask(C, c.GROUP_JOIN, name_and())
    assert machine.ask(0x40020, c.GROUP_LIST, b"") == [
        ([0x40020], c.GROUP_LIST, vector("gsls_reply"))
    ]


def test_hole_in_the_instances() -> None:
    machine = Machine(A, B, C)
    machine.ask(A, c.GROUP_LEAVE, name_and())
    answers = machine.ask(B, c.GROUP_TIDLIST, name_and())
    assert answers == [([B], c.GROUP_TIDLIST, vector("tidlist_hole"))]
    assert machine.result(0x40021, c.GROUP_JOIN, name_and()) == 0


@pytest.mark.parametrize("count", [0, -2, -(2**31)])
@pytest.mark.parametrize("request_tag", ["GROUP_BARRIER", "GROUP_FREEZE"])
def test_impossible_count_is_refused_and_forgotten(count: int, request_tag: str) -> None:
    tag = getattr(c, request_tag)
    machine = Machine(A)
    assert machine.result(A, tag, name_and(count)) == c.PvmMismatch
    assert machine.result(A, tag, name_and(1)) == 1


def test_instance_behind_the_last_slot_does_not_exist() -> None:
    machine = Machine(A)
    for instance in (-1, 1, 9, 10, 11, 2**31 - 1):
        assert machine.result(A, c.GROUP_GETTID, name_and(instance)) == c.PvmNoInst


def test_empty_name_and_unreadable_request_are_answered() -> None:
    machine = Machine(A)
    assert machine.result(A, c.GROUP_JOIN, name_and(group=b"")) == c.PvmNullGroup
    for body in (b"", b"\0", b"\xff" * 8, name_and()[:6]):
        assert machine.result(A, c.GROUP_BARRIER, body) == c.PvmBadMsg
        assert machine.result(A, c.GROUP_GSIZE, body) == c.PvmBadMsg


def test_exit_notice_is_asked_for_once_and_believed_from_the_daemon_only() -> None:
    machine = Machine(A, A)
    assert machine.server.watch == [A]
    machine.ask(B, c.GROUP_DEADTID, struct.pack(">i", A))
    assert machine.result(B, c.GROUP_GSIZE, name_and()) == 1
    machine.die(A)
    assert machine.server.groups == {}


def test_death_of_an_awaited_member_ends_the_barrier_for_all() -> None:
    machine = Machine(A, B, C)
    machine.ask(A, c.GROUP_BARRIER, name_and(3))
    assert machine.die(C) == [([A], c.GROUP_BARRIER, c.PvmNoTask)]
    assert machine.result(B, c.GROUP_BARRIER, name_and(3)) == c.PvmNoTask
    # The next one works, with those that are left.
    machine.ask(B, c.GROUP_BARRIER, name_and(-1))
    assert len(machine.ask(A, c.GROUP_BARRIER, name_and(-1))) == 1


def test_member_that_died_waiting_has_arrived() -> None:
    machine = Machine(A, B, C)
    machine.ask(A, c.GROUP_BARRIER, name_and(-1))
    machine.ask(C, c.GROUP_BARRIER, name_and(-1))
    assert machine.die(C) == []
    ((tids, _, _),) = machine.ask(B, c.GROUP_BARRIER, name_and(-1))
    assert {A, B} <= set(tids)


def test_barrier_that_counts_on_a_dead_member_is_refused() -> None:
    machine = Machine(A, B, C)
    machine.die(C)
    assert machine.result(A, c.GROUP_BARRIER, name_and(3)) == c.PvmNoTask
    assert machine.result(A, c.GROUP_FREEZE, name_and(3)) == c.PvmNoTask
    # More than there ever were: they are still to come.
    assert machine.ask(A, c.GROUP_BARRIER, name_and(4)) == []


@pytest.mark.parametrize("request_tag", [c.GROUP_GSIZE, c.GROUP_BCAST])
def test_answers_about_a_dynamic_group_count_its_deaths(request_tag: int) -> None:
    """Nothing is added before the first one, nor for members that leave."""
    machine = Machine(A, B, C)
    machine.ask(B, c.GROUP_LEAVE, name_and())
    dynamic = struct.pack(">i", c.GROUP_DYNAMIC)
    ((_, _, before),) = machine.ask(A, request_tag, name_and())
    assert before.endswith(dynamic)
    machine.die(C)
    machine.ask(C, c.GROUP_JOIN, name_and())
    ((_, _, after),) = machine.ask(A, request_tag, name_and())
    assert after == before + struct.pack(">i", 1)


def test_place_of_a_dead_member_can_be_taken() -> None:
    machine = Machine(A, B, C)
    machine.die(C)
    machine.ask(0x40020, c.GROUP_JOIN, name_and())
    for tid in (A, B):
        assert machine.ask(tid, c.GROUP_BARRIER, name_and(3)) == []
    ((tids, _, _),) = machine.ask(0x40020, c.GROUP_BARRIER, name_and(3))
    assert tids == [A, B, 0x40020]


def test_members_that_left_are_not_missed() -> None:
    machine = Machine(A, B)
    machine.ask(B, c.GROUP_LEAVE, name_and())
    assert machine.ask(A, c.GROUP_BARRIER, name_and(2)) == []


def test_death_of_a_member_that_is_not_needed_is_no_error() -> None:
    machine = Machine(A, B, C)
    machine.ask(A, c.GROUP_BARRIER, name_and(2))
    assert machine.die(C) == []
    ((tids, _, _),) = machine.ask(B, c.GROUP_BARRIER, name_and(2))
    assert tids == [A, B]


def test_death_in_a_static_group_is_told_to_those_who_wait() -> None:
    machine = Machine(A, B, C)
    for tid in (A, B, C):
        machine.ask(tid, c.GROUP_FREEZE, name_and(-1))
    machine.ask(A, c.GROUP_BARRIER, name_and(-1))
    assert machine.die(B) == [([A], c.GROUP_BARRIER, c.PvmNoGroup)]
    assert machine.result(C, c.GROUP_BARRIER, name_and(-1)) == c.PvmNoGroup
    assert machine.result(C, c.GROUP_BCAST, name_and()) == c.PvmNoGroup
    assert machine.result(C, c.GROUP_GSIZE, name_and()) == 2


def test_death_before_the_group_is_frozen_is_told_too() -> None:
    machine = Machine(A, B)
    machine.ask(A, c.GROUP_FREEZE, name_and(2))
    assert machine.die(B) == [([A], c.GROUP_FREEZE, c.PvmNoTask)]


def test_call_for_all_members_of_a_host() -> None:
    other = 0x80001
    machine = Machine(A, B, other)
    assert machine.ask(A, c.GROUP_BARRIERV, name_and(3)) == []
    ((tids, tag, _),) = machine.ask(other, c.GROUP_BARRIER, name_and(3))
    assert (tids, tag) == ([A, other], c.GROUP_BARRIER)


def test_coordinator_is_the_smallest_tid_of_a_host() -> None:
    machine = Machine(C, 0x80001, A, B)
    answer = struct.pack(">5i", 2, 3, A, c.GROUP_DYNAMIC, 0)[:16]
    assert machine.ask(A, c.GROUP_HOSTCHAR, name_and(HOST))[0][2] == answer
    machine.ask(A, c.GROUP_LEAVE, name_and())
    assert machine.ask(C, c.GROUP_HOSTCHAR, name_and(HOST))[0][2][8:12] == struct.pack(">i", B)


def test_groups_are_listed_by_average_letter_then_name() -> None:
    names = ["b", "a", "zz", "ac", "bb"]
    assert sorted(names, key=display_order) == ["a", "ac", "b", "bb", "zz"]


def test_capacity_grows_and_holds_all() -> None:
    group = Group("g")
    assert [group.join(0x40001 + i) for i in range(1000)] == list(range(1000))
    assert len(group.slots) == 1000


def test_requests_taken_together_are_served_one_after_the_other() -> None:
    machine = Machine(A, B)
    machine.server.handle([A, B, C, A], c.GROUP_BARRIER, name_and(2))
    answers = [(tids, struct.unpack(">i", body)[0]) for tids, _, body in machine.server.outbox]
    assert answers == [([A, B], 2), ([C], c.PvmNotInGroup)]
    assert machine.server.groups["grp"].barrier.waiting == [A]


def test_malformed_requests_taken_together_are_each_refused() -> None:
    machine = Machine(A, B)
    machine.server.handle([A, B], c.GROUP_BARRIER, b"")
    answers = [(tids, struct.unpack(">i", body)[0]) for tids, _, body in machine.server.outbox]
    assert answers == [([A], c.PvmBadMsg), ([B], c.PvmBadMsg)]
