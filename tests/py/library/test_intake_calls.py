# SPDX-License-Identifier: MIT
"""What a library call takes in: how many of ten waiting messages each call does."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from support.intake.bed import Bed, Way, group_server_dir
from support.machines.sharing import ON
from support.machines.vm import VirtualMachine
from support.system import SIDES, Side

TEN = list(range(1, 11))

# Taken in of ten messages of one fragment on the daemon's socket.
TAKEN = {
    "nrecv -1 99": 1,
    "probe -1 99": 1,
    "trecv -1 99 0 0": 10,
    "trecv -1 99 -1 0": 0,
    "trecv -1 99 0 -1": 0,
    "recv -1 4": 4,
    "precv -1 4": 4,
    "trecv -1 4 100 0": 4,
    "send {child} 200 0": 1,
    "send {own} 200 0": 1,
    "psend {child} 202 40000": 1,
    "psend {own} 202 40000": 1,
    "notify 1 70 1 {nobody}": 1,
    "mcast 203 {child}": 2,
    "ask config": 10,
    "ask hostsync": 10,
    "ask newcontext": 10,
    "ask tasks": 10,
    "pstat {own}": 10,
    "putinfo intake": 10,
    "recvinfo intake 0": 10,
    "spawn /bin/true 1": 10,
    "join other": 10,
    "barrier gg 1": 10,
    "group getinst gg": 10,
    "group gsize gg": 10,
    "group lvgroup gg": 10,
    "local": 0,
}

# The same on a direct route. Those of PARTIAL may read but a part of a message there (D1, S1).
ON_ROUTE = {call: n for call, n in TAKEN.items() if n < 10 and not call.startswith("mcast")}
RECEIVES = ("recv", "precv", "trecv")
PARTIAL = ("nrecv", "probe", "send", "psend", "notify")

# Fragments of a message, and what a send of it takes in with 3.4.6's size of fragments.
FRAGMENTS = {1: 1, 2: 1, 3: 2, 4: 2, 5: 3, 6: 3, 9: 5, 10: 5}
FRAGMENT_BYTES, INT_BYTES = 4032, 4


@pytest.fixture(scope="module", params=SIDES, ids=lambda side: f"daemon-{side}")
def machine(request: pytest.FixtureRequest) -> Iterator[VirtualMachine]:
    """A machine with each daemon, which finds its group server."""
    path = [group_server_dir(request.param)]
    with VirtualMachine(request.param, path=path, env=ON) as vm:
        yield vm


def taken_in(bed: Bed, way: Way, call: str) -> list[int]:
    """Tags of the ten messages that are no longer in the sockets after a call; none is lost."""
    names = {"own": bed.task.tid, "child": bed.children[0].tid, "nobody": bed.nobody}
    told = bed.task.call(*call.format(**names).split())
    if way is Way.MEMORY:
        left = TEN[len(TEN) - bed.in_memory() :]
    elif way is Way.DAEMON:
        left = [tag for tag in bed.task.waiting(way) if tag in TEN]
    else:
        left = TEN[len(TEN) - bed.task.left(way) :]
    received = [told.code] if call.split(maxsplit=1)[0] in RECEIVES and told.code > 0 else []
    assert sorted([tag for tag in bed.drain() if tag in TEN] + received) == TEN
    return TEN[: TEN.index(left[0])] if left else TEN


@pytest.mark.parametrize("library", SIDES)
@pytest.mark.parametrize("call", TAKEN)
def test_taken_in_from_the_daemon(machine: VirtualMachine, library: Side, call: str) -> None:
    with Bed(machine, library) as bed:
        bed.open(Way.DAEMON)
        if "gg" in call:
            bed.task.call("join", "gg")
        bed.deliver_tags(Way.DAEMON, TEN)
        assert taken_in(bed, Way.DAEMON, call) == TEN[: TAKEN[call]]


@pytest.mark.parametrize("machine", ["ours"], indirect=True)
@pytest.mark.parametrize("call", TAKEN)
def test_taken_in_from_memory(machine: VirtualMachine, call: str) -> None:
    with Bed(machine, "ours", unasked=True, memory=True) as bed:
        bed.open(Way.MEMORY)
        if "gg" in call:
            bed.task.call("join", "gg")
        bed.deliver_tags(Way.MEMORY, TEN)
        assert taken_in(bed, Way.MEMORY, call) == TEN[: TAKEN[call]]


@pytest.mark.parametrize("library", SIDES)
@pytest.mark.parametrize("call", ON_ROUTE)
def test_taken_in_from_a_route(machine: VirtualMachine, library: Side, call: str) -> None:
    with Bed(machine, library) as bed:
        bed.open(Way.ROUTE)
        bed.deliver_tags(Way.ROUTE, TEN)
        most = TEN[: ON_ROUTE[call]]
        parts = [[]] if call.split(maxsplit=1)[0] in PARTIAL else []
        assert taken_in(bed, Way.ROUTE, call) in [most, *parts]


@pytest.mark.parametrize("fragments", FRAGMENTS)
def test_taken_in_by_3_4_6_for_a_message_of_several_fragments(
    machine: VirtualMachine, fragments: int
) -> None:
    with Bed(machine, "debian") as bed:
        bed.open(Way.DAEMON)
        bed.deliver_tags(Way.DAEMON, TEN)
        bytes_ = fragments * FRAGMENT_BYTES - INT_BYTES
        assert (
            taken_in(bed, Way.DAEMON, f"packed {{child}} 201 0 {bytes_}")
            == TEN[: FRAGMENTS[fragments]]
        )


@pytest.mark.parametrize("blocks", [2, 3, 5])
def test_taken_in_by_3_4_6_for_a_message_in_place(machine: VirtualMachine, blocks: int) -> None:
    with Bed(machine, "debian") as bed:
        bed.open(Way.DAEMON)
        bed.deliver_tags(Way.DAEMON, TEN)
        assert taken_in(bed, Way.DAEMON, f"blocks {{child}} 201 {blocks}") == TEN[:blocks]
