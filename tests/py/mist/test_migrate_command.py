# SPDX-License-Identifier: MIT
"""The console's commands about tasks that move, on two real daemons, with tasks of C."""

from __future__ import annotations

import json

import pytest
from support.machines.agent import Remote
from support.machines.machine import Machine
from support.machines.vm import Finished
from support.screens.console import Console, console_program

PIPED = "a standard stream of it is a pipe or a socket"
PROGRAM = console_program("ours")


def console(machine: Machine, line: str) -> Finished:
    return machine.hosts[0].run(PROGRAM, "-c", line)


def looks(machine: Machine, tid: int) -> dict[str, object]:
    """What `ps -m --json` says of a task."""
    (found,) = [
        one for one in json.loads(console(machine, "ps -am --json").check().out)
        if one["tid"] == tid
    ]  # fmt: skip
    return dict(found)


def test_task_goes_where_it_is_told_and_where_it_is_best(two: Machine, task: Remote) -> None:
    first, second = (host.name for host in two.hosts)
    done = console(two, f"migrate t{task.tid:x} {first}").check()
    assert done.out == f"t{task.tid:x}: on {first}\n"
    assert task.code("mytid") == task.tid
    assert looks(two, task.tid) | {"pid": 0} == {
        "tid": task.tid,
        "host": first,
        "parent": two.here.tid,
        "pid": 0,
        "flags": "6/c,f",
        "program": "agent",
        "birth": second,
        "memory": looks(two, task.tid)["memory"],
        "reason": None,
    }
    done = console(two, f"migrate {task.tid:x}").check()
    assert done.out == f"t{task.tid:x}: on {second}\n"
    assert task.code("mytid") == task.tid


def test_table_has_host_of_birth_size_and_reason(two: Machine, task: Remote) -> None:
    first, second = (host.name for host in two.hosts)
    console(two, f"migrate {task.tid:x} {first}").check()
    assert task.code("setopt", 1002, 0) == 1
    (sleeper,) = two.here.spawn("/bin/sleep", 1000, where=second)
    lines = console(two, "ps -am").check().out.splitlines()
    assert lines[0].split() == ["HOST", "TID", "FLAG", "0x", "COMMAND", "BIRTH", "SIZE", "MOVABLE"]
    rows = {int(line.split()[1], 16): line.split(maxsplit=6) for line in lines[1:]}
    host, _, _, program, birth, size, movable = rows[task.tid]
    assert (host, program, birth, movable) == (first, "agent", second, "yes")
    assert size[-1] in "KM"
    assert rows[sleeper][4:] == [second, "-", "it has not enrolled yet"]
    assert rows[two.here.tid][6].startswith(PIPED)
    two.here.code("kill", sleeper)


@pytest.mark.parametrize(
    ("operands", "says"),
    [
        ("zz", "zz: no tid; one is like t40001"),
        ("t{task} nowhere", "t{task}: no host nowhere"),
        ("t{none}", "t{none}: there is no such task"),
        ("t80000", "t80000: Bad parameter"),
    ],
)
def test_what_cannot_be_is_refused(two: Machine, task: Remote, operands: str, says: str) -> None:
    words = {"task": f"{task.tid:x}", "none": f"{task.tid + 1000:x}"}
    done = console(two, "migrate " + operands.format(**words)).check(1)
    assert done.out == says.format(**words) + "\n"


def test_refusal_of_the_task_is_said_in_its_words(two: Machine, task: Remote) -> None:
    assert task.code("setopt", 1002, 0) == 1
    done = console(two, f"migrate t{task.tid:x}").check(1)
    assert done.out == f"t{task.tid:x}: the task does not want to be moved\n"
    assert looks(two, task.tid)["host"] == two.hosts[1].name


def test_console_does_not_move_itself(two: Machine) -> None:
    with Console(two.hosts[0], "ours", "ours") as one:
        own = one.do("id").splitlines()[1]
        assert one.do(f"migrate {own}").splitlines()[1] == f"{own}: that's me."


def test_evacuation_moves_what_it_can_and_names_the_rest(two: Machine, task: Remote) -> None:
    first, second = (host.name for host in two.hosts)
    (unwilling,) = two.here.agents(second)
    assert unwilling.code("setopt", 1002, 0) == 1
    told = json.loads(console(two, f"evacuate --json {second}").check(1).out)
    by_hand, *others = sorted(told, key=lambda one: one["why"] or "~")
    assert (by_hand["tid"], by_hand["host"]) == (two.there.tid, second)
    assert by_hand["why"].startswith(PIPED)
    assert others == [
        {"tid": unwilling.tid, "host": second, "why": "the task does not want to be moved"},
        {"tid": task.tid, "host": first, "why": None},
    ]
    lines = console(two, f"evacuate {second}").check(1).out.splitlines()
    assert lines[0] == "0 successful" and len(lines) == 4
    assert unwilling.code("setopt", 1002, 1) == 0
    lines = console(two, f"evacuate {second}").check(1).out.splitlines()
    assert lines[0] == "1 successful"
    assert [first, f"{unwilling.tid:x}", "moved"] in [line.split() for line in lines]
    two.here.code("kill", unwilling.tid)


def test_evacuation_of_an_unknown_host_is_refused(two: Machine) -> None:
    assert console(two, "evacuate nowhere").check(1).out == "nowhere: No such host\n"
