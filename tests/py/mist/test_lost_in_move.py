# SPDX-License-Identifier: MIT
"""Hosts that are lost, or come, while a task moves or has moved."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest
from support.impostors.rawtask import Connector, RawTask, ints, message
from support.impostors.wanderer import (
    Desk,
    Roads,
    Wanderer,
    answer,
    ask,
    environment,
    move,
    number,
    numbers,
)
from support.machines.machine import Machine
from support.machines.vm import wait_until

from pvm3py.wire import constants as c
from pvm3py.wire.mailbox import MailRequest
from pvm3py.wire.moves import MoveReply
from pvm3py.wire.task import NotifyRequest

TAG = 7


@pytest.fixture
def roads(request: pytest.FixtureRequest, tmp_path: Path, connector: Connector) -> Iterator[Roads]:
    """A machine of three hosts that a test may break; those silent for so many seconds are lost."""
    with Desk(tmp_path) as desk:
        env = environment(tmp_path) | {"PVM_HOST_TIMEOUT": getattr(request, "param", "5")}
        machine = Machine(("ours",) * 3, network="loopback", env=env)
        try:
            with Roads(machine, desk, connector) as roads:
                yield roads
        finally:
            machine.bed.stop()


def watch(watcher: RawTask, what: int, tid: int) -> None:
    """Have a task told of the end of a task or host."""
    wish = NotifyRequest(what, 0, TAG, 1, [tid])
    watcher.send(message(c.TM_NOTIFY, wish.encode(), src=watcher.tid))
    watcher.sync()


def host_tid(roads: Roads, number: int) -> int:
    """The tid of a host."""
    return roads.machine.here.config()[roads.hosts[number].name]


@pytest.mark.parametrize("frozen", [False, True])
def test_task_goes_on_when_its_goal_is_lost(roads: Roads, frozen: bool) -> None:
    task, asker, senders = roads.wanderer(), roads.task(roads.home), roads.everywhere()
    wid = ask(asker, task.tid, roads.away.name)
    order = task.await_freeze()
    if frozen:
        task.send_image("ask")
        task.say_frozen(order.epoch)
        task.arrive_to_fail()
    senders = [senders[0], senders[2]]
    for sender in senders:
        number(sender, task.tid, range(50))
    roads.away.kill_daemon()
    reply = answer(asker, wid)
    assert reply.code in ((c.PvmHostFail,) if frozen else (c.PvmHostFail, c.PvmBusy))
    task.await_thaw()
    for sender in senders:
        number(sender, task.tid, range(50, 100))
    assert set(map(tuple, numbers(task, senders, 100).values())) == {tuple(range(100))}
    move(task, asker, roads.last)


def test_task_has_ended_when_its_host_is_lost_before_it_has_gone(roads: Roads) -> None:
    task, asker, watcher = (
        roads.wanderer(roads.away),
        roads.task(roads.home),
        roads.task(roads.last),
    )
    watch(watcher, c.PvmTaskExit, task.tid)
    wid = ask(asker, task.tid, roads.last.name)
    task.await_freeze()
    task.send_image("ask")
    restarter = task.arrive_to_fail()
    roads.away.kill_daemon()
    assert answer(asker, wid).code == c.PvmHostFail
    came = watcher.receive()
    assert (came.tag, came.ints()) == (TAG, (task.tid,))
    wait_until(lambda: not restarter.alive(), "the restarter has been ended")
    for one in (asker, watcher):
        assert one.request(c.TM_PSTAT, ints(task.tid)).ints() == (c.PvmNoTask,)
    assert (TAG, 0) not in watcher.sync()


def test_task_outlives_the_host_where_it_began(roads: Roads) -> None:
    """What it had asked for there is told where it is."""
    task, asker = roads.wanderer(roads.away), roads.task(roads.home)
    birth = host_tid(roads, 1)
    watch(task.raw, c.PvmHostDelete, birth)
    watch(asker, c.PvmTaskExit, task.tid)
    move(task, asker, roads.last)
    roads.away.kill_daemon()
    came = task.receive()
    assert (came.tag, came.ints()) == (TAG, (birth,))
    number(asker, task.tid, range(10))
    assert numbers(task, [asker], 10)[asker.tid] == list(range(10))
    assert asker.request(c.TM_PSTAT, ints(task.tid)).ints() == (0,)
    task.body.exit(0)
    came = asker.receive()
    assert (came.tag, came.ints()) == (TAG, (task.tid,))


def waits(task: Wanderer) -> tuple[int, str]:
    """A request of a task that waits for an entry of the mailbox: its wait id, and the name."""
    wid, name = task.raw.next_wid(), f"wanted{task.tid}"
    wish = MailRequest(c.TMDB_GET, task.tid, name, 0, c.PvmMboxWaitForInfo)
    task.raw.send(message(c.TM_DB, wish.encode(), src=task.tid, wid=wid))
    return wid, name


@pytest.mark.parametrize("back", [False, True], ids=["once", "there-and-back"])
def test_call_that_waits_at_a_host_that_is_lost_fails(roads: Roads, back: bool) -> None:
    """Also if the task has been at another host since, or there again."""
    task, asker = roads.wanderer(roads.away), roads.task(roads.home)
    wid, _ = waits(task)
    for host in (roads.home, roads.away, roads.last) if back else (roads.last,):
        move(task, asker, host)
    roads.away.kill_daemon()
    came = task.receive()
    assert (came.tag, came.wid, came.ints()) == (c.TM_DB, wid, (c.PvmHostFail,))


def test_call_that_was_answered_does_not_fail_later(roads: Roads) -> None:
    task, asker = roads.wanderer(roads.away), roads.task(roads.home)
    wid, name = waits(task)
    move(task, asker, roads.last)
    entry = MailRequest(c.TMDB_PUT, asker.tid, name, -1, 0, bytes(32))
    asker.request(c.TM_DB, entry.encode())
    came = task.receive()
    assert (came.tag, came.wid) == (c.TM_DB, wid)
    asker.sync()
    watch(task.raw, c.PvmHostDelete, host_tid(roads, 1))
    roads.away.kill_daemon()
    assert task.receive().tag == TAG
    assert (c.TM_DB, wid) not in task.raw.sync()


def test_task_ends_with_the_host_where_it_is(roads: Roads) -> None:
    task, watchers = roads.wanderer(), [roads.task(roads.home), roads.task(roads.last)]
    for watcher in watchers:
        watch(watcher, c.PvmTaskExit, task.tid)
    move(task, watchers[0], roads.away)
    roads.away.kill_daemon()
    for watcher in watchers:
        came = watcher.receive()
        assert (came.tag, came.ints()) == (TAG, (task.tid,))
        assert watcher.request(c.TM_PSTAT, ints(task.tid)).ints() == (c.PvmNoTask,)


def test_move_is_not_kept_up_by_another_host_that_is_lost(roads: Roads) -> None:
    task, asker = roads.wanderer(), roads.task(roads.home)
    roads.last.kill_daemon()
    wid = ask(asker, task.tid, roads.away.name)
    task.move()
    assert answer(asker, wid) == MoveReply(0)


@pytest.mark.parametrize("roads", ["60"], indirect=True)
def test_move_is_off_if_another_host_does_not_answer(roads: Roads) -> None:
    task, asker = roads.wanderer(), roads.task(roads.home)
    os.kill(roads.last.pid, signal.SIGSTOP)
    try:
        reply = answer(asker, ask(asker, task.tid, roads.away.name))
        assert (reply.code, reply.reason) == (c.PvmBusy, c.WIRE_WHY_SLOW)
        number(asker, task.tid, range(10))
        assert numbers(task, [asker], 10)[asker.tid] == list(range(10))
    finally:
        os.kill(roads.last.pid, signal.SIGCONT)
    move(task, asker, roads.away)


def test_new_host_knows_where_tasks_are(roads: Roads) -> None:
    task, asker = roads.wanderer(), roads.task(roads.home)
    assert roads.machine.here.code("delhosts", roads.last.name) == 1
    roads.last.wait_gone()
    move(task, asker, roads.away)
    roads.machine.here.add(roads.last.name)
    late = roads.task(roads.last)
    number(late, task.tid, range(10))
    assert numbers(task, [late], 10)[late.tid] == list(range(10))


def test_addition_of_hosts_ends_a_move(roads: Roads) -> None:
    task, asker = roads.wanderer(), roads.task(roads.home)
    assert roads.machine.here.code("delhosts", roads.last.name) == 1
    roads.last.wait_gone()
    wid = ask(asker, task.tid, roads.away.name)
    task.await_freeze()
    task.send_image("ask")
    assert task.order is not None
    task.say_frozen(task.order.epoch)
    task.arrive_to_fail()
    roads.machine.here.add(roads.last.name)
    reply = answer(asker, wid)
    assert (reply.code, reply.reason) == (c.PvmBusy, c.WIRE_WHY_HOSTS)
    task.await_thaw()
    move(task, asker, roads.last)
