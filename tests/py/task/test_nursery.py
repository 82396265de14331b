# SPDX-License-Identifier: MIT
"""Functions that a nursery forks: tasks like those that the daemon executes."""

from __future__ import annotations

import os
import platform
import subprocess
import sys
import textwrap

import pytest
from support.programs.scripts import ScriptMachine

PRELUDE = '''
from pvm3py import Task, Tid
import resource, signal, sys
def command(pid):
    with open(f"/proc/{pid}/cmdline") as file:
        return file.read().split("\\0")
def forked(pid):
    return "pvm3py.nursery" in command(pid)
def nursery(*others):
    """The one task that runs the nursery's program and is not one of its children."""
    (found,) = [i for i in tasks() if i.tid not in others and i.pid and forked(i.pid)]
    return found

def wait_for(condition, what):
    end = time.monotonic() + 100
    while not condition():
        assert time.monotonic() < end, what
        time.sleep(0.01)
'''


def run(machine: ScriptMachine, text: str) -> str:
    """Run a task with the names that the texts use."""
    return machine.run(PRELUDE + textwrap.dedent(text))


def test_forked_functions_find_all_that_executed_ones_find(machine: ScriptMachine) -> None:
    """The first one is executed, for one alone a nursery does not pay.

    New versions of libffi, which the nursery uses, keep their own file open.
    """
    run(
        machine,
        """
        def what(fd):
            path = f"/proc/self/fd/{fd}"
            name = os.readlink(path).split(":")[0] if os.path.lexists(path) else ""
            return "" if "/libffi.so" in name else name
        def facts(top):
            task = Task()
            env = {k: v for k, v in os.environ.items() if k != "PVMEPID"}
            (me,) = [info for info in tasks() if info.tid == task.tid]
            main = sys.modules["__main__"]
            found = dict(
                parent=task.parent, ppid=os.getppid(), group=os.getpgid(0) == os.getpid(),
                cwd=os.getcwd(), env=env, path=sys.path, argv=sys.argv, flags=str(sys.flags),
                pid=me.pid == os.getpid(), entry=(me.parent, me.host, me.flags, me.program),
                limits=resource.getrlimit(resource.RLIMIT_NOFILE),
                signals=[str(signal.getsignal(n)) for n in range(1, 32)],
                blocked=signal.pthread_sigmask(signal.SIG_BLOCK, []),
                files=[os.fstat(n).st_mode for n in range(3)],
                open=sorted(filter(None, map(what, os.listdir("/proc/self/fd")))),
                main=main.__name__,
                threads=threading.active_count(), options=[getopt(n) for n in (1, 2, 16)],
            )
            task.send((forked(os.getpid()), found), top)
        if __name__ == "__main__":
            with Task() as task:
                more = dict(cwd="/", env={"MINE": "a=b"})
                task.spawn(facts, task.tid, **more)
                alone, executed = task.recv(timeout=100)
                assert not alone
                task.spawn(facts, task.tid, n=8, **more)
                for _ in range(8):
                    copy, found = task.recv(timeout=100)
                    assert copy
                    for name in executed:
                        assert found[name] == executed[name], (name, found, executed)
        """,
    )


def test_forked_functions_print_to_the_output_and_know_their_siblings(
    machine: ScriptMachine,
) -> None:
    run(
        machine,
        """
        def work():
            task = Task()
            print("out", *sorted(task.siblings))
            print("err", file=sys.stderr)
        if __name__ == "__main__":
            lines = []
            with Task() as task:
                tids = task.spawn(work, n=8, output=lambda tid, line: lines.append((tid, line)))
            expected = "out " + " ".join(map(str, sorted(tids)))
            for text in (expected, "err"):
                assert sorted(tid for tid, line in lines if line == text) == sorted(tids), lines
            assert len(lines) == 16
        """,
    )


def test_ends_of_forked_functions_are_told_with_their_status(machine: ScriptMachine) -> None:
    run(
        machine,
        """
        from pvm3py.task import spawning
        def end(how):
            assert forked(os.getpid())
            if how == "raise": raise ValueError(how)
            if how == "kill": os.kill(os.getpid(), signal.SIGKILL)
            sys.exit(how)
        class Taker:
            ends = {}
            def line(self, tid, text): self.text = text
            def ended(self, tid, status): self.ends[tid] = status
        if __name__ == "__main__":
            with Task() as task:
                task.spawn(end, 0, n=4)
                taker = Taker()
                start = lambda how: task.start(
                    spawning.launch_of(end, (how,)), taker, n=1, place=spawning.place(None, None))
                expected = {"raise": 1, "kill": -9, 0: 0, 7: 7}
                tids = {start(how)[0]: status for how, status in expected.items()}
                with task.notify_exit(*tids) as notices:
                    assert {notices.next(timeout=100).tid for _ in tids} == set(tids)
                wait_for(lambda: task.probe() is None and taker.ends == tids, taker.ends)
        """,
    )


