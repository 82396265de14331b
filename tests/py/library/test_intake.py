# SPDX-License-Identifier: MIT
"""What a library call takes in: the recorded sequences, each by 3.4.6's library and ours."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from support.intake.bed import SOCKETS, Bed, Way, each_task, group_server_dir
from support.intake.vectors import NOT_ON_ROUTES, SETUPS, Play
from support.machines.sharing import ON
from support.machines.vm import VirtualMachine
from support.system import SIDES, Side


@pytest.fixture(scope="module", params=SIDES, ids=lambda side: f"daemon-{side}")
def machine(request: pytest.FixtureRequest) -> Iterator[VirtualMachine]:
    """A machine with each daemon, which finds its group server."""
    path = [group_server_dir(request.param)]
    with VirtualMachine(request.param, path=path, env=ON) as vm:
        yield vm


PLAYS = [
    pytest.param(name, way, id=f"{name}-{way.name.lower()}")
    for name in SETUPS
    for way in SOCKETS
    if way is Way.DAEMON or name not in NOT_ON_ROUTES
]


@each_task
@pytest.mark.parametrize(("name", "way"), PLAYS)
def test_sequence(
    machine: VirtualMachine, library: Side, unasked: bool, name: str, way: Way
) -> None:
    with Bed(machine, library, unasked=unasked) as bed:
        bed.open(way)
        play = Play(bed, way, name)
        assert play.run() == play.expected()


@pytest.mark.parametrize("machine", ["ours"], indirect=True)
@pytest.mark.parametrize("name", SETUPS)
def test_sequence_by_memory(machine: VirtualMachine, name: str) -> None:
    with Bed(machine, "ours", unasked=True, memory=True) as bed:
        bed.open(Way.MEMORY)
        play = Play(bed, Way.MEMORY, name)
        assert play.run() == play.expected()
