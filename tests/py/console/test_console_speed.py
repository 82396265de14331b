# SPDX-License-Identifier: MIT
"""The console is there at once.

Others use the machine, too. So what it costs is processor time, the least of some tries. When
nobody else uses the machine it takes little longer, since the console and the daemon that it starts
wait for nothing but each other.
"""

from __future__ import annotations

import os
import re
import resource
import shutil
import subprocess
import tempfile
from collections.abc import Callable

import pytest
from support.machines.vm import VirtualMachine, processes_of, wait_until
from support.screens.console import console_program
from support.screens.face import FACES, PROMPT, Face, do, started
from support.system import PATIENCE, processor_seconds, require_daemon

PVM = console_program("ours")
_TRIES = 5


def processor(run: Callable[[], object]) -> float:
    """Seconds of processor time, at least, that the programs take which `run` runs."""
    return min(spent(run) for _ in range(_TRIES))


def spent(run: Callable[[], object]) -> float:
    """Seconds of processor time of the programs that `run` runs to their ends."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    run()
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime - before.ru_utime + after.ru_stime - before.ru_stime


def test_commands_on_a_running_machine(ours: VirtualMachine) -> None:
    assert processor(lambda: ours.run(PVM, "-c", "conf").check()) <= 0.25


def test_prompt_on_a_running_machine(ours: VirtualMachine) -> None:
    """From the start to the end of the input."""
    assert processor(lambda: ours.run(PVM).check()) <= 0.3


@pytest.mark.parametrize("face", FACES)
def test_prompt_on_a_terminal(ours: VirtualMachine, face: Face) -> None:
    def look() -> None:
        with started(ours, face):
            pass

    assert processor(look) <= 0.3


def test_prompt_with_a_machine_to_start() -> None:
    """What the console takes, and the daemon that it waits for."""
    require_daemon("ours")
    tmp = tempfile.mkdtemp(prefix="pv")
    env = {"PATH": os.environ["PATH"], "HOME": tmp, "PVM_TMP": tmp, "PVM_ALLOW_ROOT": "1"}

    def console(*arguments: str) -> None:
        done = subprocess.run(
            [PVM, *arguments], env=env, input=b"", capture_output=True, timeout=PATIENCE
        )
        assert done.returncode == 0 and (arguments or done.stdout.startswith(b"pvm> "))

    def start() -> float:
        seconds = spent(console) + sum(map(processor_seconds, processes_of(tmp)))
        console("-c", "halt")
        wait_until(lambda: not processes_of(tmp), "the daemon has ended")
        return seconds

    assert min(start() for _ in range(_TRIES)) <= 0.6
    shutil.rmtree(tmp)


@pytest.mark.slow
@pytest.mark.parametrize("face", FACES)
def test_2000_tasks_are_listed_on_a_terminal_at_once(ours: VirtualMachine, face: Face) -> None:
    with started(ours, face) as desk:
        desk.enter("spawn -2000 /bin/sleep 1000")
        desk.wait_for(lambda lines: shows(lines, r"t4\w+"), "the last of the tids")
        desk.written = b""
        before = processor_seconds(desk.process.pid)
        desk.enter("ps -a")
        desk.wait_for(lambda lines: shows(lines, ".*/bin/sleep"), "the list")
        assert processor_seconds(desk.process.pid) - before <= 0.5
        assert desk.written.count(b"/bin/sleep") == 2000
        do(desk, "reset")


def shows(lines: list[str], pattern: str) -> bool:
    """Whether a screen ends with such a line and the prompt."""
    return lines[-1:] == [PROMPT] and re.fullmatch(pattern, lines[-2]) is not None


@pytest.mark.slow
def test_many_tasks_are_listed_at_once(ours: VirtualMachine) -> None:
    """The daemon answers, and the console prints 500 lines, in half a second."""
    ours.run(PVM, "-c", "spawn -500 /bin/sleep 1000").check()
    assert processor(lambda: ours.run(PVM, "-c", "ps -a").check()) <= 0.5
    out = ours.run(PVM, "-c", "ps -a; reset").check().out
    assert len(out.splitlines()) == 501
