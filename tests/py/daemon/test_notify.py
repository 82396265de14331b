# SPDX-License-Identifier: MIT
"""Requests to be told of ends and hosts: what comes when, how many there may be."""

from __future__ import annotations

import pytest
from support.impostors.asking import HOST, leave, notify, wait_message
from support.impostors.rawtask import RawTask, code, ints
from support.machines.vm import VirtualMachine, wait_until

from pvm3py.pvmd.state.dealings import NOTICES_MAX
from pvm3py.wire import constants as c


def test_exit_is_notified_once(task: RawTask, other: RawTask) -> None:
    notify(task, c.PvmTaskExit, 11, [other.tid], wid=77)
    task.sync()
    leave(other)
    found = wait_message(task, 11)
    assert (found.ints(), found.ctx, found.wid) == ((other.tid,), 5, 77)
    assert {tag for tag, _ in task.sync()} == {c.TM_PSTAT}


def test_exit_of_a_dead_task_is_notified_at_once(task: RawTask) -> None:
    notify(task, c.PvmTaskExit, 12, [HOST | 0x3FFFF, c.TIDPVMD | HOST])
    assert wait_message(task, 12).ints() == (HOST | 0x3FFFF,)
    assert wait_message(task, 12).ints() == (c.TIDPVMD | HOST,)


def test_cancelled_notice_is_delivered_at_once(task: RawTask, other: RawTask) -> None:
    for tag in (13, 14):
        notify(task, c.PvmTaskExit, tag, [other.tid])
    notify(task, c.PvmTaskExit + c.PvmNotifyCancel, 13, [other.tid])
    assert wait_message(task, 13).ints() == (other.tid,)
    leave(other)
    assert task.receive().tag == 14


def test_host_deletion_notices(task: RawTask) -> None:
    notify(task, c.PvmHostDelete, 15, [0x80000])
    assert wait_message(task, 15).ints() == (0x80000,)
    notify(task, c.PvmHostDelete, 16, [HOST])
    notify(task, c.PvmHostDelete + c.PvmNotifyCancel, 16, [c.TIDPVMD | HOST])
    assert wait_message(task, 16).ints() == (HOST,)


def test_each_of_many_dead_tasks_is_told_of(task: RawTask, other: RawTask) -> None:
    """In one request, as libraries make it that do not know of the bound; others are served."""
    dead = [HOST | 1000 + number for number in range(NOTICES_MAX + 1)]
    notify(task, c.PvmTaskExit, 19, dead)
    assert wait_message(task, 19).ints() == (dead[0],)
    other.request(c.TM_CONFIG)
    for tid in dead[1:]:
        assert task.receive().ints() == (tid,)


def test_dead_tasks_are_told_of_beyond_the_bound(
    vm: VirtualMachine, task: RawTask, other: RawTask
) -> None:
    notify(task, c.PvmTaskExit, 17, [other.tid] * NOTICES_MAX)
    notify(task, c.PvmTaskExit, 18, [HOST | 0x3FFFF, other.tid, HOST | 0x3FFFE])
    assert wait_message(task, 18).ints() == (HOST | 0x3FFFF,)
    assert wait_message(task, 18).ints() == (HOST | 0x3FFFE,)
    task.request(c.TM_CONFIG)
    assert "(PvmOutOfRes)" in vm.log()


def test_request_with_an_answer_tells_how_many_notices_may_follow(
    task: RawTask, other: RawTask
) -> None:
    def ask(what: int, count: int, *tids: int) -> int:
        return code(task, c.TM_NOTICES, ints(what, 5, 17, count, *tids))

    assert ask(c.PvmTaskExit, 2, other.tid, other.tid) == NOTICES_MAX - 2
    assert ask(c.PvmHostDelete, 1, HOST) == NOTICES_MAX - 3
    assert ask(c.PvmHostAdd, 1) == NOTICES_MAX - 4
    assert ask(c.PvmHostAdd | c.PvmNotifyCancel, 1) == NOTICES_MAX - 3
    notify(task, c.PvmTaskExit, 17, [other.tid] * (NOTICES_MAX - 3))
    assert ask(c.PvmTaskExit, 1, other.tid) == c.PvmOutOfRes
    assert ask(c.PvmHostAdd, 1) == c.PvmOutOfRes
    assert ask(c.PvmTaskExit, 2, other.tid) == c.PvmBadParam


@pytest.mark.parametrize("what", [c.PvmTaskExit, c.PvmHostDelete, c.PvmHostAdd])
def test_outstanding_notices_are_bounded(
    vm: VirtualMachine, task: RawTask, other: RawTask, what: int
) -> None:
    refusal = f"TM_NOTIFY of t{task.tid:x}: {NOTICES_MAX} notices are outstanding"
    about = HOST if what == c.PvmHostDelete else other.tid
    notify(task, c.PvmTaskExit, 17, [other.tid] * NOTICES_MAX)
    notify(task, what, 18, [about])
    wait_until(lambda: vm.log().count(refusal) == 1, "it is refused")
    assert "(PvmOutOfRes)" in vm.log()
    # One less: there is room for another one.
    notify(task, c.PvmTaskExit + c.PvmNotifyCancel, 17, [other.tid])
    notify(task, what, 18, [about])
    assert wait_message(task, 17).ints() == (other.tid,)
    task.request(c.TM_CONFIG)
    assert vm.log().count(refusal) == 1
