# SPDX-License-Identifier: MIT
"""A daemon ends, or stands still, in each phase of a move: the task is at one host or ended."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest
from support.impostors.rawtask import Connector, RawTask, enrolled, ints, message
from support.impostors.wanderer import answer, ask
from support.machines.hosts import Host
from support.machines.machine import Machine
from support.machines.vm import wait_until

from pvm3py.pvmd.state.task import process_parent
from pvm3py.wire import constants as c
from pvm3py.wire.task import NotifyRequest, SignalRequest

EXIT_TAG, TAG_ASK, TAG_NUMBER = 7, 80, 81
# Numbers by which a task must count on to be alive.
MORE = 20
ALIVE, ENDED = "alive", "ended"
# The environment asks for all cases; else those are left out that say so.
every = pytest.mark.skipif(
    os.environ.get("PVM3PY_FAULTS") != "all", reason="PVM3PY_FAULTS=all tries each phase"
)


class Lone:
    """A machine of three hosts, and a task on the second that is to move to the third."""

    def __init__(self, directory: Path, fault: str, connector: Connector, flags: int = 0) -> None:
        self.numbers = directory / "numbers"
        self.numbers.mkdir()
        env = {"PVM_TEST_MOVEFAULT": fault, "PVM_HOST_TIMEOUT": "5"}
        self.machine = Machine(
            ("ours",) * 3, network="loopback", programs=("agent", "lone"), env=env
        )
        self.master, self.origin, self.goal = self.machine.hosts
        self._connector = connector
        (self.tid,) = self.machine.here.spawn("lone", self.numbers, where=self.origin.name)
        self.watchers = {host: self._watcher(host) for host in self.machine.hosts}
        self._asker = enrolled(self.master, connector)
        self._wid = ask(self._asker, self.tid, self.goal.name, flags)

    def outcome(self) -> int:
        """The code with which who has asked for the move is answered."""
        return answer(self._asker, self._wid).code

    def _watcher(self, host: Host) -> RawTask:
        """A task that is told of the end of this one."""
        watcher = enrolled(host, self._connector)
        wish = NotifyRequest(c.PvmTaskExit, 0, EXIT_TAG, 1, [self.tid])
        watcher.send(message(c.TM_NOTIFY, wish.encode(), src=watcher.tid))
        watcher.sync()
        return watcher

    def close(self) -> None:
        """End all of it."""
        for task in (self._asker, *self.watchers.values()):
            task.socket.close()
        self.machine.bed.stop(check=False)

    def pids(self) -> list[int]:
        """Its processes."""
        return [int(path.parent.name) for path in Path("/proc").glob("[0-9]*/cmdline")
                if str(self.numbers).encode() in _read(path)]  # fmt: skip

    def goes_on(self) -> None:
        """Wait until it has counted on."""
        goal = len(os.listdir(self.numbers)) + MORE
        wait_until(lambda: len(os.listdir(self.numbers)) >= goal, "it counts on")

    def lose(self, lost: Host) -> None:
        """Wait until the others know that a host is lost."""
        lost.killed = True
        self.watchers.pop(lost).socket.close()
        agents = [
            agent
            for agent, host in zip(self.machine.agents, self.machine.hosts, strict=True)
            if host is not lost
        ]
        wait_until(
            lambda: all(lost.name not in agent.config() for agent in agents), f"{lost.name} is lost"
        )

    def is_there_once(self) -> None:
        """It counts, answers all, and its end is told once."""
        self.goes_on()
        wait_until(lambda: len(self.pids()) == 1, "one process is left")
        for watcher in self.watchers.values():
            watcher.send(message(TAG_ASK, dst=self.tid, src=watcher.tid, ctx=0))
            assert watcher.receive().tag == TAG_NUMBER
            assert watcher.request(c.TM_PSTAT, ints(self.tid)).ints() == (0,)
        self.goes_on()
        asker = next(iter(self.watchers.values()))
        asker.request(c.TM_SENDSIG, SignalRequest(self.tid, signal.SIGKILL).encode())
        self.has_ended()

    def has_ended(self) -> None:
        """Its end has been told once to each, and nothing of it is left."""
        for watcher in self.watchers.values():
            came = watcher.receive()
            assert (came.tag, came.ints()) == (EXIT_TAG, (self.tid,))
            assert watcher.request(c.TM_PSTAT, ints(self.tid)).ints() == (c.PvmNoTask,)
            assert EXIT_TAG not in {tag for tag, _ in watcher.sync()}
        wait_until(lambda: not self.pids(), "its processes are gone")
        assert not (self.numbers / "twice").exists()

    def check(self, fate: str) -> None:
        """It is at one host, or has ended."""
        if fate == ALIVE:
            self.is_there_once()
        else:
            self.has_ended()


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError:
        return b""


def stopped(pid: int) -> bool:
    """Whether a process stands still."""
    return _read(Path(f"/proc/{pid}/stat")).rpartition(b")")[2].split()[:1] == [b"T"]


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
