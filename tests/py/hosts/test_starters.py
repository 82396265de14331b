# SPDX-License-Identifier: MIT
"""Tasker and hoster written in C, with either library, under daemons of either kind."""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from support.machines.hosts import Bed, Host
from support.machines.vm import read_line
from support.system import PATIENCE, SIDES, Side

TASK_EXIT, NO_FILE = 1, -7


@contextmanager
def starter(host: Host, library: Side, role: str) -> Iterator[subprocess.Popen[bytes]]:
    """The program tests/c/starter.c on a host, once it has its role."""
    process = host.start(host.program("starter", library), role, stderr=None)
    assert process.stdout
    assert read_line(process.stdout, PATIENCE) == "registered 0"
    yield process
    process.terminate()
    process.wait(PATIENCE)


def said(process: subprocess.Popen[bytes]) -> list[str]:
    """The words of the next line."""
    assert process.stdout
    return read_line(process.stdout, PATIENCE).split()


@pytest.fixture(params=SIDES)
def bed(request: pytest.FixtureRequest) -> Iterator[Bed]:
    """A master of either kind, alone as yet, with two hosts that can be added."""
    with Bed([request.param, "ours", "debian"], programs=("agent", "starter")) as made:
        yield made.start()


@pytest.mark.parametrize("library", SIDES)
def test_tasks_of_a_tasker_start_and_end_like_others(bed: Bed, library: Side) -> None:
    agent = bed.master.agent()
    with starter(bed.master, library, "tasker") as tasker:
        tids = agent.spawn("agent", "an argument", count=3)
        assert [said(tasker)[:2] for _ in tids] == [["started", f"{tid:x}"] for tid in tids]
        pids = [int(agent.call("on", tid, "process")[0]) for tid in tids]
        assert agent.code("notify", TASK_EXIT, 71, *tids) == 0
        assert agent.code("kill", tids[1]) == 0
        assert agent.notice(71) == [tids[1]]
        assert said(tasker) == ["ended", f"{tids[1]:x}", str(int(signal.SIGTERM))]
        os.kill(pids[0], signal.SIGKILL)
        assert agent.notice(71) == [tids[0]]
        assert said(tasker) == ["ended", f"{tids[0]:x}", str(int(signal.SIGKILL))]
        assert agent.ints("spawn", "no_such_program", 0, "", 1) == [0, NO_FILE]
        agent.call("kill", tids[2])
        assert agent.notice(71) == [tids[2]]


@pytest.mark.parametrize("library", SIDES)
def test_hosts_of_a_hoster_are_hosts_like_others(bed: Bed, library: Side) -> None:
    agent = bed.master.agent()
    with starter(bed.master, library, "hoster") as hoster:
        names = [host.name for host in bed.slaves]
        tids = agent.add(*names)
        starts = [said(hoster) for _ in names]
        assert starts == [["started", f"{t:x}", n] for t, n in zip(tids, names, strict=True)]
        assert list(agent.config()) == [bed.master.name, *names]
        for name in names:
            (task,) = agent.agents(name)
            assert list(task.config()) == list(agent.config())
