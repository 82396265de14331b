# SPDX-License-Identifier: MIT
"""Requests to the mailbox: what comes back, rights, waits, and whose end removes entries."""

from __future__ import annotations

from support.impostors.asking import leave, mail, notify, put, wait_message
from support.impostors.rawtask import Connector, RawTask, code, ints, message
from support.machines.vm import VirtualMachine
from support.vectors.mail import MailReply, StoredMessage

from pvm3py.pvmd.state.dealings import WAITS_BYTES
from pvm3py.wire import constants as c
from pvm3py.wire.mailbox import NamesReply


def test_mail_comes_back_behind_an_empty_fragment(task: RawTask) -> None:
    for text in (b"", b"datum", bytes(100000)):
        assert put(task, b"back", c.PvmMboxOverWritable, text) == 0
        reply = MailReply.decode(task.request(c.TM_DB, mail(task, c.TMDB_GET, b"back", 0, 0)).body)
        message = StoredMessage.decode(reply.message)
        assert (reply.index, message.head.tag) == (0, 7)
        assert message.fragments == [b"", text] if text else [b""]


def test_mailbox_indices_and_rights(task: RawTask, other: RawTask) -> None:
    direct = 7 << c.PvmMboxDirectIndexShift
    assert put(task, b"m", c.PvmMboxMultiInstance) == 0
    assert put(other, b"m", c.PvmMboxMultiInstance) == 1
    assert put(other, b"m", c.PvmMboxMultiInstance | direct) == 7
    assert put(other, b"m", c.PvmMboxMultiInstance | direct) == 8
    assert put(other, b"m", c.PvmMboxMultiInstance, index=0) == c.PvmDenied
    assert put(other, b"m", 0) == c.PvmDenied
    assert put(task, b"m", c.PvmMboxOverWritable) == 0
    assert put(other, b"m", 0) == 0
    assert code(task, c.TM_DB, mail(task, c.TMDB_REMOVE, b"m", 0, 0)) == c.PvmDenied
    assert code(other, c.TM_DB, mail(other, c.TMDB_REMOVE, b"m", 0, 0)) == 0
    assert code(other, c.TM_DB, mail(other, c.TMDB_REMOVE, b"m", 0, 0)) == c.PvmNotFound
    assert code(task, c.TM_DB, mail(task, c.TMDB_GET, b"m", 0, 0)) == c.PvmNotFound
    assert code(task, c.TM_DB, mail(task, c.TMDB_GET, b"m", 2, c.PvmMboxFirstAvail)) == 7
    assert code(task, c.TM_DB, mail(task, c.TMDB_GET, b"m", 7, c.PvmMboxReadAndDelete)) == -8
    assert code(other, c.TM_DB, mail(other, c.TMDB_GET, b"m", 7, c.PvmMboxReadAndDelete)) == 7
    assert code(other, c.TM_DB, mail(other, c.TMDB_GET, b"m", 7, 0)) == c.PvmNotFound


def test_get_waits_for_put(task: RawTask, other: RawTask) -> None:
    wid = task.next_wid()
    body = mail(task, c.TMDB_GET, b"later", 0, c.PvmMboxWaitForInfo)
    task.send(message(c.TM_DB, body, src=task.tid, wid=wid))
    assert (c.TM_DB, wid) not in task.sync()
    assert put(other, b"later", 0) == 0
    assert task.receive().wid == wid


def test_entries_go_with_their_owner_unless_persistent(task: RawTask, other: RawTask) -> None:
    put(other, b"gone", 0)
    put(other, b"stays", c.PvmMboxPersistent)
    leave(other)
    reply = task.request(c.TM_DB, mail(task, c.TMDB_NAMES, b"*", 0, 0))
    classes = {box.name: box.entries for box in NamesReply.decode(reply.body).classes}
    assert "gone" not in classes
    assert [(entry.index, entry.owner) for entry in classes["stays"]] == [(0, 0)]
    assert put(task, b"stays", 0) == c.PvmDenied
    assert code(task, c.TM_DB, mail(task, c.TMDB_RESET, b"", -1, 0, ints(0))) == 0
    assert code(task, c.TM_DB, mail(task, c.TMDB_GET, b"stays", 0, 0)) == c.PvmNotFound


def test_entries_are_gone_when_their_owner_s_end_is_told(
    vm: VirtualMachine, connector: Connector, task: RawTask
) -> None:
    for _ in range(20):
        with RawTask(vm.address, connector) as raw:
            owner = raw.enrol(vm.tmp)
            assert put(owner, b"told", 0) == 0
            notify(task, c.PvmTaskExit, 13, [owner.tid])
            task.sync()
        assert wait_message(task, 13).ints() == (owner.tid,)
        assert code(task, c.TM_DB, mail(task, c.TMDB_GET, b"told", 0, 0)) == c.PvmNotFound


def test_entries_are_gone_when_their_owner_has_closed(
    vm: VirtualMachine, connector: Connector, task: RawTask
) -> None:
    for _ in range(20):
        with RawTask(vm.address, connector) as raw:
            assert put(raw.enrol(vm.tmp), b"closed", 0) == 0
            raw.request(c.TM_EXIT)
            raw.wait_closed()
        assert code(task, c.TM_DB, mail(task, c.TMDB_GET, b"closed", 0, 0)) == c.PvmNotFound


def test_reset_with_kill_dooms_entries_of_tasks_not_kept(task: RawTask, other: RawTask) -> None:
    put(task, b"kept", c.PvmMboxPersistent)
    put(other, b"doomed", c.PvmMboxPersistent)
    code(task, c.TM_DB, mail(task, c.TMDB_RESET, b"", -1, 1, ints(1, task.tid)))
    assert code(task, c.TM_DB, mail(task, c.TMDB_GET, b"doomed", 0, 0)) == 0
    leave(other)
    assert code(task, c.TM_DB, mail(task, c.TMDB_GET, b"doomed", 0, 0)) == c.PvmNotFound
    assert code(task, c.TM_DB, mail(task, c.TMDB_GET, b"kept", 0, 0)) == 0
    code(task, c.TM_DB, mail(task, c.TMDB_REMOVE, b"kept", 0, 0))


def test_waits_of_a_task_are_bounded_and_end_with_it(task: RawTask, other: RawTask) -> None:
    body = mail(other, c.TMDB_GET, b"never", 0, c.PvmMboxWaitForInfo)
    for wid in range(100):
        other.send(message(c.TM_DB, body, src=other.tid, wid=1000 + wid))
    assert code(other, c.TM_DB, body) == c.PvmOutOfRes
    leave(other)
    assert put(task, b"never", 0) == 0


def test_long_requests_that_wait_are_bounded_in_bytes(task: RawTask, other: RawTask) -> None:
    long = b"n" * (WAITS_BYTES // 3)
    body = mail(other, c.TMDB_GET, long, 0, c.PvmMboxWaitForInfo)
    for wid in range(2):
        other.send(message(c.TM_DB, body, src=other.tid, wid=1000 + wid))
    assert code(other, c.TM_DB, body) == c.PvmOutOfRes
    # The room is there again when they have been answered, and a single one may be longer.
    assert put(task, long, 0) == 0
    for _ in range(2):
        assert other.receive().ints()[0] == 0
    longer = mail(other, c.TMDB_GET, b"m" * 2 * WAITS_BYTES, 0, c.PvmMboxWaitForInfo)
    other.send(message(c.TM_DB, longer, src=other.tid, wid=2000))
    short = mail(other, c.TMDB_GET, b"short", 0, c.PvmMboxWaitForInfo)
    assert code(other, c.TM_DB, short) == c.PvmOutOfRes
