# SPDX-License-Identifier: MIT
"""The switch: tasks that send and move at random, against what each must get."""

from __future__ import annotations

import os
import random
from collections import defaultdict

import pytest
from support.impostors.linkbed import task_message
from support.impostors.movers import Machine, Mover
from support.impostors.switchbed import multicast_list

from pvm3py.wire import constants as c

SEEDS = int(os.environ.get("PVM3PY_MOVER_SEEDS", "33"))
MOVES = 100
"""Moves that are tried with one seed; about 30 of them come about."""


class Traffic:
    """What tasks of a machine send, and what each is to have got, by sender."""

    def __init__(self, machine: Machine, seed: int) -> None:
        self.machine = machine
        self.chance = random.Random(seed)
        self.wanted: dict[int, dict[int, list[bytes]]] = defaultdict(lambda: defaultdict(list))
        self.count = 0
        self.patience: dict[int, int] = {}
        """Moves that are to be given up, and after how many looks."""

    def send(self) -> None:
        """One message of a task that may send, to another one or to several."""
        sender = self.chance.choice(list(self.machine.tasks.values()))
        if sender.frozen or len(sender.peer.unsent) > 1 << 20:
            return
        size = self.chance.choice([0, 10, 1000, 5000, 70000])
        self.count += 1
        body = b"%d:" % self.count + bytes(size)
        tids = self.chance.sample(list(self.machine.tasks), self.chance.choice([1, 1, 1, 3]))
        for tid in tids:
            self.wanted[tid][sender.tid].append(body)
        if len(tids) == 1:
            sender.peer.start(task_message(tids[0], body))
        else:
            whole = task_message(sender.tid | c.TIDGID, body)
            sender.peer.start(multicast_list(*tids) + whole)

    def moves(self) -> list[tuple[Mover, int]]:
        """Those under way."""
        return [(mover, tid) for mover in self.machine.movers for tid in mover.moves]

    def begin(self) -> None:
        """A task that does not move is to go to another host."""
        moving = {tid for _, tid in self.moves()}
        tid = self.chance.choice(list(self.machine.tasks))
        mover = self.machine.places[tid]
        goal = self.chance.choice([m for m in self.machine.movers if m is not mover])
        if tid not in moving and not self.machine.tasks[tid].frozen:
            mover.begin(tid, goal)
            if self.chance.random() < 0.25:
                self.patience[tid] = self.chance.randrange(60)

    def end(self) -> None:
        """A move comes about if it can, or is given up."""
        for mover, tid in self.moves():
            if tid in self.patience:
                self.patience[tid] -= 1
                if self.patience[tid] < 0:
                    del self.patience[tid]
                    mover.abort(tid)
            elif mover.moves[tid].ready and self.chance.random() < 0.5:
                mover.commit(tid)

    def complete(self) -> bool:
        """Whether all has arrived that was sent."""
        return all(
            len(task.got[src]) >= len(bodies)
            for tid, task in self.machine.tasks.items()
            for src, bodies in self.wanted[tid].items()
        )


def run(seed: int, **options: int) -> int:
    """Tasks of three hosts send and move; how many moves came about."""
    with Machine(3, 2, standby_us=-1, **options) as machine:
        traffic = Traffic(machine, seed)
        chance = traffic.chance
        for _ in range(MOVES):
            traffic.begin()
            for _ in range(chance.randrange(12)):
                for _ in range(chance.randrange(4)):
                    traffic.send()
                host = chance.choice(machine.hosts)
                for peer in host.peers:
                    peer.pump()
                host.run()
                chance.choice(list(machine.tasks.values())).read()
                traffic.end()
        machine.until(lambda: traffic.end() or not traffic.moves())
        machine.until(traffic.complete)
        stats = [host.switch.statistics for host in machine.hosts]
        machine.until(lambda: not any(of().queued_bytes for of in stats))
        for tid, task in machine.tasks.items():
            for src, bodies in task.got.items():
                assert bodies == traffic.wanted[tid][src]
        assert all(of().dropped == 0 for of in stats)
        return machine.done


@pytest.mark.parametrize("seed", range(SEEDS))
def test_tasks_that_move_at_random_get_everything_once_and_in_order(seed: int) -> None:
    assert run(seed) > MOVES / 10


@pytest.mark.parametrize("seed", range(2))
def test_the_same_with_little_room_for_what_is_held(seed: int) -> None:
    run(seed, queue_low=20000, queue_high=20000)


@pytest.mark.parametrize("seed", range(2))
def test_the_same_on_a_bad_network(seed: int, monkeypatch: pytest.MonkeyPatch) -> None:
    fault = f"loss=0.1,dup=0.05,reorder=0.1,delay=1,seed={seed + 1}"
    monkeypatch.setenv("PVM_TEST_NETFAULT", fault)
    run(seed)
