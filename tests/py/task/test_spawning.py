# SPDX-License-Identifier: MIT
"""Task.spawn: functions, scripts and programs, what they print, and why they do not start."""

from __future__ import annotations

import textwrap

from support.machines.vm import VirtualMachine
from support.programs.scripts import ScriptMachine

PRELUDE = """
from pvm3py import NoHost, SpawnError, Task, Tid
lines = []
"""


def run(machine: ScriptMachine, text: str, **children: str) -> str:
    """Run a task with the names that the texts use."""
    return machine.run(PRELUDE + textwrap.dedent(text), **children)


# ---- functions ------------------------------------------------------------------------


def test_function_of_the_script_gets_its_arguments_and_has_a_parent(machine: ScriptMachine) -> None:
    run(
        machine,
        """
        def work(number, *, factor=2):
            task = Task()
            task.send((task.tid, number * factor, os.getcwd()), task.parent)
        if __name__ == "__main__":
            with Task() as task:
                tids = task.spawn(work, 21, n=3)
                assert len(set(tids)) == 3 and type(tids[0]) is Tid
                for tid in tids:
                    assert task.recv(tid) == (tid, 42, os.getcwd())
        """,
    )


def test_function_gets_large_arrays_and_objects_of_the_script(machine: ScriptMachine) -> None:
    run(
        machine,
        """
        class Point:
            def __init__(self, x):
                self.x = x
        def work(numbers, point):
            task = Task()
            task.send((sum(numbers), Point(point.x + 1)), task.parent)
        if __name__ == "__main__":
            with Task() as task:
                numbers = array.array("d", range(100_000))
                task.spawn(work, numbers, Point(4))
                total, point = task.recv(timeout=100)
                assert total == sum(numbers) and type(point) is Point and point.x == 5
        """,
    )


def test_function_of_a_module_beside_the_script_is_imported(machine: ScriptMachine) -> None:
    machine.script("worker_module.py", "def work(task_tid): Task().send(5, task_tid)\n")
    path = machine.programs / "worker_module.py"
    path.write_text(path.read_text() + "from pvm3py import Task\n")
    run(
        machine,
        """
        import worker_module
        with Task() as task:
            task.spawn(worker_module.work, task.tid)
            assert task.recv(timeout=100) == 5
        """,
    )


def test_function_that_spawns_its_script_s_functions_works_in_children(
    machine: ScriptMachine,
) -> None:
    run(
        machine,
        """
        def inner(top):
            Task().send("inner", top)
        def outer(top):
            Task().spawn(inner, top)
            Task().recv(tag=9)
        if __name__ == "__main__":
            with Task() as task:
                outer_tid, = task.spawn(outer, task.tid)
                assert task.recv(timeout=100) == "inner"
                task.send(None, outer_tid, 9)
        """,
    )


def test_script_that_spawns_when_a_child_imports_it_is_told_what_to_write(
    machine: ScriptMachine,
) -> None:
    out = run(
        machine,
        """
        def work():
            pass
        with Task() as task:
            task.spawn(work, output=lambda tid, line: lines.append(line))
        assert "RuntimeError: " in lines[-1] and '`if __name__ == "__main__":`' in lines[-1], lines
        print("once")
        """,
    )
    assert out == "once\n"


def test_function_that_cannot_travel_is_refused_before_a_task_is_started(
    machine: ScriptMachine,
) -> None:
    run(
        machine,
        """
        sys.modules["cloudpickle"] = None
        with Task() as task:
            try:
                task.spawn(lambda: 0)
            except TypeError as error:
                assert "top level" in str(error) and "install cloudpickle" in str(error)
            else:
                raise SystemExit("taken")
            assert [info.tid for info in tasks()] == [task.tid]
        """,
    )


