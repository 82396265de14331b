# SPDX-License-Identifier: MIT
"""Tasks under a debugger, that of the tree or another."""

from __future__ import annotations

import os
import shutil

import pytest
from support.impostors.rawtask import Connector, RawTask, enrolled
from support.impostors.spawner import collect, run, start, tids
from support.machines.vm import VirtualMachine

from pvm3py.wire import constants as c


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
