# SPDX-License-Identifier: MIT
"""Origin and goal of a move lose each other, and the master neither: the task runs once at most."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest
from support.impostors.rawtask import Connector
from support.machines.hosts import Host
from support.machines.lone import ALIVE, ENDED, Lone, stopped
from support.machines.net import Namespaces, require_namespaces
from support.machines.vm import wait_until

# Nobody's: what is sent there is lost without a word.
NOWHERE = "lladdr 02:00:00:00:00:99 nud permanent dev eth0"


@pytest.fixture
def lone(request: pytest.FixtureRequest, tmp_path: Path, connector: Connector) -> Iterator[Lone]:
    """The machine, where a daemon is about to stand still in the phase that the test names."""
    require_namespaces()
    made = Lone(tmp_path, f"{request.param}:1:stop", connector, network="namespaces", silence=3)
    try:
        yield made
    except BaseException:
        print(made.machine.everything())
        raise
    finally:
        made.close()


def part(lone: Lone) -> None:
    """Nothing that origin and goal send to each other arrives any more."""
    network = lone.machine.bed.network
    assert isinstance(network, Namespaces)
    for here, there in ((1, 2), (2, 1)):
        network.ip(here, f"neigh replace {network.address(there)} {NOWHERE}")


def await_stopped(hosts: list[Host]) -> int:
    """The daemon that stands still."""
    pids = [host.pid for host in hosts]
    wait_until(lambda: any(stopped(pid) for pid in pids), "a daemon stands still")
    return next(pid for pid in pids if stopped(pid))


def settle(lone: Lone) -> None:
    """Wait until one of the two has lost the other, or there is nothing to lose any more."""
    agents = lone.machine.agents[1:]
    names = [lone.goal.name, lone.origin.name]
    for host in (lone.origin, lone.goal):
        lone.watchers.pop(host).socket.close()

    def over() -> bool:
        lost = any(name not in agent.config() for agent, name in zip(agents, names, strict=True))
        return lost and len(lone.pids()) <= 1

    wait_until(over, "they have lost each other")


@pytest.mark.slow
@pytest.mark.parametrize(
    "lone",
    ["hold", "frozen", "flushed", "ready", "commit", "image", "restarted", "told", "go"],
    indirect=True,
)
def test_hosts_that_lose_each_other_in_a_move_have_the_task_once(lone: Lone) -> None:
    pid = await_stopped([lone.origin, lone.goal])
    part(lone)
    os.kill(pid, signal.SIGCONT)
    lone.outcome()
    settle(lone)
    assert len(lone.pids()) <= 1
    lone.check(ALIVE if lone.pids() else ENDED)
