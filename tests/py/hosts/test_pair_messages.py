# SPDX-License-Identifier: MIT
"""Messages between two hosts, ours and 3.4.6's in every combination."""

from __future__ import annotations

import subprocess

import pytest
from support.machines.agent import Remote
from support.machines.hosts import Host
from support.machines.machine import Machine
from support.system import PATIENCE, SIDES, Side

# Around the borders of packets (4032 and 4064 bytes of data, and those of larger packets).
SIZES = (0, 1, 3, 4, 5, 4031, 4032, 4033, 8095, 8096, 8097, 59999, 65488, 65489, 1 << 20)
LARGE = 16 << 20
RAW, IN_PLACE = 1, 2
TAG = 5


def other(side: Side) -> Side:
    return "debian" if side == "ours" else "ours"


def talk(caller: Host, answerer: Host, programs: tuple[str, str], route: str, *sizes: int) -> None:
    """Let tasks on two hosts send each other messages of all sizes in all encodings."""
    answering = answerer.start(programs[1], "answer", route, *sizes, stderr=subprocess.STDOUT)
    assert answering.stdout
    tid = answering.stdout.readline().decode().strip()
    calling = caller.run(programs[0], "call", route, *sizes, tid, merged=True)
    out, _ = answering.communicate(timeout=PATIENCE)
    assert "FAIL" not in out.decode(), out.decode() + caller.log() + answerer.log()
    calling.check()
    assert answering.returncode == 0, out.decode()


@pytest.mark.parametrize("crossed", [False, True], ids=["own-libraries", "crossed-libraries"])
@pytest.mark.parametrize("route", ["daemon", "direct"])
def test_every_encoding_and_size_both_ways(pair: Machine, route: str, crossed: bool) -> None:
    hosts = pair.hosts[0], pair.hosts[1]
    sides = [other(h.side) if crossed else h.side for h in hosts]
    programs = tuple(str(pair.bed.programs(side) / "talk") for side in sides)
    talk(hosts[0], hosts[1], (programs[0], programs[1]), route, *SIZES)


def test_direct_route_asked_for_by_the_slaves_task(pair: Machine) -> None:
    master, slave = pair.hosts
    talk(slave, master, (str(slave.program("talk")), str(master.program("talk"))), "direct", 70000)


@pytest.mark.parametrize("direction", ["to-slave", "to-master"])
def test_sixteen_mebibytes(pair: Machine, direction: str) -> None:
    sender, receiver = (pair.here, pair.there)[:: 1 if direction == "to-slave" else -1]
    for encoding in (RAW, IN_PLACE):
        assert sender.code("send", receiver.tid, TAG, encoding, LARGE, 9) == 0
    for _ in (RAW, IN_PLACE):
        got = receiver.taken(sender.tid, TAG, LARGE, 9)
        assert got == [1, sender.tid, TAG, 1], pair.everything()


def test_messages_keep_their_order(pair: Machine) -> None:
    sizes = [1, 100000, 0, 4033, 7] * 5
    for seed, size in enumerate(sizes):
        assert pair.there.code("send", pair.here.tid, TAG, RAW, size, seed) == 0
    for seed, size in enumerate(sizes):
        assert pair.here.taken(-1, -1, size, seed) == [1, pair.there.tid, TAG, 1]


@pytest.mark.parametrize("size", [0, 4032, 4033, 100000])
def test_multicast_reaches_tasks_of_both_hosts(pair: Machine, size: int) -> None:
    for sender in (pair.here, pair.there):
        receivers = [*sender.agents(pair.hosts[0].name, 2), *sender.agents(pair.hosts[1].name, 2)]
        tids = [r.tid for r in receivers]
        assert sender.code("mcast", TAG, RAW, size, 3, *tids) == 0
        for receiver in receivers:
            assert receiver.taken(sender.tid, TAG, size, 3) == [1, sender.tid, TAG, 1]
        for tid in tids:
            sender.code("kill", tid)


def test_multicast_skips_tasks_that_are_gone(pair: Machine) -> None:
    near, far = (pair.here.agents(host.name)[0] for host in pair.hosts)
    gone = pair.here.agents(pair.hosts[1].name)[0]
    assert pair.here.code("notify", 1, 6, gone.tid) == 0
    assert pair.here.code("kill", gone.tid) == 0
    assert pair.here.notice(6) == [gone.tid]
    nowhere = 9 << 18 | 1
    assert pair.here.code("mcast", TAG, RAW, 50, 3, gone.tid, far.tid, nowhere, near.tid) == 0
    for receiver in (near, far):
        assert receiver.taken(-1, TAG, 50, 3) == [1, pair.here.tid, TAG, 1]
        pair.here.code("kill", receiver.tid)


@pytest.mark.parametrize("library", SIDES)
def test_group_of_tasks_on_both_hosts(pair: Machine, library: Side) -> None:
    program = pair.bed.programs(library) / "group_member"
    wide = ["wide"] if library == "ours" else []
    name = f"group-{library}"
    members = [host.start(program, name, 4, *wide) for host in pair.hosts for _ in range(2)]
    for member in members:
        out, err = member.communicate(timeout=PATIENCE)
        assert member.returncode == 0, out.decode() + err.decode() + pair.everything()


def test_messages_wait_for_tasks_that_have_not_connected_yet(pair: Machine) -> None:
    host = pair.hosts[1]
    gate = host.home / "gate"
    late = host.program("late")
    late.write_text(
        f"#!/bin/sh\nuntil [ -e {gate} ]; do sleep 0.05; done\nexec {host.program('agent')}\n"
    )
    late.chmod(0o755)
    tids = pair.here.spawn("late", where=host.name, count=3)
    sender = pair.here.tid
    assert pair.here.code("mcast", TAG, RAW, 10000, 8, *tids) == 0
    assert pair.here.code("send", tids[0], TAG, RAW, 70000, 9) == 0
    # The answer comes after both on the same link: they have arrived.
    assert pair.here.code("pstat", tids[0]) == 0
    gate.touch()
    for tid in tids:
        task = Remote(pair.here, tid)
        assert task.taken(sender, TAG, 10000, 8) == [1, sender, TAG, 1]
        if tid == tids[0]:
            assert task.taken(sender, TAG, 70000, 9) == [1, sender, TAG, 1]
        assert pair.here.code("kill", tid) == 0
    gate.unlink()
