# SPDX-License-Identifier: MIT
"""pvmrm mist on three real daemons, with tasks of C, and owners who come and go."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest
from support.machines.agent import Remote
from support.machines.machine import Machine
from support.machines.vm import Finished, wait_until
from support.screens.console import console_program
from support.system import spawn_dir

from pvm3py.wire import constants as c

PVMRM = spawn_dir() / "pvmrm"


class Bed(NamedTuple):
    """A machine with the manager, which writes to a log."""

    machine: Machine
    log: Path

    def owner(self, number: int) -> Path:
        """The file that is there while the owner of a host is."""
        return self.machine.hosts[number].tmp / "owner"

    def owner_comes(self, number: int) -> None:
        """An owner is there, and the manager knows."""
        line = f"owner of {self.machine.hosts[number].name} is there"
        before = self.said(line)
        self.owner(number).touch()
        wait_until(lambda: self.said(line) > before, "it is known")

    def console(self, line: str) -> Finished:
        return self.machine.hosts[0].run(console_program("ours"), "-c", line)

    def tasks(self) -> dict[int, tuple[str, int]]:
        """Host and process of each task."""
        found = json.loads(self.console("ps -a --json").check().out)
        return {one["tid"]: (one["host"], one["pid"]) for one in found}

    def place(self, tid: int) -> str:
        """The name of the host where a task is."""
        here = self.machine.here
        names = {daemon: name for name, daemon in here.config().items()}
        code, count, *words = here.call("tasks", tid)
        assert (code, count) == ("0", "1"), words
        return names[int(words[2])]

    def stopped(self, tid: int) -> bool:
        return state(self.tasks()[tid][1]) == "T"

    def said(self, text: str) -> int:
        return self.log.read_text().count(text)


def state(pid: int) -> str:
    """The state of a process as proc(5) has it: T is stopped."""
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]


HOOKS = {"file": "file:$PVM_TMP/owner", "cmd": 'cmd:test -e "$PVM_TMP/owner"'}


@pytest.fixture(scope="module", params=["file", "cmd"])
def bed(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bed]:
    env = {"PVM_OWNER": HOOKS[request.param]}
    machine = Machine(("ours",) * 3, network="loopback", programs=("agent",), env=env)
    made = Bed(machine, tmp_path_factory.mktemp("mist") / "log")
    with made.log.open("wb") as out:
        machine.hosts[0].start(PVMRM, "mist", stdout=out, stderr=out)
    wait_until(lambda: manager(made), "there is a manager")
    yield made
    machine.bed.stop()


def managed(bed: Bed) -> bool:
    """Whether a task is listed as manager of its host."""
    found = json.loads(bed.console("ps -a --json").check().out)
    return any("R" in one["flags"] for one in found)


def manager(bed: Bed) -> bool:
    """Whether daemons of all hosts have one that wants to know of owners."""
    return all(bed.console(f"owner {host.name} auto").status == 0 for host in bed.machine.hosts)


@pytest.fixture
def tasks(bed: Bed) -> Iterator[list[Remote]]:
    """Two tasks on the second host."""
    agents = bed.machine.here.agents(bed.machine.hosts[1].name, count=2)
    for agent in agents:
        assert agent.code("mytid") == agent.tid
    yield agents
    for agent in agents:
        bed.machine.here.code("kill", agent.tid)
    for number in range(3):
        bed.owner(number).unlink(missing_ok=True)
        bed.console(f"owner {bed.machine.hosts[number].name} gone").check()
        bed.console(f"owner {bed.machine.hosts[number].name} auto").check()


def test_tasks_leave_when_the_owner_returns(bed: Bed, tasks: list[Remote]) -> None:
    second = bed.machine.hosts[1].name
    before = bed.said(f"from {second} to ")
    bed.owner(1).touch()
    for task in tasks:
        wait_until(lambda task=task: bed.place(task.tid) != second, "it has left")
        assert task.code("mytid") == task.tid, "it goes on where it is"
    places = {bed.place(task.tid) for task in tasks}
    assert places == {bed.machine.hosts[0].name, bed.machine.hosts[2].name}
    wait_until(lambda: bed.said(f"from {second} to ") >= before + 2, "it is told")


def test_task_with_nowhere_to_go_stays_stopped_until_there_is_a_host(
    bed: Bed, tasks: list[Remote]
) -> None:
    names = [host.name for host in bed.machine.hosts]
    for number in (0, 2, 1):
        bed.owner_comes(number)
    for task in tasks:
        wait_until(lambda task=task: bed.stopped(task.tid), "it is stopped")
        assert bed.place(task.tid) == names[1]
    bed.machine.here.tell("on", tasks[0].tid, "mytid")
    bed.console(f"owner {names[2]} gone").check()
    assert bed.machine.here.reply()[0] == str(tasks[0].tid)
    for task in tasks:
        wait_until(lambda task=task: bed.place(task.tid) == names[2], "it has gone there")
        assert task.code("mytid") == task.tid


def test_task_that_cannot_move_is_stopped_until_its_host_is_free(
    bed: Bed, tasks: list[Remote]
) -> None:
    second = bed.machine.hosts[1].name
    assert tasks[0].code("setopt", 1002, 0) == 1
    before = bed.said("does not want to be moved")
    bed.owner(1).touch()
    wait_until(lambda: bed.stopped(tasks[0].tid), "it is stopped")
    wait_until(lambda: bed.place(tasks[1].tid) != second, "the other one has left")
    wait_until(lambda: bed.said("does not want to be moved") > before, "the reason is told")
    assert bed.stopped(tasks[0].tid) and bed.place(tasks[0].tid) == second
    bed.console(f"owner {second} gone").check()
    assert tasks[0].code("mytid") == tasks[0].tid


def test_task_stopped_by_hand_stays_so_where_the_owner_is_not(
    bed: Bed, tasks: list[Remote]
) -> None:
    second = bed.machine.hosts[1].name
    assert bed.machine.here.code("holdtask", tasks[0].tid, 1) == 0
    bed.owner(1).touch()
    wait_until(lambda: bed.place(tasks[0].tid) != second, "it has left")
    wait_until(lambda: bed.place(tasks[1].tid) != second, "the other one has left")
    wait_until(lambda: bed.stopped(tasks[0].tid), "it is stopped")
    assert tasks[1].code("mytid") == tasks[1].tid
    assert bed.machine.here.code("holdtask", tasks[0].tid, 0) == 0
    assert tasks[0].code("mytid") == tasks[0].tid


def test_nothing_is_moved_or_started_where_an_owner_is(bed: Bed, tasks: list[Remote]) -> None:
    first, _, third = (host.name for host in bed.machine.hosts)
    line = f"owner of {third} is there"
    before = bed.said(line)
    bed.console(f"owner {third} here").check()
    wait_until(lambda: bed.said(line) > before, "it is known")
    refused = bed.console(f"migrate t{tasks[0].tid:x} {third}").check(1)
    assert refused.out == f"t{tasks[0].tid:x}: the owner of that host uses it\n"
    assert bed.console(f"migrate t{tasks[0].tid:x}").check().out.endswith(f"on {first}\n")
    started = bed.console("spawn -4 /bin/sleep 1000").check().out
    tids = [int(word[1:], 16) for word in started.split() if word.startswith("t")]
    known = bed.tasks()
    assert len(tids) == 4 and third not in {known[tid][0] for tid in tids}
    for tid in tids:
        bed.machine.here.code("kill", tid)


def test_owner_finds_the_tasks_stopped_at_once(bed: Bed, tasks: list[Remote]) -> None:
    """In a tenth of a second; commands are run once a second. The best of some tries counts."""
    limit = 2.5 if "cmd" in bed.machine.hosts[0].env["PVM_OWNER"] else 0.1
    second = bed.machine.hosts[1].name
    for task in tasks:
        assert task.code("setopt", 1002, 0) == 1
    pids = [bed.tasks()[task.tid][1] for task in tasks]
    took = []
    for _ in range(5):
        bed.owner(1).touch()
        began = time.monotonic()
        wait_until(lambda: all(state(pid) == "T" for pid in pids), "they are stopped", pause=0.002)
        took.append(time.monotonic() - began)
        bed.owner(1).unlink()
        bed.console(f"owner {second} gone").check()
        wait_until(lambda: all(state(pid) != "T" for pid in pids), "they go on")
        bed.console(f"owner {second} auto").check()
    assert min(took) < limit, took


def test_what_a_dead_manager_has_stopped_goes_on(tmp_path: Path) -> None:
    env = {"PVM_OWNER": HOOKS["file"]}
    machine = Machine(("ours",) * 2, network="loopback", programs=("agent",), env=env)
    bed = Bed(machine, tmp_path / "log")
    try:
        with bed.log.open("wb") as out:
            process = machine.hosts[0].start(PVMRM, "mist", stdout=out, stderr=out)
        wait_until(lambda: manager(bed), "there is a manager")
        bed.owner(0).touch()
        wait_until(lambda: bed.said("is there"), "it is known")
        (task,) = machine.here.agents(machine.hosts[1].name)
        assert task.code("mytid") == task.tid
        bed.owner(1).touch()
        wait_until(lambda: bed.stopped(task.tid), "it is stopped")
        process.kill()
        process.wait()
        assert task.code("mytid") == task.tid
        assert bed.console(f"owner {machine.hosts[1].name} gone").status == 1
        assert machine.here.code("migrate", task.tid, machine.hosts[0].name) == 0
        assert machine.here.code("kill", task.tid) == 0
    finally:
        machine.bed.stop(check=False)


def test_manager_that_does_not_say_what_it_takes_is_asked_nothing(tmp_path: Path) -> None:
    machine = Machine(("ours",) * 2, network="loopback", programs=("agent",))
    bed = Bed(machine, tmp_path / "log")
    try:
        with bed.log.open("wb") as out:
            machine.hosts[1].start(PVMRM, "round-robin", stdout=out, stderr=out)
        wait_until(lambda: managed(bed), "there is a manager")
        (task,) = machine.here.agents(machine.hosts[1].name)
        assert machine.here.code("migrate", task.tid, machine.hosts[0].name) == 0
        assert bed.place(task.tid) == machine.hosts[0].name
        assert bed.console(f"owner {machine.hosts[1].name} here").status == 1
        assert bed.said("message") == 0
        assert machine.here.code("pstat", task.tid) == c.PvmOk
    finally:
        machine.bed.stop(check=False)
