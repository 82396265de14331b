# SPDX-License-Identifier: MIT
"""A hundred daemons on loopback addresses form one machine."""

from __future__ import annotations

import time
from collections.abc import Iterator

import pytest
from support.agent import Agent
from support.hosts import Bed
from support.vm import wait_until

HOSTS, TASKS = 100, 2000
# A hundred starts take so long on a loaded machine at most, seconds.
START_LIMIT = 100
TASK_EXIT, HOST_DELETE, TAG, CALL, ANSWER = 1, 2, 70, 1, 2


class Crowd:
    """The machine, and how long its start has taken."""

    def __init__(self, bed: Bed) -> None:
        self.bed = bed
        self.agent: Agent = bed.start().master.agent()
        began = time.monotonic()
        self.agent.tell("addhosts", *[slave.name for slave in bed.slaves])
        reply = self.agent.reply(START_LIMIT)
        self.seconds = time.monotonic() - began
        assert reply[0] == str(len(bed.slaves)), reply


@pytest.fixture(scope="module")
def crowd() -> Iterator[Crowd]:
    bed = Bed(["ours"] * HOSTS, network="loopback", programs=["agent", "obedient"])
    try:
        yield Crowd(bed)
    finally:
        bed.stop()


def test_every_host_knows_all_others(
    crowd: Crowd, record_property: pytest.RecordProperty
) -> None:
    record_property("seconds to add all hosts", crowd.seconds)
    names = [host.name for host in crowd.bed.hosts]
    assert list(crowd.agent.config()) == names
    for number in (1, HOSTS // 2, HOSTS - 1):
        (far,) = crowd.agent.agents(names[number])
        wait_until(lambda a=far: list(a.config()) == names, "the whole table")
        assert crowd.agent.code("kill", far.tid) == 0


def test_tasks_on_all_hosts_answer_one_multicast(
    crowd: Crowd, record_property: pytest.RecordProperty
) -> None:
    host = crowd.bed.hosts[1]
    before = host.rss()
    tids = crowd.agent.spawn("obedient", count=TASKS)
    assert {tid >> 18 for tid in tids} == set(range(1, HOSTS + 1))
    assert crowd.agent.ints("ask", CALL, ANSWER, 40, *tids) == [0, TASKS]
    record_property("memory for a task", (host.rss() - before) * HOSTS / TASKS)
    record_property("memory of a daemon", host.rss())
    assert crowd.agent.code("notify", TASK_EXIT, TAG, *tids) == 0
    for tid in tids:
        crowd.agent.code("send", tid, 3, 0, 0, 0)
    gone = {crowd.agent.ints("event", -1, TAG, 20)[2] for _ in tids}
    assert gone == set(tids)


def test_everybody_is_told_of_a_deleted_host(crowd: Crowd) -> None:
    names = [host.name for host in crowd.bed.hosts]
    watchers = [crowd.agent.agents(names[number])[0] for number in (1, HOSTS // 2)]
    tids = crowd.agent.config()
    for watcher in watchers:
        assert watcher.code("notify", HOST_DELETE, TAG, tids[names[-1]]) == 0
    assert crowd.agent.ints("delhosts", names[-1]) == [1, 0]
    for watcher in watchers:
        assert watcher.ints("event", -1, TAG, 20)[2:] == [tids[names[-1]]]
        wait_until(lambda a=watcher: names[-1] not in a.config(), "the host gone")
    crowd.bed.hosts[-1].wait_gone()
