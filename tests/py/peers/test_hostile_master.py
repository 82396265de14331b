# SPDX-License-Identifier: MIT
"""Our daemon as the slave of a master that breaks the protocol.

After each test it serves its tasks and its master, and had no internal error; what was wrong is
in the log.
"""

from __future__ import annotations

import itertools
import socket
from collections.abc import Iterator

import pytest
from support.impostors.hostility import (
    ANSWERS,
    REQUESTS,
    check_log,
    check_log_of_packets,
    clock_of,
    forgeries,
    ids,
)
from support.impostors.peerdaemon import SlaveTarget
from support.impostors.rawtask import ints, message, string
from support.vectors.daemon_vectors import recording

from pvm3py.wire import constants as c
from pvm3py.wire.hosts import TableDelete, TableEntry, TableUpdate, address_text


@pytest.fixture(scope="module")
def shared_slave() -> Iterator[SlaveTarget]:
    target = SlaveTarget()
    yield target
    target.stop()


@pytest.fixture
def slave(shared_slave: SlaveTarget) -> Iterator[SlaveTarget]:
    """A slave whose master is a peer."""
    yield shared_slave
    target = shared_slave
    target.master.sync()
    with target.task() as task:
        clock_of(task, target.master)
        assert task.request(c.TM_CONFIG).ints()[0] >= 2
    assert "Traceback" not in target.log()


# ---- what a master may tell ------------------------------------------------------------------


def odd_entries(slave: SlaveTarget) -> list[TableEntry]:
    """Hosts that cannot be, each for one reason."""
    good = PeerFields(slave.network.address(2))
    return [
        good.but(index=0),
        good.but(index=-1),
        good.but(index=4096),
        good.but(index=2**31 - 1),
        good.but(mtu=0),
        good.but(mtu=-1),
        good.but(mtu=20),
        good.but(mtu=-(2**31)),
        good.but(address=""),
        good.but(address="7f000001"),
        good.but(address="zz000001:1000"),
        good.but(address="7f000001:10000"),
        good.but(address=":"),
        good.but(address="7f000001:"),
        good.but(address="7f000001:0"),
        good.but(address="00000000:1000"),
        good.but(address="e0000001:1000"),
        good.but(address="ffffffff:1000"),
    ]


class PeerFields:
    """A host of the table that can be changed in one field."""

    def __init__(self, address: str) -> None:
        self._fields = vars(TableEntry(5, "n", "LINUX64", address_text(address, 999), 4080, 1, 1))

    def but(self, **changed: object) -> TableEntry:
        """The host with another value."""
        return TableEntry(**self._fields | changed)


@pytest.mark.parametrize("number", range(18))
def test_slave_refuses_a_table_with_an_impossible_host(slave: SlaveTarget, number: int) -> None:
    bad = odd_entries(slave)[number]
    good = PeerFields(slave.network.address(2)).but(index=6)
    slave.update([*slave.table, good, bad])
    check_log(slave, "host table")
    with slave.task() as task:
        assert task.request(c.TM_CONFIG).ints()[0] == 2, "half of the table was taken"


def test_slave_with_a_table_of_duplicates(slave: SlaveTarget) -> None:
    fields = PeerFields(slave.network.address(2))
    slave.update([fields.but(), fields.but(name="again"), *slave.table, fields.but(arch="X")])
    with slave.task() as task:
        assert task.request(c.TM_CONFIG).ints()[0] == 3
    slave.master.send(c.DM_HTDEL, TableDelete(slave.serial, [5 << 18, 5 << 18, 9 << 18]).encode())
    slave.master.sync()
    with slave.task() as task:
        assert task.request(c.TM_CONFIG).ints()[0] == 2


@pytest.mark.parametrize("hosts", [[1 << 18], [2 << 18], [0, -1, 2**31 - 1], list(range(500))])
def test_slave_told_to_delete_what_it_cannot(slave: SlaveTarget, hosts: list[int]) -> None:
    slave.master.send(c.DM_HTDEL, TableDelete(slave.serial, hosts).encode())
    slave.master.send(c.DM_HTDEL, ints(slave.serial) + b"\0\0\1")