def test_functions_without_a_name_travel_with_cloudpickle(machine: ScriptMachine) -> None:
    """Those of a lambda, a closure, and a program that was typed and has no file to run again."""
    run(
        machine,
        """
        import subprocess, sys
        def closure(number):
            def nested(tid, more=2):
                Task().send(number + more, tid)
            return nested
        class Local:
            def __init__(self, word): self.word = word
        typed = "import sys; sys.path[:] = {path!r}; from pvm3py import Task\\n" \
            "word = 'typed'\\n" \
            "def work(tid): Task().send(word, tid)\\n" \
            "with Task() as task:\\n" \
            "    task.spawn(work, task.tid)\\n" \
            "    print(task.recv(timeout=100))\\n"
        if __name__ == "__main__":
            with Task() as task:
                task.spawn(lambda tid: Task().send("came", tid), task.tid)
                assert task.recv(timeout=100) == "came"
                task.spawn(closure(40), task.tid)
                assert task.recv(timeout=100) == 42
                task.spawn(lambda tid, obj: Task().send(obj.word, tid), task.tid, Local("local"))
                assert task.recv(timeout=100) == "local"
            done = subprocess.run([sys.executable, "-"], input=typed.format(path=sys.path),
                                  capture_output=True, text=True)
            assert done.stdout == "typed\\n", done
        """,
    )


# ---- scripts and programs ----------------------------------------------------------------


def test_script_is_found_from_the_current_directory_and_gets_words(machine: ScriptMachine) -> None:
    run(
        machine,
        """
        os.chdir(os.path.dirname(__file__))
        with Task() as task:
            task.spawn("sub_worker.py", 1, "two words", env={"GIVEN": "value"})
            words, value, directory = task.recv(timeout=100)
            assert words == ["1", "two words"] and value == "value"
            assert directory == os.getcwd()
            try:
                task.spawn("absent.py")
            except FileNotFoundError as error:
                assert os.path.abspath("absent.py") in str(error)
            else:
                raise SystemExit("spawned")
        """,
        **{
            "sub_worker.py": """
            from pvm3py import Task
            with Task() as task:
                task.send((sys.argv[1:], os.environ["GIVEN"], os.getcwd()), task.parent)
            """
        },
    )


def test_program_runs_in_the_directory_that_is_named(machine: ScriptMachine) -> None:
    run(
        machine,
        """
        with Task() as task:
            show = lambda tid, line: lines.append(line)
            here, = config()
            task.spawn("pwd_of", cwd="/usr", output=show)
            task.spawn("pwd_of", where=f"{here.name}:/etc", output=show)
            task.spawn("pwd_of", where=here.arch, output=show)
            try:
                task.spawn("pwd_of", where=".:/etc", cwd="/usr")
            except ValueError:
                pass
            else:
                raise SystemExit("two directories")
        assert sorted(lines) == sorted(["/usr", "/etc", os.getcwd()]), lines
        """,
        pwd_of="print(os.getcwd())",
    )


# ---- failures ------------------------------------------------------------------------------


def test_program_that_is_missing_is_named_with_path_and_reason(machine: ScriptMachine) -> None:
    run(
        machine,
        """
        import pickle
        with Task() as task:
            host, = config()
            try:
                task.spawn("absent", n=2)
            except SpawnError as error:
                assert error.tids == [] and len(error.codes) == 2
                assert list(error.errors) == [host.name]
                for text in (error.errors[host.name], str(error)):
                    assert "no such program in " + os.environ["PVM_PATH"] in text, text
                assert str(error).startswith("spawn absent: ")
                assert pickle.loads(pickle.dumps(error)).errors == error.errors
            else:
                raise SystemExit("spawned")
            assert task.spawn("absent", n=2, exact=False) == []
            try:
                task.spawn("/etc/passwd")
            except SpawnError as error:
                assert "no executable file" in str(error), error
            else:
                raise SystemExit("spawned")
        """,
    )


def test_place_that_does_not_exist_is_named_with_those_that_do(machine: ScriptMachine) -> None:
    run(
        machine,
        """
        with Task() as task:
            host, = config()
            try:
                task.spawn("absent", where="moon")
            except NoHost as error:
                assert "moon" in str(error) and f"{host.name} ({host.arch})" in str(error)
            else:
                raise SystemExit("spawned")
        """,
    )


