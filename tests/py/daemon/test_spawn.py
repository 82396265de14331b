# SPDX-License-Identifier: MIT
"""Starting tasks: where they are found, what they get, what is collected, how they end."""

from __future__ import annotations

import os
import re
import resource
import shutil
import signal
import subprocess
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from support.impostors.rawtask import Connector, Message, RawTask, enrolled, ints, message
from support.machines.vm import VirtualMachine, wait_until
from support.system import PATIENCE, missing

from pvm3py.pvmd.state.task import ticks_now
from pvm3py.wire import constants as c
from pvm3py.wire.output import REASONS_WANTED, STATUS_WANTED, OutputStatus, OutputText
from pvm3py.wire.system import ExecRequest, StartTask, TaskEnd
from pvm3py.wire.task import (
    Codes,
    NotifyRequest,
    SpawnRequest,
    Started,
    TaskEntry,
    TaskReply,
    TidBody,
)

TAG = 44
EXITED = 45


@pytest.fixture(scope="module")
def vm() -> Iterator[VirtualMachine]:
    with VirtualMachine("ours", path=["/bin"], env={"IN_DAEMON": "1"}) as machine:
        yield machine


def start(
    task: RawTask,
    file: str,
    *args: str,
    count: int = 1,
    flags: int = 0,
    where: str = "",
    env: tuple[str, ...] = (),
    collect: bool = True,
) -> list[Message]:
    """Send TM_SPAWN; all messages up to its reply."""
    out = (task.tid, 0, TAG) if collect else (0, 0, 0)
    body = SpawnRequest(file, flags, where, count, list(args), *out, 0, 0, 0, list(env))
    wid = task.next_wid()
    task.send(message(c.TM_SPAWN, body.encode(), src=task.tid, wid=wid))
    messages = [task.receive()]
    while messages[-1].tag != c.TM_SPAWN:
        messages.append(task.receive())
    return messages


def tids(messages: list[Message]) -> list[int]:
    """What TM_SPAWN answered."""
    return Codes.decode(messages[-1].body).values


def collect(task: RawTask, *ended: int) -> dict[int, bytes]:
    """Receive output until it has ended for these tasks; what each wrote."""
    text: dict[int, list[bytes]] = {tid: [] for tid in ended}
    left = set(ended)
    while left:
        found = task.receive()
        if found.tag != TAG:
            continue
        tid, op = found.ints()[:2]
        if op > 0:
            assert op <= 3999
            text[tid].append(OutputText.decode(found.body).text)
        elif op == c.TO_EOF:
            left.remove(tid)
    return {tid: b"".join(parts) for tid, parts in text.items()}


def run(task: RawTask, file: str, *args: str, **options: object) -> bytes:
    """Start one task and return what it wrote."""
    (tid,) = tids(start(task, file, *args, **options))  # type: ignore[arg-type]
    return collect(task, tid)[tid]


def watch(task: RawTask, *tids: int) -> None:
    """Ask for notice of the ends of tasks."""
    body = NotifyRequest(c.PvmTaskExit, 0, EXITED, len(tids), list(tids))
    task.send(message(c.TM_NOTIFY, body.encode(), src=task.tid))


def wait_notice(task: RawTask) -> int:
    """The tid in the next exit notice."""
    while (found := task.receive()).tag != EXITED:
        pass
    return TidBody.decode(found.body).tid


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


@pytest.mark.parametrize(("script", "status"), [("exit 3", 3), ("kill -9 $$", -9)])
def test_status_follows_the_output_if_it_was_asked_for(
    task: RawTask, script: str, status: int
) -> None:
    words = ("/bin/sh", "-c", script)
    (tid,) = tids(start(task, *words, env=(f"{STATUS_WANTED}=1",)))
    collect(task, tid)
    found = OutputStatus.decode(task.receive().body)
    assert (found.tid, found.op) == (tid, c.WIRE_TO_STATUS)
    assert os.waitstatus_to_exitcode(found.status) == status
    (other,) = tids(start(task, *words))
    watch(task, other)
    collect(task, other)
    assert task.receive().tag == EXITED


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


