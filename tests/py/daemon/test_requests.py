# SPDX-License-Identifier: MIT
"""Every request of a task to the daemon: its answer, its errors, malformed ones included."""

from __future__ import annotations

import time
from collections.abc import Iterator

import pytest
from support.impostors.rawtask import (
    ClosedError,
    Connector,
    Message,
    RawTask,
    code,
    ints,
    message,
    string,
)
from support.machines.vm import VirtualMachine, wait_until
from support.vectors.mail import MailReply, MessageHead, StoredMessage

from pvm3py.pvmd.state.dealings import NOTICES_MAX, WAITS_BYTES
from pvm3py.wire import constants as c
from pvm3py.wire.mailbox import NamesReply
from pvm3py.wire.task import (
    AddHostReply,
    Codes,
    ConfigReply,
    EnrolReply,
    Extension,
    HostSyncReply,
    SchedReply,
    Settings,
    TaskReply,
    extension,
)

HOST = 0x40000


@pytest.fixture
def other(vm: VirtualMachine, connector: Connector) -> Iterator[RawTask]:
    with RawTask(vm.address, connector) as raw:
        yield raw.enrol(vm.tmp)


def wait_message(task: RawTask, tag: int) -> Message:
    """The next message with this tag."""
    while (found := task.receive()).tag != tag:
        pass
    return found


def leave(task: RawTask) -> None:
    """TM_EXIT, and wait for the end of the connection."""
    task.request(c.TM_EXIT)
    task.wait_closed()


# ---- enrolment --------------------------------------------------------------


def test_local_tids_are_consecutive(task: RawTask, other: RawTask) -> None:
    assert other.tid == task.tid + 1
    assert task.tid & c.TIDHOST == HOST


def answered_extension(
    vm: VirtualMachine, connector: Connector, asked: Extension
) -> Extension | None:
    """What the daemon answers to a task with this extension block."""
    with RawTask(vm.address, connector) as raw:
        path = vm.tmp / "auth"
        path.touch(0o600)
        body = ints(c.TDPROTOCOL) + string(str(path).encode())
        reply = raw.request(c.TM_CONNECT, body)
        assert path.read_bytes() == b"/"
        path.unlink()
        with open(reply.body[12:-1].split(b"\0")[0], "wb") as theirs:
            theirs.write(b"x")
        answer = raw.request(c.TM_CONN2, ints(connector.pid, 0) + string(b"") + asked.encode())
        reply2 = EnrolReply.decode(answer.body)
        assert reply2.ack == 1
        assert reply2.settings.fragment == c.WIRE_FRAG_DEFAULT
        return reply2.extension


@pytest.mark.parametrize(
    "announced,granted",
    [(0, 0), (c.WIRE_EXT_MEMORY, c.WIRE_EXT_MEMORY), (-1, c.WIRE_EXT_MEMORY)],
)
def test_extension_block_is_answered(
    vm: VirtualMachine, connector: Connector, announced: int, granted: int
) -> None:
    asked = Extension(c.WIRE_EXT_MAGIC, announced, 1 << 20)
    assert answered_extension(vm, connector, asked) == extension(c.WIRE_FRAG_LARGE, granted)


def test_daemon_without_memory_grants_it_to_nobody(connector: Connector) -> None:
    asked = Extension(c.WIRE_EXT_MAGIC, c.WIRE_EXT_MEMORY, 1 << 20)
    with VirtualMachine("ours", env={"PVM_SHM": "off"}) as machine:
        assert answered_extension(machine, connector, asked) == extension(c.WIRE_FRAG_LARGE)


@pytest.mark.parametrize(
    ("announced", "further", "said"),
    [
        (None, (), "None"),
        (6, (), "capabilities=6, fragment=65536, signal=None, image=None"),
        (-1, (62,), "capabilities=-1, fragment=65536, signal=62, image=None"),
        (2, (62, 3), "capabilities=2, fragment=65536, signal=62, image=3"),
        (2, (62, 3, 99), "capabilities=2, fragment=65536, signal=62, image=3"),
    ],
    ids=["3.4.6", "no further word", "one", "two", "more than are known"],
)
def test_what_a_library_can_is_kept(
    vm: VirtualMachine,
    connector: Connector,
    announced: int | None,
    further: tuple[int, ...],
    said: str,
) -> None:
    with RawTask(vm.address, connector).enrol(vm.tmp, 0, announced, further) as task:
        assert said in announced_by(vm, task)


