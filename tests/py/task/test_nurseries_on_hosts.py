# SPDX-License-Identifier: MIT
"""Nurseries of one spawner on several hosts."""

from __future__ import annotations

import sys
import textwrap
from collections.abc import Iterator

import pytest
from support.machines.hosts import Bed
from support.system import PATIENCE, modules_dir

_PRELUDE = """
import sys, time
from pvm3py import Task, VirtualMachine

def forked():
    with open("/proc/self/cmdline") as file:
        return "pvm3py.nursery" in file.read()

def work(top):
    task = Task()
    task.send((task.host.name, forked()), top)

def answers(count, **options):
    task = Task()
    task.spawn(work, task.tid, n=count, **options)
    return sorted(task.recv(timeout=100) for _ in range(count))
"""


@pytest.fixture
def bed() -> Iterator[Bed]:
    """Three hosts that form a machine."""
    with Bed(["ours"] * 3) as made:
        yield made.start()


def script_on(bed: Bed, text: str) -> list[str]:
    """Command of a script on the first host, which gets the names of all hosts."""
    script = bed.hosts[0].tmp / "script.py"
    script.write_text(
        _PRELUDE
        + textwrap.dedent("""
        if __name__ == "__main__":
            first, second, third = sys.argv[1:]
            machine = VirtualMachine.attach()
            machine.hosts.add(second, third)
        """)
        + textwrap.indent(textwrap.dedent(text), "    ")
    )
    return [sys.executable, str(script), *(host.name for host in bed.hosts)]


def test_functions_are_forked_on_each_host(bed: Bed) -> None:
    """Three functions come to each of three hosts, which a nursery does not pay for; then six."""
    text = """
        with machine.task:
            everywhere = sorted(sys.argv[1:])
            assert answers(9) == sorted(3 * [(name, False) for name in everywhere])
            assert answers(9) == sorted(3 * [(name, True) for name in everywhere])
            assert answers(2, where=third) == 2 * [(third, True)]
        """
    command = script_on(bed, text)
    env = {"PYTHONPATH": str(modules_dir())}
    bed.hosts[0].run(*command, env=env).check()


def test_hosts_that_remain_fork_when_one_is_lost(bed: Bed) -> None:
    text = """
        with machine.task:
            answers(12)
            assert {name for name, copy in answers(6) if copy} == set(sys.argv[1:])
            print("go", flush=True)
            while len(machine.hosts) == 3:
                time.sleep(0.01)
            assert answers(8) == sorted(4 * [(first, True)] + 4 * [(second, True)])
        """
    env = {"PYTHONPATH": str(modules_dir())}
    process = bed.hosts[0].start(*script_on(bed, text), env=env)
    assert process.stdout
    assert process.stdout.readline() == b"go\n"
    bed.hosts[2].kill_daemon()
    _, err = process.communicate(timeout=PATIENCE)
    assert process.returncode == 0, err.decode()
