# SPDX-License-Identifier: MIT
"""A task that moves between daemons: what it, its peers and the asker see of it."""

from __future__ import annotations

import signal

from support.impostors.rawtask import ints, message
from support.impostors.wanderer import (
    Roads,
    answer,
    ask,
    move,
    number,
    numbers,
)
from support.machines.vm import wait_until

from pvm3py.wire import constants as c
from pvm3py.wire.mailbox import MailRequest
from pvm3py.wire.moves import MoveReply
from pvm3py.wire.output import OutputEnd, OutputStatus, OutputText
from pvm3py.wire.task import NotifyRequest, SignalRequest, TaskReply

TAG = 7


def test_task_moves_and_keeps_its_number(roads: Roads) -> None:
    task, asker = roads.wanderer(), roads.task(roads.home)
    go = move(task, asker, roads.away)
    assert go.settings.tid == task.tid
    asker.send(message(TAG, b"abcd", dst=task.tid, src=asker.tid, ctx=0))
    came = task.receive()
    assert (came.src, came.tag, came.body) == (asker.tid, TAG, b"abcd")
    task.send(asker.tid, TAG, ints(5))
    assert asker.receive().ints() == (5,)


def test_signal_comes_before_the_order(roads: Roads) -> None:
    task, asker = roads.wanderer(), roads.task(roads.home)
    wid = ask(asker, task.tid, roads.away.name)
    task.await_freeze()
    assert task.body.order("signals") == [62]
    task.send_image()
    assert task.order is not None
    task.say_frozen(task.order.epoch)
    task.arrive()
    task.go_on()
    assert answer(asker, wid) == MoveReply(0)


def test_messages_of_all_hosts_keep_their_order(roads: Roads) -> None:
    """They are sent before the move, at each of its steps, and afterwards."""
    task, asker, senders = roads.wanderer(), roads.task(roads.last), roads.everywhere()

    def send(first: int) -> None:
        for sender in senders:
            number(sender, task.tid, range(first, first + 50))

    send(0)
    wid = ask(asker, task.tid, roads.away.name)
    send(50)
    order = task.await_freeze()
    send(100)
    task.send_image()
    send(150)
    task.say_frozen(order.epoch)
    send(200)
    task.arrive()
    task.go_on()
    send(250)
    assert answer(asker, wid) == MoveReply(0)
    send(300)
    assert set(map(tuple, numbers(task, senders, 350).values())) == {tuple(range(350))}


def test_last_messages_of_the_task_come_before_its_first_ones_there(roads: Roads) -> None:
    task, asker, peers = roads.wanderer(), roads.task(roads.last), roads.everywhere()
    wid = ask(asker, task.tid, roads.away.name)
    order = task.await_freeze()
    for n in range(100):
        for peer in peers:
            task.send(peer.tid, TAG, ints(n) + bytes(3000))
    task.send_image()
    task.say_frozen(order.epoch)
    task.arrive()
    task.go_on()
    for n in range(100, 200):
        for peer in peers:
            task.send(peer.tid, TAG, ints(n))
    assert answer(asker, wid) == MoveReply(0)
    for peer in peers:
        assert [peer.receive().ints()[0] for _ in range(200)] == list(range(200))


def test_task_goes_on_and_comes_home_again(roads: Roads) -> None:
    task, senders = roads.wanderer(), roads.everywhere()
    goals = [roads.away, roads.last, roads.home, roads.last, roads.home]
    for turn, goal in enumerate(goals):
        if goal is not goals[turn - 1]:
            move(task, senders[turn % len(senders)], goal)
        for sender in senders:
            number(sender, task.tid, range(turn * 20, turn * 20 + 20))
    got = numbers(task, senders, 20 * len(goals))
    assert set(map(tuple, got.values())) == {tuple(range(20 * len(goals)))}


def test_task_is_asked_to_be_where_it_is(roads: Roads) -> None:
    task, asker = roads.wanderer(), roads.task(roads.away)
    wid = ask(asker, task.tid, roads.home.name)
    assert answer(asker, wid) == MoveReply(0)


def test_task_that_asks_for_its_own_move_is_answered_there(roads: Roads) -> None:
    task = roads.wanderer()
    wid = ask(task.raw, task.tid, roads.away.name)
    task.move()
    assert answer(task.raw, wid) == MoveReply(0)


def test_request_that_waits_is_answered_where_the_task_is(roads: Roads) -> None:
    """One that waits at the master, whose task moves away from there."""
    task, other = roads.wanderer(), roads.task(roads.home)
    wid, name = task.raw.next_wid(), f"wanted{task.tid}"
    wish = MailRequest(c.TMDB_GET, task.tid, name, 0, c.PvmMboxWaitForInfo)
    task.raw.send(message(c.TM_DB, wish.encode(), src=task.tid, wid=wid))
    move(task, other, roads.away)
    entry = MailRequest(c.TMDB_PUT, other.tid, name, -1, 0, bytes(32))
    other.request(c.TM_DB, entry.encode())
    came = task.receive()
    assert (came.tag, came.wid) == (c.TM_DB, wid)


