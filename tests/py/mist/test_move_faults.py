# SPDX-License-Identifier: MIT
"""A daemon ends, or stands still, in each phase of a move: the task is at one host or ended."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest
from support.impostors.rawtask import Connector
from support.machines.hosts import Host
from support.machines.lone import ALIVE, ENDED, Lone, stopped
from support.machines.vm import wait_until

from pvm3py.pvmd.state.task import process_parent
from pvm3py.wire import constants as c

# The environment asks for all cases; else those are left out that say so.
every = pytest.mark.skipif(
    os.environ.get("PVM3PY_FAULTS") != "all", reason="PVM3PY_FAULTS=all tries each phase"
)


@pytest.fixture
def lone(request: pytest.FixtureRequest, tmp_path: Path, connector: Connector) -> Iterator[Lone]:
    """The machine, where the fault that the test names is about to happen."""
    fault, flags = request.param
    made = Lone(tmp_path, fault, connector, flags)
    try:
        yield made
    except BaseException:
        print(made.machine.everything())
        raise
    finally:
        made.close()


def cases(action: str, *phases: tuple[str, str, bool], flags: int = 0) -> pytest.MarkDecorator:
    """A test for each phase: what becomes of the task, and whether it is always run."""
    return pytest.mark.parametrize(
        ("lone", "fate"),
        [
            pytest.param(
                (f"{phase}:1:{action}", flags),
                fate,
                marks=() if always else every,
                id=phase,
            )
            for phase, fate, always in phases
        ],
        indirect=["lone"],
    )


@cases(
    "die",
    ("reserve", ENDED, False),
    ("hold", ENDED, False),
    ("freeze", ENDED, False),
    ("frozen", ENDED, True),
    ("flushed", ENDED, False),
    ("ready", ALIVE, True),
    ("commit", ALIVE, False),
    ("placed", ALIVE, True),
    ("gone", ALIVE, False),
)
def test_origin_ends(lone: Lone, fate: str) -> None:
    assert lone.outcome() == c.PvmHostFail
    lone.lose(lone.origin)
    lone.check(fate)


@cases(
    "die",
    ("reserved", ALIVE, False),
    ("image", ALIVE, False),
    ("restarted", ALIVE, False),
    ("told", ALIVE, True),
    ("go", ENDED, False),
)
def test_goal_ends(lone: Lone, fate: str) -> None:
    lone.lose(lone.goal)
    assert lone.outcome() == c.PvmHostFail
    lone.check(fate)


@cases(
    "die",
    ("round", ENDED, True),
    ("hold", ENDED, False),
    ("frozen", ENDED, False),
    ("ready", ALIVE, False),
    flags=c.WIRE_MIGRATE_LIVE,
)
def test_origin_ends_in_a_live_move(lone: Lone, fate: str) -> None:
    assert lone.outcome() == c.PvmHostFail
    lone.lose(lone.origin)
    lone.check(fate)


@cases(
    "die",
    ("reserved", ALIVE, False),
    ("image", ALIVE, False),
    ("brought", ALIVE, True),
    ("restarted", ALIVE, False),
    ("told", ALIVE, True),
    flags=c.WIRE_MIGRATE_LIVE,
)
def test_goal_ends_in_a_live_move(lone: Lone, fate: str) -> None:
    lone.lose(lone.goal)
    assert lone.outcome() == c.PvmHostFail
    lone.check(fate)


@cases("stop", ("restarted", ALIVE, True), ("go", ENDED, True))
def test_restarter_ends(lone: Lone, fate: str) -> None:
    """The process that is to be the task is killed while the goal looks away."""
    pid = lone.goal.pid
    wait_until(lambda: stopped(pid), f"{lone.goal.name} stands still")
    (restarter,) = [one for one in lone.pids() if process_parent(one) == pid]
    os.kill(restarter, signal.SIGKILL)
    os.kill(pid, signal.SIGCONT)
    assert (lone.outcome() == 0) == (fate == ENDED)
    lone.check(fate)


@cases("die", ("held", ENDED, True))
def test_master_ends_and_all_with_it(lone: Lone, fate: str) -> None:
    """It ends when it has been asked to hold what is sent to the task."""
    assert fate == ENDED
    for host in lone.machine.hosts:
        host.killed = True
    for host in (lone.origin, lone.goal):
        wait_until(lambda host=host: not host.daemon_pids(), f"{host.name} has ended")
    wait_until(lambda: not lone.pids(), "its processes are gone")
    assert not (lone.numbers / "twice").exists()


@cases(
    "stop",
    ("flushed", ENDED, False),
    ("ready", ALIVE, False),
    ("commit", ALIVE, True),
    ("placed", ALIVE, False),
)
def test_origin_stands_still_until_it_is_lost(lone: Lone, fate: str) -> None:
    _stand_still(lone, lone.origin, fate)


@cases("stop", ("image", ALIVE, False), ("restarted", ALIVE, False), ("told", ALIVE, False))
def test_goal_stands_still_until_it_is_lost(lone: Lone, fate: str) -> None:
    _stand_still(lone, lone.goal, fate)


def _stand_still(lone: Lone, host: Host, fate: str) -> None:
    """A daemon stops, and goes on when the others have lost it."""
    pid = host.pid
    wait_until(lambda: stopped(pid), f"{host.name} stands still")
    try:
        lone.lose(host)
        if fate == ALIVE:
            lone.goes_on()
    finally:
        os.kill(pid, signal.SIGCONT)
    assert lone.outcome() == c.PvmHostFail
    wait_until(lambda: pid not in host.daemon_pids(), f"{host.name} has ended")
    lone.check(fate)


@cases(
    "stop",
    ("hold", ALIVE, False),
    ("frozen", ALIVE, False),
    ("commit", ALIVE, False),
    ("placed", ALIVE, False),
)
def test_origin_stands_still_for_a_while(lone: Lone, fate: str) -> None:
    _pause(lone, lone.origin, fate)


@cases("stop", ("reserved", ALIVE, False), ("restarted", ALIVE, False), ("go", ALIVE, False))
def test_goal_stands_still_for_a_while(lone: Lone, fate: str) -> None:
    _pause(lone, lone.goal, fate)


def _pause(lone: Lone, host: Host, fate: str) -> None:
    """A daemon stops, and goes on before it is lost: the task moves all the same."""
    pid = host.pid
    wait_until(lambda: stopped(pid), f"{host.name} stands still")
    os.kill(pid, signal.SIGCONT)
    assert lone.outcome() == 0
    lone.check(fate)
