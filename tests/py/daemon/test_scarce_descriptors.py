# SPDX-License-Identifier: MIT
"""A daemon without a free descriptor: it serves, reports, and needs no module that it lacks."""

from __future__ import annotations

import resource
import signal
import sys
from pathlib import Path

import pytest
from support.impostors.rawtask import Connector, RawTask, enrolled, ints, message, string
from support.machines.vm import VirtualMachine, wait_until
from support.system import modules_dir

from pvm3py.pvmd.topics.preload import MODULES
from pvm3py.wire import constants as c
from pvm3py.wire.task import AddHostReply, Codes, NotifyRequest, SpawnRequest, TidBody

EXITED = 45

# Writes down each module that is looked for; a note of what is loaded tells when all is.
RECORDER = """
import os, sys
sys.path.insert(0, {modules!r})
sys.modules["ssl"] = None
record = os.open({record!r}, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC)
def note(event, words):
    if event == "import":
        os.write(record, words[0].encode() + b"\\n")
sys.addaudithook(note)
from pvm3py.pvmd.main import main
sys.exit(main())
"""


@pytest.fixture
def record(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A file with the modules that daemons made from now on have looked for."""
    record = tmp_path / "imports"
    program = tmp_path / "pvmd3"
    code = RECORDER.format(modules=str(modules_dir()), record=str(record))
    program.write_text(f"#!{sys.executable} -IS\n{code}")
    program.chmod(0o700)
    monkeypatch.setattr("support.machines.vm.daemon_program", lambda _side: program)
    return record


def wait_loaded(record: Path) -> None:
    """Wait until a daemon has loaded all that it loads after its start."""
    wait_until(lambda: MODULES[-1] in record.read_text().split(), "the last module")


def start(task: RawTask, file: str, *args: str, flags: int = 0, trace: int = 0) -> int:
    """Start one task; its tid or an error."""
    body = SpawnRequest(file, flags, "", 1, list(args), task.tid, 0, 7, trace, 0, 8, [])
    return Codes.decode(task.request(c.TM_SPAWN, body.encode()).body).values[0]


def wait_end(task: RawTask, tid: int) -> None:
    """Wait for the end of a task."""
    assert tid > 0
    body = NotifyRequest(c.PvmTaskExit, 0, EXITED, 1, [tid])
    task.send(message(c.TM_NOTIFY, body.encode(), src=task.tid))
    while task.receive().tag != EXITED:
        pass


def requests(task: RawTask, other: int) -> None:
    """A request of each kind that tasks make, good ones and bad ones."""
    for tag, body in (
        (c.TM_TASK, TidBody(0).encode()),
        (c.TM_CONFIG, b""),
        (c.TM_GETOPT, b""),
        (c.TM_PSTAT, ints(other)),
        (c.TM_PSTAT, ints(c.TIDPVMD)),
        (c.TM_TICKLE, ints(1, 6)),
        (c.TM_HOSTSYNC, ints(1 << 18)),
        (c.TM_MSTAT, string(b"no-host")),
        (c.TM_DELHOST, ints(1) + string(b"no-host")),
        (c.TM_DB, ints(c.TMDB_NAMES, task.tid) + string(b"") + ints(0, 0)),
        (c.TM_DB, b""),
        (c.TM_LAST + 1, b""),
    ):
        task.request(tag, body)
    assert start(task, "no-such-program") == c.PvmNoFile
    assert start(task, "/etc/passwd") == c.PvmNoFile


def add_host(task: RawTask, name: bytes) -> int:
    """Add a host; its tid or an error."""
    answer = task.request(c.TM_ADDHOST, ints(1) + string(name))
    if answer.ints()[0] < 0:
        return answer.ints()[0]
    return AddHostReply.decode(answer.body).hosts[0].tid


def test_running_daemon_loads_no_further_module(record: Path, connector: Connector) -> None:
    with VirtualMachine("ours", env={"PVM_RSH": "/bin/false"}) as vm:
        with enrolled(vm, connector) as task, enrolled(vm, connector) as other:
            wait_loaded(record)
            ready = record.stat().st_size
            requests(task, other.tid)
            for words in (["/bin/echo", "text"], ["/bin/sh", "-c", "kill -9 $$"]):
                wait_end(task, start(task, *words, trace=other.tid))
            assert add_host(task, b"nowhere.test") < 0
            assert add_host(task, b"192.0.2.77") < 0
        assert vm.process.poll() is None
        vm.stop()
        assert record.read_text()[ready:] == ""


def test_without_a_descriptor_all_is_served_that_needs_none(
    record: Path, connector: Connector
) -> None:
    with VirtualMachine("ours") as vm:
        with enrolled(vm, connector) as task, enrolled(vm, connector) as other:
            running = start(task, "/bin/sleep", "1000")
            writing = start(task, "/bin/sh", "-c", "echo text; exec sleep 1000")
            wait_loaded(record)
            # No new one; those that are there stay usable.
            before = resource.prlimit(vm.pid, resource.RLIMIT_NOFILE)
            resource.prlimit(vm.pid, resource.RLIMIT_NOFILE, (3, before[1]))
            requests(task, other.tid)
            assert start(task, "/bin/true") == c.PvmOutOfRes
            assert "start of /bin/true: [Errno 24] Too many open files" in vm.log()
            assert add_host(task, b"nowhere.test") < 0
            assert add_host(task, b"192.0.2.77") < 0
            for tid in (running, writing):
                task.request(c.TM_SENDSIG, ints(tid, signal.SIGTERM))
                wait_end(task, tid)
            resource.prlimit(vm.pid, resource.RLIMIT_NOFILE, before)
            wait_end(task, start(task, "/bin/true"))
        assert "Traceback" not in vm.log(), vm.log()
