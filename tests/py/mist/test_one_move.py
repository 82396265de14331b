# SPDX-License-Identifier: MIT
"""One move of a task between daemons: what the task, its peers and the asker see of it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from support.impostors.rawtask import Connector, RawTask, enrolled, ints, message
from support.impostors.wanderer import Desk, Wanderer, environment
from support.machines.hosts import Host
from support.machines.machine import Machine

from pvm3py.wire import constants as c
from pvm3py.wire.moves import MoveOrder, MoveReply

TAG = 7


class Bed:
    """Hosts, and raw tasks on them."""

    def __init__(self, machine: Machine, desk: Desk, connector: Connector) -> None:
        self.machine, self.desk, self._connector = machine, desk, connector
        self.hosts = machine.hosts

    def task(self, host: Host) -> RawTask:
        """A task that does not move."""
        return enrolled(host, self._connector)


@pytest.fixture(scope="module", params=[2, 3], ids=["two hosts", "three hosts"])
def shared(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[Machine, Desk]]:
    directory: Path = tmp_path_factory.mktemp("m")
    with Desk(directory) as desk:
        machine = Machine(
            ("ours",) * request.param, network="loopback", env=environment(directory)
        )
        yield machine, desk
        machine.bed.stop()


@pytest.fixture
def bed(shared: tuple[Machine, Desk], connector: Connector) -> Iterator[Bed]:
    machine, desk = shared
    try:
        yield Bed(machine.ready(), desk, connector)
    finally:
        print(machine.everything())


def ask(asker: RawTask, task: Wanderer, host: Host) -> int:
    """Ask for a move without waiting; the wait id of the answer."""
    wid = asker.next_wid()
    body = MoveOrder(task.tid, host.name, 0).encode()
    asker.send(message(c.TM_MIGRATE, body, src=asker.tid, wid=wid))
    return wid


def answer(asker: RawTask, wid: int) -> MoveReply:
    """The answer to that."""
    while (came := asker.receive()).wid != wid or came.tag != c.TM_MIGRATE:
        pass
    return MoveReply.decode(came.body)


def test_task_moves_and_keeps_its_number(bed: Bed) -> None:
    home, away = bed.hosts[:2]
    task, asker = bed.desk.by_hand(home), bed.task(home)
    wid = ask(asker, task, away)
    go = task.move()
    assert answer(asker, wid) == MoveReply(0), bed.machine.everything()
    assert go.settings.tid == task.tid
    asker.send(message(TAG, b"abcd", dst=task.tid, src=asker.tid, ctx=0))
    came = task.receive()
    assert (came.src, came.tag, came.body) == (asker.tid, TAG, b"abcd")
    task.send(asker.tid, TAG, ints(5))
    assert asker.receive().ints() == (5,)