def test_status_list_and_signals_find_the_task(roads: Roads) -> None:
    task, asker = roads.wanderer(), roads.task(roads.home)
    move(task, asker, roads.away)
    for one in roads.everywhere():
        assert one.request(c.TM_PSTAT, ints(task.tid)).ints() == (0,)
        (entry,) = TaskReply.decode(one.request(c.TM_TASK, ints(task.tid)).body).tasks
        where = one.request(c.TM_TASK, ints(roads.machine.agents[1].tid)).body
        assert entry.host == TaskReply.decode(where).tasks[0].host
        assert entry.pid == task.body.pid
        one.request(c.TM_SENDSIG, SignalRequest(task.tid, signal.SIGUSR1).encode())
        wait_until(lambda: signal.SIGUSR1 in task.body.order("signals"), "signal")


def test_signal_during_the_move_waits_for_the_task(roads: Roads) -> None:
    task, asker = roads.wanderer(), roads.task(roads.last)
    wid = ask(asker, task.tid, roads.away.name)
    task.await_freeze()
    asker.request(c.TM_SENDSIG, SignalRequest(task.tid, signal.SIGUSR1).encode())
    assert asker.request(c.TM_PSTAT, ints(task.tid)).ints() == (0,)
    assert task.body.order("signals") == [62]
    assert task.order is not None
    task.send_image()
    task.say_frozen(task.order.epoch)
    task.arrive()
    task.go_on()
    assert answer(asker, wid) == MoveReply(0)
    wait_until(lambda: task.body.order("signals") == [signal.SIGUSR1], "signal")


def test_end_of_a_task_that_has_moved_is_told_once(roads: Roads) -> None:
    """To who has asked before the move, and who asks afterwards."""
    task, early, late = roads.wanderer(), roads.everywhere(), roads.everywhere()

    def watch(watchers: list) -> None:
        for one in watchers:
            wish = NotifyRequest(c.PvmTaskExit, 0, TAG, 1, [task.tid])
            one.send(message(c.TM_NOTIFY, wish.encode(), src=one.tid))
            one.sync()

    watch(early)
    move(task, early[-1], roads.away)
    watch(late)
    task.body.exit(0)
    for one in [*early, *late]:
        came = one.receive()
        assert (came.tag, came.ints()) == (TAG, (task.tid,))
    for one in [*early, *late]:
        assert {tag for tag, _ in one.sync()} == {c.TM_PSTAT}
        assert one.request(c.TM_PSTAT, ints(task.tid)).ints() == (c.PvmNoTask,)


def test_notices_go_with_the_task_that_wants_them(roads: Roads) -> None:
    task, others = roads.wanderer(), roads.everywhere()
    for one in others:
        wish = NotifyRequest(c.PvmTaskExit, 0, TAG, 1, [one.tid])
        task.raw.send(message(c.TM_NOTIFY, wish.encode(), src=task.tid))
    task.raw.sync()
    move(task, others[0], roads.away)
    for one in others:
        one.socket.close()
        assert task.receive().ints() == (one.tid,)


def test_output_follows_the_task_and_its_end_is_told_once(roads: Roads) -> None:
    parent = roads.task(roads.home)
    task = roads.spawned(roads.away, parent)
    task.body.order("print", "one ")
    wid = ask(parent, task.tid, roads.last.name if len(roads.hosts) > 2 else roads.home.name)
    order = task.await_freeze()
    task.body.order("print", "two ")
    task.send_image()
    task.say_frozen(order.epoch)
    task.arrive()
    task.go_on()
    task.body.order("print", "three")
    task.body.exit(3)
    text, ends, answers = b"", [], []
    while c.WIRE_TO_STATUS not in ends or not answers:
        came = parent.receive()
        if came.tag == c.TM_MIGRATE:
            answers.append((came.wid, MoveReply.decode(came.body)))
        elif came.tag == c.TC_OUTPUT and OutputEnd.decode(came.body).op > 0:
            text += OutputText.decode(came.body).text
        elif came.tag == c.TC_OUTPUT:
            ends.append(OutputEnd.decode(came.body).op)
            last = came.body
    assert text == b"one two three"
    assert sorted(ends[:2]) == sorted([c.TO_SPAWN, c.TO_NEW])
    assert ends[2:] == [c.TO_EOF, c.WIRE_TO_STATUS]
    assert OutputStatus.decode(last).status == 3 << 8
    assert answers == [(wid, MoveReply(0))]
