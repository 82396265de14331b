# SPDX-License-Identifier: MIT
"""Tasks that pass checked messages on in a ring, and are moved at random all the while."""

from __future__ import annotations

import os
import random
from collections.abc import Iterator

import pytest
from support.impostors.rawtask import Connector, enrolled
from support.impostors.wanderer import answer, ask
from support.machines.machine import Machine
from support.machines.vm import read_line
from support.system import PATIENCE, Side

from pvm3py.places import birth_host
from pvm3py.wire import constants as c
from pvm3py.wire.moves import MoveReply

MEMBERS = 4
MESSAGES = 1500
# Moves of a run; the environment may ask for more.
MOVES = int(os.environ.get("PVM_TEST_MOVES", "60"))


# All hosts of this project's, or one of 3.4.6 among them, with tasks that stay there.
KINDS: dict[str, tuple[Side, ...]] = {
    "two": ("ours", "ours"),
    "three": ("ours", "ours", "ours"),
    "with-3.4.6": ("ours", "debian", "ours"),
}


@pytest.fixture(params=KINDS.values(), ids=KINDS.keys())
def machine(request: pytest.FixtureRequest) -> Iterator[Machine]:
    made = Machine(request.param, network="loopback", programs=("agent", "roamer"))
    yield made
    made.bed.stop()


def test_no_message_is_lost_doubled_overtaken_or_damaged(
    machine: Machine, connector: Connector
) -> None:
    seed = random.randrange(1 << 30)
    print(f"seed {seed}")
    choose = random.Random(seed)
    names = [host.name for host in machine.hosts]
    first = machine.hosts[0]
    messages = MESSAGES * MOVES // 60
    ring = first.start(first.program("roamer"), MEMBERS, messages, *names)
    assert ring.stdout
    able = [host for host in machine.hosts if host.side == "ours"]
    hosts = {tid: name for name, tid in machine.here.config().items()}
    goals = [host.name for host in able]
    tids = [int(word) for word in read_line(ring.stdout, PATIENCE).split()[1:]]
    tids = [tid for tid in tids if hosts[birth_host(tid)] in goals]
    asker = enrolled(choose.choice(able), connector)
    moved = 0
    while moved < MOVES and ring.poll() is None:
        tid, name = choose.choice(tids), choose.choice(goals)
        reply = answer(asker, ask(asker, tid, name, choose.choice((0, c.WIRE_MIGRATE_LIVE))))
        if reply.code == c.PvmNoTask:
            break
        assert reply == MoveReply(0), machine.everything()
        moved += 1
    assert moved == MOVES, f"only {moved} moves"
    assert ring.wait(PATIENCE) == 0
    assert ring.stdout.read() == b"done\n", machine.everything()
    asker.socket.close()
