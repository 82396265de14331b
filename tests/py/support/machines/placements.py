# SPDX-License-Identifier: MIT
"""Requests to spawn tasks, and where 3.4.6 puts them."""

from __future__ import annotations

from functools import cache

from support.machines.agent import Agent
from support.machines.machine import Machine
from support.system import Side

HOST, ARCH, COMPLEMENT = 1, 2, 32
# where ("1" is the second host), flags, count; one after the other, as the place moves on.
REQUESTS = (
    ("", 0, 1),
    ("", 0, 4),
    ("", 0, 3),
    ("", 0, 9),
    ("", 0, 2),
    ("1", HOST, 3),
    ("", 0, 5),
    ("LINUX64", ARCH, 6),
    ("1", HOST | COMPLEMENT, 5),
    ("CRAY", ARCH | COMPLEMENT, 2),
    ("LINUX64", ARCH | COMPLEMENT, 2),
    ("nowhere", HOST, 2),
    ("nowhere", HOST | COMPLEMENT, 6),
    (".", HOST, 2),
    ("", HOST, 2),
    ("", 0, 13),
)


def answers(machine: Machine, agent: Agent) -> list[list[int]]:
    """Hosts (or error codes) of the tasks of each request, made one after the other."""
    found = []
    for where, flags, count in REQUESTS:
        name = machine.hosts[int(where)].name if where.isdigit() else where
        _, *tids = agent.ints("spawn", "agent", flags, name, count)
        found.append([tid if tid < 0 else tid >> 18 for tid in tids])
    return found


def placed(kinds: tuple[Side, ...]) -> list[list[list[int]]]:
    """The answers on the first two hosts of a new machine."""
    machine = Machine(kinds)
    try:
        return [answers(machine, agent) for agent in machine.agents[:2]]
    finally:
        machine.bed.stop()


@cache
def expected() -> list[list[list[int]]]:
    """What four hosts of 3.4.6 do."""
    return placed(("debian",) * 4)
