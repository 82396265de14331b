# SPDX-License-Identifier: MIT
"""How a machine grows: start, table, memory, idle traffic and multicast for 1 to 100 hosts.

    build/venv/bin/python -m bench.scaling [--hosts 1,10,50,100] [--tasks 2000]

Each machine is made anew, its daemons in network namespaces of their own (needs root), whose
counters tell the traffic. All daemons share this machine's processors, so times of many hosts
are those of so many starts on it. The tables go to docs/scaling.md.
"""

from __future__ import annotations

import argparse
import os
import statistics
import sys
import time
from dataclasses import dataclass
from pathlib import Path

from bench.machine import HERE

sys.path.append(str(HERE.parent / "tests/py"))

from support import compiler
from support.machines.agent import Agent
from support.machines.hosts import Bed, Host
from support.machines.vm import wait_until

CALL, ANSWER, END = 1, 2, 3
PATIENCE = 300.0
ROUNDS = 7
# Seconds after which a daemon has given back what a burst of work took.
SETTLED = 3.0


@dataclass(frozen=True)
class Sample:
    """What daemons have used up to a moment: CPU seconds and packets sent, by host."""

    when: float
    cpu: list[float]
    packets: list[int]


class Crowd:
    """A machine of `count` hosts, and what is measured on it."""

    def __init__(self, count: int) -> None:
        self.bed = Bed(
            ["ours"] * count,
            network="namespaces",
            programs=["agent", "obedient"],
        )
        self.agent: Agent = self.bed.start().master.agent()
        self.pids: list[int] = []
        self.figures: dict[str, str] = {"hosts": str(count)}

    @property
    def hosts(self) -> list[Host]:
        """All hosts, the master first."""
        return self.bed.hosts

    def tell(self, *words: object) -> list[int]:
        """Have the agent do something that may take long; its reply."""
        self.agent.tell(*words)
        return [int(word) for word in self.agent.reply(PATIENCE)]

    def sample(self) -> Sample:
        """Counters of all daemons now."""
        packets, _ = zip(*map(_sent, self.pids), strict=True)
        return Sample(time.monotonic(), [_cpu(pid) for pid in self.pids], [*packets])

    def memory(self) -> list[int]:
        """Resident memory of each daemon, bytes."""
        return [_resident(pid) for pid in self.pids]

    def add(self) -> None:
        """Let the machine grow to its size at once."""
        names = [slave.name for slave in self.bed.slaves]
        master = self.hosts[0].pid
        _, before = _sent(master)
        cpu, began = _cpu(master), time.monotonic()
        if names:
            code, *_ = self.tell("addhosts", *names)
            assert code == len(names), self.hosts[0].log()
        self.figures["add all, s"] = f"{time.monotonic() - began:.1f}"
        self.figures["CPU of master for it, s"] = f"{_cpu(master) - cpu:.2f}"
        self.pids = [host.pid for host in self.hosts]
        for host in self.hosts:
            far = host.agent("ours")
            wait_until(lambda a=far: len(a.config()) == len(self.hosts), "the whole table")
            far.close()
        _, after = _sent(master)
        self.figures["sent by master, KB"] = f"{(after - before) / 1000:.1f}"

    def idle(self, seconds: float) -> None:
        """Memory, traffic and processor time while nothing happens."""
        time.sleep(SETTLED)
        memory = self.memory()
        self.figures["master, MB"] = f"{memory[0] / 1e6:.2f}"
        slaves = memory[1:]
        self.figures["slave, MB"] = f"{statistics.median(slaves) / 1e6:.2f}" if slaves else ""
        first = self.sample()
        time.sleep(seconds)
        last = self.sample()
        elapsed = last.when - first.when
        packets = [(b - a) / elapsed for a, b in zip(first.packets, last.packets, strict=True)]
        cpu = [(b - a) / elapsed * 100 for a, b in zip(first.cpu, last.cpu, strict=True)]
        self.figures["idle: packets/s of master"] = f"{packets[0]:.1f}"
        self.figures["of all"] = f"{sum(packets):.1f}"
        self.figures["idle: CPU of master, %"] = f"{cpu[0]:.2f}"
        self.figures["CPU of all, %"] = f"{sum(cpu):.2f}"

    def multicast(self, tasks: int) -> None:
        """One task a host, then many, answer a multicast; what a task costs its daemon."""
        tids = self._spawn(len(self.hosts))
        self._ask(tids)
        times = []
        for _ in range(ROUNDS):
            began = time.monotonic()
            self._ask(tids)
            times.append(time.monotonic() - began)
        self.figures["a task a host answers, ms"] = f"{statistics.median(times) * 1000:.1f}"
        time.sleep(SETTLED)
        before = self.memory()
        began = time.monotonic()
        many = self._spawn(tasks)
        self._ask(many)
        self.figures[f"{tasks} tasks start and answer, s"] = f"{time.monotonic() - began:.1f}"
        began = time.monotonic()
        self._ask(many)
        self.figures[f"{tasks} answer, ms"] = f"{(time.monotonic() - began) * 1000:.0f}"
        time.sleep(SETTLED)
        growth = statistics.median(b - a for a, b in zip(before, self.memory(), strict=True))
        self.figures["memory a task, KB"] = f"{growth / (tasks / len(self.hosts)) / 1000:.1f}"
        self._end(tids + many)

    def _spawn(self, count: int) -> list[int]:
        code, *tids = self.tell("spawn", "obedient", 0, "", count)
        assert code == count, self.hosts[0].log()
        return tids

    def _ask(self, tids: list[int]) -> None:
        answered = self.tell("ask", CALL, ANSWER, PATIENCE, *tids)
        assert answered == [0, len(tids)], answered

    def _end(self, tids: list[int]) -> None:
        self.tell("notify", 1, 9, *tids)
        self.tell("mcast", END, 0, 0, 0, *tids)
        for _ in tids:
            assert self.tell("event", -1, 9, PATIENCE)[0] == 1

    def stop(self) -> None:
        """End it."""
        self.bed.stop(check=False)


