# SPDX-License-Identifier: MIT
"""Messages through shared memory into an event loop: it sleeps, and they wake it."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Iterator

import pytest
import uvloop
from support.machines.private import nothing_left
from support.machines.sharing import WAYS, counters
from support.programs import awaited
from support.programs.loops import Runner, in_loop, other_work

from pvm3py import VirtualMachine, aio
from pvm3py.pvmd.io.figures import Sharing

ROUNDS = 200


@pytest.fixture(autouse=True, params=["memory", "narrow"])
def machine(
    request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> Iterator[VirtualMachine]:
    """A machine whose tasks link at once, with much room and with little."""
    way = WAYS[request.param]
    for name, value in way.items():
        monkeypatch.setenv(name, value)
    with nothing_left(), VirtualMachine(env=way) as made:
        yield made


@pytest.fixture(params=[asyncio.run, uvloop.run], ids=["asyncio", "uvloop"])
def run(request: pytest.FixtureRequest) -> Runner:
    """What runs a loop."""
    runner: Runner = request.param
    return runner


def own(task: aio.Task) -> Sharing:
    """The counters of this task."""
    return counters(os.getpid(), task.tid)


def test_awaited_messages_go_and_come_through_memory(run: Runner) -> None:
    async def main(task: aio.Task) -> None:
        (them,) = await task.spawn(awaited.echo)
        for size in (3, 300_000):
            await task.send(bytes(size), them)
            assert await task.recv(them) == bytes(size)
        before = own(task)
        for number in range(ROUNDS):
            await task.send((number, 2.5, "three"), them)
            assert await task.recv(them) == (number, 2.5, "three")
        after = own(task)
        assert after.messages - before.messages == ROUNDS
        assert after.received - before.received == ROUNDS
        await task.send(None, them)

    in_loop(main, run)


def test_a_loop_that_sleeps_is_woken_by_what_a_peer_puts_into_memory(run: Runner) -> None:
    async def main(task: aio.Task) -> None:
        (them,) = await task.spawn(awaited.echo_late)
        for seconds in (0, 0, 0.001):
            await task.send(seconds, them)
            assert await task.recv(them, timeout=60) == seconds
        before = own(task)
        for _ in range(3):
            await task.send(0.1, them)
            assert await task.recv(them, timeout=60) == 0.1
        assert own(task).received - before.received == 3
        await task.send(None, them)

    in_loop(main, run)


def test_messages_of_two_contexts_all_find_their_receives(run: Runner) -> None:
    async def main(task: aio.Task) -> None:
        (them,) = await task.spawn(awaited.echo)

        async def talk(rounds: int) -> None:
            for number in range(rounds):
                await task.send(number, task.tid, 7)
                assert await task.recv(tag=7, timeout=60) == number
                await asyncio.sleep(number % 3 * 0.001)

        async def elsewhere() -> None:
            async with task.context():
                await talk(ROUNDS)

        await asyncio.gather(talk(ROUNDS), elsewhere(), elsewhere())
        await task.send(None, them)

    in_loop(main, run)


def test_a_flood_by_both_ways_is_received_in_order(run: Runner) -> None:
    async def main(task: aio.Task) -> None:
        senders = await task.spawn(awaited.count_when_asked, 2000, 5, n=3)
        for sender in senders:
            for number in range(5):  # by then the way is the one that stays
                await task.send(number, sender)
                assert await task.recv(sender) == number
            await task.send(None, sender)

        async def all_of(sender: int) -> None:
            for number in range(2000):
                assert await task.recv(sender, 5) == number
                if number % 100 == 0:
                    await asyncio.sleep(0.001)
            await task.send(None, sender)

        await asyncio.gather(*map(all_of, senders))
        assert own(task).received > 0

    in_loop(main, run)


def test_other_work_of_the_loop_goes_on_while_answers_come_at_once() -> None:
    async def main(task: aio.Task) -> None:
        (them,) = await task.spawn(awaited.echo)
        for number in range(ROUNDS):
            await task.send(number, them)
            assert await task.recv(them) == number
        async with other_work():
            for number in range(5 * ROUNDS):
                await task.send(number, them)
                assert await task.recv(them) == number
        await task.send(None, them)

    in_loop(main)
