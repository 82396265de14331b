# SPDX-License-Identifier: MIT
"""Moving tasks from Python, on two real daemons, with tasks of C."""

from __future__ import annotations

import pickle
import sys
import textwrap
from pathlib import Path

from support.machines.agent import Remote
from support.machines.machine import Machine
from support.machines.vm import Finished
from support.system import modules_dir

from pvm3py import Busy, classic
from pvm3py.wire import constants as c

BEGIN = """
import asyncio, sys
from pvm3py import *
from pvm3py import aio, classic
tid, first, second = Tid(sys.argv[1]), sys.argv[2], sys.argv[3]
hosts = {host.tid: host.name for host in classic.config()}
def place():
    (info,) = classic.tasks(tid)
    return hosts[info.host]
def error(call, *arguments, **named):
    try:
        call(*arguments, **named)
    except PvmError as error:
        return error
"""


def script(machine: Machine, task: Remote, text: str) -> Finished:
    """Run a program on the first host, which has the task and the names of both hosts."""
    code = BEGIN + textwrap.dedent(text)
    names = [host.name for host in machine.hosts]
    return machine.hosts[0].run(
        sys.executable, "-c", code, task.tid, *names, env={"PYTHONPATH": str(modules_dir())}
    )


def test_task_moves_and_keeps_its_tid(two: Machine, task: Remote) -> None:
    script(
        two,
        task,
        """
        assert place() == second
        assert can_migrate(tid) is None and can_migrate(tid, first) is None
        migrate(tid, first)
        assert place() == first and tid.alive()
        tid.migrate()
        assert place() == second
    """,
    ).check()
    assert task.code("mytid") == task.tid


def test_unwilling_task_stays_and_the_error_has_the_reason(two: Machine, task: Remote) -> None:
    assert task.code("setopt", 1002, 0) == 1
    script(
        two,
        task,
        f"""
        refused = error(migrate, tid, first)
        assert type(refused) is NotMovable and isinstance(refused, NotMoved), refused
        assert refused.reason == {c.WIRE_WHY_OFF} and refused.code == classic.Code.NOT_MOVABLE
        assert refused.text == "the task does not want to be moved"
        assert str(refused) == f"migrate {{tid}}: {{refused.text}} (NOT_MOVABLE)", str(refused)
        assert place() == second
    """,
    ).check()
    assert task.code("mytid") == task.tid


def test_reason_is_told_before_anything_is_done(two: Machine, task: Remote) -> None:
    (sleeper,) = two.here.spawn("/bin/sleep", 1000, where=two.hosts[1].name)
    script(
        two,
        task,
        f"""
        reason = can_migrate(classic.mytid())
        assert reason.code == classic.Code.NOT_MOVABLE, reason
        assert reason.number == {c.WIRE_WHY_CHANNEL}
        assert str(reason) == reason.text and "is a pipe" in reason.text
        starting = can_migrate({sleeper})
        assert starting.code == classic.Code.BUSY and starting.number == {c.WIRE_WHY_STARTING}
        busy = error(migrate, {sleeper})
        assert type(busy) is Busy and busy.text == starting.text == "it has not enrolled yet"
    """,
    ).check()
    two.here.code("kill", sleeper)


def test_what_is_not_there_has_its_usual_error(two: Machine, task: Remote) -> None:
    script(
        two,
        task,
        """
        for call in (migrate, can_migrate):
            assert type(error(call, tid + 1000)) is NoTask
            assert type(error(call, tid, "nowhere")) is NoHost
            assert "no host nowhere" in str(error(call, tid, "nowhere"))
            assert type(error(call, 0)) is BadParam
        assert type(error(migrate, tid, first, live=True)) is NotImpl
        assert place() == second
    """,
    ).check()


def test_error_keeps_its_reason_in_pickle() -> None:
    error = Busy(int(classic.Code.BUSY), "migrate", "soon", "t40001", 7)
    again = pickle.loads(pickle.dumps(error))
    assert (again.reason, str(again)) == (7, "migrate t40001: soon (BUSY)")


def test_flat_functions_and_those_to_await_do_the_same(two: Machine, task: Remote) -> None:
    script(
        two,
        task,
        """
        assert classic.canmigrate(tid) is None
        classic.pvm_migrate(tid, first)
        assert place() == first
        assert type(error(classic.canmigrate, tid, "nowhere")) is NoHost
        async def main():
            async with aio.Task() as task:
                assert await task.can_migrate(tid, second) is None
                await task.migrate(tid, second)
                assert await task.can_migrate(task.tid)
        asyncio.run(main())
        assert place() == second
    """,
    ).check()
    assert task.code("mytid") == task.tid


def test_task_is_stopped_and_released_by_all_faces(two: Machine, task: Remote) -> None:
    script(
        two,
        task,
        """
        import time
        from pathlib import Path
        def awaits(state):
            end = time.monotonic() + 60
            while True:
                (info,) = classic.tasks(tid)
                letter = Path(f"/proc/{info.pid}/stat").read_text().rpartition(")")[2].split()[0]
                if (letter == "T") == (state == "stopped"):
                    return
                assert time.monotonic() < end, letter
                time.sleep(0.01)
        for on, off in (
            (lambda: classic.holdtask(tid, True), lambda: classic.pvm_holdtask(tid, False)),
            (lambda: hold(tid), lambda: release(tid)),
            (tid.hold, tid.release),
        ):
            on()
            awaits("stopped")
            off()
            awaits("released")
        async def main():
            async with aio.Task() as task:
                await task.hold(tid)
                awaits("stopped")
                await task.release(tid)
                awaits("released")
        asyncio.run(main())
        assert type(error(classic.holdtask, tid + 1000, True)) is NoTask
    """,
    ).check()
    assert task.code("mytid") == task.tid


UNWILLING = """
import sys
from pvm3py import Busy, Task, classic, migrate

def unwilling():
    calls = []
    def not_now():
        calls.append(len(calls))
        if len(calls) > 1:
            raise ValueError("never")
        return True
    classic.onmigrate(classic.When.BEFORE_IMAGE, not_now)
    task = Task()
    task.send("ready", task.parent)
    while task.recv() != "end":
        task.send(calls, task.parent)

if __name__ == "__main__":
    first, second = sys.argv[1:]
    task = Task()
    (them,) = task.spawn(unwilling, where=first)
    assert task.recv(them) == "ready"
    for number in (1, 2):
        try:
            migrate(them, second)
        except Busy as error:
            assert "not the time" in error.text, error
        else:
            raise AssertionError("it was moved")
        task.send("again", them)
        assert task.recv(them) == list(range(number))
    task.send("end", them)
    try:
        classic.onmigrate(7, print)
    except ValueError:
        print("done")
"""


def test_function_of_the_task_that_says_not_now_keeps_it_where_it_is(
    two: Machine, tmp_path: Path
) -> None:
    program = tmp_path / "unwilling.py"
    program.write_text(UNWILLING)
    names = [host.name for host in two.hosts]
    done = two.hosts[0].run(sys.executable, program, *names, env={"PYTHONPATH": str(modules_dir())})
    out = done.check().out
    assert out.endswith("done\n") and "ValueError: never" in out