def announced_by(vm: VirtualMachine, task: RawTask) -> str:
    """What the daemon's list of tasks says of the library of one, which asks for it."""
    before = len(vm.log())
    assert task.request(c.TM_TICKLE, ints(1, 2)).ints() == (0,)
    lines = vm.log()[before:].splitlines()
    (line,) = [line for line in lines if f"task t{task.tid:x} " in line]
    return line.partition(" can ")[2]


@pytest.mark.parametrize(
    "body",
    [
        ints(c.TDPROTOCOL + 1) + string(b"/tmp/x"),
        ints(c.TDPROTOCOL) + string(b"/nowhere/at/all"),
        ints(c.TDPROTOCOL) + string(b"/dev/null"),
        ints(c.TDPROTOCOL) + string(b"/etc/passwd"),
    ],
    ids=["version", "no file", "device", "not empty"],
)
def test_refused_enrolment_is_answered_and_closed(
    vm: VirtualMachine, connector: Connector, body: bytes
) -> None:
    with RawTask(vm.address, connector) as raw:
        reply = raw.request(c.TM_CONNECT, body)
        assert reply.body == ints(c.TDPROTOCOL, 0) + string(b"")
        raw.wait_closed()


def test_second_round_without_the_first_is_refused(
    vm: VirtualMachine, connector: Connector
) -> None:
    with RawTask(vm.address, connector) as raw:
        assert code(raw, c.TM_CONN2, ints(connector.pid, 0)) == 0
        raw.wait_closed()


def test_unwritten_authentication_file_is_refused(vm: VirtualMachine, connector: Connector) -> None:
    with RawTask(vm.address, connector) as raw:
        path = vm.tmp / "auth2"
        path.touch(0o600)
        raw.request(c.TM_CONNECT, ints(c.TDPROTOCOL) + string(str(path).encode()))
        path.unlink()
        assert code(raw, c.TM_CONN2, ints(connector.pid, 0)) == 0
        raw.wait_closed()
    assert not [p for p in vm.tmp.glob("pvmtmp*") if not p.is_socket()]


def test_request_before_enrolment_closes(vm: VirtualMachine, connector: Connector) -> None:
    with RawTask(vm.address, connector) as raw:
        raw.send(message(c.TM_CONFIG))
        raw.wait_closed()


# ---- hosts ------------------------------------------------------------------


def test_config(task: RawTask) -> None:
    (host,) = ConfigReply.decode(task.request(c.TM_CONFIG).body).hosts
    assert (host.tid, host.arch, host.speed) == (HOST, "LINUX64", 1000)


def test_mstat(task: RawTask) -> None:
    (host,) = ConfigReply.decode(task.request(c.TM_CONFIG).body).hosts
    assert code(task, c.TM_MSTAT, string(host.name.encode())) == 0
    assert code(task, c.TM_MSTAT, string(b"nohost")) == c.PvmNoHost


def test_hostsync(task: RawTask) -> None:
    reply = HostSyncReply.decode(task.request(c.TM_HOSTSYNC, ints(HOST)).body)
    assert reply.status == 0
    assert abs(reply.seconds - time.time()) < 10
    assert 0 <= reply.microseconds < 1000000
    assert task.request(c.TM_HOSTSYNC, ints(0x80000)).ints() == (c.PvmNoHost,)


def test_adding_a_host_fails_with_a_code(task: RawTask) -> None:
    reply = task.request(c.TM_ADDHOST, ints(1) + string(b"no.such.host.invalid"))
    (host,) = AddHostReply.decode(reply.body).hosts
    assert host.tid in (c.PvmNoHost, c.PvmIPLoopback)


def test_deleting_hosts(task: RawTask) -> None:
    (own,) = ConfigReply.decode(task.request(c.TM_CONFIG).body).hosts
    names = [own.name.encode(), b"nohost", own.name.encode()]
    reply = task.request(c.TM_DELHOST, ints(3) + b"".join(map(string, names)))
    assert Codes.decode(reply.body).values == [c.PvmBadParam, c.PvmNoHost, c.PvmDupHost]


# ---- tasks ------------------------------------------------------------------


