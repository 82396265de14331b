# SPDX-License-Identifier: MIT
"""Starting tasks: where they are found, what they get, who starts them, why they do not start."""

from __future__ import annotations

import os
import resource
from collections.abc import Iterator
from pathlib import Path

import pytest
from support.impostors.rawtask import Connector, RawTask, ints, message
from support.impostors.spawner import collect, run, start, tids, wait_notice, watch
from support.machines.vm import VirtualMachine, wait_until

from pvm3py.wire import constants as c
from pvm3py.wire.output import REASONS_WANTED
from pvm3py.wire.system import ExecRequest, StartTask, TaskEnd
from pvm3py.wire.task import Codes, Started, TaskReply, TidBody


@pytest.fixture(scope="module")
def vm() -> Iterator[VirtualMachine]:
    with VirtualMachine("ours", path=["/bin"], env={"IN_DAEMON": "1"}) as machine:
        yield machine


def test_collector_hears_new_then_spawn_then_the_reply(task: RawTask) -> None:
    messages = start(task, "/bin/sleep", "0.3", count=2)
    one, two = tids(messages)
    assert two == one + 1
    assert [m.ints() for m in messages[:-1]] == [
        (one, c.TO_NEW, task.tid),
        (two, c.TO_NEW, task.tid),
        (one, c.TO_SPAWN, task.tid),
        (two, c.TO_SPAWN, task.tid),
    ]
    assert collect(task, one, two) == {one: b"", two: b""}


@pytest.mark.parametrize("name", ["no-such-program", "/no/such/program"])
def test_reply_says_why_a_program_does_not_start_to_who_asks_for_it(
    task: RawTask, vm: VirtualMachine, name: str
) -> None:
    asked = (f"{REASONS_WANTED}=1",)
    answer = Started.decode(start(task, name, count=2, env=asked)[-1].body)
    assert answer.values == [c.PvmNoFile] * 2
    host, _, why = (answer.reasons or "").rstrip("\n").partition("\t")
    assert host == os.uname().nodename
    assert why.startswith("no executable file" if "/" in name else "no such program in /bin")
    assert Started.decode(start(task, "/bin/true", env=asked)[-1].body).reasons is None
    assert len(start(task, name, count=2)[-1].body) == 3 * 4


def test_search_path_and_arguments(task: RawTask) -> None:
    assert run(task, "echo", "a  b", "", "c\udcff") == b"a  b  c\xff\n"


def test_missing_program_uses_up_one_number(task: RawTask) -> None:
    first = tids(start(task, "/bin/true"))[0]
    for name in ("no-such-program", "/bin", "/etc/passwd", "./no"):
        assert tids(start(task, name, count=3)) == [c.PvmNoFile] * 3
    assert tids(start(task, "/bin/true"))[0] == first + 5


def test_hosts_that_are_not_there(task: RawTask) -> None:
    for flags, where in (
        (c.PvmTaskHost, "nohost"),
        (c.PvmTaskArch, "SUN4"),
        (c.PvmTaskHost | c.PvmHostCompl, "."),
        (c.PvmHostCompl, ""),
    ):
        found = tids(start(task, "/bin/true", count=2, flags=flags, where=where))
        assert found == [c.PvmNoHost] * 2


def test_hosts_that_are_there(task: RawTask) -> None:
    for flags, where in (
        (c.PvmTaskHost, "."),
        (c.PvmTaskArch, "LINUX64"),
        (c.PvmTaskHost | c.PvmHostCompl, "nohost"),
        (0, "ignored"),
    ):
        assert tids(start(task, "/bin/true", flags=flags, where=where))[0] > 0


def test_environment(vm: VirtualMachine, task: RawTask) -> None:
    text = run(
        task,
        "/bin/sh",
        "-c",
        "echo $$; tr '\\0' '\\n' < /proc/$$/environ",
        env=("A=1", "B=2", "IN_DAEMON=3"),
        where=":/usr",
        flags=0,
    ).decode()
    pid, *lines = text.splitlines()
    assert lines[-1] == f"PVMEPID={pid}"
    assert lines[-4:-1] == ["PVMSPAWNWD=/usr", "B=2", "A=1"]
    assert "IN_DAEMON=3" in lines[:-4]
    assert f"PVMSOCK={vm.address}" in lines
    assert "PVM_ARCH=LINUX64" in lines


