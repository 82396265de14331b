# SPDX-License-Identifier: MIT
"""A task that moves alone, on three hosts of which one is about to fail."""

from __future__ import annotations

import os
import signal
from pathlib import Path

from pvm3py.wire import constants as c
from pvm3py.wire.task import NotifyRequest, SignalRequest
from support.impostors.rawtask import Connector, RawTask, enrolled, ints, message
from support.impostors.wanderer import answer, ask
from support.machines.hosts import Host
from support.machines.machine import Machine
from support.machines.net import NetworkKind
from support.machines.vm import wait_until

EXIT_TAG, TAG_ASK, TAG_NUMBER = 7, 80, 81
# Numbers by which a task must count on to be alive.
MORE = 20
ALIVE, ENDED = "alive", "ended"


class Lone:
    """A machine of three hosts, and a task on the second that is to move to the third."""

    def __init__(
        self,
        directory: Path,
        fault: str,
        connector: Connector,
        flags: int = 0,
        network: NetworkKind = "loopback",
        silence: int = 5,
    ) -> None:
        self.numbers = directory / "numbers"
        self.numbers.mkdir()
        env = {"PVM_TEST_MOVEFAULT": fault, "PVM_HOST_TIMEOUT": str(silence)}
        self.machine = Machine(("ours",) * 3, network=network, programs=("agent", "lone"), env=env)
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