def test_output_ends_before_the_exit_notice(task: RawTask) -> None:
    (tid,) = tids(start(task, "/bin/sh", "-c", "sleep 0.1; echo out; echo err >&2; exit 3"))
    watch(task, tid)
    text = b""
    while (found := task.receive()).tag == TAG and found.ints()[1] != c.TO_EOF:
        text += OutputText.decode(found.body).text
    assert text == b"out\nerr\n"
    assert found.ints() == (tid, c.TO_EOF)
    ended = task.receive()
    assert (ended.tag, TidBody.decode(ended.body).tid) == (EXITED, tid)


def test_all_output_comes_before_the_notices_when_many_tasks_end_at_once(
    task: RawTask, tmp_path: Path
) -> None:
    end = tmp_path / "end"
    script = "head -c 20000 /dev/zero; while [ ! -e $1 ]; do sleep 0.05; done; echo last $$"
    begun = tids(start(task, "/bin/sh", "-c", script, "sh", str(end), count=100))
    assert len(begun) == 100 and min(begun) > 0
    watch(task, *begun)
    end.touch()
    texts: dict[int, bytes] = dict.fromkeys(begun, b"")
    closed, ended = set(), set()
    while len(ended) < 100:
        found = task.receive()
        if found.tag == EXITED:
            tid = TidBody.decode(found.body).tid
            assert tid in closed, "the notice follows the end of the output"
            ended.add(tid)
        elif found.ints()[1] == c.TO_EOF:
            closed.add(found.ints()[0])
        elif found.ints()[1] >= 0:
            output = OutputText.decode(found.body)
            assert output.tid not in closed
            texts[output.tid] += output.text
    for text in texts.values():
        assert re.fullmatch(rb"\0{20000}last \d+\n", text)


def test_all_of_a_long_output_arrives(task: RawTask) -> None:
    text = run(task, "/bin/sh", "-c", "head -c 3000000 /dev/zero; kill -9 $$")
    assert len(text) == 3000000


def test_output_of_a_collector_that_does_not_read_waits(vm: VirtualMachine, task: RawTask) -> None:
    before = vm.rss()
    (tid,) = tids(start(task, "/bin/sh", "-c", "head -c 30000000 /dev/zero"))
    wait_until(lambda: state(tid, vm, task) == "S", "writer blocked")
    assert vm.rss() - before < 20 << 20
    assert len(collect(task, tid)[tid]) == 30000000


def state(tid: int, vm: VirtualMachine, task: RawTask) -> str:
    """State letter of the youngest process below a task's shell."""
    names = [p for p in vm.processes() if b"head" in Path(f"/proc/{p}/cmdline").read_bytes()]
    return Path(f"/proc/{names[-1]}/stat").read_text().split()[2] if names else ""


def test_output_held_by_a_grandchild_ends_with_the_task(task: RawTask) -> None:
    assert run(task, "/bin/sh", "-c", "echo first; sleep 2 &") == b"first\n"


def test_uncollected_output_goes_to_the_log(vm: VirtualMachine, task: RawTask) -> None:
    (tid,) = tids(start(task, "/bin/sh", "-c", "echo to the; echo log", collect=False))
    wait_until(lambda: f"[t{tid:x}] log\n" in vm.log(), "text in the log")
    assert f"[t{tid:x}] to the\n" in vm.log()


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


def test_signals_are_not_inherited(task: RawTask) -> None:
    text = run(task, "/bin/grep", "Sig[BI]", "/proc/self/status").split()
    blocked, ignored = (int(mask, 16) for mask in text[1::2])
    # glibc keeps signals 32 and 33 to itself; a program that make starts may have them ignored.
    assert text[::2] == [b"SigBlk:", b"SigIgn:"]
    assert (blocked, ignored & ~(3 << 31)) == (0, 0)


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


