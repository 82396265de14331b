# SPDX-License-Identifier: MIT
"""Requests of a task to the daemon: enrolling, hosts, tasks, contexts; malformed ones included."""

from __future__ import annotations

import time

import pytest
from support.impostors.asking import HOST, leave
from support.impostors.rawtask import ClosedError, Connector, RawTask, code, ints, message, string
from support.machines.vm import VirtualMachine

from pvm3py.wire import constants as c
from pvm3py.wire.task import (
    AddHostReply,
    Codes,
    ConfigReply,
    EnrolReply,
    Extension,
    HostSyncReply,
    Settings,
    TaskReply,
    extension,
)

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
