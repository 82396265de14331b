# SPDX-License-Identifier: MIT
"""The Python interface under daemons of PVM 3.4.6, alone and in a machine with ours."""

from __future__ import annotations

import sys

import pytest
from support.machines.hosts import Bed
from support.programs.scripts import ScriptMachine
from support.system import Side, modules_dir


def test_tasks_exchange_objects_buffers_and_notices(debian: ScriptMachine) -> None:
    debian.run("""
        from pvm3py import Message, Task
        def work(numbers):
            with Task() as task:
                task.send([max(numbers), task.siblings], task.parent)
                room = array.array("d", bytes(800_000))
                assert task.Recv(room, task.parent).count == 100_000
                task.Send(Message().pack(room[-1]), task.parent, 3)
        if __name__ == "__main__":
            with Task() as task:
                numbers = array.array("d", range(100_000))
                tids = task.spawn(work, numbers, n=2)
                with task.notify_exit(*tids) as notices:
                    for tid in tids:
                        assert task.recv(tid, timeout=100) == [99_999.0, tuple(tids)]
                        task.Send(numbers, tid)
                        assert task.receive(tid, 3, timeout=100).unpack("double") == 99_999.0
                    assert {notices.next(timeout=100).tid for _ in tids} == set(tids)
    """)


def test_group_does_collective_calls(debian: ScriptMachine) -> None:
    debian.run("""
        from pvm3py import Task
        def member():
            with Task() as task, task.group("grid") as group:
                group.barrier(3)
                total = array.array("d", [group.instance])
                group.Reduce(total, "sum")
                every = group.allgather(group.instance)
                task.send((every, total[0] if group.instance == 0 else 3.0), task.parent)
                group.barrier(3)
        if __name__ == "__main__":
            with Task() as task:
                task.spawn(member, n=3)
                for _ in range(3):
                    assert task.recv(timeout=100) == ([0, 1, 2], 3.0)
    """)


def test_pool_loses_no_call_when_a_worker_is_killed(debian: ScriptMachine) -> None:
    debian.run("""
        import time
        from pvm3py import Task
        from pvm3py.futures import PvmPoolExecutor
        def slow(number):
            time.sleep(0.01)
            return number * number
        if __name__ == "__main__":
            with Task() as task, PvmPoolExecutor(2) as pool:
                results = pool.map(slow, range(100))
                assert next(results) == 0
                assert {worker.host for worker in pool.workers} == {task.host.name}
                assert all(worker.tid.alive() for worker in pool.workers)
                os.kill(pool.workers[0].pid, signal.SIGKILL)
                assert list(results) == [n * n for n in range(1, 100)]
    """)


def test_awaited_calls_get_what_tasks_send(debian: ScriptMachine) -> None:
    debian.run("""
        import asyncio
        from pvm3py import aio
        def echo(n):
            from pvm3py import Task
            with Task() as task:
                for _ in range(n):
                    task.send(task.recv(task.parent), task.parent)
        async def main():
            async with aio.Task() as task:
                tids = await task.spawn(echo, 50, n=2)
                async def ask(tid):
                    for number in range(50):
                        await task.send(number, tid)
                        assert await task.recv(tid, timeout=100) == number
                await asyncio.gather(*map(ask, tids))
        if __name__ == "__main__":
            asyncio.run(main())
    """)


_ACROSS = f"""
import array, sys
sys.path.insert(0, {str(modules_dir())!r})
from pvm3py import Message, Task, VirtualMachine
from pvm3py.futures import PvmPoolExecutor

def work(scale):
    with Task() as task:
        numbers = task.recv(task.parent)
        task.send((task.host.name, [scale * number for number in numbers]), task.parent)

def place(number):
    return Task().host.name, number

if __name__ == "__main__":
    machine, far = VirtualMachine.attach(), sys.argv[1]
    machine.hosts.add(far)
    with machine.task as task:
        worker, = task.spawn(work, 2.0, where=far)
        task.send(array.array("d", range(100_000)), worker)
        name, numbers = task.recv(worker, timeout=100)
        assert (name, numbers[-1]) == (far, 199_998.0)
        with PvmPoolExecutor(2, where=far) as pool:
            assert list(pool.map(place, range(100))) == [(far, n) for n in range(100)]
"""


@pytest.mark.parametrize("kinds", [("ours", "debian"), ("debian", "ours")], ids="-".join)
def test_tasks_and_pool_on_the_host_of_the_other_daemon(kinds: tuple[Side, Side]) -> None:
    with Bed(kinds) as bed:
        near, far = bed.start().hosts
        script = near.tmp / "across.py"
        script.write_text(_ACROSS)
        near.run(sys.executable, script, far.name).check()
