# SPDX-License-Identifier: MIT
"""Tasks that all send to each other by direct routes, memory and daemons, and move at random."""

from __future__ import annotations

import os
import random
from collections.abc import Iterator
from subprocess import Popen

import pytest
from support.impostors.rawtask import Connector, RawTask, enrolled
from support.impostors.wanderer import ask
from support.machines.machine import Machine
from support.machines.vm import read_line
from support.system import PATIENCE

from pvm3py.wire import constants as c
from pvm3py.wire.moves import MoveReply

MEMBERS = 6
# Moves of a run; the environment may ask for more.
MOVES = int(os.environ.get("PVM_TEST_MOVES", "60"))


@pytest.fixture(params=["on", "off"], ids=["memory", "sockets"])
def machine(request: pytest.FixtureRequest) -> Iterator[Machine]:
    made = Machine(
        ("ours",) * 3,
        network="loopback",
        programs=("agent", "mixer"),
        env={"PVM_SHM": request.param, "PVM_SHM_AFTER": "20"},
    )
    yield made
    made.bed.stop()


def begin(machine: Machine, ways: str) -> tuple[Popen[bytes], list[int]]:
    """The first task of a mix, and the tids of the others."""
    first = machine.hosts[0]
    names = [host.name for host in machine.hosts]
    mix = first.start(first.program("mixer"), "first", MEMBERS, ways, *names, stdin=-1)
    assert mix.stdout
    return mix, [int(word) for word in read_line(mix.stdout, PATIENCE).split()[1:]]


def replies(asker: RawTask, asked: list[int]) -> list[MoveReply]:
    """The answers to requests with these wait ids, in whichever order they come."""
    came: dict[int, MoveReply] = {}
    while not came.keys() >= set(asked):
        message = asker.receive()
        came[message.wid] = MoveReply.decode(message.body)
    return list(came.values())


def finish(machine: Machine, mix: Popen[bytes]) -> list[int]:
    """Have all stop. How many messages and routes there were; what was wrong fails the test."""
    assert mix.stdin and mix.stdout
    mix.stdin.close()
    assert mix.wait(PATIENCE) == 0, machine.everything()
    output = mix.stdout.read().split()
    assert output[:1] == [b"done"], machine.everything()
    return [int(word) for word in output[1:]]


@pytest.mark.parametrize("ways", ["d", "dra", "DdRa"])
def test_no_message_is_lost_doubled_overtaken_or_damaged(
    machine: Machine, connector: Connector, ways: str
) -> None:
    seed = random.randrange(1 << 30)
    print(f"seed {seed}")
    choose = random.Random(seed)
    mix, tids = begin(machine, ways)
    asker = enrolled(choose.choice(machine.hosts), connector)
    moved = busy = 0
    while moved < MOVES and mix.poll() is None:
        # Two at once, which have a route between them.
        asked = [
            ask(asker, tid, choose.choice(machine.hosts).name)
            for tid in choose.sample(tids, choose.choice((1, 2)))
        ]
        for reply in replies(asker, asked):
            moved += reply == MoveReply(0)
            busy += reply.code == c.PvmBusy
            assert reply.code in (0, c.PvmBusy), f"{reply}\n{machine.everything()}"
        assert busy <= MOVES, machine.everything()
    print(f"{busy} attempts were off")
    messages, routes = finish(machine, mix)
    print(f"{messages} messages, {routes} times a route began")
    assert moved >= MOVES
    assert routes > MOVES
    asker.socket.close()
