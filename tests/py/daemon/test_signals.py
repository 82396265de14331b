# SPDX-License-Identifier: MIT
"""Whatever ends the daemon, but KILL and its own faults, ends it in order."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import pytest
from support.impostors.rawtask import Connector, enrolled
from support.machines.vm import VirtualMachine, wait_until

from pvm3py.wire import constants as c
from pvm3py.wire.task import Codes, SpawnRequest

# What ends a process by itself, and is neither KILL nor a fault of the program.
_NAMES = "TERM INT QUIT ABRT TRAP SYS USR1 USR2 ALRM VTALRM PROF XCPU IO PWR STKFLT RTMIN RTMAX"
FATAL = [signal.Signals[f"SIG{name}"] for name in _NAMES.split()]
_NAMES = "HUP PIPE XFSZ CHLD CONT URG WINCH"
HARMLESS = [signal.Signals[f"SIG{name}"] for name in _NAMES.split()]


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


def test_other_signals_end_no_daemon(connector: Connector) -> None:
    with VirtualMachine("ours") as vm:
        for signum in HARMLESS:
            os.kill(vm.pid, signum)
        with enrolled(vm, connector) as task:
            assert task.request(c.TM_GETOPT).body