def test_descriptors_and_directories(vm: VirtualMachine, task: RawTask) -> None:
    text = run(task, "/bin/ls", "-l", "/proc/self/fd").decode().splitlines()
    links = [line.split()[-3:] for line in text[1:]]
    assert [(number, target[:5]) for number, _, target in links] == [
        ("0", "/dev/"),
        ("1", "pipe:"),
        ("2", "pipe:"),
        ("3", "/proc"),
    ]
    assert run(task, "/bin/pwd") == f"{vm.home}\n".encode()
    assert run(task, "/bin/pwd", where=":/usr") == b"/usr\n"
    assert run(task, "/bin/pwd", where=":/no/such") == f"{vm.home}\n".encode()


# A program for another processor: the begin of an ELF file with an unused machine number.
_FOREIGN = b"\x7fELF\x02\x01\x01" + bytes(9) + b"\x02\x00\xff\xff\x01\0\0\0" + bytes(100)


@pytest.mark.parametrize(
    ("text", "mode", "why"),
    [
        (b"#!/no/such/interpreter\n", 0o700, "cannot execute {}: No such file or directory: its"),
        (b"#!/etc\n", 0o700, "cannot execute {}: Permission denied"),
        (b"echo no first line\n", 0o700, "cannot execute {}: Exec format error"),
        (b"", 0o700, "cannot execute {}: Exec format error"),
        (_FOREIGN, 0o700, "cannot execute {}: Exec format error"),
        (b"#!/bin/sh\n", 0o600, "no executable file"),
    ],
    ids=["interpreter", "directory", "text", "empty", "foreign", "mode"],
)
def test_what_cannot_be_executed_is_an_error(
    vm: VirtualMachine, task: RawTask, text: bytes, mode: int, why: str
) -> None:
    bad = vm.home / "bad"
    bad.unlink(missing_ok=True)
    bad.write_bytes(text)
    bad.chmod(mode)
    assert tids(start(task, str(bad), count=2)) == [c.PvmNoFile] * 2
    assert f"start of {bad}: {why.format(bad)}" in vm.log()


def test_a_directory_cannot_be_executed(vm: VirtualMachine, task: RawTask) -> None:
    assert tids(start(task, str(vm.home))) == [c.PvmNoFile]
    assert f"start of {vm.home}: no executable file" in vm.log()


def test_search_path_is_named_where_there_is_no_such_program(
    vm: VirtualMachine, task: RawTask
) -> None:
    assert tids(start(task, "no-such-program")) == [c.PvmNoFile]
    assert "start of no-such-program: no such program in /bin" in vm.log()


def test_program_that_appears_is_found_at_once(connector: Connector, tmp_path: Path) -> None:
    program = tmp_path / "late"
    with (
        VirtualMachine("ours", path=[str(tmp_path)]) as vm,
        RawTask(vm.address, connector) as task,
    ):
        task.enrol(vm.tmp)
        for _ in range(3):
            assert tids(start(task, "late")) == [c.PvmNoFile]
            program.symlink_to("/bin/true")
            (child,) = tids(start(task, "late"))
            assert child > 0
            collect(task, child)
            program.unlink()


def test_many_spawns_of_no_program_use_up_numbers_and_are_logged_as_far_as_there_is_room(
    connector: Connector,
) -> None:
    with (
        VirtualMachine("ours", env={"PVMDLOGMAX": "32000"}) as vm,
        RawTask(vm.address, connector) as task,
    ):
        task.enrol(vm.tmp)
        for _ in range(200):
            assert tids(start(task, "no-such-program", count=2)) == [c.PvmNoFile] * 2
        assert 5 < vm.log().count("start of no-such-program: ") < 100
        assert vm.log().count(f"*** no more of t{task.tid:x} is logged") == 1
        (child,) = tids(start(task, "/bin/true"))
        assert child == task.tid + 201


