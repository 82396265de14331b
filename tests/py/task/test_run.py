# SPDX-License-Identifier: MIT
"""The commands `pvm3py run`, `info` and `hello`, as a user gives them."""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import textwrap
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest
from support.machines.hosts import Bed
from support.machines.vm import VirtualMachine, wait_until
from support.system import PATIENCE, modules_dir

HEAD = """
import os, signal, sys
from pvm3py import Task
"""
_UNSET = ("PVM_TMP", "PVM_VMID", "PVM_ROOT", "PVM_ALLOW_ROOT", "PVM_PATH", "PVMSOCK")


@pytest.fixture
def place() -> Iterator[Path]:
    """A directory for scripts and temporary files; no machine's may be left in it."""
    directory = Path(tempfile.mkdtemp(prefix="pvrun"))
    yield directory
    left = list(directory.glob("pvm*"))
    shutil.rmtree(directory)
    assert left == []


def script(place: Path, text: str) -> str:
    (place / "script.py").write_text(HEAD + textwrap.dedent(text))
    return "script.py"


def start(
    place: Path, *words: object, env: Mapping[str, str] | None = None
) -> subprocess.Popen[str]:
    """The command pvm3py, in a place where nothing was prepared."""
    own = {name: value for name, value in os.environ.items() if name not in _UNSET}
    own |= {"TMPDIR": str(place), "PYTHONPATH": str(modules_dir()), "PVM_TMP": str(place)}
    return subprocess.Popen(
        [sys.executable, "-P", "-m", "pvm3py", *map(str, words)],
        cwd=place,
        env=own | dict(env or {}),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def run(place: Path, *words: object, env: Mapping[str, str] | None = None) -> tuple[int, str, str]:
    """Exit status, standard output, standard error."""
    process = start(place, *words, env=env)
    out, err = process.communicate(timeout=PATIENCE)
    return process.returncode, out, err


def test_tasks_are_members_of_the_world_with_the_script_s_arguments(place: Path) -> None:
    name = script(
        place,
        """
        with Task() as task, task.group("world") as world:
            assert world.members == list(task.siblings) and world[world.instance] == task.tid
            assert world.allgather(world.instance) == [0, 1, 2] and __name__ == "__main__"
            print(world.instance, world.size, *sys.argv)
        """,
    )
    status, out, err = run(place, "run", "-n", 3, name, "--one", "two")
    assert (status, err) == (0, "")
    assert sorted(out.splitlines()) == [f"{i} 3 script.py --one two" for i in range(3)]


def test_module_is_run_from_the_current_directory(place: Path) -> None:
    script(place, "print(sys.argv[1:], __name__)")
    assert run(place, "run", "-m", "script", "-x") == (0, "['-x'] __main__\n", "")


def test_lines_have_task_and_host_in_front_if_that_is_asked_for(place: Path) -> None:
    status, out, _ = run(place, "run", "--label", script(place, "print('one'); print('two')"))
    assert status == 0
    assert re.fullmatch(r"(\[t\w+ \S+\] )one\n\1two\n", out)


def test_functions_of_the_script_can_be_spawned(place: Path) -> None:
    name = script(
        place,
        """
        def work(number):
            Task().send(number + 1, Task().parent)
        if __name__ == "__main__":
            with Task() as task:
                task.spawn(work, 4)
                print(task.recv(timeout=100))
        """,
    )
    assert run(place, "run", name) == (0, "5\n", "")


ENDS = {
    "exception": ('raise KeyError("lost")', 1),
    "status": ("sys.exit(7)", 7),
    "words": ("sys.exit('no way')", 1),
    "signal": ("os.kill(os.getpid(), signal.SIGKILL)", 128 + signal.SIGKILL),
    "os._exit": ("os._exit(9)", 9),
}


@pytest.mark.parametrize(("end", "expected"), ENDS.values(), ids=ENDS)
def test_first_task_that_fails_gives_the_status_and_ends_the_others(
    place: Path, end: str, expected: int
) -> None:
    name = script(
        place,
        f"""
        with Task() as task, task.group("world") as world:
            if world.instance == 1:
                {end}
            signal.pause()
        """,
    )
    status, out, err = run(place, "run", "-n", 3, name)
    assert status == expected
    if "KeyError" in end:
        lines = err.splitlines()
        label = re.fullmatch(r"(\[t\w+ \S+\] )Traceback \(most recent call last\):", lines[0])
        assert label and all(line.startswith(label[1]) for line in lines), err
        assert lines[1].endswith('File "script.py", line 7, in <module>')
        assert lines[-1] == f"{label[1]}KeyError: 'lost'"
    elif "SIGKILL" in end:
        assert re.fullmatch(r"\[t\w+ \S+\] ended by SIGKILL\n", err)
    else:
        assert err == "" and ("no way" in out) == ("no way" in end)


@pytest.mark.parametrize(("number", "expected"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_interruption_ends_all_tasks(place: Path, number: signal.Signals, expected: int) -> None:
    name = script(place, "print('ready', os.getpid()); signal.pause()")
    process = start(place, "run", "-n", 2, name)
    assert process.stdout
    pids = [int(process.stdout.readline().split()[1]) for _ in range(2)]
    process.send_signal(number)
    _, err = process.communicate(timeout=PATIENCE)
    assert (process.returncode, err) == (expected, "")
    wait_until(lambda: not any(Path(f"/proc/{pid}").exists() for pid in pids), "tasks ended")


def test_machine_that_runs_is_used_and_goes_on(place: Path) -> None:
    with VirtualMachine("ours") as vm:
        env = {name: vm.env[name] for name in ("PVM_TMP", "PVM_ALLOW_ROOT")}
        name = script(place, "print(os.environ['PVM_TMP'])")
        assert run(place, "run", name, env=env) == (0, f"{vm.tmp}\n", "")
        assert run(place, "info", env=env)[1].splitlines()[-1].split() == ["tasks", "1"]  # pvmgs
        assert vm.process.poll() is None


def test_hosts_are_added_to_the_machine(place: Path) -> None:
    with Bed(["ours", "ours"]) as bed:
        first, second = bed.hosts
        first.start_daemon()
        path = first.tmp / "script.py"
        path.write_text(HEAD + "print(Task().host.name)\n")
        words = ("-P", "-m", "pvm3py", "run", "-n", "2", "--hosts", second.name, path)
        env = {"PYTHONPATH": str(modules_dir())}
        done = first.run(sys.executable, *words, env=env).check()
        assert sorted(done.out.split()) == [first.name, second.name]
        words = (*words[:-2], "nowhere", path)
        done = first.run(sys.executable, *words, env=env).check(1)
        assert "nowhere: " in done.err and "Traceback" not in done.err


@pytest.mark.parametrize(
    ("words", "text"),
    [
        (("run",), "no script"),
        (("run", "absent.py"), "no script absent.py"),
        (("run", "-n", "0", "absent.py"), "0 tasks"),
        (("info", "more"), "more"),
    ],
)
def test_wrong_command_line_is_refused(place: Path, words: tuple[str, ...], text: str) -> None:
    status, out, err = run(place, *words)
    assert (status, out) == (2, "") and text in err and "usage: " in err


def test_hello_says_that_everything_works(place: Path) -> None:
    status, out, err = run(place, "hello")
    assert (status, err) == (0, "") and len(out.splitlines()) == 4
    assert "everything works" in out


def test_info_names_the_installation_and_that_no_machine_runs(place: Path) -> None:
    status, out, err = run(place, "info")
    shown = dict(line.split(None, 1) for line in out.splitlines())
    assert (status, err) == (0, "")
    assert shown["package"] == str(modules_dir() / "pvm3py") and shown["PVM_TMP"] == str(place)
    assert shown["machine"].startswith("none runs")