def test_debugger_runs_the_task(vm: VirtualMachine, connector: Connector) -> None:
    with (
        VirtualMachine("ours", env={"PVM_DEBUGGER": "/bin/echo"}) as machine,
        RawTask(machine.address, connector) as task,
    ):
        task.enrol(machine.tmp)
        assert run(task, "/bin/cat", "x", flags=c.PvmTaskDebug) == b"/bin/cat x\n"


def test_without_a_debugger_nothing_is_started(connector: Connector) -> None:
    with (
        VirtualMachine("ours", env={"PVM_DEBUGGER": "/no/debugger"}) as machine,
        RawTask(machine.address, connector) as task,
    ):
        task.enrol(machine.tmp)
        assert tids(start(task, "/bin/true", flags=c.PvmTaskDebug)) == [c.PvmNoFile]
        assert "start of /bin/true: no debugger: /no/debugger is no exec" in machine.log()


def test_debugger_of_the_tree_opens_a_window_with_gdb(connector: Connector) -> None:
    with VirtualMachine("ours", env={"DISPLAY": ":0"}) as machine:
        for name in ("xterm", "gdb"):
            tool = machine.home / name
            tool.write_text('#!/bin/sh\necho "$@"\n')
            tool.chmod(0o700)
        environment = (f"PATH={machine.home}:/usr/bin:/bin",)
        with enrolled(machine, connector) as task:
            messages = start(task, "/bin/cat", "x", flags=c.PvmTaskDebug, env=environment)
            (tid,) = tids(messages)
            window = f"-T {os.uname().nodename}:/bin/cat -e gdb -q --args /bin/cat x\n"
            assert collect(task, tid) == {tid: window.encode()}


def test_debugger_of_the_tree_does_without_a_window(connector: Connector) -> None:
    with VirtualMachine("ours") as machine, enrolled(machine, connector) as task:
        for name, said in (("xterm", ""), ("gdb", "$@"), ("uname", "here")):
            tool = machine.home / name
            tool.write_text(f'#!/bin/sh\necho "{said}"\n')
            tool.chmod(0o700)
        run = "gdb runs /bin/cat without a window"
        gdb = "-q -batch -ex run -ex backtrace --args /bin/cat"
        lacks = {
            "DISPLAY=": "DISPLAY is not set, for pvmd or by PVM_EXPORT",
            "DISPLAY=:0": "no xterm in PATH",
        }
        for display, lack in lacks.items():
            environment = (f"PATH={machine.home}", display)
            (tid,) = tids(start(task, "/bin/cat", flags=c.PvmTaskDebug, env=environment))
            words = f"debugger: {lack} on here: {run}\n{gdb}\n"
            assert collect(task, tid) == {tid: words.encode()}
            (machine.home / "xterm").unlink(missing_ok=True)


def test_debugger_of_the_tree_without_gdb_is_an_error(connector: Connector) -> None:
    with VirtualMachine("ours") as machine, enrolled(machine, connector) as task:
        environment = (f"PATH={machine.home}", "DISPLAY=:0")
        messages = start(task, "/bin/cat", flags=c.PvmTaskDebug, env=environment)
        assert tids(messages) == [c.PvmNoFile]
        assert f"start of /bin/cat: no debugger: no gdb in PATH {machine.home}\n" in machine.log()


@pytest.mark.skipif(not shutil.which("gdb"), reason="no gdb")
def test_gdb_without_a_window_runs_the_task(vm: VirtualMachine, task: RawTask) -> None:
    environment = ("DISPLAY=",)
    (tid,) = tids(start(task, "/bin/echo", "x y", flags=c.PvmTaskDebug, env=environment))
    assert b"\nx y\n" in collect(task, tid)[tid]


def test_task_is_a_process_group_of_its_own_in_the_session(
    vm: VirtualMachine, task: RawTask
) -> None:
    (pid, group, session) = run(task, "/bin/sh", "-c", "cut -d' ' -f1,5,6 </proc/$$/stat").split()
    assert pid == group != session
    assert int(session) == os.getsid(vm.pid)