def test_pstat(task: RawTask, other: RawTask) -> None:
    assert code(task, c.TM_PSTAT, ints(other.tid)) == 0
    leave(other)
    assert code(task, c.TM_PSTAT, ints(other.tid)) == c.PvmNoTask
    assert code(task, c.TM_PSTAT, ints(c.TIDPVMD | HOST)) == c.PvmBadParam


def test_task_table(task: RawTask, connector: Connector) -> None:
    for where in (0, HOST, c.TIDPVMD | HOST, task.tid):
        reply = TaskReply.decode(task.request(c.TM_TASK, ints(where)).body)
        (mine,) = [entry for entry in reply.tasks if entry.tid == task.tid]
        assert (mine.ptid, mine.host, mine.flags, mine.name) == (0, HOST, 4, "")
        assert mine.pid == connector.pid
    assert task.request(c.TM_TASK, ints(HOST | 0x3FFFF)).ints() == (0,)
    for unknown in (0x80000, c.TIDPVMD):
        assert task.request(c.TM_TASK, ints(unknown)).ints() == (c.PvmNoHost,)


def test_signal_to_an_unknown_task_is_answered(task: RawTask) -> None:
    assert task.request(c.TM_SENDSIG, ints(HOST | 0x3FFFF, 15)).body == b""


def test_getopt_shows_what_setopt_set(task: RawTask) -> None:
    body = b"".join(
        ints(number) + string(text)
        for number, text in ((c.TS_OUTCTX, b"7ffff"), (c.TS_TRCTAG, b"ffffffff"), (99, b"1"))
    )
    assert task.request(c.TM_SETOPT, body).body == b""
    settings = Settings.decode(task.request(c.TM_GETOPT).body)
    assert (settings.tid, settings.outctx, settings.trctag) == (task.tid, 0x7FFFF, -1)


def test_setopt_tells_old_and_new_collector(task: RawTask, other: RawTask) -> None:
    task.request(c.TM_SETOPT, ints(c.TS_OUTTAG) + string(b"37"))
    wid = task.next_wid()
    option = ints(c.TS_OUTTID) + string(f"{other.tid:x}".encode())
    task.send(message(c.TM_SETOPT, option, src=task.tid, wid=wid))
    assert other.receive().ints() == (task.tid, c.TO_SPAWN, 0)
    assert other.receive().ints() == (task.tid, c.TO_NEW, 0)
    task.sync()
    task.send(message(c.TM_SETOPT, ints(c.TS_OUTTID) + string(b"0"), src=task.tid))
    assert other.receive().ints() == (task.tid, c.TO_EOF)


# ---- contexts ---------------------------------------------------------------


def test_contexts(task: RawTask, other: RawTask) -> None:
    first = code(task, c.TM_CONTEXT, ints(0))
    second = code(task, c.TM_CONTEXT, ints(0))
    assert code(task, c.TM_CONTEXT, ints(-3)) == c.PvmNotFound
    assert (first & c.TIDHOST, second) == (HOST, first + 1)
    assert code(other, c.TM_CONTEXT, ints(first)) == c.PvmNotFound
    assert code(task, c.TM_CONTEXT, ints(first)) == 0
    assert code(task, c.TM_CONTEXT, ints(first)) == c.PvmNotFound


# ---- notification -----------------------------------------------------------


def notify(task: RawTask, what: int, tag: int, tids: list[int], wid: int = 0) -> None:
    """Send TM_NOTIFY in context 0."""
    body = ints(what, 5, tag, len(tids), *tids)
    task.send(message(c.TM_NOTIFY, body, src=task.tid, ctx=0, wid=wid))


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


# ---- mailbox ----------------------------------------------------------------


def stored(text: bytes) -> bytes:
    """An embedded message."""
    head = MessageHead(len(text), 0, 7, 0, c.WIRE_ENC_XDR, 0, 1, 0)
    return StoredMessage(head, [text] if text else []).encode()


def mail(task: RawTask, op: int, name: bytes, index: int, flags: int, extra: bytes = b"") -> bytes:
    """Body of a TM_DB request of a task."""
    return ints(op, task.tid) + string(name) + ints(index, flags) + extra


def put(task: RawTask, name: bytes, flags: int, text: bytes = b"data", index: int = -1) -> int:
    """Store; index or error."""
    return code(task, c.TM_DB, mail(task, c.TMDB_PUT, name, index, flags, stored(text)))


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


# ---- system tasks -----------------------------------------------------------


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


# ---- what is wrong, odd or malformed ----------------------------------------


