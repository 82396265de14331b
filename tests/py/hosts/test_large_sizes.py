# SPDX-License-Identifier: MIT
"""Sizes between two hosts: large mailbox entries, and messages whose bytes an int cannot count."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest
from support.machines.machine import Machine

big = pytest.mark.skipif(not os.environ.get("PVM3PY_BIG"), reason="PVM3PY_BIG is not set")
SECONDS = 900


@pytest.fixture(scope="module")
def machine() -> Iterator[Machine]:
    made = Machine(["ours", "ours"], programs=["agent", "large"])
    yield made
    made.bed.stop()


@pytest.mark.parametrize("size", [80, pytest.param(300, marks=big)])
def test_entry_of_a_task_of_the_slave(machine: Machine, size: int) -> None:
    slave = machine.hosts[1]
    done = slave.run(slave.program("large"), "mailbox", size, timeout=SECONDS)
    assert "FAIL" not in done.out, done.out + machine.everything()
    done.check()


@pytest.mark.parametrize("route", ["daemon", "direct"])
@pytest.mark.parametrize("pieces", [1, pytest.param(9, marks=big)])
def test_message_to_a_task_of_the_slave(machine: Machine, pieces: int, route: str) -> None:
    master, slave = machine.hosts
    program = master.program("large")
    done = master.run(program, "message", pieces, route, slave.name, timeout=SECONDS)
    assert "FAIL" not in done.out, done.out + machine.everything()
    done.check()
