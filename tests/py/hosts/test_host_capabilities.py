# SPDX-License-Identifier: MIT
"""What daemons and libraries say that they can: ours know it of each other, 3.4.6 does not mind."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest
from support.machines.agent import Agent
from support.machines.hosts import Host
from support.machines.machine import Machine
from support.system import SIDES, Side

from pvm3py.wire.hosts import OWN_CAPABILITIES

MIXES: tuple[tuple[Side, ...], ...] = (
    ("ours", "ours", "ours"),
    ("ours", "debian", "ours"),
    ("ours", "debian", "debian"),
    ("debian", "ours", "ours"),
    ("debian", "debian", "ours"),
)
HOSTS, TASKS = 1, 2
RAW, TAG, SIZES = 1, 60, (0, 4033, 70000)
# What 3.4.6 says when a message or a line is not as it expects.
COMPLAINTS = ("bogus", "bad format", "not match", "ddpro<", "stdout@", "unknown", "?")


@pytest.fixture(scope="module", params=MIXES, ids="-".join)
def machine(request: pytest.FixtureRequest) -> Iterator[Machine]:
    """A machine of three hosts."""
    made = Machine(request.param)
    yield made
    made.bed.stop()


def listed(host: Host, agent: Agent, what: int) -> list[str]:
    """The lines that one of our daemons logs of its hosts or tasks."""
    before = len(host.log())
    assert agent.ints("tickle", what) == [0]
    return host.log()[before:].splitlines()


def known(host: Host, agent: Agent) -> dict[str, int]:
    """What one of our daemons knows of the others, by the names of the hosts."""
    found = [
        re.search(r"name='([^']+)'.*capabilities=(\d+)", li) for li in listed(host, agent, HOSTS)
    ]
    return {match[1]: int(match[2]) for match in found if match}


def test_each_daemon_of_ours_knows_what_the_others_can(machine: Machine) -> None:
    told = machine.hosts[0].side == "ours"
    for host, agent in zip(machine.hosts, machine.agents, strict=True):
        if host.side == "ours":
            assert known(host, agent) == {
                other.name: OWN_CAPABILITIES * (other is host or (told and other.side == "ours"))
                for other in machine.hosts
            }


@pytest.mark.parametrize("library", SIDES)
def test_library_of_either_side_enrols_everywhere(machine: Machine, library: Side) -> None:
    for host in machine.hosts:
        agent = host.agent(library)
        tid = agent.tid
        assert tid > 0
        if host.side == "ours":
            (line,) = [li for li in listed(host, agent, TASKS) if f"task t{tid:x} " in li]
            said = "signal=0, image=0)" if library == "ours" else " can None"
            assert line.endswith(said)
        agent.close()


def test_messages_of_every_size_pass_between_all_hosts(machine: Machine) -> None:
    for sender in machine.agents:
        for receiver in machine.agents:
            for size in SIZES:
                assert sender.code("send", receiver.tid, TAG, RAW, size, 4) == 0
                assert receiver.taken(sender.tid, TAG, size, 4) == [1, sender.tid, TAG, 1]


def test_3_4_6_complains_of_nothing(machine: Machine) -> None:
    for host in machine.hosts:
        if host.side == "debian":
            bad = [li for li in host.log().splitlines() if any(text in li for text in COMPLAINTS)]
            assert bad == []
