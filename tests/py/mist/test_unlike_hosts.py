# SPDX-License-Identifier: MIT
"""Hosts whose kernels differ, and tasks that keep to a level of x86-64."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from support.machines.jobs import script
from support.machines.machine import Machine
from support.screens.console import console_program
from support.system import require_program

from pvm3py.wire import constants as c

# Where the header of an image has the level.
AT_LEVEL = 52


def environment(machine: Machine, tid: int) -> dict[str, str]:
    """The environment with which a task has begun."""
    listed = machine.hosts[0].run(console_program("ours"), "-c", "ps -a --json").check().out
    (pid,) = (one["pid"] for one in json.loads(listed) if one["tid"] == tid)
    words = Path(f"/proc/{pid}/environ").read_text().split("\0")
    return dict(word.split("=", 1) for word in words if "=" in word)


class Unlike(Machine):
    """Two hosts; the kernel of the second one is 2.6, as it says there."""

    def _form(self) -> None:
        self.bed.hosts[1].enter += ("setarch", "--uname-2.6")
        self.bed.hosts[1].set_env({})
        super()._form()


def made(**env: str) -> Iterator[Unlike]:
    require_program("setarch", "util-linux")
    machine = Unlike(("ours", "ours"), network="loopback", programs=("agent",), env=env)
    yield machine
    machine.bed.stop()


@pytest.fixture
def strict() -> Iterator[Unlike]:
    """Hosts that take nothing of unlike ones."""
    yield from made()


@pytest.fixture
def lenient() -> Iterator[Unlike]:
    """Hosts that take what their restarters take."""
    yield from made(PVM_MOVE_UNLIKE="1")


def test_host_with_another_kernel_takes_no_task(strict: Unlike) -> None:
    (task,) = strict.here.agents(strict.hosts[0].name)
    assert task.code("mytid") == task.tid
    assert strict.here.code("migrate", task.tid, strict.hosts[1].name) == c.PvmNotMovable
    line = f"migrate t{task.tid:x} {strict.hosts[1].name}"
    said = strict.hosts[0].run(console_program("ours"), "-c", line).check(1).out
    assert "the machines differ" in said and " Linux 2.6" in said
    assert task.code("mytid") == task.tid


def test_host_with_another_kernel_takes_tasks_if_it_may(lenient: Unlike) -> None:
    (task,) = lenient.here.agents(lenient.hosts[0].name)
    assert task.code("mytid") == task.tid
    for host in (1, 0, 1):
        assert lenient.here.code("migrate", task.tid, lenient.hosts[host].name) == 0
        assert task.code("mytid") == task.tid


def test_tasks_keep_to_the_level_that_is_set(tmp_path: Path) -> None:
    env = {"PVM_CPU_LEVEL": "x86-64-v2", "GLIBC_TUNABLES": "glibc.malloc.check=0"}
    machine = Machine(("ours", "ours"), network="loopback", programs=("agent",), env=env)
    try:
        (task,) = machine.here.agents(machine.hosts[1].name)
        assert task.code("mytid") == task.tid
        tunables = environment(machine, task.tid)["GLIBC_TUNABLES"]
        assert tunables.startswith("glibc.cpu.hwcaps=-")
        assert {"-AVX", "-AVX2", "-BMI2"} <= set(tunables.split(","))
        assert machine.here.code("migrate", task.tid, machine.hosts[0].name) == 0
        assert task.code("mytid") == task.tid
        script(machine, f"checkpoint({str(tmp_path)!r}, [{task.tid}])")
        (image,) = tmp_path.glob("job-*/000001/*.img")
        assert image.read_bytes()[AT_LEVEL] == 2
    finally:
        machine.bed.stop()
