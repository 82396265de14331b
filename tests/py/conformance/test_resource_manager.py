# SPDX-License-Identifier: MIT
"""PVM's resource manager with either library under either daemon."""

from __future__ import annotations

import signal
import subprocess

import pytest
from support import compiler
from support.impostors.rawtask import Connector, RawTask
from support.machines.vm import VirtualMachine, wait_until
from support.system import PATIENCE, SIDES, Side
from support.vectors.normalise import normalise, recorded, sorted_lines


@pytest.mark.parametrize("library", SIDES)
@pytest.mark.parametrize("daemon", SIDES)
def test_resource_manager_places_the_tasks(
    daemon: Side, library: Side, connector: Connector
) -> None:
    programs = compiler.installed_examples(library)
    with VirtualMachine(daemon, path=[programs]) as vm:
        manager = vm.start(programs / "srm.pvm")

        def office_is_filled() -> bool:
            with RawTask(vm.address, connector).enrol(vm.tmp) as task:
                return task.rm != 0

        wait_until(office_is_filled, "new tasks are told the resource manager")
        text = normalise(vm.run(programs / "master1", merged=True).check().out)
        assert sorted_lines(text) == sorted_lines(normalise(recorded("master1")))
        # It is the manager that spawns: while it is stopped nobody does.
        manager.send_signal(signal.SIGSTOP)
        waiting = vm.start(programs / "hello.pvm")
        with pytest.raises(subprocess.TimeoutExpired):
            waiting.wait(0.3)
        manager.send_signal(signal.SIGCONT)
        assert waiting.wait(PATIENCE) == 0
        assert manager.poll() is None
