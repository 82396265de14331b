# SPDX-License-Identifier: MIT
"""The log: its size, who may fill it, and that no terminal obeys what stands in it."""

from __future__ import annotations

import os
import re
import resource
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from support.impostors.rawtask import Connector, RawTask, enrolled, ints, string
from support.machines.vm import VirtualMachine, wait_until
from support.system import modules_dir

from pvm3py.pvmd.state.log import Log
from pvm3py.wire import constants as c
from pvm3py.wire.task import SpawnRequest

LIMIT = 100000


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "pvml.0"


@pytest.fixture
def log(path: Path) -> Log:
    """A log of a daemon that has started."""
    log = Log(LIMIT)
    log.tid = 0x80040000 - (1 << 32)
    log.open(str(path))
    log.quiet()
    return log


def older(path: Path) -> Path:
    return path.with_name(f"{path.name}~")


def test_full_log_goes_on_in_a_new_file(log: Log, path: Path) -> None:
    for number in range(5000):
        log(f"line {number}")
    numbers = re.findall(r"line (\d+)\n", older(path).read_text() + path.read_text())
    assert numbers == [str(n) for n in range(5000 - len(numbers), 5000)]
    assert LIMIT * 0.9 < older(path).stat().st_size <= LIMIT
    assert path.stat().st_size <= LIMIT
    assert (path.stat().st_mode & 0o777) == 0o600


def test_older_part_of_an_earlier_daemon_goes(log: Log, path: Path) -> None:
    older(path).write_text("of before")
    Log(LIMIT).open(str(path))
    assert not older(path).exists()


def test_what_one_source_writes_leaves_room_for_all_others(log: Log, path: Path) -> None:
    for number in range(5000):
        log.quote(0x40001, f"chatter {number}")
    assert log.full(0x40001)
    assert not log.full(0x40002)
    log.quote(0x40002, "another task")
    log("cannot add host alpha")
    text = path.read_text()
    assert "*** no more of t40001 is logged\n" in text
    assert text.splitlines()[-2].endswith("another task")
    assert text.splitlines()[-1].endswith("cannot add host alpha")
    assert LIMIT * 0.45 < len(text) < LIMIT * 0.55
    assert not older(path).exists()


def test_what_many_sources_write_leaves_room_for_the_daemon(log: Log, path: Path) -> None:
    for number in range(5000):
        log.quote(number, f"chatter of {number}")
        log.about = -number
        log("made a mistake")
    log.about = None
    log("cannot add host alpha")
    text = path.read_text()
    assert text.splitlines()[0].endswith("chatter of 0")
    assert text.splitlines()[-1].endswith("cannot add host alpha")
    assert len(text) < LIMIT
    assert not older(path).exists()


def test_requests_of_one_task_leave_room_for_those_of_others(log: Log, path: Path) -> None:
    log.about = 0x40001
    for _ in range(5000):
        log("no such program")
    log.about = 0x40002
    log("bad parameter")
    assert path.read_text().splitlines()[-1].endswith("bad parameter")
    assert path.stat().st_size < LIMIT / 10


def test_long_lines_are_cut(log: Log, path: Path) -> None:
    log("x" * (1 << 20))
    log("\n".join("y" * 100 for _ in range(1 << 15)))
    lines = path.read_text().splitlines()
    assert lines[0].endswith("x... (1048576 characters)")
    assert lines[-1].endswith(" ... (32768 lines)")
    assert path.stat().st_size < LIMIT / 4


@pytest.mark.parametrize(
    ("text", "written"),
    [
        ("\x1b[2J\x07\x7f\r", "\\x1b[2J\\x07\\x7f\\x0d"),
        ("\x9b31m", "\\x9b31m"),
        ("\udc9b31m", "\\x9b31m"),
        ("a\tb", "a\tb"),
        ("größe \udce4", "größe \udce4"),
    ],
)
def test_control_characters_are_escaped(log: Log, path: Path, text: str, written: str) -> None:
    log.quote(1, text)
    log(text)
    for line in path.read_text(errors="surrogateescape").split("\n")[:2]:
        assert line.partition(" ")[2].partition(" ")[2].partition(" ")[2] == written


