# SPDX-License-Identifier: MIT
"""Whose a task is when the daemons of its move have lost each other: parts, without processes."""

from __future__ import annotations

import asyncio
from types import SimpleNamespace
from typing import Any

import pytest

from pvm3py.places import host_tid
from pvm3py.pvmd.state.errors import HostFailed
from pvm3py.pvmd.topics import migration
from pvm3py.pvmd.topics.claims import Claims, claim
from pvm3py.wire import constants as c
from pvm3py.wire.moves import Placed

ORIGIN, GOAL, TID = host_tid(2), host_tid(3), host_tid(2) | 1


def test_first_host_that_asks_has_the_task() -> None:
    claims = Claims()
    assert claims.decide(TID, 4, GOAL) == GOAL
    assert claims.decide(TID, 4, ORIGIN) == GOAL
    assert claims.decide(TID, 4, GOAL) == GOAL


def test_each_move_is_decided_by_itself() -> None:
    claims = Claims()
    claims.decide(TID, 4, GOAL)
    assert claims.decide(TID, 5, ORIGIN) == ORIGIN
    assert claims.decide(TID, 4, GOAL) == ORIGIN
    assert claims.decide(TID + 1, 1, GOAL) == GOAL


def test_tid_of_a_task_that_has_ended_is_free() -> None:
    claims = Claims()
    claims.decide(TID, 4, GOAL)
    claims.forget(TID)
    assert claims.decide(TID, 1, ORIGIN) == ORIGIN


class Peers:
    """Other daemons: the goal is lost, and the master gives the task to a host; 0: it is lost."""

    def __init__(self, given: int) -> None:
        self._given = given
        self.asked: list[int] = []

    def ask(self, host: int, tag: int, body: object) -> asyncio.Future[bytes]:
        del host, body
        self.asked.append(tag)
        lost: asyncio.Future[bytes] = asyncio.get_running_loop().create_future()
        lost.set_exception(HostFailed("lost"))
        return lost

    async def request(self, host: int, tag: int, body: object, reply: type[Placed]) -> Placed:
        del host, body
        self.asked.append(tag)
        if not self._given:
            raise HostFailed("lost")
        return reply(TID, 1, self._given)


def daemon(given: int) -> Any:
    """A slave, the origin of a move."""
    hosts = SimpleNamespace(own=SimpleNamespace(tid=ORIGIN), master=host_tid(1), is_master=False)
    return SimpleNamespace(hosts=hosts, peers=Peers(given), tables={})


@pytest.mark.parametrize(("given", "has"), [(ORIGIN, True), (GOAL, False), (0, False)])
def test_who_asks_has_the_task_if_the_master_says_so(given: int, has: bool) -> None:
    assert asyncio.run(claim(daemon(given), TID, 1)) is has


@pytest.mark.parametrize(
    ("told", "given", "stays"),
    [(False, GOAL, True), (True, ORIGIN, True), (True, GOAL, False), (True, 0, False)],
    ids=["not told", "the origin's", "the goal's", "no master"],
)
def test_origin_that_has_lost_the_goal_asks_if_that_may_run_the_task(
    told: bool, given: int, stays: bool
) -> None:
    pvmd = daemon(given)
    departure: Any = SimpleNamespace(
        task=SimpleNamespace(tid=TID), epoch=1, goal=GOAL, asked=[GOAL], told=told
    )
    assert asyncio.run(migration._stays(pvmd, departure)) is stays
    assert (c.DM_MOVE_CLAIM in pvmd.peers.asked) is told
