# SPDX-License-Identifier: MIT
"""A task is moved while it exchanges messages with another one through shared memory."""

from __future__ import annotations

import random

import pytest
from support.compiler import test_program
from support.images.restarts import require_restarter
from support.impostors.exchange import Exchange
from support.impostors.fakedaemon import TID
from support.impostors.mover import PEER, Mover


def wait_for_link(exchange: Exchange, links: int) -> int:
    """Until there is one more than so many."""
    exchange.pump(lambda: exchange.links > links)
    return exchange.links


@pytest.mark.parametrize("way", ["recv", "nrecv", "malloc"])
@pytest.mark.parametrize("step", ["move", "give_up"])
def test_messages_in_memory_are_not_lost_when_task_leaves(way: str, step: str) -> None:
    require_restarter()
    program = test_program("moved", "ours")
    with (
        Mover([program, way], memory=True) as moved,
        Mover([program, "peer", TID], memory=True, tid=PEER) as peer,
        Exchange(moved, peer) as exchange,
    ):
        links = 0
        for _ in range(5):
            links = wait_for_link(exchange, links)
            exchange.pump_for(0.01 * random.random())
            getattr(exchange, step)()
        peer.wake()
        exchange.pump_to_end()
        assert (peer.process.wait(), moved.process.wait()) == (0, 0), exchange.words()