def test_variable_that_python_reads_early_has_its_effect(machine: ScriptMachine) -> None:
    run(
        machine,
        """
        def work(top):
            Task().send((forked(os.getpid()), sys.flags.hash_randomization), top)
        if __name__ == "__main__":
            with Task() as task:
                task.spawn(work, task.tid, n=4)
                assert [task.recv(timeout=100) for _ in range(4)] == 4 * [(True, 1)]
                task.spawn(work, task.tid, n=4, env={"PYTHONHASHSEED": "0"})
                assert [task.recv(timeout=100) for _ in range(4)] == 4 * [(False, 0)]
        """,
    )


@pytest.mark.parametrize("killed", [False, True], ids=["stopped", "killed"])
def test_what_a_nursery_has_not_forked_is_executed(machine: ScriptMachine, killed: bool) -> None:
    run(
        machine,
        f"""
        def work(top):
            Task().send(forked(os.getpid()), top)
        if __name__ == "__main__":
            with Task() as task:
                first = task.spawn(work, task.tid, n=4)
                assert [task.recv(timeout=100) for _ in range(4)] == 4 * [True]
                server = nursery(*first)
                os.kill(server.pid, signal.SIGSTOP)
                task.spawn(work, task.tid, n=3)
                if {killed}:
                    os.kill(server.pid, signal.SIGKILL)
                assert [task.recv(timeout=100) for _ in range(3)] == 3 * [False]
                wait_for(lambda: not pstat(server.tid), "the nursery has gone")
                task.spawn(work, task.tid, n=3)
                assert [task.recv(timeout=100) for _ in range(3)] == 3 * [True], "a new one"
        """,
    )


def test_nursery_started_by_hand_says_who_starts_it(machine: ScriptMachine) -> None:
    run(
        machine,
        """
        import subprocess
        for words in ([], ["5"]):
            done = subprocess.run([sys.executable, "-m", "pvm3py.nursery", *words],
                                  capture_output=True, text=True)
            assert done.returncode == 1 and not done.stdout
            assert done.stderr == "pvm3py.nursery is started by Task.spawn\\n", done.stderr
        """,
    )


def test_forked_functions_are_traced_as_executed_ones(machine: ScriptMachine) -> None:
    run(
        machine,
        """
        from pvm3py.classic import Option
        def work(top):
            where = getopt(Option.SELF_TRACE_TID), getopt(Option.SELF_TRACE_CODE)
            Task().send((forked(os.getpid()), *where), top)
        if __name__ == "__main__":
            with Task() as task:
                setopt(Option.TRACE_TID, task.tid)
                setopt(Option.TRACE_CODE, 77)
                task.spawn(work, task.tid, trace=True)
                assert task.recv(tag=0, timeout=100) == (False, task.tid, 77)
                task.spawn(work, task.tid, n=4, trace=True)
                got = [task.recv(tag=0, timeout=100) for _ in range(4)]
                assert got == 4 * [(True, task.tid, 77)], got
        """,
    )


def test_signal_to_a_task_that_is_not_forked_yet_reaches_it(machine: ScriptMachine) -> None:
    run(
        machine,
        """
        def work(top):
            Task().send(0, top)
            Task().recv()
        if __name__ == "__main__":
            with Task() as task:
                first = task.spawn(work, task.tid, n=4)
                for tid in first:
                    task.recv(tid, timeout=100)
                server = nursery(*first)
                os.kill(server.pid, signal.SIGSTOP)
                (tid,) = task.spawn(work, task.tid)
                with task.notify_exit(tid, *first) as notices:
                    for each in (tid, *first):
                        each.kill()
                    ended = {notices.next(timeout=100).tid for _ in first}
                    assert ended == set(first) and tid.alive()
                    os.kill(server.pid, signal.SIGCONT)
                    assert notices.next(timeout=100).tid == tid
        """,
    )


def test_nursery_ends_with_its_spawner_however_that_ends(machine: ScriptMachine) -> None:
    run(
        machine,
        """
        def idle(top):
            Task().send(os.getpid(), top)
        def spawner(top, how):
            task = Task()
            idle_tids = task.spawn(idle, task.tid, n=4)
            for _ in range(4):
                task.recv()
            task.send(nursery(task.tid, *idle_tids).tid, top)
            if how == "kill":
                os.kill(os.getpid(), signal.SIGKILL)
            if how == "raise":
                raise ValueError(how)
        if __name__ == "__main__":
            with Task() as task:
                for how in ("return", "raise", "kill"):
                    task.spawn(spawner, task.tid, how, output=print)
                    server = task.recv(timeout=20)
                    wait_for(lambda: not pstat(server), how)
                wait_for(lambda: [info.tid for info in tasks()] == [task.tid], "nothing is left")
        """,
    )