def test_more_arguments_than_the_system_takes_are_an_error(
    vm: VirtualMachine, task: RawTask
) -> None:
    assert tids(start(task, "/bin/true", "x" * (1 << 20))) == [c.PvmOutOfRes]
    assert "start of /bin/true: cannot execute /bin/true: Argument list too long" in vm.log()


def test_task_without_parent(task: RawTask) -> None:
    messages = start(task, "/bin/sleep", "0.2", flags=c.PvmNoSpawnParent)
    (tid,) = tids(messages)
    assert messages[0].ints() == (tid, c.TO_NEW, c.PvmParentNotSet)
    (entry,) = TaskReply.decode(task.request(c.TM_TASK, TidBody(tid).encode()).body).tasks
    assert (entry.ptid, entry.flags, entry.name) == (c.PvmParentNotSet, 2, "/bin/sleep")
    assert collect(task, tid)


def test_max_tasks_counts_the_spawner(connector: Connector) -> None:
    with (
        VirtualMachine("ours", env={"PVM_MAX_TASKS": "3"}) as machine,
        RawTask(machine.address, connector) as task,
    ):
        task.enrol(machine.tmp)
        found = tids(start(task, "/bin/sleep", "0.2", count=4))
        assert [tid > 0 for tid in found] == [True, True, False, False]
        assert found[2:] == [c.PvmOutOfRes] * 2


def test_resource_manager_starts_tasks(vm: VirtualMachine, task: RawTask) -> None:
    task.request(c.TM_SCHED)
    body = ExecRequest(5, "/bin/true", 0, 1, [], 0, 0, 0, 0, 0, 0, [], 0, 1)
    task.send(message(c.SM_EXEC, body.encode(), src=task.tid, ctx=0, wid=99))
    answer = task.receive()
    (tid,) = Codes.decode(answer.body).values
    assert (answer.tag, answer.wid) == (c.SM_EXECACK, 99)
    ended = task.receive()
    assert (ended.tag, TaskEnd.decode(ended.body)) == (c.SM_TASKX, TaskEnd(tid, 0))


def test_tasker_starts_tasks(vm: VirtualMachine, connector: Connector, task: RawTask) -> None:
    with RawTask(vm.address, connector) as tasker:
        tasker.enrol(vm.tmp)
        tasker.request(c.TM_TASKER, ints(1))
        (tid,) = tids(start(task, "/bin/true", "arg", env=("X=1",)))
        order = StartTask.decode(tasker.receive().body)
        assert (order.tid, order.path, order.argv) == (tid, "/bin/true", ["/bin/true", "arg"])
        assert order.env[1:] == ["X=1"]
        assert int(order.env[0].removeprefix("PVMEPID=")) >= 10000000
        tasker.send(message(c.SM_TASKX, TaskEnd(tid, 256).encode(), src=tasker.tid, ctx=0))
        collect(task, tid)
        (lost,) = tids(start(task, "/bin/true"))
        tasker.receive()
    collect(task, lost)


def test_plugins_are_started(connector: Connector) -> None:
    with VirtualMachine("ours", path=["/bin"], env={"PVM_HOSTER": "echo a plug-in"}) as machine:
        wait_until(lambda: "a plug-in\n" in machine.log(), "output of the plug-in")


def test_tasks_get_the_limit_of_files_that_the_daemon_had(connector: Connector) -> None:
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (before[1] // 2, before[1]))
    try:
        machine = VirtualMachine("ours")
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, before)
    with machine, RawTask(machine.address, connector) as task:
        task.enrol(machine.tmp)
        assert resource.prlimit(machine.pid, resource.RLIMIT_NOFILE)[0] == before[1]
        text = run(task, "/bin/sh", "-c", "ulimit -Sn; ulimit -Hn").split()
        assert text == [b"%d" % (before[1] // 2), b"%d" % before[1]]


def test_many_tasks_in_one_request(vm: VirtualMachine, task: RawTask) -> None:
    task.sync()
    before = vm.descriptors()
    found = tids(start(task, "/bin/echo", "x", count=500))
    assert found == list(range(found[0], found[0] + 500))
    assert set(collect(task, *found).values()) == {b"x\n"}
    for tid in found:
        watch(task, tid)
    assert {wait_notice(task) for _ in found} == set(found)
    assert vm.descriptors() == before
