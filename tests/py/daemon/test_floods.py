# SPDX-License-Identifier: MIT
"""Tasks that flood a daemon: its memory stays bounded, and all others are served."""

from __future__ import annotations

import os
import signal
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

import pytest
from support.impostors.rawtask import Connector, RawTask, enrolled, message
from support.machines.vm import VirtualMachine, wait_until
from support.programs.floods import (
    MIB,
    Meanwhile,
    sending,
    talkative,
    written,
)
from support.system import processor_seconds

from pvm3py.wire import constants as c
from pvm3py.wire.task import Codes, Option, SetOptRequest, SpawnRequest, TidBody

TAG = 44
REQUESTS = 20000


@pytest.fixture
def vm() -> Iterator[VirtualMachine]:
    with VirtualMachine("ours") as machine:
        yield machine


@contextmanager
def flood(vm: VirtualMachine, task: RawTask, count: int, collector: int) -> Iterator[None]:
    """Tasks that write without an end."""
    body = SpawnRequest(str(talkative(vm.home)), 0, "", count, [], collector, 0, TAG, 0, 0, 0, [])
    task.send(message(c.TM_SPAWN, body.encode(), src=task.tid, wid=task.next_wid()))
    while (answer := task.receive()).tag != c.TM_SPAWN:
        pass
    assert min(Codes.decode(answer.body).values) > 0
    yield
    for pid in vm.running("yes"):
        os.kill(pid, signal.SIGKILL)


def test_output_that_nobody_collects(vm: VirtualMachine, connector: Connector) -> None:
    meanwhile = Meanwhile(connector, vm)
    with enrolled(vm, connector) as task, flood(vm, task, 10, 0):
        wait_until(lambda: "] y\n" in vm.log(), "output in the log")
        meanwhile.served()


@pytest.mark.parametrize("writers", [1, 20])
def test_output_that_the_log_has_no_room_for_costs_little_and_goes_on(
    vm: VirtualMachine, connector: Connector, writers: int
) -> None:
    with enrolled(vm, connector) as task, flood(vm, task, writers, 0):
        wait_until(lambda: vm.log().count("*** no more of") >= 1, "the log takes no more")
        pids = vm.running("yes")
        begin = written(pids), processor_seconds(vm.pid), time.monotonic()
        wait_until(lambda: written(pids) > begin[0] + 32 * MIB, "the writers go on")
        # The clock of processor time is coarse: it shall have run for some time.
        wait_until(lambda: time.monotonic() > begin[2] + 1, "a second is over")
        used = processor_seconds(vm.pid) - begin[1]
        assert used < 0.12 * (time.monotonic() - begin[2])
        for pid in pids:
            assert written([pid]) > 0
        assert vm.log().count("*** no more of") <= 2 * writers


def test_output_for_a_collector_that_does_not_read(
    vm: VirtualMachine, connector: Connector
) -> None:
    meanwhile = Meanwhile(connector, vm)
    with enrolled(vm, connector) as task, flood(vm, task, 10, task.tid):
        meanwhile.served()
        received = 0
        while received < 8 * MIB:
            received += len(task.receive().body)
        meanwhile.served()


def test_every_task_that_writes_gets_its_turn(vm: VirtualMachine, connector: Connector) -> None:
    with enrolled(vm, connector) as task, flood(vm, task, 80, task.tid):
        writers: set[int] = set()
        heard: Counter[int] = Counter()

        def fair() -> bool:
            """Whether each was heard, and none far more often than another."""
            least = min(heard.values(), default=0)
            return len(heard) == 80 and least >= 3 and max(heard.values()) < 100 * least

        # The first ones are alone until the last ones have been started. A writer may get no
        # processor for a while.
        while not fair():
            found = task.receive()
            if found.tag == TAG and len(found.body) > 8:
                writers.add(found.ints()[0])
                if len(writers) == 80:
                    heard[found.ints()[0]] += 1
            assert heard.total() < 100_000


@pytest.mark.slow
def test_answers_that_are_not_read(vm: VirtualMachine, connector: Connector) -> None:
    meanwhile = Meanwhile(connector, vm)
    with ExitStack() as stack:
        for _ in range(100):
            stack.enter_context(enrolled(vm, connector))
        task = stack.enter_context(enrolled(vm, connector))
        body = TidBody(0).encode()
        requests = b"".join(
            message(c.TM_TASK, body, src=task.tid, wid=wid) for wid in range(1, REQUESTS + 1)
        )
        with sending(task, requests):
            for _ in range(10):
                meanwhile.served()
            for wid in range(1, REQUESTS + 1):
                assert task.receive().wid == wid


def receive_all(task: RawTask, last: int) -> None:
    """Read a task's answers up to the one with this number."""
    while task.receive().wid != last:
        pass


def test_requests_that_flood_another_task(vm: VirtualMachine, connector: Connector) -> None:
    meanwhile = Meanwhile(connector, vm)
    with enrolled(vm, connector) as victim, enrolled(vm, connector) as task:
        target = [Option(c.TS_OUTTID, f"{victim.tid:x}")]
        task.request(c.TM_SETOPT, SetOptRequest(target).encode())
        requests = b"".join(
            message(
                c.TM_SETOPT,
                SetOptRequest([Option(c.TS_OUTTAG, f"{wid:x}")]).encode(),
                src=task.tid,
                wid=wid,
            )
            for wid in range(1, 4 * REQUESTS + 1)
        )
        answers = threading.Thread(target=receive_all, args=(task, 4 * REQUESTS))
        answers.start()
        with sending(task, requests):
            for _ in range(10):
                meanwhile.served()
            while victim.receive().tag != 4 * REQUESTS:
                pass
            answers.join()
