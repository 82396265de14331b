# SPDX-License-Identifier: MIT
"""Whatever ends the daemon, but KILL and its own faults, ends it in order."""

from __future__ import annotations

import os
import pty
import re
import signal
import subprocess
from pathlib import Path

import pytest
from support.impostors.rawtask import Connector, RawTask, enrolled
from support.machines.vm import VirtualMachine, wait_until
from support.system import SIDES, Side, daemon_program

from pvm3py.wire import constants as c
from pvm3py.wire.task import Codes, SpawnRequest

# What ends a process by itself, and is neither KILL nor a fault of the program.
_NAMES = "TERM INT QUIT ABRT TRAP SYS USR1 USR2 ALRM VTALRM PROF XCPU IO PWR STKFLT RTMIN RTMAX"
FATAL = [signal.Signals[f"SIG{name}"] for name in _NAMES.split()]
_NAMES = "HUP PIPE XFSZ CHLD CONT URG WINCH"
HARMLESS = [signal.Signals[f"SIG{name}"] for name in _NAMES.split()]
# What faults of the program are called when they end it, whoever has sent them.
# As Pythons write them.
FAULTS = {
    signal.SIGSEGV: "Segmentation fault",
    signal.SIGBUS: "Bus error",
    signal.SIGFPE: "Floating[ -]point exception",
    signal.SIGILL: "Illegal instruction",
}


def spawn(vm: VirtualMachine, connector: Connector) -> int:
    """Start a process that says nothing for long; its number."""
    with enrolled(vm, connector) as task:
        body = SpawnRequest("/bin/sleep", 0, "", 1, ["1000"], 0, 0, 0, 0, 0, 0, [])
        assert Codes.decode(task.request(c.TM_SPAWN, body.encode()).body).values[0] > 0
    found: list[int] = wait_until(lambda: vm.running("sleep"), "the task")
    return found[0]


@pytest.mark.parametrize("signum", FATAL, ids=lambda signum: signum.name)
def test_signal_ends_the_daemon_in_order(signum: signal.Signals, connector: Connector) -> None:
    with VirtualMachine("ours") as vm:
        task = spawn(vm, connector)
        os.kill(vm.pid, signum)
        assert vm.process.wait() == signum
        assert f"caught signal {int(signum)}\n" in vm.log()
        assert vm.log().endswith(f"pvmd ends, status {int(signum)}\n")
        assert not vm.sock_file.exists()
        wait_until(lambda: not Path(f"/proc/{task}").exists(), "the end of its task")


@pytest.mark.parametrize("signum", FAULTS, ids=lambda signum: signum.name)
def test_fault_is_the_last_thing_in_the_log_and_another_daemon_can_start(
    signum: signal.Signals, connector: Connector
) -> None:
    with VirtualMachine("ours") as vm:
        task = spawn(vm, connector)
        os.kill(vm.pid, signum)
        assert vm.process.wait() == -signum
        # Nothing is done in order any more, but this is said.
        assert re.search(f"Fatal Python error: {FAULTS[signum]}\n", vm.log().split("ready")[-1])
        stale = vm.sock_file.read_text()
        vm.start_again()
        assert vm.sock_file.read_text() != stale and not Path(stale).exists()
        assert f"replaced stale {vm.sock_file}" in vm.log()
        with enrolled(vm, connector) as other:
            assert other.request(c.TM_CONFIG).ints()[0] >= 0
        os.kill(task, signal.SIGKILL)


@pytest.mark.parametrize("side", SIDES)
def test_interrupt_at_the_daemons_terminal_ends_its_tasks(side: Side, connector: Connector) -> None:
    with VirtualMachine(side) as vm:
        ours, theirs = pty.openpty()
        env = vm.task_env({"PVM_VMID": "at-terminal"})
        daemon = subprocess.Popen(
            ["setsid", "--ctty", daemon_program(side)],
            stdin=theirs,
            env=env,
            stdout=theirs,
            stderr=theirs,
        )
        vm.tasks.append(daemon)
        address = vm.sock_file.with_name(f"{vm.sock_file.name}.at-terminal")
        wait_until(lambda: address.exists() and address.read_text(), "the daemon at the terminal")
        with RawTask(address.read_text(), connector) as task:
            task.enrol(vm.tmp)
            body = SpawnRequest("/bin/sleep", 0, "", 1, ["1000"], 0, 0, 0, 0, 0, 0, [])
            task.request(c.TM_SPAWN, body.encode())
            wait_until(lambda: vm.running("sleep"), "the task")
            os.write(ours, b"\x03")
            assert daemon.wait() == signal.SIGINT
        wait_until(lambda: not vm.running("sleep"), "the end of the task")
        os.close(ours)
        os.close(theirs)


def test_other_signals_end_no_daemon(connector: Connector) -> None:
    with VirtualMachine("ours") as vm:
        for signum in HARMLESS:
            os.kill(vm.pid, signum)
        with enrolled(vm, connector) as task:
            assert task.request(c.TM_GETOPT).body
