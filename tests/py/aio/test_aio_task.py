# SPDX-License-Identifier: MIT
"""aio.Task: what it sends, awaits and asks for, in a private machine."""

from __future__ import annotations

import array
import asyncio
import gc
import os
import random
import signal
from pathlib import Path

import pytest
import uvloop
from support.programs import awaited
from support.programs.loops import in_loop, other_work

from pvm3py import ConnectionLost, NotAnObject, NoTask, Tid, Timeout, VirtualMachine, aio
from pvm3py import Task as BlockingTask

# Cancels under a counting sender; 100,000 take some minutes.
CANCELS = int(os.environ.get("PVM3PY_AIO_CANCELS", "3000"))

pytestmark = pytest.mark.usefixtures("machine")


# ---- sending and receiving ------------------------------------------------------------------


def test_objects_go_out_and_come_back() -> None:
    async def main(task: aio.Task) -> None:
        (them,) = await task.spawn(awaited.echo)
        for obj in ("text", {"a": [1, 2]}, bytes(300_000), list(range(5000))):
            await task.send(obj, them, tag=4)
            assert await task.recv(them, 4) == obj
        await task.send(None, them)

    in_loop(main)


def test_a_message_to_oneself_comes() -> None:
    async def main(task: aio.Task) -> None:
        receiving = asyncio.create_task(task.recv(tag=3))
        await asyncio.sleep(0)
        await task.send("to me", task.tid, 3)
        assert await receiving == "to me"

    in_loop(main)


def test_receives_get_what_they_select() -> None:
    async def main(task: aio.Task) -> None:
        receives = [asyncio.create_task(task.recv(tag=tag)) for tag in (1, 2, 3)]
        await asyncio.sleep(0)
        for tag in (3, 1, 2):
            await task.send(f"tag {tag}", task.tid, tag)
        assert await asyncio.gather(*receives) == ["tag 1", "tag 2", "tag 3"]

    in_loop(main)


def test_many_receives_at_once_share_what_comes() -> None:
    async def main(task: aio.Task) -> None:
        (them,) = await task.spawn(awaited.count, 1000, 5)
        got = await asyncio.gather(*(task.recv(them, 5) for _ in range(1000)))
        assert got == list(range(1000))
        await task.send(None, them)

    in_loop(main)


def test_receive_from_a_task_that_has_ended_gives_what_it_sent_and_then_says_so() -> None:
    async def main(task: aio.Task) -> None:
        (them,) = await task.spawn(awaited.count, 2, 5)
        await task.send(None, them)
        assert [await task.recv(them), await task.recv(them)] == [0, 1]
        for wait in (task.recv(them), task.receive(them, timeout=100)):
            with pytest.raises(NoTask, match="it has ended"):
                await wait
        with pytest.raises(TimeoutError):
            await task.recv(task.tid, timeout=1.2)

    in_loop(main)


def test_messages_are_iterated_until_none_comes() -> None:
    async def main(task: aio.Task) -> None:
        for number in range(5):
            await task.send(number, task.tid, 9)
        await task.send("all are here", task.tid, 10)
        assert await task.recv(tag=10) == "all are here"
        got = [message.object() async for message in task.messages(tag=9, idle=0.1)]
        assert got == list(range(5))

    in_loop(main)


def test_any_message_can_be_received_and_buffers_filled() -> None:
    async def main(task: aio.Task) -> None:
        numbers = array.array("d", range(1000))
        await task.Send(numbers, task.tid, 1)
        await task.Send(numbers, task.tid, 2)
        message = await task.receive(tag=1)
        assert (message.source, message.tag, message.is_object) == (task.tid, 1, False)
        room = array.array("d", bytes(8000))
        assert (await task.Recv(room, tag=2)).count == 1000
        assert room == numbers
        await task.Send(numbers, task.tid, 3)
        with pytest.raises(NotAnObject):
            await task.recv()

    in_loop(main)


def test_a_look_leaves_the_message() -> None:
    async def main(task: aio.Task) -> None:
        assert await task.probe() is None
        await task.send("here", task.tid, 6)
        assert await task.probe(tag=6, timeout=60) == (task.tid, 6)
        assert await task.recv(tag=6) == "here"

    in_loop(main)


def test_a_wait_ends_with_its_time() -> None:
    async def main(task: aio.Task) -> None:
        with pytest.raises(Timeout):
            await task.recv(timeout=0.05)
        with pytest.raises(TimeoutError):
            await task.recv(timeout=0)
        await task.send("still there", task.tid)
        assert await task.recv(timeout=60) == "still there"

    in_loop(main)


def test_contexts_are_separate_worlds() -> None:
    async def main(task: aio.Task) -> None:
        async with task.context() as number:
            inside = asyncio.create_task(task.recv(tag=1))
            await asyncio.sleep(0)
        outside = asyncio.create_task(task.recv(tag=1))
        await task.send("outside", task.tid, 1)
        assert await outside == "outside"
        assert not inside.done()
        async with task.context(number):
            await task.send("inside", task.tid, 1)
        assert await inside == "inside"

    in_loop(main)


# ---- cancelling --------------------------------------------------------------------------------


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(2))
def test_random_cancels_lose_no_message_of_a_counting_sender(seed: int) -> None:
    chance = random.Random(seed)

    async def main(task: aio.Task) -> None:
        (them,) = await task.spawn(awaited.count, CANCELS, 5)
        got: list[int] = []
        cancels = 0
        while len(got) < CANCELS or cancels < CANCELS:
            receive = asyncio.create_task(task.recv(them, 5))
            for _ in range(chance.randrange(4)):
                await asyncio.sleep(0)
            if len(got) == CANCELS or chance.random() < 0.7:
                receive.cancel()
                cancels += 1
            try:
                got.append(await receive)
            except asyncio.CancelledError:
                pass
        assert got == list(range(CANCELS))
        await task.send(None, them)

    in_loop(main)