def test_log_that_cannot_begin_anew_keeps_its_bound(
    log: Log, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(_path: str) -> int:
        raise OSError(24, "no descriptor")

    monkeypatch.setattr("pvm3py.pvmd.state.private.create_anew", fail)
    for number in range(5000):
        log(f"line {number}")
    assert path.read_text().endswith("line 4999\n")
    assert path.stat().st_size <= LIMIT


def test_log_that_was_removed_goes_on_in_a_new_file(log: Log, path: Path) -> None:
    log.quote(1, "x" * LIMIT)
    path.unlink()
    log.look_after()
    log.quote(1, "once more")
    lines = path.read_text().splitlines()
    assert "somebody has removed" in lines[0] and lines[1].endswith(" once more")
    assert (path.stat().st_mode & 0o777) == 0o600
    log.look_after()
    assert path.read_text().splitlines() == lines


@pytest.mark.parametrize("kind", ["fifo", "link", "directory"])
def test_what_has_taken_the_name_of_the_log_is_left_alone(kind: str, log: Log, path: Path) -> None:
    path.unlink()
    if kind == "fifo":
        os.mkfifo(path)
    elif kind == "link":
        path.symlink_to("nowhere")
    else:
        path.mkdir()
    before = path.lstat()
    log.look_after()
    log("a line")
    assert (path.lstat().st_ino, path.lstat().st_mode) == (before.st_ino, before.st_mode)
    assert not path.with_name("nowhere").exists()


def spawn(task: RawTask, file: str, *args: str) -> None:
    body = SpawnRequest(file, 0, "", 1, list(args), 0, 0, 0, 0, 0, 0, [])
    task.request(c.TM_SPAWN, body.encode())


def test_name_of_a_megabyte_does_not_fill_the_log(connector: Connector) -> None:
    with VirtualMachine("ours") as vm, enrolled(vm, connector) as task:
        for _ in range(20):
            spawn(task, "\x1b]0;" + "x" * (1 << 20))
        spawn(task, "no-such-program")
        assert "start of no-such-program: " in vm.log()
        assert "start of \\x1b]0;xxx" in vm.log()
        assert len(vm.log()) < 200000


def test_output_does_not_fill_the_log(connector: Connector) -> None:
    with VirtualMachine("ours", path=["/bin", "/usr/bin"]) as vm:
        with enrolled(vm, connector) as task:
            spawn(task, "/bin/sh", "-c", "yes '\x1b[31m' | head -n 1000000")
            wait_until(lambda: "*** no more of t40002 is logged" in vm.log(), "the bound")
            task.request(c.TM_ADDHOST, ints(1) + string(b"nowhere.test"))
            wait_until(lambda: "cannot add host nowhere.test" in vm.log(), "a later reason")
        assert "[t40002] \\x1b[31m\n" in vm.log()
        assert "\x1b" not in vm.log()
        assert 400000 < len(vm.log()) < 600000
        vm.process.send_signal(signal.SIGTERM)
        wait_until(lambda: "caught signal 15" in vm.log(), "the last line")


def test_remote_shell_does_not_fill_the_log(tmp_path: Path, connector: Connector) -> None:
    shell = tmp_path / "shell"
    shell.write_text("#!/bin/sh\nyes '\x1b[31m' | head -n 1000000\n")
    shell.chmod(0o700)
    with VirtualMachine("ours", env={"PVM_RSH": str(shell)}, arguments=["-n127.0.0.2"]) as vm:
        with enrolled(vm, connector) as task:
            task.request(c.TM_ADDHOST, ints(1) + string(b"127.0.0.3"))
            assert "cannot add host 127.0.0.3" in vm.log()
            assert "*** no more of the shell of 127.0.0.3 is logged" in vm.log()
        assert "\x1b" not in vm.log()
        assert 400000 < len(vm.log()) < 600000


def test_want_of_memory_for_a_request_is_logged(connector: Connector) -> None:
    with VirtualMachine("ours") as vm, enrolled(vm, connector) as task:
        status = Path(f"/proc/{vm.process.pid}/status").read_text()
        taken = int(re.findall(r"VmSize:\s*(\d+)", status)[0]) << 10
        limit = taken + (32 << 20)
        resource.prlimit(vm.process.pid, resource.RLIMIT_AS, (limit, limit))
        assert task.request(c.TM_TICKLE, bytes(60 << 20)).ints() == (c.PvmOutOfRes,)
        assert f"TM_TICKLE of t{task.tid:x}: it is too long (PvmOutOfRes)" in vm.log()


# Makes a switch keep a queue for each task of a host, with memory for a part of them.
EXHAUST = """
import resource, socket, sys
from pvm3py.pvmd.io.switch import Switch
with socket.socket(socket.AF_UNIX) as listener:
    listener.bind("")
    listener.listen()
    switch = Switch(listener.fileno(), (1 << 18) - (1 << 31))
    taken = int(open("/proc/self/statm").read().split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (taken + (4 << 20), -1))
    for tid in range(1, 1 << 18):
        switch.expect(1 << 18 | tid)
"""


def test_want_of_memory_that_ends_a_daemon_is_its_last_word() -> None:
    env = {"PYTHONPATH": str(modules_dir()), "PATH": os.environ["PATH"]}
    done = subprocess.run(
        [sys.executable, "-P", "-c", EXHAUST], env=env, capture_output=True, text=True
    )
    assert done.returncode == -signal.SIGABRT
    assert done.stderr.endswith("pvmd3: out of memory\n")
