# SPDX-License-Identifier: MIT
"""The end of a machine: pvm_halt, signals to the daemon; nothing is left afterwards."""

from __future__ import annotations

import contextlib
import os
import signal

import pytest
from support import compiler
from support.machines.vm import VirtualMachine, wait_until
from support.system import PATIENCE, SIDES, Side


@pytest.mark.parametrize("library", SIDES)
@pytest.mark.parametrize("daemon", SIDES)
def test_halt_ends_daemon_and_tasks(daemon: Side, library: Side) -> None:
    launch = compiler.test_program("launch", library)
    with VirtualMachine(daemon) as vm:
        sleepers = vm.start(launch, 3, "/bin/sleep", 1000)
        wait_until(lambda: len(vm.running("sleep")) == 3, "three tasks running")
        done = vm.run(compiler.test_program("halt", library))
        assert done.check().out == "pvm_halt: 0\n"
        assert vm.process.wait(PATIENCE) == 0
        assert sleepers.wait(PATIENCE) != 0
        assert not vm.sock_file.exists()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
@pytest.mark.parametrize("daemon", SIDES)
def test_signal_ends_the_machine_orderly(daemon: Side, number: signal.Signals) -> None:
    launch = compiler.test_program("launch", daemon)
    with VirtualMachine(daemon) as vm:
        vm.start(launch, 3, "/bin/sleep", 1000)
        wait_until(lambda: len(vm.running("sleep")) == 3, "three tasks running")
        vm.process.send_signal(number)
        assert vm.process.wait(PATIENCE) == number
        if daemon == "debian":
            # Now and then it ends without an end of anything.
            for pid in vm.running("sleep"):
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
            vm.sock_file.unlink(missing_ok=True)
        assert not vm.sock_file.exists()


@pytest.mark.parametrize("number", [signal.SIGHUP, signal.SIGPIPE])
@pytest.mark.parametrize("daemon", SIDES)
def test_signal_is_ignored(daemon: Side, number: signal.Signals) -> None:
    sides = {"PVM_TEST_LIBRARY": daemon, "PVM_TEST_DAEMON": daemon}
    with VirtualMachine(daemon, env=sides) as vm:
        vm.process.send_signal(number)
        vm.run(compiler.test_program("check_lifecycle", daemon)).check()
        assert vm.process.poll() is None
