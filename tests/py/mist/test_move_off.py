# SPDX-License-Identifier: MIT
"""Moves that are refused, or off at one of their steps: the task goes on as if nothing had been."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from support.impostors.rawtask import RawTask, ints, message
from support.impostors.wanderer import (
    Roads,
    Wanderer,
    answer,
    ask,
    move,
    number,
    numbers,
)
from support.machines.vm import wait_until

from pvm3py.wire import constants as c
from pvm3py.wire.moves import CanMoveReply, MoveQuestion, MoveReply
from pvm3py.wire.task import NotifyRequest

TAG = 7


def refuses(task: Wanderer) -> None:
    """The task says that it cannot stop."""
    order = task.await_freeze()
    task.say_frozen(order.epoch, c.PvmNotMovable, c.WIRE_WHY_OFF, "no, thank you")


def is_silent(task: Wanderer) -> None:
    """It does not stop in time."""
    task.await_freeze()


def breaks_off(task: Wanderer) -> None:
    """Half of its image comes."""
    order = task.await_freeze()
    task.say_frozen(order.epoch)
    task.send_image(missing=500)


def is_no_image(task: Wanderer) -> None:
    """The restarter does not like it."""
    task.freeze("not an image of this machine")
    task.arrive_to_fail()


def restarter_dies(task: Wanderer) -> None:
    """The restarter ends when it has it all."""
    task.freeze("ask")
    task.arrive_to_fail().exit(1)


ENDS: list[tuple[Callable[[Wanderer], None], tuple[int, int, str]]] = [
    (refuses, (c.PvmNotMovable, c.WIRE_WHY_OFF, "no, thank you")),
    (is_silent, (c.PvmBusy, c.WIRE_WHY_SLOW, "takes too long")),
    (breaks_off, (c.PvmNotMovable, c.WIRE_WHY_RESTART, "the restarter has ended")),
    (is_no_image, (c.PvmNotMovable, c.WIRE_WHY_RESTART, "not an image of this machine")),
    (restarter_dies, (c.PvmNotMovable, c.WIRE_WHY_RESTART, "the restarter has ended")),
]


@pytest.mark.parametrize(("end", "why"), ENDS, ids=[end.__name__ for end, _ in ENDS])
def test_move_that_is_off_changes_nothing(
    roads: Roads, end: Callable[[Wanderer], None], why: tuple[int, int, str]
) -> None:
    task, asker, senders = roads.wanderer(), roads.task(roads.last), roads.everywhere()

    def send(first: int) -> None:
        for sender in senders:
            number(sender, task.tid, range(first, first + 50))

    send(0)
    wid = ask(asker, task.tid, roads.away.name)
    end(task)
    send(50)
    reply = answer(asker, wid)
    assert (reply.code, reply.reason) == why[:2]
    assert why[2] in reply.text
    if end is not refuses:
        task.await_thaw()
    send(100)
    task.send(asker.tid, TAG, ints(1))
    assert asker.receive().ints() == (1,)
    assert set(map(tuple, numbers(task, senders, 150).values())) == {tuple(range(150))}
    move(task, asker, roads.away)
    send(150)
    assert set(map(tuple, numbers(task, senders, 50).values())) == {tuple(range(150, 200))}


@pytest.mark.slow
def test_image_that_makes_no_progress_ends_the_move(roads: Roads) -> None:
    """After 10 s; the connection is there all the time."""
    task, asker = roads.wanderer(), roads.task(roads.last)
    wid = ask(asker, task.tid, roads.away.name)
    order = task.await_freeze()
    task.say_frozen(order.epoch)
    with task.connect() as stalled:
        stalled.sendall(order.token.encode() + b"half of it")
        reply = answer(asker, wid)
    assert (reply.code, reply.reason) == (c.PvmBusy, c.WIRE_WHY_SLOW)
    assert "no progress" in reply.text
    task.await_thaw()
    move(task, asker, roads.away)


def test_task_moves_once_at_a_time(roads: Roads) -> None:
    task, asker = roads.wanderer(), roads.task(roads.last)
    first = ask(asker, task.tid, roads.away.name)
    task.await_freeze()
    second = ask(asker, task.tid, roads.away.name)
    assert answer(asker, second).code == c.PvmAlready
    assert task.order is not None
    task.send_image()
    task.say_frozen(task.order.epoch)
    task.arrive()
    task.go_on()
    assert answer(asker, first) == MoveReply(0)


@pytest.mark.parametrize("frozen", [False, True])
def test_task_that_ends_in_a_move_has_ended_once(roads: Roads, frozen: bool) -> None:
    task, asker, watchers = roads.wanderer(), roads.task(roads.last), roads.everywhere()
    for one in watchers:
        wish = NotifyRequest(c.PvmTaskExit, 0, TAG, 1, [task.tid])
        one.send(message(c.TM_NOTIFY, wish.encode(), src=one.tid))
        one.sync()
    wid = ask(asker, task.tid, roads.away.name)
    order = task.await_freeze()
    if frozen:
        task.send_image("ask")
        task.say_frozen(order.epoch)
        task.arrive_to_fail()
    task.end()
    assert answer(asker, wid).code == c.PvmNoTask
    for one in watchers:
        came = one.receive()
        assert (came.tag, came.ints()) == (TAG, (task.tid,))
        assert {tag for tag, _ in one.sync()} == {c.TM_PSTAT}
    wait_until(lambda: not task.body.alive(), "the restarter has been ended")


def test_connection_without_the_token_brings_no_image(roads: Roads) -> None:
    task, asker = roads.wanderer(), roads.task(roads.last)
    wid = ask(asker, task.tid, roads.away.name)
    order = task.await_freeze()
    with task.connect() as stranger:
        stranger.sendall(b"0" * c.WIRE_TOKEN)
        assert stranger.recv(1) == b""
    task.send_image()
    task.say_frozen(order.epoch)
    task.arrive()
    task.go_on()
    assert answer(asker, wid) == MoveReply(0)


# ---- refusals ------------------------------------------------------------------------------


def refusal(asker: RawTask, tid: int, host: str) -> tuple[int, int, str]:
    """Why a task cannot be moved, as pvm_canmigrate and pvm_migrate both say."""
    question = MoveQuestion(tid, host).encode()
    can = CanMoveReply.decode(asker.request(c.TM_CANMIGRATE, question).body)
    reply = answer(asker, ask(asker, tid, host))
    assert (can.code, can.reason, can.text) == (reply.code, reply.reason, reply.text)
    return reply.code, reply.reason, reply.text


def test_task_with_the_library_of_pvm_3_4_6_is_refused(roads: Roads) -> None:
    asker = roads.task(roads.last)
    code, reason, text = refusal(asker, roads.task(roads.home).tid, roads.away.name)
    assert (code, reason) == (c.PvmNotMovable, c.WIRE_WHY_LIBRARY)
    assert "relink" in text


def test_unknown_tasks_and_hosts_are_refused(roads: Roads) -> None:
    asker, task = roads.task(roads.last), roads.wanderer()
    assert refusal(asker, task.tid, "nowhere")[0] == c.PvmNoHost
    assert refusal(asker, task.tid + 1000, roads.away.name)[0] == c.PvmNoTask
    assert refusal(asker, c.TIDPVMD, roads.away.name)[0] == c.PvmBadParam


def test_task_with_a_role_is_refused(roads: Roads) -> None:
    asker, task = roads.task(roads.last), roads.wanderer()
    assert task.request(c.TM_TASKER, ints(1)).ints() == (0,)
    code, reason, _ = refusal(asker, task.tid, roads.away.name)
    assert (code, reason) == (c.PvmNotMovable, c.WIRE_WHY_ROLE)
    task.request(c.TM_TASKER, ints(0))


@pytest.mark.parametrize(
    ("habit", "reason"),
    [("thread", "WIRE_WHY_THREADS"), ("child", "WIRE_WHY_CHILDREN"), ("pty", "WIRE_WHY_TERMINAL")],
)
def test_process_that_cannot_be_imaged_is_refused(roads: Roads, habit: str, reason: str) -> None:
    asker, task = roads.task(roads.last), roads.wanderer()
    task.body.order(habit)
    assert refusal(asker, task.tid, roads.away.name)[:2] == (c.PvmNotMovable, getattr(c, reason))


def test_movable_task_says_how_large_it_is(roads: Roads) -> None:
    asker, task = roads.task(roads.last), roads.wanderer()
    question = MoveQuestion(task.tid, roads.away.name).encode()
    can = CanMoveReply.decode(asker.request(c.TM_CANMIGRATE, question).body)
    assert (can.code, can.text) == (0, "")
    assert 1 << 20 < (can.size_high << 31 | can.size_low) < 1 << 30
    assert task.body.order("signals") == []