def test_timeouts_of_asyncio_lose_no_message() -> None:
    async def main(task: aio.Task) -> None:
        (them,) = await task.spawn(awaited.count, 500, 5)
        got: list[int] = []
        while len(got) < 500:
            try:
                async with asyncio.timeout(random.random() * 0.0005):
                    got.append(await task.recv(them, 5))
            except TimeoutError:
                pass
        assert got == list(range(500))
        await task.send(None, them)

    in_loop(main)


# ---- requests, notices ------------------------------------------------------------------


def test_messages_come_while_a_request_waits_in_a_thread() -> None:
    async def main(task: aio.Task) -> None:
        (them,) = await task.spawn(awaited.answer_later, 0.2)
        asking = asyncio.create_task(task.ask(BlockingTask().recv, tag=77))
        assert await task.recv(them, 1, timeout=60) == "first"
        assert await task.recv(them, 2, timeout=60) == "second"
        assert not asking.done()
        asking.cancel()
        await task.send("an end", task.tid, 77)

    in_loop(main)


def test_notices_of_ends_are_awaited_until_all_have_ended() -> None:
    async def main(task: aio.Task) -> None:
        tids = await task.spawn(awaited.nothing, n=2)
        ended = set()
        async with await task.notify_exit(*tids) as notices:
            async for notice in notices:
                ended.add(notice.tid)
        assert ended == set(tids)
        assert notices.closed

    in_loop(main)


def test_the_loop_runs_while_messages_are_always_there() -> None:
    async def main(task: aio.Task) -> None:
        for number in range(2000):
            await task.send(number, task.tid)
        async with other_work():
            for number in range(2000):
                assert await task.recv() == number

    in_loop(main)


# ---- begin and end ----------------------------------------------------------------------


def test_it_is_used_inside_async_with() -> None:
    async def run() -> None:
        with pytest.raises(RuntimeError, match="async with"):
            await aio.Task().recv()

    asyncio.run(run())


def test_it_can_be_entered_again_in_another_loop() -> None:
    async def main(task: aio.Task) -> None:
        await task.send("again", task.tid)
        assert await task.recv() == "again"

    in_loop(main)
    in_loop(main)


def test_the_loop_may_be_uvloops() -> None:
    """Messages come while it sleeps, while it looks, and while a request waits; none is lost."""

    async def main() -> None:
        async with aio.Task() as task:
            (them,) = await task.spawn(awaited.echo)
            for number in range(500):
                await task.send(number, them)
                receive = asyncio.create_task(task.recv(them))
                await asyncio.sleep(0)
                if number % 2:
                    receive.cancel()
                (result,) = await asyncio.gather(receive, return_exceptions=True)
                if isinstance(result, asyncio.CancelledError):
                    result = await task.recv(them)
                assert result == number
            receive = asyncio.create_task(task.recv(them))
            await asyncio.sleep(0.1)
            async with task.group("uv") as group:
                await task.send(bytes(300_000), them)
                await group.barrier(1)
            assert await receive == bytes(300_000)
            await task.send(None, them)

    uvloop.run(main())


def test_who_waits_at_the_end_is_cancelled() -> None:
    async def run() -> None:
        async with aio.Task() as task:
            receive = asyncio.create_task(task.recv())
            await asyncio.sleep(0)
        with pytest.raises(asyncio.CancelledError):
            await receive

    asyncio.run(run())


def daemon_of(machine: VirtualMachine, child: Tid) -> int:
    """The process of the daemon that has started a task."""
    pid = machine.tasks[child].pid
    stat = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return int(stat[1])


def test_the_end_of_the_daemon_ends_all_waits(machine: VirtualMachine) -> None:
    async def run() -> None:
        async with aio.Task() as task:
            receives = [asyncio.create_task(task.recv(tag=tag)) for tag in range(3)]
            (child,) = await task.spawn(awaited.echo)
            os.kill(daemon_of(machine, child), signal.SIGKILL)
            for receive in receives:
                with pytest.raises(ConnectionLost):
                    await receive

    asyncio.run(run())


def test_the_end_of_the_daemon_is_told_once_to_who_waits_for_one_task(
    machine: VirtualMachine,
) -> None:
    """A look whether that task runs fails, too: nothing is said about that."""
    complaints: list[object] = []

    async def run() -> None:
        loop = asyncio.get_running_loop()
        loop.set_exception_handler(lambda _, context: complaints.append(context))
        async with aio.Task() as task:
            (child,) = await task.spawn(awaited.echo)
            daemon = daemon_of(machine, child)
            receive = asyncio.create_task(task.recv(child))
            os.kill(daemon, signal.SIGSTOP)
            while not any("_look" in repr(other) for other in asyncio.all_tasks()):
                await asyncio.sleep(0.01)
            os.kill(daemon, signal.SIGKILL)
            with pytest.raises(ConnectionLost):
                await receive
        while len(asyncio.all_tasks()) > 1:
            await asyncio.sleep(0.01)

    asyncio.run(run())
    gc.collect()
    assert not complaints


def test_nothing_is_polled_while_nothing_comes() -> None:
    async def main(task: aio.Task) -> None:
        receive = asyncio.create_task(task.recv())
        await asyncio.sleep(0.1)
        before = os.times()
        await asyncio.sleep(1)
        after = os.times()
        assert after.user + after.system - before.user - before.system < 0.1
        receive.cancel()

    in_loop(main)
