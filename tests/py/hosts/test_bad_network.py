# SPDX-License-Identifier: MIT
"""Whole machines on a network that loses, doubles, reorders, delays and damages packets."""

from __future__ import annotations

import pytest
from support.machines.agent import AgentBase
from support.machines.chaos import Chaos
from support.machines.machine import PAIR_IDS, PAIRS, Machine
from support.machines.vm import wait_until
from support.system import Side

TASK_EXIT = 1
RAW, XDR, TAG = 1, 0, 80
SIZES = (0, 5000, 70000)

FAULTS = {
    "loss": "loss=0.2",
    "confusion": "dup=0.3,reorder=0.3,corrupt=0.1",
    "delay": "delay=200",
    "everything": "loss=0.1,dup=0.1,reorder=0.2,delay=20,corrupt=0.05",
}
WORKERS, LEAST_MESSAGES = 2, 100


@pytest.mark.parametrize("fault", FAULTS.values(), ids=FAULTS.keys())
def test_every_message_arrives_once_in_order_and_intact(fault: str) -> None:
    """And all services work: the tasks of this test make all kinds of requests besides."""
    with Chaos(3, 7, env={"PVM_TEST_NETFAULT": fault}) as chaos:
        chaos.begin_adding(list(chaos.bed.slaves))
        assert min(chaos.end_adding()) > 0
        for host in chaos.bed.hosts:
            chaos.spawn(host, WORKERS)
        assert len(chaos.workers) == 3 * WORKERS

        def enough() -> bool:
            return sum(got for _, got, _ in chaos.own_report().peers.values()) > LEAST_MESSAGES

        wait_until(enough, "a hundred messages")
        reports = chaos.settle()
        assert not chaos.wrong, "\n".join(chaos.wrong)
        assert len(reports) == 1 + 3 * WORKERS
        assert len(chaos.config()) == 3


@pytest.mark.parametrize(("master", "slave"), [PAIRS[1], PAIRS[2]], ids=[PAIR_IDS[1], PAIR_IDS[2]])
def test_packets_lost_doubled_and_late_towards_the_original(master: Side, slave: Side) -> None:
    """Only what our daemon sends suffers; damage is left out, which 3.4.6 cannot see."""
    fault = "loss=0.1,dup=0.2,reorder=0.3,delay=5,seed=3"
    machine = Machine((master, slave), programs=("agent",), env={"PVM_TEST_NETFAULT": fault})
    done = False
    try:
        ends: list[tuple[AgentBase, AgentBase]] = [
            (machine.here, machine.there),
            (machine.there, machine.here),
        ]
        for sender, receiver in ends:
            for size in SIZES:
                for encoding in (XDR, RAW):
                    assert sender.code("send", receiver.tid, TAG, encoding, size, size) == 0
        for sender, receiver in ends:
            for size in SIZES:
                for _ in (XDR, RAW):
                    got = receiver.taken(sender.tid, TAG, size, size)
                    assert got == [1, sender.tid, TAG, 1], (size, machine.everything())
            (child,) = sender.agents(machine.hosts[receiver is machine.there].name)
            assert sender.code("notify", TASK_EXIT, TAG + 1, child.tid) == 0
            assert sender.code("kill", child.tid) == 0
            assert sender.notice(TAG + 1) == [child.tid]
            assert sender.ints("event", -1, TAG + 1, 0.1) == [0]
        done = True
    finally:
        machine.bed.stop(check=done)
