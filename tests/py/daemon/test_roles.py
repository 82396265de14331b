# SPDX-License-Identifier: MIT
"""Requests of system tasks: taskers, hosters, tracers, resource managers."""

from __future__ import annotations

import pytest
from support.impostors.asking import HOST, leave, wait_message
from support.impostors.rawtask import Connector, RawTask, code, ints, message, string
from support.machines.vm import VirtualMachine

from pvm3py.wire import constants as c
from pvm3py.wire.task import SchedReply, Settings


@pytest.mark.parametrize("tag", [c.TM_TASKER, c.TM_HOSTER], ids=["tasker", "hoster"])
def test_a_role_has_one_holder(task: RawTask, other: RawTask, tag: int) -> None:
    assert code(task, tag, ints(0)) == c.PvmNoTask
    assert code(task, tag, ints(1)) == 0
    assert code(other, tag, ints(1)) == c.PvmAlready
    assert code(other, tag, ints(0)) == c.PvmNoTask
    assert code(task, tag, ints(0)) == 0
    assert code(other, tag, ints(1)) == 0
    leave(other)
    assert code(task, tag, ints(1)) == 0
    assert code(task, tag, ints(0)) == 0


def test_tracer_collects_tasks_without_target(
    vm: VirtualMachine, connector: Connector, task: RawTask
) -> None:
    body = ints(1, 1, 2, 3, 4) + string(b"@" * 35) + ints(0, 1)
    assert code(task, c.TM_TRACER, body) == 0
    with RawTask(vm.address, connector) as late:
        late.enrol(vm.tmp)
        assert [task.receive().tag for _ in range(2)] == [2, 2]  # what items are, the new task
        found = task.receive()
        assert (found.tag, found.ctx, found.ints()) == (4, 3, (late.tid, c.TO_NEW, -1))
        settings = Settings.decode(late.request(c.TM_GETOPT).body)
        assert (settings.outtid, settings.trctid, settings.trctag) == (task.tid, task.tid, 2)
    assert task.receive().ints() == (late.tid, c.TO_EOF)
    assert code(task, c.TM_TRACER, ints(0)) == 0


def test_resource_manager(vm: VirtualMachine, connector: Connector, task: RawTask) -> None:
    reply = SchedReply.decode(task.request(c.TM_SCHED).body)
    assert (reply.previous, reply.master) == (0, HOST)
    with RawTask(vm.address, connector) as late:
        late.enrol(vm.tmp)
        told = task.receive()
        assert (told.tag, told.ints()) == (c.SM_EXECACK, (1, late.tid))
        assert Settings.decode(late.request(c.TM_GETOPT).body).schedtid == task.tid
    ended = task.receive()
    assert (ended.tag, ended.ints()) == (c.SM_TASKX, (late.tid, 0, 0, 0, 0, 0))
    leave(task)
    with RawTask(vm.address, connector) as late:
        assert Settings.decode(late.enrol(vm.tmp).request(c.TM_GETOPT).body).schedtid == 0


def test_exec_by_another_than_the_resource_manager_is_denied(task: RawTask) -> None:
    body = ints(0) + string(b"/bin/true") + ints(0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1)
    task.send(message(c.SM_EXEC, body, src=task.tid, ctx=0, wid=9))
    assert wait_message(task, c.SM_EXECACK).ints() == (c.PvmDenied,)


def test_resource_manager_hands_over(task: RawTask, other: RawTask) -> None:
    def manager() -> int:
        return Settings.decode(task.request(c.TM_GETOPT).body).schedtid

    def hand_over(sender: RawTask, receiver: int) -> None:
        sender.send(message(c.SM_HANDOFF, ints(receiver), src=sender.tid, ctx=0))
        sender.sync()

    task.request(c.TM_SCHED)
    for sender, receiver in ((other, other.tid), (task, HOST | 0x3FFFF), (task, HOST)):
        hand_over(sender, receiver)
        assert manager() == task.tid
    hand_over(task, other.tid)
    assert manager() == other.tid
    leave(other)
    assert manager() == 0
