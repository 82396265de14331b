# SPDX-License-Identifier: MIT
"""Machines of two and three hosts, with real tasks, or with tasks that are played by the test."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
from support.impostors import managed
from support.impostors.rawtask import Connector
from support.impostors.wanderer import Desk, Roads, environment
from support.machines.agent import Remote
from support.machines.machine import Machine
from support.machines.vm import wait_until

from pvm3py import mist
from pvm3py.rm import link
from pvm3py.wire import constants as c


@pytest.fixture(scope="package", params=[2, 3], ids=["two", "three"])
def shared_roads(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[Machine, Desk]]:
    """A machine of so many hosts, and the desk."""
    directory = tmp_path_factory.mktemp("m")
    with Desk(directory) as desk:
        machine = Machine(("ours",) * request.param, network="loopback", env=environment(directory))
        yield machine, desk
        machine.bed.stop()


@pytest.fixture
def roads(shared_roads: tuple[Machine, Desk], connector: Connector) -> Iterator[Roads]:
    """The same for one test, which ends all its tasks."""
    machine, desk = shared_roads
    with Roads(machine.ready(), desk, connector) as roads:
        yield roads


@pytest.fixture(scope="module")
def two() -> Iterator[Machine]:
    """A machine of two hosts with an agent on each."""
    made = Machine(("ours", "ours"), network="loopback", programs=("agent",))
    yield made
    made.bed.stop()


@pytest.fixture
def task(two: Machine) -> Iterator[Remote]:
    """A task that was started on the second host."""
    (agent,) = two.here.agents(two.hosts[1].name)
    assert agent.code("mytid") == agent.tid
    yield agent
    two.here.code("kill", agent.tid)
    wait_until(lambda: two.here.code("pstat", agent.tid) == c.PvmNoTask, "the task has ended")


@pytest.fixture
def desk(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., managed.Desk]]:
    """A function that makes a scheduler with a policy, of so many hosts."""

    def make(policy: mist.Policy | None = None, hosts: int = 3) -> managed.Desk:
        made = managed.Desk(policy or mist.OwnerFirst(), hosts)
        monkeypatch.setattr(link, "post", made.post)
        return made

    yield make