def test_signal_to_the_own_group_ends_no_daemon(vm: VirtualMachine, task: RawTask) -> None:
    victim = tids(start(task, "/bin/sleep", "100"))[0]
    (tid,) = tids(start(task, "/bin/sh", "-c", "sleep 100 & kill -TERM 0; wait"))
    collect(task, tid)
    assert task.request(c.TM_PSTAT, TidBody(victim).encode()).ints() == (0,)
    task.request(c.TM_SENDSIG, ints(victim, signal.SIGTERM))
    collect(task, victim)


def test_signal_reaches_the_process_of_a_task_alone(vm: VirtualMachine, task: RawTask) -> None:
    script = "sleep 100 & echo $!; wait"
    (tid,) = tids(start(task, "/bin/sh", "-c", script))
    child = 0
    while not child:
        found = task.receive()
        if found.tag == TAG and len(found.body) > 8:
            child = int(OutputText.decode(found.body).text)
    task.request(c.TM_SENDSIG, ints(tid, signal.SIGKILL))
    wait_until(lambda: task.request(c.TM_PSTAT, TidBody(tid).encode()).ints() != (0,), "its end")
    os.kill(child, signal.SIGKILL)


def test_signal_reaches_the_task(task: RawTask) -> None:
    (tid,) = tids(start(task, "/bin/sleep", "100"))
    watch(task, tid)
    assert task.request(c.TM_SENDSIG, ints(tid, signal.SIGTERM)).body == b""
    while (found := task.receive()).tag != EXITED:
        assert found.ints() == (tid, c.TO_EOF)


