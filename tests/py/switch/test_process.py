# SPDX-License-Identifier: MIT
"""Processes that the switch's module starts for the daemon."""

from __future__ import annotations

import errno
import os
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest
from support.system import PATIENCE, modules_dir

from pvm3py.pvmd.io.process import spawn_process


def test_spawned_process_has_only_what_it_was_given() -> None:
    read_end, write_end = os.pipe()
    script = "ls -l /proc/self/fd | wc -l; readlink /proc/self/fd/0; pwd; echo $NAME; echo no >&2"
    pid = spawn_process("/bin/sh", ["sh", "-c", script], ["NAME=x"], "/proc", write_end)
    os.close(write_end)
    with os.fdopen(read_end, encoding="ascii") as file:
        lines = file.read().split("\n")
    assert os.waitpid(pid, 0)[1] == 0
    assert lines == ["5", "/dev/null", "/proc", "x", "no", ""]


def test_strings_replace_variables_or_are_added_last_first(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("A_1", "before")
    monkeypatch.setenv("A_10", "another")
    monkeypatch.setenv("PVMEPID", "1")
    strings = ["B_2=y", "A_1=x", "no equals sign", "C_3=z", "=z", "A_1=old", "PVMEPID=2", "B_2"]
    read_end, write_end = os.pipe()
    pid = spawn_process("/usr/bin/env", ["env"], strings, None, write_end)
    os.close(write_end)
    with os.fdopen(read_end, encoding="utf-8", errors="surrogateescape") as file:
        lines = file.read().split("\n")
    assert os.waitpid(pid, 0)[1] == 0
    assert lines[-4:] == ["C_3=z", "B_2=y", f"PVMEPID={pid}", ""]
    assert [line for line in lines if line.startswith("A_1")] == ["A_1=x", "A_10=another"]
    names = [line.partition("=")[0] for line in lines[:-4]]
    assert "PVMEPID" not in names
    assert all(names.count(name) == 1 for name in os.environ if name != "PVMEPID")


@pytest.mark.parametrize(
    ("path", "cwd", "code"),
    [
        ("/nonexistent/program", None, errno.ENOENT),
        ("/etc/passwd", None, errno.EACCES),
        ("/bin/true", "/nonexistent", errno.ENOENT),
    ],
)
def test_spawn_of_what_cannot_run_says_why(path: str, cwd: str | None, code: int) -> None:
    with open("/dev/null", "wb") as null, pytest.raises(OSError) as error:
        spawn_process(path, [path], [], cwd, null.fileno())
    assert error.value.errno == code


def with_children(tmp_path: Path, *lines: str) -> list[str]:
    """What a script prints that takes the ends of all its children from a switch.

    In a process of its own, as it takes those of others, too.
    """
    begin = f"""
        import os, signal, socket, sys
        sys.path.insert(0, {str(modules_dir())!r})
        from pvm3py.pvmd.io import switch as sw
        from pvm3py.pvmd.io.process import spawn_process
        signal.signal(signal.SIGCHLD, signal.SIG_IGN)
        listener = socket.socket(socket.AF_UNIX)
        listener.bind({str(tmp_path / "s")!r})
        listener.listen()
        listener.setblocking(False)
        switch = sw.Switch(listener.fileno(), -(2**31) | 1 << 18)
        switch.watch_children()
        events = []
        switch.handler = events.append
    """
    script = "\n".join(map(textwrap.dedent, (begin, *lines, "switch.close()")))
    command = [sys.executable, "-c", script]
    done = subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE, check=False)
    assert done.stderr == ""
    return done.stdout.splitlines()


def test_ends_of_children_are_events_even_if_the_starter_ignored_its_own(tmp_path: Path) -> None:
    script = """
        with open("/dev/null", "wb") as null:
            started = [
                spawn_process("/bin/sh", ["sh", "-c", command], [], None, null.fileno())
                for command in ("exit 3", "exit 0", "kill -9 $$", "i=0; while [ $i -lt 99999 ]; "
                "do i=$((i+1)); done")
            ]
        while len(events) < len(started):
            switch.run(10)
            switch.dispatch()
        ended = {event.pid: event for event in events}
        print(*(ended[pid].status for pid in started))
        print(ended[started[-1]].user > ended[started[0]].user)
    """
    assert with_children(tmp_path, script) == [f"{3 << 8} 0 9 0", "True"]


def test_end_of_a_pipe_is_told_with_the_end_of_its_process(tmp_path: Path) -> None:
    """So the caller is woken once, if the machine is not busy: in one attempt of several."""
    script = """
        for _ in range(10):
            read_end, write_end = os.pipe2(os.O_CLOEXEC)
            spawn_process("/bin/true", ["true"], [], None, write_end)
            os.close(write_end)
            switch.await_pipe(read_end)
            switch.run(10)
            switch.dispatch()
            print(*(type(event).__name__ for event in events))
            while len(events) < 2:
                switch.run(10)
                switch.dispatch()
            events.clear()
            os.close(read_end)
    """
    assert "ReadableEvent ChildEvent" in with_children(tmp_path, script)