@pytest.mark.parametrize("count", [-1, 2**31 - 1, 3, 1 << 28])
def test_table_that_claims_more_hosts_than_it_has(slave: SlaveTarget, count: int) -> None:
    body = TableUpdate(9, 1, 1, slave.table).encode()
    slave.master.send(c.DM_HTUPD, body[:12] + ints(count) + body[16:], wid=4)
    check_log(slave, "DM_HTUPD of t80040000: malformed: ")


@pytest.mark.parametrize(
    ("field", "text", "said"),
    [
        (c.DM_SLCONF_WD, "/nonexistent/x", "working directory /nonexistent/x"),
        (c.DM_SLCONF_SCHED, "nonsense", "is no tid"),
        (c.DM_SLCONF_SCHED, "80040000", "is no tid"),
        (c.DM_SLCONF_SCHED, "-5", "is no tid"),
        (c.DM_SLCONF_SCHED, "f" * 5000, "is no tid"),
        (c.DM_SLCONF_TRACE, "", "trace setting"),
        (c.DM_SLCONF_TRACE, "1 2 3", "trace setting"),
        (c.DM_SLCONF_TRACE, "x 0 0 0 0 0 0 0 @", "trace setting"),
        (c.DM_SLCONF_TRACE, f"0 {'9' * 5000} 0 0 0 0 0 0 @", "trace setting"),
        (99, "x", "setting 99 of the master is unknown"),
        (-1, "\udcff\x01", "setting -1 of the master is unknown"),
    ],
)
def test_setting_that_makes_no_sense(slave: SlaveTarget, field: int, text: str, said: str) -> None:
    raw = text.encode("utf-8", "surrogateescape")
    slave.master.send(c.DM_SLCONF, ints(field) + string(raw))
    check_log(slave, said)


@pytest.mark.parametrize("tag", sorted(REQUESTS | ANSWERS), ids=ids)
def test_slave_gets_bodies_cut_anywhere(slave: SlaveTarget, tag: int) -> None:
    body = recording((REQUESTS | ANSWERS)[tag]).body
    for size in itertools.chain(range(0, min(len(body), 60), 5), [max(0, len(body) - 1)]):
        if tag != c.DM_HTUPD or size < 16:
            slave.master.send(tag, body[:size], wid=0x80001)
    slave.master.sync()


def test_slave_keeps_no_mailbox(slave: SlaveTarget) -> None:
    for number, name in enumerate(("put", "get", "names"), 70):
        slave.master.send(c.DM_DB, recording(f"dm-db-{name}").body, wid=number)
        assert slave.master.expect(c.DM_DBACK, number).ints() == (c.PvmBadParam,)


@pytest.mark.parametrize("answer", [b"", b"\0\0", ints(-(2**31)), ints(2**31 - 1) * 3])
@pytest.mark.parametrize("tag", [c.TM_DB, c.TM_ADDHOST, c.TM_DELHOST], ids=ids)
def test_malformed_answer_of_a_master_ends_the_wait(
    slave: SlaveTarget, tag: int, answer: bytes
) -> None:
    asks = {
        c.TM_DB: (c.DM_DB, "dm-db-get"),
        c.TM_ADDHOST: (c.DM_ADD, "dm-add"),
        c.TM_DELHOST: (c.DM_DELHOST, "dm-delhost"),
    }
    question, vector = asks[tag]
    with slave.task() as task:
        task.send(message(tag, recording(vector).body, src=task.tid, wid=8))
        asked = slave.master.expect(question)
        slave.master.send(question + 1, answer, wid=asked.wid)
        assert task.receive().wid == 8


@pytest.mark.parametrize("where", ["other address", "other port"])
def test_strangers_are_no_masters(slave: SlaveTarget, where: str) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as stranger:
        address = slave.network.address(3) if where == "other address" else slave.master.address
        stranger.bind((address, slave.master.port if where == "other address" else 0))
        for forged in forgeries(slave.master, slave.master):
            slave.master.emit(forged, stranger)
        slave.master.sync()
        said = f"packet of a stranger from {address}:"
        check_log_of_packets(slave, said, lambda: slave.master.emit(bytes(16), stranger))