def test_tasks_that_were_started_before_a_failure_run_on_and_are_named(
    machine: ScriptMachine,
) -> None:
    """There are programs for two tasks; the third has no room."""
    machine.vm.stop()
    machine.vm = VirtualMachine("ours", path=[machine.programs], env={"PVM_MAX_TASKS": "3"})
    with machine.vm:
        run(
            machine,
            """
            with Task() as task:
                try:
                    task.spawn("/bin/sleep", 1000, n=3)
                except SpawnError as error:
                    assert len(error.tids) == 2 and len(error.codes) == 1
                    assert "2 of 3 started" in str(error) and "tasks are there" in str(error)
                    ended = task.notify_exit(*error.tids)
                    for tid in error.tids:
                        assert tid.alive()
                        tid.kill()
                    assert {ended.next().tid, ended.next().tid} == set(error.tids)
                else:
                    raise SystemExit("spawned")
            """,
        )


# ---- what they print -------------------------------------------------------------------------


def test_uncaught_exception_of_a_function_comes_with_its_task_in_front(
    machine: ScriptMachine,
) -> None:
    out = run(
        machine,
        """
        def fail():
            raise LookupError("not there")
        if __name__ == "__main__":
            with Task() as task:
                tid, = task.spawn(fail, output=sys.stdout)
            print(tid)
        """,
    )
    *traceback, tid = out.splitlines()
    assert traceback[0] == f"[{tid}] Traceback (most recent call last):"
    assert traceback[-1] == f"[{tid}] LookupError: not there"
    assert not any("child.py" in line for line in traceback)


def test_output_needs_nothing_but_write(machine: ScriptMachine) -> None:
    """As the standard output of a notebook, which has neither descriptor nor mode."""
    run(
        machine,
        """
        class Shown:
            def write(self, text):
                lines.append(text)
            def flush(self):
                lines.append("flush")
        with Task() as task:
            tid, = task.spawn("speaker", output=Shown())
        assert lines == [f"[{tid}] one\\n", "flush", f"[{tid}] two\\n", "flush"], lines
        """,
        speaker="""print("one"); print("two", end="")""",
    )


def test_lines_of_children_s_children_come_too(machine: ScriptMachine) -> None:
    run(
        machine,
        """
        def inner():
            print("inner")
        def outer():
            with Task() as task:
                task.notify_exit(*task.spawn(inner)).next()
            print("outer")
        if __name__ == "__main__":
            with Task() as task:
                tid, = task.spawn(outer, output=lambda *pair: lines.append(pair))
            assert [line for _, line in lines] == ["inner", "outer"], lines
            assert lines[1][0] == tid != lines[0][0]
        """,
    )


def test_output_without_a_taker_goes_to_standard_output(machine: ScriptMachine) -> None:
    out = run(
        machine,
        """
        with Task() as task:
            tid, = task.spawn("speaker")
            notices = task.notify_exit(tid)
            notices.next()
        print(tid)
        """,
        speaker="print('hello')",
    )
    line, tid = out.splitlines()
    assert line == f"[{tid}] hello"


def test_block_that_an_exception_ends_does_not_wait_for_tasks(machine: ScriptMachine) -> None:
    run(
        machine,
        """
        try:
            with Task() as task:
                sleeper, = task.spawn("/bin/sleep", 1000, output=sys.stdout)
                raise KeyError
        except KeyError:
            pass
        with Task() as task:
            assert sleeper.alive()
            sleeper.kill()
            task.notify_exit(sleeper).next()
        """,
    )


def test_daemon_of_3_4_6_starts_functions_and_says_what_it_can(debian: ScriptMachine) -> None:
    run(
        debian,
        """
        def work(number):
            print("works")
            Task().send(number + 1, Task().parent)
        if __name__ == "__main__":
            with Task() as task:
                host, = config()
                task.spawn(work, 4, output=lambda tid, line: lines.append(line))
                assert task.recv(timeout=100) == 5
                try:
                    task.spawn("absent")
                except SpawnError as error:
                    assert error.errors == {host.name: "No such file"}, error.errors
                else:
                    raise SystemExit("spawned")
            assert lines == ["works"]
        """,
    )