def _sent(pid: int) -> tuple[int, int]:
    """Packets and bytes sent so far on the network of a process, loopback left out."""
    for line in Path(f"/proc/{pid}/net/dev").read_text().splitlines():
        name, colon, rest = line.partition(":")
        if colon and name.strip() == "eth0":
            words = rest.split()
            return int(words[9]), int(words[8])
    raise AssertionError(f"process {pid} has no eth0")


def _cpu(pid: int) -> float:
    """Processor time that a process has used, seconds."""
    return int(Path(f"/proc/{pid}/schedstat").read_text().split()[0]) / 1e9


def _resident(pid: int) -> int:
    words = Path(f"/proc/{pid}/statm").read_text().split()
    return int(words[1]) * os.sysconf("SC_PAGE_SIZE")


def measure(count: int, tasks: int, seconds: float) -> dict[str, str]:
    """All figures of a machine of so many hosts."""
    crowd = Crowd(count)
    try:
        crowd.add()
        crowd.idle(seconds)
        crowd.multicast(tasks)
    finally:
        crowd.stop()
    return crowd.figures


def main() -> int:
    """Measure and print a table, a line a machine."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--hosts", default="1,10,50,100", help="sizes of the machines")
    parser.add_argument("--tasks", type=int, default=2000, help="tasks of the large multicast")
    parser.add_argument("--idle", type=float, default=10.0, help="seconds to watch it idle")
    options = parser.parse_args()
    end_session = compiler.begin_session()
    try:
        rows = [
            measure(int(count), options.tasks, options.idle) for count in options.hosts.split(",")
        ]
    finally:
        end_session()
    columns = list(dict.fromkeys(name for row in rows for name in row))
    for column in columns:
        print(f"| {column} | " + " | ".join(row.get(column, "") for row in rows) + " |")
        if column == "hosts":
            print("|---" * (len(rows) + 1) + "|")
    return 0


if __name__ == "__main__":
    sys.exit(main())