def process_numbered(pid: int) -> subprocess.Popen[bytes]:
    """A process that echoes, with a number that is free."""
    last_number = Path("/proc/sys/kernel/ns_last_pid")
    if not os.access(last_number, os.W_OK):
        missing("only root chooses the numbers of processes")
    following = last_number.read_text()
    started: list[subprocess.Popen[bytes]] = []

    def got_it() -> bool:
        last_number.write_text(str(pid - 1))
        process = subprocess.Popen(["cat"], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        if process.pid == pid:
            started.append(process)
        else:
            process.communicate()
        return bool(started)

    try:
        wait_until(got_it, f"a process {pid}")
    finally:
        last_number.write_text(following)
    return started[0]


def test_signal_spares_the_process_that_got_the_number_of_a_task(
    vm: VirtualMachine, task: RawTask
) -> None:
    """A connection may outlive the process that made it."""
    with closing(Connector()) as gone, RawTask(vm.address, gone) as other:
        other.enrol(vm.tmp)
        enrolled_at = ticks_now()
        gone.close()
        # All other numbers come first, which takes longer than a tick.
        wait_until(lambda: ticks_now() > enrolled_at, "the next tick")
        with process_numbered(gone.pid) as innocent:
            task.request(c.TM_SENDSIG, ints(other.tid, signal.SIGKILL))
            task.request(c.TM_CONFIG)
            assert innocent.communicate(b"alive", PATIENCE)[0] == b"alive"


def test_killed_tasks_leave_no_descriptor_and_no_process(vm: VirtualMachine, task: RawTask) -> None:
    task.sync()
    before = vm.descriptors()
    found = tids(start(task, "/bin/sleep", "100", count=50))
    entries = TaskReply.decode(task.request(c.TM_TASK, TidBody(0).encode()).body).tasks
    for entry in entries:
        if entry.tid in found:
            os.kill(entry.pid, 9)
    collect(task, *found)
    for tid in found:
        watch(task, tid)
    ended = {wait_notice(task) for _ in found}
    assert ended == set(found)
    assert vm.descriptors() == before
    assert len(TaskReply.decode(task.request(c.TM_TASK, TidBody(0).encode()).body).tasks) == 1


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


def end(task: RawTask, tid: int) -> None:
    """Kill a task and wait for its end."""
    watch(task, tid)
    task.request(c.TM_SENDSIG, ints(tid, signal.SIGKILL))
    assert wait_notice(task) == tid


def entry(task: RawTask, tid: int) -> TaskEntry:
    """What the task table says of a task."""
    (found,) = TaskReply.decode(task.request(c.TM_TASK, TidBody(tid).encode()).body).tasks
    return found


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


def test_task_behind_a_wrapper(vm: VirtualMachine, task: RawTask) -> None:
    fifo = vm.home / "fifo"
    os.mkfifo(fifo)
    (tid,) = tids(start(task, "/bin/sh", "-c", f"echo early; read x < {fifo}; echo late; kill $$"))
    watch(task, tid)
    wrapper = entry(task, tid).pid
    helper = Connector()
    with RawTask(vm.address, helper) as wrapped:
        wrapped.enrol(vm.tmp, cookie=wrapper)
        assert wrapped.tid == tid
        assert (entry(task, tid).pid, entry(task, tid).flags) == (helper.pid, 4)
        task.request(c.TM_SENDSIG, ints(tid, signal.SIGTERM))
        wait_until(lambda: not helper.alive(), "signal reached the task")
        assert Path(f"/proc/{wrapper}").exists()
    helper.close()
    assert wait_notice(task) == tid
    fifo.write_text("x\n")
    assert collect(task, tid)[tid].endswith(b"late\n")
    wait_until(lambda: not Path(f"/proc/{wrapper}").exists(), "wrapper reaped")


def test_files_of_a_killed_task_are_removed(vm: VirtualMachine, task: RawTask) -> None:
    (tid,) = tids(start(task, "/bin/sleep", "1000"))
    pid = entry(task, tid).pid
    mine = [vm.tmp / f"pvmtmp{pid:06d}.{number}" for number in (0, 12)]
    foreign = vm.tmp / f"pvmtmp{pid + 1:06d}.0"
    for path in (*mine, foreign):
        path.touch()
    end(task, tid)
    wait_until(lambda: not any(path.exists() for path in mine), "files removed")
    assert foreign.exists()
    foreign.unlink()


def test_task_may_close_its_output_and_live_on(task: RawTask) -> None:
    script = "echo out; exec >&- 2>&-; exec sleep 1000"
    (tid,) = tids(start(task, "/bin/sh", "-c", script))
    assert collect(task, tid)[tid] == b"out\n"
    assert task.request(c.TM_PSTAT, ints(tid)).ints() == (0,)
    watch(task, tid)
    task.request(c.TM_SENDSIG, ints(tid, signal.SIGKILL))
    assert task.receive().tag == EXITED


def test_endless_output_of_a_grandchild_ends_with_the_task(task: RawTask, tmp_path: Path) -> None:
    endless = "(head -c 9 /dev/zero; : >$0; exec cat /dev/zero)"
    script = f"{endless} & while [ ! -e $0 ]; do sleep 0.01; done; sleep 0.1"
    assert run(task, "/bin/sh", "-c", script, str(tmp_path / "begun")).startswith(bytes(9))
    assert task.sync()


def test_task_that_daemonises_is_over(vm: VirtualMachine, task: RawTask) -> None:
    (tid,) = tids(start(task, "/bin/sh", "-c", "setsid sleep 1000 & echo $!"))
    pid = int(collect(task, tid)[tid])
    watch(task, tid)
    assert wait_notice(task) == tid
    os.kill(pid, signal.SIGKILL)


def test_collector_that_disappears_does_not_stop_the_writer(
    vm: VirtualMachine, connector: Connector, task: RawTask
) -> None:
    with RawTask(vm.address, connector) as collector:
        collector.enrol(vm.tmp)
        found = tids(start(collector, "/bin/sh", "-c", "head -c 9000000 /dev/zero"))
        watch(task, found[0])
        wait_until(lambda: state(0, vm, task) == "S", "writer blocked")
    assert wait_notice(task) == found[0]


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