def test_exit_of_a_forked_function_is_the_processs(machine: ScriptMachine) -> None:
    """By numbers, words or None, and what it has printed comes before."""
    run(
        machine,
        """
        from pvm3py.task import spawning
        class Taker:
            def __init__(self): self.lines = []
            def line(self, tid, text): self.lines.append(text)
            def ended(self, tid, status): self.status = status
        def end(how):
            assert forked(os.getpid())
            sys.stdout.write("without an end of line")
            sys.exit(how)
        if __name__ == "__main__":
            with Task() as task:
                task.spawn(print, n=4)
                for how, status in ((None, 0), (0, 0), (3, 3), (True, 1), ("words", 1)):
                    taker = Taker()
                    task.start(
                        spawning.launch_of(end, (how,)), taker, n=1,
                        place=spawning.place(None, None))
                    wait_for(lambda: task.probe() is None and hasattr(taker, "status"), how)
                    assert taker.status == status, (how, taker.status)
                    text = "without an end of line" + ("words" if how == "words" else "")
                    assert taker.lines == [text], taker.lines
        """,
    )


def test_forked_functions_end_as_processes_do(machine: ScriptMachine) -> None:
    """Threads end first, then come functions of atexit; files that are open are written."""
    run(
        machine,
        """
        import atexit
        def work(path):
            global file, kept
            class Kept:
                def __del__(self):
                    print("object", flush=True)
            assert forked(os.getpid())
            file, kept = open(f"{path}/{Task().tid}", "w"), Kept()
            file.write("all")
            kept.itself = kept
            atexit.register(print, "atexit")
            threading.Thread(target=lambda: (time.sleep(0.2), print("thread"))).start()
        if __name__ == "__main__":
            lines = []
            path = os.path.dirname(__file__)
            with Task() as task:
                tids = task.spawn(work, path, n=4, output=lambda tid, line: lines.append(line))
            for tid in tids:
                assert open(f"{path}/{tid}").read() == "all"
            assert sorted(lines) == 4 * ["atexit"] + 4 * ["object"] + 4 * ["thread"], lines
            assert lines.index("thread") < lines.index("atexit") < lines.index("object")
        """,
    )


LIAR = """
import sys
from pvm3py.binding.enums import Option
from pvm3py.binding.post import send_bytes
from pvm3py.nursery import body_of
from pvm3py.task.take import take
from pvm3py.wire import constants as c
from pvm3py.wire.system import Forked, ForkTask

setopt(Option.RESV_TIDS, 1)
send_obj("ready", parent())
while True:
    message = take("liar")
    if message.tag == c.SM_STTASK:
        order = ForkTask.decode(body_of(message))
        send_bytes(c.TIDPVMD, c.TM_FORKED, Forked(order.tid, int(sys.argv[1])).encode())
"""


def test_process_that_is_another_tasks_or_no_child_of_the_daemon_is_not_taken(
    machine: ScriptMachine,
) -> None:
    text = """
        from pvm3py.binding.start import Target, start
        from pvm3py.wire.output import NURSERY
        def work(top):
            Task().send(os.getpid(), top)
            Task().recv()
        if __name__ == "__main__":
            with Task() as task:
                (victim,) = map(Tid, spawn("/bin/sleep", ["1000"]))
                (its,) = [i.pid for i in tasks() if i.tid == victim]
                for pid in (its, 1, os.getpid()):
                    outcome = start("liar", [str(pid)], count=1, flags=0, where="",
                                    env={NURSERY: "1"}, output=Target(0, 0, 0))
                    assert task.recv(outcome.tids[0], timeout=100) == "ready"
                    (tid,) = task.spawn(work, task.tid)
                    own = task.recv(tid, timeout=100)
                    assert own != pid and not forked(own)
                    with task.notify_exit(tid, victim) as notices:
                        tid.kill()
                        assert notices.next(timeout=100).tid == tid
                    assert victim.alive()
                    Tid(outcome.tids[0]).kill()
                victim.kill()
        """
    machine.run(PRELUDE + textwrap.dedent(text), liar=LIAR)


@pytest.mark.skipif(platform.machine() != "x86_64", reason="number and place of a system call")
def test_fork_where_the_kernel_does_not_clear_the_number_of_the_thread() -> None:
    """As with glibc 2.43: the kernel is told a place behind that of the number."""
    program = """
import ctypes, os
from pvm3py._task import lib
libc = ctypes.CDLL(None)
libc.pthread_self.restype = ctypes.c_ulong
block, behind, set_tid_address = libc.pthread_self(), 1576, 218
number = ctypes.c_int * (behind // 4)
places = [i for i, n in enumerate(number.from_address(block)) if n == os.getpid()]
libc.syscall(set_tid_address, ctypes.c_ulong(block + behind))
pid = lib.pvmforksibling()
if pid == 0:
    numbers = number.from_address(block)
    os._exit(0 if [numbers[i] for i in places] == [os.getpid()] else 1)
print(pid)
"""
    done = subprocess.run([sys.executable, "-P", "-c", program], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert int(done.stdout) > 0
    assert os.waitpid(int(done.stdout), 0)[1] == 0