def test_tickle(task: RawTask) -> None:
    assert task.request(c.TM_TICKLE, ints(1, 5)).ints() == (1, 0)
    assert task.request(c.TM_TICKLE, ints(2, 6, 4)).ints() == (0,)
    assert task.request(c.TM_TICKLE, ints(1, 5)).ints() == (1, 4)
    task.request(c.TM_TICKLE, ints(2, 6, 0))
    for number in (0, 1, 2, 3, 4, 7, 9, 100):
        assert task.request(c.TM_TICKLE, ints(1, number)).ints() == (0,)
    assert task.request(c.TM_TICKLE, ints(2, 8, 0x80000)).ints() == (1, 0)
    assert code(task, c.TM_TICKLE, ints(0)) == c.PvmBadParam


def test_tickle_counts_what_a_task_has_sent_to_others(
    vm: VirtualMachine, task: RawTask, other: RawTask
) -> None:
    log = vm.log()
    assert task.request(c.TM_TICKLE, ints(2, 21, task.tid)).ints() == (4, 0, 0, 0, 0)
    for _ in range(3):
        task.send(message(5, b"x" * 100, dst=other.tid, src=task.tid))
    for _ in range(3):
        other.receive()
    count, *numbers = task.request(c.TM_TICKLE, ints(2, 21, task.tid)).ints()
    assert (count, numbers[0], numbers[1], numbers[2]) == (4, 0, 3, 0)
    assert 300 < numbers[3] < 500
    assert task.request(c.TM_TICKLE, ints(2, 21, other.tid)).ints() == (4, 0, 0, 0, 0)
    assert task.request(c.TM_TICKLE, ints(2, 21, HOST + 999)).ints() == (0,)
    assert task.request(c.TM_TICKLE, ints(1, 21)).ints() == (0,)
    assert vm.log() == log


@pytest.mark.parametrize(
    ("tag", "body"),
    [
        (c.TM_ADDHOST, ints(0)),
        (c.TM_ADDHOST, ints(-1)),
        (c.TM_ADDHOST, ints(4096)),
        (c.TM_DELHOST, b""),
        (c.TM_MSTAT, ints(0)),
        (c.TM_MSTAT, ints(2**31 - 1)),
        (c.TM_PSTAT, b""),
        (c.TM_TASK, b"ab"),
        (c.TM_SENDSIG, ints(0, 9)),
        (c.TM_SPAWN, string(b"x") + ints(0) + string(b"") + ints(0, 0, 0, 0, 0, 0, 0, 0, 0)),
        (c.TM_SPAWN, string(b"x") + ints(0) + string(b"") + ints(1, 1 << 30)),
        (c.TM_DB, ints(99, 0) + string(b"x") + ints(0, 0)),
        (c.TM_DB, ints(1, 0) + string(b"x") + ints(0, 0)),
        (c.TM_TICKLE, ints(11)),
        (c.TM_TRACER, ints(1)),
        (c.TM_TASKER, b""),
        (c.TM_SETOPT, ints(1)),
    ],
)
def test_malformed_request_is_answered(task: RawTask, tag: int, body: bytes) -> None:
    assert code(task, tag, body) == c.PvmBadParam


def test_unknown_request_is_answered(task: RawTask) -> None:
    assert code(task, c.TM_LAST + 1) == c.PvmNotImpl


@pytest.mark.parametrize("tag", [5, c.DM_ADD, c.TC_NOOP, c.SM_SPAWN, c.SM_STHOSTACK])
def test_message_not_for_a_daemon_is_ignored(task: RawTask, tag: int) -> None:
    task.send(message(tag, ints(1, 2, 3), src=task.tid))
    assert task.sync()


@pytest.mark.parametrize("tag", [c.TM_CONN2, c.TM_SHMCONN])
def test_message_out_of_order_closes(task: RawTask, tag: int) -> None:
    task.send(message(tag, ints(1, 0), src=task.tid))
    with pytest.raises(ClosedError):
        task.receive()


def test_connecting_again_is_refused_and_the_task_stays(task: RawTask) -> None:
    reply = task.request(c.TM_CONNECT, ints(c.TDPROTOCOL) + string(b"/tmp/x"))
    assert reply.body == ints(c.TDPROTOCOL, 0) + string(b"")
    assert code(task, c.TM_PSTAT, ints(task.tid)) == 0


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
