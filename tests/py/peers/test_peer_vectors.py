# SPDX-License-Identifier: MIT
"""What our daemon sends to other daemons is what 3.4.6 was recorded to send.

Recorded: tests/vectors/daemon and tests/vectors/links. Numbers of requests and packets, and what
the peers of the recording were called, are replaced by the test's own; all else must be equal.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from typing import Any

import pytest
from support.impostors.peerdaemon import MasterTarget, PeerDaemon, SlaveTarget
from support.impostors.rawtask import Message, RawTask, fragment, ints, message, string
from support.machines.vm import wait_until
from support.vectors.daemon_vectors import BODIES, link_packets, recording

from pvm3py.wire import constants as c
from pvm3py.wire.hosts import OWN_CAPABILITIES, SlaveSettings, TraceTargets, capability_list
from pvm3py.wire.system import ExecRequest

FIN_ACK = c.FFFIN | c.FFACK
RELAYED = 524286  # the context of a task's request, which 3.4.6 passes on


def compare(got: Message, name: str, **changes: Any) -> None:
    """Assert that a message is the recorded one, but for the fields of its body that differ."""
    want = recording(name)
    if name in BODIES:
        record = BODIES[name].decode(want.body)
        vars(record).update(changes)
        # Encoded anew, for padding that was passed on is anything.
        again = BODIES[name].decode(got.body).encode()
        assert (again, len(got.body)) == (record.encode(), len(again))
    else:
        assert got.body == want.body
    ctx = 0 if want.ctx == RELAYED else want.ctx
    assert (got.dst, got.src, got.tag, got.ctx) == (want.dst, want.src, want.tag, ctx)


def arrived(peer: PeerDaemon, tag: int) -> Message:
    """The last message with this tag that the peer has had."""
    for packet in reversed(peer.packets):
        if packet.flags & c.FFSOM and packet.flags & c.FFEOM:
            enc, found, ctx, wid = struct.unpack_from("!iii4xi", packet.data)
            assert enc == c.WIRE_ENC_XDR
            if found == tag:
                return Message(packet.dst, packet.src, tag, ctx, wid, packet.data[c.MSGHDRLEN :])
    raise AssertionError(f"no message {tag:x}")


@pytest.fixture(scope="module")
def master() -> Iterator[MasterTarget]:
    """A master with two peers, as hosts node1 and node2 of the recordings."""
    target = MasterTarget(2)
    yield target
    target.stop()


@pytest.fixture
def task(master: MasterTarget) -> Iterator[RawTask]:
    with master.task() as made:
        yield made


@pytest.fixture(scope="module")
def slave() -> Iterator[SlaveTarget]:
    """A slave of a peer, as node1."""
    target = SlaveTarget()
    yield target
    target.stop()


def ask(task: RawTask, tag: int, body: bytes) -> None:
    """A request of a task."""
    task.send(message(tag, body, src=task.tid, wid=task.next_wid()))


# ---- a master -----------------------------------------------------------------------------


def test_first_messages_to_a_new_host(master: MasterTarget) -> None:
    node1, node2 = master.peers
    first = arrived(node1, c.DM_SLCONF)
    assert (first.body, node1.packets[0].seq) == (recording("slconf-empty").body, 1)
    compare(first, "slconf-empty")
    entries = BODIES["htupd-full-table"].decode(recording("htupd-full-table").body).hosts
    port = struct.pack("!H", node2.there[1]).hex()
    own = "".join(f"{int(part):02x}" for part in master.own.split("."))
    entries[1].name, entries[1].address = master.own, f"{own}:{port}"
    for entry, peer in ((entries[0], node1), (entries[2], node2)):
        entry.name, entry.address = peer.address, peer.entry("").address
    can, nothing = capability_list({1: OWN_CAPABILITIES}), capability_list({})
    table = {"hosts": entries, "capabilities": can}
    compare(arrived(node2, c.DM_HTUPD), "htupd-full-table", **table)
    compare(arrived(node1, c.DM_HTUPD), "htupd-delta", hosts=entries[2:], capabilities=nothing)
    commit = arrived(node2, c.DM_HTCOMMIT)
    assert (commit.body, commit.ctx, commit.wid) == (recording("htcommit").body, 0, 0)


def test_spawn_on_a_host(master: MasterTarget, task: RawTask) -> None:
    node1 = master.peers[0]
    job = ExecRequest.decode(recording("dm-exec").body)
    strings = ints(len(job.args)) + b"".join(string(a.encode()) for a in job.args)
    env = ints(len(job.env)) + b"".join(string(e.encode()) for e in job.env)
    targets = ints(job.outtid, job.outctx, job.outtag, job.trctid, job.trcctx, job.trctag)
    for flags, where, count in ((c.PvmTaskHost, node1.address, 1), (0, "", 4)):
        body = string(job.file.encode()) + ints(flags) + string(where.encode())
        ask(task, c.TM_SPAWN, body + ints(count) + strings + targets + env)
        asked = node1.expect(c.DM_EXEC)
        node1.send(c.DM_EXECACK, ints(count // 2, *[1] * (count // 2)), wid=asked.wid)
        if flags:
            compare(asked, "dm-exec", ptid=task.tid, job=task.tid)
    asked = master.peers[1].expect(c.DM_EXEC)
    part = ExecRequest.decode(asked.body)
    compare(asked, "dm-exec-part2", ptid=task.tid, instance=part.instance, job=task.tid)
    master.peers[1].send(c.DM_EXECACK, ints(1, c.PvmNoFile), wid=asked.wid)


def test_flag_that_a_host_does_not_know_is_not_said_to_it(
    master: MasterTarget, task: RawTask
) -> None:
    node1 = master.peers[0]
    body = string(b"x") + ints(c.PvmTaskHost | c.PvmTaskFixed) + string(node1.address.encode())
    ask(task, c.TM_SPAWN, body + ints(1, 0, *[0] * 6, 0))
    asked = node1.expect(c.DM_EXEC)
    node1.send(c.DM_EXECACK, ints(1, c.PvmNoFile), wid=asked.wid)
    assert ExecRequest.decode(asked.body).flags == c.PvmTaskHost


@pytest.mark.parametrize(
    ("tag", "body", "name", "answer"),
    [
        (c.TM_HOSTSYNC, ints(0x80000), "dm-hostsync", ints(1, 2)),
        (c.TM_PSTAT, ints(0x80001), "dm-pstat", ints(0)),
        (c.TM_TASK, ints(0), "dm-task", b""),
        (c.TM_NOTIFY, ints(c.PvmTaskExit, 0, 5, 1, 0x80001), "dm-notify", ints(0x80001)),
        (c.TM_SENDSIG, ints(0x80001, 15), "dm-sendsig", None),
        (c.TM_MCA, ints(1, 0x80001), "dm-mca", None),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_request_to_another_host(
    master: MasterTarget, task: RawTask, tag: int, body: bytes, name: str, answer: bytes | None
) -> None:
    node1, node2 = master.peers
    want = recording(name)
    ask(task, tag, body)
    asked = node1.expect(want.tag)
    if name == "dm-mca":
        asked = asked._replace(body=ints(0x40040003) + asked.body[4:])
    compare(asked, name)
    if name == "dm-task":
        node2.send(c.DM_TASKACK, b"", wid=node2.expect(c.DM_TASK).wid)
    if answer is not None:
        assert asked.wid & c.TIDHOST == 0x40000
        node1.send(want.tag + 1, answer, wid=asked.wid)
        task.receive()
    else:
        assert asked.wid == 0


def test_multicast_of_a_task(master: MasterTarget, task: RawTask) -> None:
    node1 = master.peers[0]
    (want,) = link_packets("multicast-data")
    data = want[c.DDFRAGHDR :]
    group = task.tid | c.TIDGID
    ask(task, c.TM_MCA, ints(1, 0x80001))
    task.send(fragment(group, task.tid, data, c.FFSOM | c.FFEOM))
    node1.expect(struct.unpack_from("!i", data, 4)[0])
    (got,) = [packet for packet in node1.packets if packet.dst == group]
    assert (got.src, got.flags, got.data) == (task.tid, want[c.WIRE_PKT_FLAGS], data)


def answer_to(peer: PeerDaemon, name: str, tag: int, wid: int) -> Message:
    """Send a recorded request; the answer."""
    request = recording(name)
    peer.send(request.tag, request.body, wid=wid, ctx=request.ctx)
    return peer.expect(tag, wid)


def test_mailbox_of_the_master(master: MasterTarget) -> None:
    node1 = master.peers[0]
    for number, name in enumerate(("put", "get", "names", "remove", "get-missing")):
        answer = answer_to(node1, f"dm-db-{name}", c.DM_DBACK, 0x80003 + number)
        if name == "remove":
            assert answer.body == ints(0)
        else:
            compare(answer, f"dm-dback-{name}")


def test_answers_about_tasks(master: MasterTarget, task: RawTask) -> None:
    node1 = master.peers[0]
    nothing = answer_to(node1, "dm-pstat", c.DM_PSTATACK, 5)
    want = recording("dm-pstatack-notask")
    assert (nothing.body, nothing.ctx) == (want.body, want.ctx)
    node1.send(c.DM_PSTAT, ints(task.tid), wid=6)
    assert node1.expect(c.DM_PSTATACK, 6).body == recording("dm-pstatack").body
    for tid, answer in ((task.tid, ints(0, 4, 0, 0, 0, 0)), (5, ints(c.PvmNoTask, 0))):
        node1.send(c.DM_PSTAT, ints(tid, 1), wid=10)
        assert node1.expect(c.DM_PSTATACK, 10).body == answer
    refused = answer_to(node1, "dm-exec", c.DM_EXECACK, 7)
    assert refused.body == recording("dm-execack-nofile").body
    clock = answer_to(node1, "dm-hostsync", c.DM_HOSTSYNCACK, 8)
    assert len(clock.body) == len(recording("dm-hostsyncack").body)
    node1.send(c.DM_NOTIFY, ints(c.PvmTaskExit, task.tid), wid=9)
    task.request(c.TM_EXIT)
    assert node1.expect(c.DM_NOTIFYACK, 9).body == ints(task.tid)


def test_output_of_a_task_that_another_host_has_started(master: MasterTarget) -> None:
    node1 = master.peers[0]
    job = ExecRequest.decode(recording("dm-exec").body)
    job.file, job.args, job.outtid = "/bin/echo", ["hello"], 0x80003
    node1.send(c.DM_EXEC, job.encode(), wid=11)
    start = node1.expect(c.TC_OUTPUT)
    (tid,) = node1.expect(c.DM_EXECACK, 11).ints()[1:]
    text, end = node1.expect(c.TC_OUTPUT), node1.expect(c.TC_OUTPUT)
    for got, name in ((start, "output-new"), (text, "output-data"), (end, "output-eof")):
        want = BODIES[name].decode(recording(name).body)
        vars(want).update({"tid": tid} | ({"text": b"hello\n"} if got is text else {}))
        assert (got.body, got.ctx, got.dst) == (want.encode(), job.outctx, 0x80003), name
        assert got.src == 0x40000 | c.TIDPVMD


def test_settings_of_the_host_file_go_first() -> None:
    want = SlaveSettings.decode(recording("slconf-hostfile").body)
    (_, path), (_, debugger), (_, directory) = want.items
    target = MasterTarget(0)
    peer = target.make_peer(2)
    target.join(peer, f" ep={path} bx={debugger} wd={directory}")
    compare(arrived(peer, c.DM_SLCONF), "slconf-hostfile")
    target.stop()


def test_deletion_and_halt() -> None:
    target = MasterTarget(2)
    node1, node2 = target.peers
    fin, news, _, _, farewell, *_ = link_packets("delete-host")
    serial_and_host = news[c.DDFRAGHDR + c.MSGHDRLEN :]
    with target.task() as task:
        body = ints(1) + string(node2.address.encode())
        assert task.request(c.TM_DELHOST, body).ints() == (1, 0)
        deleted = node1.expect(c.DM_HTDEL)
        assert deleted.body == serial_and_host
        compare(deleted, "dm-htdel")
        first = next_packet(node2, c.FFFIN)
        assert raw(first) == fin[:8] + fin[12:13]
        last = next_packet(node2, FIN_ACK)
        assert raw(last) == farewell[:8] + farewell[12:13] and not last.data
        ask(task, c.TM_HALT, b"")
        last = next_packet(node1, FIN_ACK)
        halt = link_packets("halt-on-master")[0]
        assert raw(last) == halt[:8] + halt[12:13]
    target.stop()


def raw(packet: Any) -> bytes:
    """Receiver, sender and flags of a packet as its bytes."""
    return struct.pack("!iiB", packet.dst, packet.src, packet.flags)


def next_packet(peer: PeerDaemon, flags: int) -> Any:
    """Wait for a packet with these flags."""
    found: list[Any] = []

    def look() -> list[Any]:
        found[:] = [packet for packet in peer.packets if packet.flags & 0x1F == flags]
        return found

    peer.pump(look)
    assert look()
    return found[0]


# ---- a slave -------------------------------------------------------------------------------


def test_slave_acknowledges_packets_and_tables(slave: SlaveTarget) -> None:
    answer = slave.update(slave.table)
    compare(answer._replace(wid=0), "htupdack")
    (ack,) = link_packets("ack")
    got = next_packet(slave.master, c.FFACK)
    assert (got.dst, got.src) == (struct.unpack_from("!i", ack)[0], 0x80000 | c.TIDPVMD)
    assert (got.seq, got.flags) == (0, ack[c.WIRE_PKT_FLAGS])


@pytest.mark.parametrize(
    ("tag", "name", "answer"),
    [
        (c.TM_ADDHOST, "dm-add", "dm-addack"),
        (c.TM_DELHOST, "dm-delhost", "dm-execack"),
        (c.TM_DB, "dm-db-put", "dm-dback-put"),
        (c.TM_DB, "dm-db-get", "dm-dback-get"),
        (c.TM_DB, "dm-db-names", "dm-dback-names"),
    ],
)
def test_slave_passes_requests_to_the_master_and_answers_back(
    slave: SlaveTarget, tag: int, name: str, answer: str
) -> None:
    master, answered = slave.master, recording(answer).body
    with slave.task() as task:
        ask(task, tag, recording(name).body)
        asked = master.expect(recording(name).tag)
        compare(asked, name)
        master.send(asked.tag + 1, answered, wid=asked.wid)
        assert task.receive().body == answered


def test_output_without_a_collector_goes_to_the_master(slave: SlaveTarget) -> None:
    job = ExecRequest.decode(recording("dm-exec").body)
    job.file, job.args, job.outtid = "/bin/echo", ["hello"], 0
    slave.master.send(c.DM_EXEC, job.encode(), wid=11)
    (tid,) = slave.master.expect(c.DM_EXECACK, 11).ints()[1:]
    got = slave.master.expect(c.DM_TASKOUT)
    want = BODIES["dm-taskout"].decode(recording("dm-taskout").body)
    vars(want).update(tid=tid, text=b"hello\n")
    assert (got.body, got.ctx, got.wid) == (want.encode(), 0, 0)


def test_halt_from_a_slave() -> None:
    target = SlaveTarget()
    halt, _, farewell = link_packets("halt-from-slave")
    with target.task() as task:
        ask(task, c.TM_HALT, b"")
        got = target.master.expect(c.DM_HALT)
        assert (got.dst, got.src, got.tag, got.body) == (
            *struct.unpack_from("!ii", halt),
            c.DM_HALT,
            b"",
        )
    target.master.leave()
    last = next_packet(target.master, FIN_ACK)
    assert raw(last) == farewell[:8] + farewell[12:13]
    wait_until(lambda: not target.processes(), "the slave has ended")
    target.stop()


# ---- system tasks --------------------------------------------------------------------------

RM = 0x40001


def test_resource_manager_on_another_host(slave: SlaveTarget) -> None:
    master = slave.master
    master.send(c.DM_SLCONF, recording("slconf-sched").body)
    job = ExecRequest.decode(recording("sm-exec-remote").body)
    master.send(c.SM_EXEC, job.encode(), src=RM, wid=7)
    refused = master.expect(c.SM_EXECACK, 7)
    want = recording("sm-execack-remote")
    assert (refused.dst, refused.src, refused.ctx) == (want.dst, want.src, want.ctx)
    assert refused.ints() == (2, c.PvmNoFile, c.PvmNoFile)
    job.file, job.args, job.count = "/bin/true", [], 1
    master.send(c.SM_EXEC, job.encode(), src=RM, wid=8)
    (tid,) = master.expect(c.SM_EXECACK, 8).ints()[1:]
    end = master.expect(c.SM_TASKX)
    want = recording("sm-taskx-remote")
    assert (end.dst, end.src, end.ctx, len(end.body)) == (RM, want.src, want.ctx, len(want.body))
    assert end.ints()[:2] == (tid, 0)
    with slave.task() as task:
        assert task.rm == RM
        told = master.expect(c.SM_EXECACK)
        want = recording("sm-execack-newtask")
        assert (told.wid, told.ctx, told.body) == (0, want.ctx, ints(1, task.tid))
    master.send(c.DM_SLCONF, ints(c.DM_SLCONF_SCHED) + string(b"0"))


def test_tracer_is_announced_and_taken_back(slave: SlaveTarget) -> None:
    on, off = (SlaveSettings.decode(recording(f"slconf-trace-{n}").body) for n in ("on", "off"))
    targets = TraceTargets.parse(on.items[-1][1])
    with slave.task() as task:
        words = [targets.trcctx, targets.trctag, targets.outctx, targets.outtag]
        body = ints(1, *words) + string(targets.mask.encode())
        ask(task, c.TM_TRACER, body + ints(targets.buffer, targets.option))
        told = SlaveSettings.decode(slave.master.expect(c.DM_SLCONF).body)
        mine = targets._replace(trctid=task.tid, outtid=task.tid)
        assert told.items == [(c.DM_SLCONF_TRACE, mine.text())]
        ask(task, c.TM_TRACER, ints(0))
        assert slave.master.expect(c.DM_SLCONF).body == off.encode()


def test_resource_manager_learns_that_a_host_is_gone() -> None:
    target = MasterTarget(1)
    with target.task() as manager:
        manager.request(c.TM_SCHED)
        assert (
            target.peers[0].expect(c.DM_SLCONF).body
            == SlaveSettings([(c.DM_SLCONF_SCHED, f"{manager.tid:x}")]).encode()
        )
        target.peers[0].leave()
        while (told := manager.receive()).tag != c.SM_HOSTX:
            pass
        assert told.body == recording("sm-hostx").body
    target.stop()
