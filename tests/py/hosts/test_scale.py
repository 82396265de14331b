# SPDX-License-Identifier: MIT
"""A hundred daemons on loopback addresses form one machine, and run 2,000 tasks."""

from __future__ import annotations

import time
from collections.abc import Iterator

import pytest
from support.machines.agent import Agent
from support.machines.hosts import Bed
from support.machines.loading import wait_loaded
from support.machines.vm import wait_until
from support.system import PATIENCE, resident

HOSTS, TASKS = 100, 2000
# Memory that a daemon may take for each further host, bytes.
HOST_MEMORY = 10000
TASK_EXIT, HOST_DELETE, TAG, CALL, ANSWER, END, RAW = 1, 2, 70, 1, 2, 3, 1


class Crowd:
    """The machine; how long its start has taken, and what daemons took when it was small.

    On a machine that is kept busy a daemon may not run for seconds, which is no reason to lose it.
    """

    def __init__(self, bed: Bed) -> None:
        self.bed = bed
        self.agent: Agent = bed.start().master.agent()
        names = [slave.name for slave in bed.slaves]
        self.agent.add(names[0])
        self.pids = [host.pid for host in bed.hosts[:2]]
        for pid in self.pids:
            wait_loaded(pid)
        self.before = [resident(pid) for pid in self.pids]
        began = time.monotonic()
        code, *_ = self.patient("addhosts", *names[1:])
        self.seconds = time.monotonic() - began
        assert code == len(names) - 1, bed.master.log()

    def patient(self, *words: object) -> list[int]:
        """Give the agent a command that may take long; its reply."""
        self.agent.tell(*words)
        return [int(word) for word in self.agent.reply(PATIENCE + 10)]


@pytest.fixture(scope="module")
def crowd() -> Iterator[Crowd]:
    bed = Bed(
        ["ours"] * HOSTS,
        network="loopback",
        programs=["agent", "obedient"],
        env={"PVM_HOST_TIMEOUT": str(PATIENCE)},
    )
    try:
        yield Crowd(bed)
    finally:
        bed.stop()


def test_every_host_knows_all_others(crowd: Crowd, record_property: pytest.RecordProperty) -> None:
    record_property("seconds to add all hosts", crowd.seconds)
    names = [host.name for host in crowd.bed.hosts]
    assert list(crowd.agent.config()) == names
    for number in (1, HOSTS // 2, HOSTS - 1):
        (far,) = crowd.agent.agents(names[number])
        wait_until(lambda a=far: list(a.config()) == names, "the whole table")
        assert crowd.agent.code("kill", far.tid) == 0


def test_further_hosts_take_little_memory(crowd: Crowd) -> None:
    for pid, before in zip(crowd.pids, crowd.before, strict=True):
        wait_until(
            lambda p=pid, b=before: resident(p) - b <= HOST_MEMORY * (HOSTS - 2),
            "the memory of the addition given back",
        )


def test_tasks_on_all_hosts_answer_one_multicast(crowd: Crowd) -> None:
    code, *tids = crowd.patient("spawn", "obedient", 0, "", TASKS)
    assert code == TASKS
    assert {tid >> 18 for tid in tids} == set(range(1, HOSTS + 1))
    assert crowd.patient("ask", CALL, ANSWER, PATIENCE, *tids) == [0, TASKS]
    assert crowd.agent.code("notify", TASK_EXIT, TAG, *tids) == 0
    assert crowd.agent.code("mcast", END, RAW, 0, 0, *tids) == 0
    gone = {crowd.patient("event", -1, TAG, PATIENCE)[2] for _ in tids}
    assert gone == set(tids)


def test_everybody_is_told_of_a_deleted_host(crowd: Crowd) -> None:
    names = [host.name for host in crowd.bed.hosts]
    watchers = [crowd.agent.agents(names[number])[0] for number in (1, HOSTS // 2)]
    tids = crowd.agent.config()
    for watcher in watchers:
        assert watcher.code("notify", HOST_DELETE, TAG, tids[names[-1]]) == 0
    assert crowd.agent.ints("delhosts", names[-1]) == [1, 0]
    for watcher in watchers:
        assert watcher.notice(TAG) == [tids[names[-1]]]
        wait_until(lambda a=watcher: names[-1] not in a.config(), "the host gone")
    crowd.bed.hosts[-1].wait_gone()
