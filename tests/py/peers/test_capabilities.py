# SPDX-License-Identifier: MIT
"""What daemons say that they can: in greetings, behind host tables, and to whom that is told."""

from __future__ import annotations

import struct
from collections.abc import Iterator

import pytest
from support.impostors.peerdaemon import MasterTarget, SlaveTarget
from support.impostors.rawtask import ints

from pvm3py.wire import constants as c
from pvm3py.wire.hosts import OWN_CAPABILITIES, Greeting, TableUpdate, capability_list

OURS = "ddpro<2316> arch<LINUX64> ip<0a4d0002:e245> mtu<4080> can:80000005 dsig<4230209>"
SEEN = "capabilities="


def known(target: MasterTarget | SlaveTarget) -> dict[int, int]:
    """What our daemon knows of the hosts, by their numbers."""
    with target.task() as task:
        before = target.log()
        assert task.request(c.TM_TICKLE, ints(1, 1)).ints() == (0,)
        lines = [line for line in target.log()[len(before) :].splitlines() if SEEN in line]
    words = [line.replace(",", " ").replace(")", " ").replace("(", " ").split() for line in lines]
    pairs = [dict(word.split("=") for word in line if "=" in word) for line in words]
    return {int(pair["tid"]) >> 18: int(pair["capabilities"]) for pair in pairs}


# ---- greetings -------------------------------------------------------------------------------


def test_greeting_says_what_a_daemon_can() -> None:
    greeting = Greeting.parse(OURS)
    assert greeting.capabilities == c.signed(0x80000005)
    assert greeting.line() == OURS


@pytest.mark.parametrize(
    "line",
    [
        OURS.replace("can:80000005 ", ""),
        OURS.replace("80000005", "800000050"),
        OURS.replace("80000005", ""),
        OURS.replace("80000005", "g"),
        OURS.replace("can:80000005 ", "").replace("LINUX64", "can:1 dsig"),
        OURS.replace("can:80000005 ", "") + " can:1 dsig",
    ],
    ids=["nothing", "too long", "empty", "no number", "in a field", "behind the last field"],
)
def test_greeting_without_a_proper_word_is_of_a_daemon_that_can_no_more(line: str) -> None:
    assert Greeting.parse(line).capabilities == 0


def test_slave_says_in_its_greeting_what_it_can(slave: SlaveTarget) -> None:
    assert slave.greeting.capabilities == OWN_CAPABILITIES != 0


# ---- host tables -----------------------------------------------------------------------------


@pytest.fixture
def slave() -> Iterator[SlaveTarget]:
    target = SlaveTarget()
    yield target
    target.stop()


def announce(slave: SlaveTarget, behind: bytes, *, new: int) -> None:
    """Announce the table and a new host, with these bytes behind them."""
    slave.serial += 1
    entries = [slave.table[0], slave.table[1], slave.table[0]]
    entries[2] = type(entries[2])(**vars(slave.table[0]) | {"index": new})
    body = TableUpdate(slave.serial, 1, 1, entries).encode() + behind
    slave.master.send(c.DM_HTUPD, body, wid=slave.serial)
    assert slave.master.expect(c.DM_HTUPDACK, slave.serial).body == b""
    slave.master.send(c.DM_HTCOMMIT)
    slave.master.sync()


def test_slave_knows_of_each_host_what_the_master_says(slave: SlaveTarget) -> None:
    assert known(slave) == {1: 0, 2: OWN_CAPABILITIES}
    announce(slave, capability_list({1: 3, 2: 1 << 20, 5: 9, 77: 1}).encode(), new=5)
    assert known(slave) == {1: 3, 2: OWN_CAPABILITIES, 5: 9}
    announce(slave, b"", new=6)
    assert known(slave) == {1: 0, 2: OWN_CAPABILITIES, 5: 9, 6: 0}


@pytest.mark.parametrize(
    "behind",
    [
        b"\0",
        struct.pack(">4i", 7, 1, 5, 9),
        struct.pack(">4i", c.WIRE_EXT_MAGIC, 2, 5, 9),
        struct.pack(">4i", c.WIRE_EXT_MAGIC, -1, 5, 9),
        struct.pack(">4i", c.WIRE_EXT_MAGIC, 0x7FFFFFFF, 5, 9),
        struct.pack(">2i", c.WIRE_EXT_MAGIC, 1),
    ],
    ids=["a byte", "other magic", "ends early", "less than none", "endless", "no entry"],
)
def test_table_with_something_else_behind_it_is_one_of_3_4_6(
    slave: SlaveTarget, behind: bytes
) -> None:
    announce(slave, behind, new=5)
    assert known(slave) == {1: 0, 2: OWN_CAPABILITIES, 5: 0}


def test_master_tells_all_hosts_what_each_new_one_can() -> None:
    with MasterTarget(0) as master:
        first, second, third = (master.make_peer(index) for index in (2, 3, 4))
        first.capabilities, third.capabilities = 5, -1
        for peer in (first, second, third):
            master.join(peer)
        everything = {1: OWN_CAPABILITIES, 2: 5}
        assert [update.bits() for update in first.updates] == [everything, {}, {4: -1}]
        assert [update.bits() for update in second.updates] == [everything, {4: -1}]
        assert [update.bits() for update in third.updates] == [{**everything, 4: -1}]
        assert known(master) == {**everything, 3: 0, 4: -1}
