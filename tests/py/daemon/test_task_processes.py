# SPDX-License-Identifier: MIT
"""The processes of tasks: signals, groups, what is left of them when they end."""

from __future__ import annotations

import os
import signal
import subprocess
from contextlib import closing
from pathlib import Path

import pytest
from support.impostors.rawtask import Connector, RawTask, ints
from support.impostors.spawner import (
    EXITED,
    TAG,
    collect,
    end,
    entry,
    run,
    start,
    tids,
    wait_notice,
    watch,
)
from support.machines.vm import VirtualMachine, wait_until
from support.system import PATIENCE, SIDES, Side, missing

from pvm3py.pvmd.state.task import ticks_now
from pvm3py.wire import constants as c
from pvm3py.wire.output import OutputText
from pvm3py.wire.task import TaskReply, TidBody


def test_task_is_a_process_group_of_its_own_in_the_session(
    vm: VirtualMachine, task: RawTask
) -> None:
    (pid, group, session) = run(task, "/bin/sh", "-c", "cut -d' ' -f1,5,6 </proc/$$/stat").split()
    assert pid == group != session
    assert int(session) == os.getsid(vm.pid)


@pytest.mark.parametrize("daemon", SIDES)
def test_task_ignores_what_the_daemon_ignores(daemon: Side, connector: Connector) -> None:
    """So who writes into a pipe that nobody reads any more gets an error, and lives."""
    with VirtualMachine(daemon) as vm, RawTask(vm.address, connector) as task:
        text = run(task.enrol(vm.tmp), "/bin/grep", "Sig[BI]", "/proc/self/status").split()
    assert text[::2] == [b"SigBlk:", b"SigIgn:"]
    blocked, ignored = (int(mask, 16) for mask in text[1::2])
    # glibc keeps signals 32 and 33 to itself; a program that make starts may have them ignored.
    ignored &= ~(3 << 31)
    assert (blocked, ignored) == (0, 1 << signal.SIGHUP - 1 | 1 << signal.SIGPIPE - 1)


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
    for each in entries:
        if each.tid in found:
            os.kill(each.pid, 9)
    collect(task, *found)
    for tid in found:
        watch(task, tid)
    ended = {wait_notice(task) for _ in found}
    assert ended == set(found)
    assert vm.descriptors() == before
    assert len(TaskReply.decode(task.request(c.TM_TASK, TidBody(0).encode()).body).tasks) == 1


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


def test_task_that_daemonises_is_over(vm: VirtualMachine, task: RawTask) -> None:
    (tid,) = tids(start(task, "/bin/sh", "-c", "setsid sleep 1000 & echo $!"))
    pid = int(collect(task, tid)[tid])
    watch(task, tid)
    assert wait_notice(task) == tid
    os.kill(pid, signal.SIGKILL)
