# SPDX-License-Identifier: MIT
"""Tasks that are stopped for a while, and tasks that are spawned to stay, on two real daemons."""

from __future__ import annotations

import json
import signal
import sys
from pathlib import Path

import pytest
from support.machines.agent import Remote
from support.machines.machine import Machine
from support.machines.vm import Finished, wait_until
from support.screens.console import console_program
from support.system import modules_dir

from pvm3py.wire import constants as c

FIXED = 128


def state(machine: Machine, tid: int) -> str:
    """The state of a task's process as proc(5) has it: T is stopped."""
    found = json.loads(console(machine, "ps -a --json").check().out)
    (pid,) = [one["pid"] for one in found if one["tid"] == tid]
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]


def console(machine: Machine, line: str) -> Finished:
    return machine.hosts[0].run(console_program("ours"), "-c", line)


def stopped(machine: Machine, tid: int) -> None:
    wait_until(lambda: state(machine, tid) == "T", f"t{tid:x} is stopped")


def test_held_task_does_what_it_was_told_meanwhile_when_it_is_released(
    two: Machine, task: Remote
) -> None:
    for near in two.agents:
        assert near.code("holdtask", task.tid, 1) == 0
        stopped(two, task.tid)
        near.tell("on", task.tid, "mytid")
        assert state(two, task.tid) == "T"
        other = two.agents[1 - two.agents.index(near)]
        assert other.code("holdtask", task.tid, 0) == 0
        assert near.reply()[0] == str(task.tid)


def test_holding_twice_is_released_once(two: Machine, task: Remote) -> None:
    for _ in range(2):
        assert two.here.code("holdtask", task.tid, 1) == 0
    stopped(two, task.tid)
    assert two.here.code("holdtask", task.tid, 0) == 0
    assert task.code("mytid") == task.tid


def test_held_task_stays_stopped_where_it_is_moved(two: Machine, task: Remote) -> None:
    first, second = (host.name for host in two.hosts)
    assert two.here.code("holdtask", task.tid, 1) == 0
    stopped(two, task.tid)
    for host in (first, second, first):
        assert two.here.code("migrate", task.tid, host) == 0
        stopped(two, task.tid)
    two.here.tell("on", task.tid, "mytid")
    assert two.there.code("holdtask", task.tid, 0) == 0
    assert two.here.reply()[0] == str(task.tid)


def test_held_task_is_still_held_if_it_cannot_be_moved(two: Machine, task: Remote) -> None:
    assert task.code("setopt", 1002, 0) == 1
    assert two.here.code("holdtask", task.tid, 1) == 0
    stopped(two, task.tid)
    for _ in range(2):
        assert two.here.code("migrate", task.tid, two.hosts[0].name) == c.PvmNotMovable
        stopped(two, task.tid)
    assert two.here.code("holdtask", task.tid, 0) == 0
    assert task.code("mytid") == task.tid


def test_held_task_ends_when_it_is_killed(two: Machine) -> None:
    (tid,) = two.here.spawn("agent", where=two.hosts[1].name)
    assert two.here.code("on", tid, "mytid") == tid
    assert two.here.code("holdtask", tid, 1) == 0
    stopped(two, tid)
    assert two.here.code("kill", tid) == 0
    wait_until(lambda: two.here.code("pstat", tid) == c.PvmNoTask, "the task has ended")


def test_signals_of_a_held_task_wait(two: Machine) -> None:
    (tid,) = two.here.spawn("/bin/sleep", 1000, where=two.hosts[1].name)
    assert two.here.code("holdtask", tid, 1) == 0
    stopped(two, tid)
    two.here.code("sendsig", tid, int(signal.SIGUSR1))
    assert two.here.code("pstat", tid) == 0 and state(two, tid) == "T"
    assert two.here.code("holdtask", tid, 0) == 0
    wait_until(lambda: two.here.code("pstat", tid) == c.PvmNoTask, "the signal has come")


@pytest.mark.parametrize(
    ("tid", "on", "code"),
    [(0x80FFF, 1, c.PvmNoTask), (0x40FFF, 0, c.PvmNoTask), (0, 1, c.PvmBadParam)],
)
def test_what_cannot_be_held_is_refused(two: Machine, tid: int, on: int, code: int) -> None:
    assert two.here.code("holdtask", tid, on) == code
    assert two.here.code("holdtask", two.here.tid, 2) == c.PvmBadParam


def test_console_holds_a_task_and_all_of_a_host(two: Machine, task: Remote) -> None:
    second = two.hosts[1].name
    assert console(two, f"hold t{task.tid:x}").check().out == "1 held\n"
    stopped(two, task.tid)
    assert console(two, f"release {task.tid:x}").check().out == "1 released\n"
    assert task.code("mytid") == task.tid
    (other,) = two.here.agents(second)
    assert other.code("mytid") == other.tid
    assert console(two, f"hold {second}").check().out == "2 held\n"
    for tid in (task.tid, other.tid):
        stopped(two, tid)
    assert two.there.code("mytid") == two.there.tid, "what was started by hand goes on"
    assert console(two, f"release {second}").check().out == "2 released\n"
    assert other.code("mytid") == other.tid
    two.here.code("kill", other.tid)


def test_console_says_what_it_cannot_hold(two: Machine) -> None:
    done = console(two, "hold nowhere").check(1)
    assert done.out == "nowhere: neither a tid, like t40001, nor a host\n"
    assert console(two, "hold 80fff").check(1).out == "t80fff: No such task\n0 held\n"
    assert "start pvmrm mist" in console(two, f"owner {two.hosts[1].name} here").check(1).out
    assert "neither of here" in console(two, f"owner {two.hosts[1].name} where").check(1).out
    assert console(two, "owner nowhere here").check(1).out == "nowhere: No such host\n"


def test_python_holds_and_releases(two: Machine, task: Remote) -> None:
    code = "import sys; from pvm3py import *; tid = Tid(sys.argv[1]); "
    env = {"PYTHONPATH": str(modules_dir())}
    for holds, releases in (("hold(tid)", "release(tid)"), ("tid.hold()", "tid.release()")):
        two.hosts[0].run(sys.executable, "-c", code + holds, task.tid, env=env).check()
        stopped(two, task.tid)
        two.hosts[0].run(sys.executable, "-c", code + releases, task.tid, env=env).check()
    assert task.code("mytid") == task.tid


def test_task_that_is_spawned_to_stay_is_not_moved(two: Machine) -> None:
    first, second = (host.name for host in two.hosts)
    (tid,) = two.here.spawn("agent", where=second, flags=1 | FIXED)
    assert two.here.code("on", tid, "mytid") == tid
    done = console(two, f"migrate t{tid:x} {first}").check(1)
    assert done.out == f"t{tid:x}: it has been spawned to stay where it is\n"
    two.here.code("kill", tid)
