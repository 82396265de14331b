# SPDX-License-Identifier: MIT
"""Tasks of one host that flood another: memory stays bounded, and all others are served."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from support.impostors.rawtask import Connector, RawTask, enrolled, message
from support.machines.hosts import Host
from support.machines.machine import Machine
from support.machines.vm import wait_until
from support.programs.floods import (
    MIB,
    ROOM,
    Meanwhile,
    talkative,
    written,
)
from support.system import PATIENCE, processor_seconds

from pvm3py.wire import constants as c
from pvm3py.wire.task import Codes, SpawnRequest

TAG = 44
# What a daemon keeps for one receiver at most (csrc/switch/loop/switch.c: queue_high).
QUEUE_MAX = min(os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") // 32, 256 * MIB)


@pytest.fixture(scope="module")
def shared() -> Iterator[Machine]:
    machine = Machine(["ours", "ours"])
    yield machine
    machine.bed.stop()


@pytest.fixture
def machine(shared: Machine) -> Machine:
    """Two hosts of ours."""
    return shared.ready()


@contextmanager
def flood(task: RawTask, host: Host, count: int, collector: int) -> Iterator[None]:
    """Tasks on a host that write without an end."""
    program = str(talkative(host.home))
    body = SpawnRequest(
        program, c.PvmTaskHost, host.name, count, [], collector, 0, TAG, 0, 0, 0, []
    )
    task.send(message(c.TM_SPAWN, body.encode(), src=task.tid, wid=task.next_wid()))
    while (answer := task.receive()).tag != c.TM_SPAWN:
        pass
    assert min(Codes.decode(answer.body).values) > 0
    try:
        yield
    finally:
        for pid in host.running("yes"):
            os.kill(pid, signal.SIGKILL)
        wait_until(lambda: not host.running("yes"), "the end of the flood")


def test_output_that_nobody_collects(machine: Machine, connector: Connector) -> None:
    master, slave = machine.hosts
    meanwhile = Meanwhile(connector, master, slave)
    with enrolled(master, connector) as task, flood(task, slave, 3, 0):
        wait_until(lambda: "] y\n" in master.log(), "output in the master's log")
        meanwhile.served()


def test_output_that_the_masters_log_has_no_room_for_costs_both_hosts_little(
    machine: Machine, connector: Connector
) -> None:
    master, slave = machine.bed.hosts
    with enrolled(master, connector) as task, flood(task, slave, 1, 0):
        wait_until(lambda: "*** no more of" in master.log(), "the log takes no more")
        pids = slave.running("yes")
        bytes_before, begin = written(pids), time.monotonic()
        before = {host.pid: processor_seconds(host.pid) for host in (master, slave)}
        wait_until(lambda: written(pids) > bytes_before + MIB, "the writer goes on")
        wait_until(lambda: time.monotonic() > begin + 1, "a second is over")
        for pid, seconds in before.items():
            assert processor_seconds(pid) - seconds < 0.15 * (time.monotonic() - begin)


def test_output_for_a_collector_elsewhere_that_does_not_read(
    machine: Machine, connector: Connector
) -> None:
    master, slave = machine.hosts
    # The collector's queue may grow like that of any task that takes no messages.
    meanwhile = Meanwhile(connector, slave)
    with enrolled(master, connector) as task, flood(task, slave, 3, task.tid):
        total = quiet = 0
        deadline = time.monotonic() + PATIENCE
        # The queue grows after a pause, and on a busy machine the writers pause, too.
        while quiet < 10 or total < 0.9 * QUEUE_MAX:
            meanwhile.served()
            assert total < QUEUE_MAX + ROOM and time.monotonic() < deadline
            before, total = total, written(slave.running("yes"))
            quiet = quiet + 1 if total == before else 0
        Meanwhile(connector, master, slave).served()
        received = 0
        while received < 8 * MIB:
            received += len(task.receive().body)
