# SPDX-License-Identifier: MIT
"""The daemon's side of messages through shared memory: who may use it, and who never sees it."""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator

import pytest
from support.impostors.rawtask import Connector, Message, RawTask, ints, message
from support.machines.sharing import ON
from support.machines.vm import VirtualMachine

from pvm3py.wire import constants as c


@pytest.fixture(scope="module")
def vm() -> Iterator[VirtualMachine]:
    with VirtualMachine("ours", env=ON) as machine:
        yield machine


def new_task(vm: VirtualMachine, connector: Connector, announced: int) -> RawTask:
    """An enrolled task that has announced capabilities."""
    return RawTask(vm.address, connector).enrol(vm.tmp, announced=announced)


def talk(what: int, peer: int, number: int = 0) -> bytes:
    """What a task says about memory."""
    return message(c.TM_SHARE, ints(what, peer, number))


def offer(task: RawTask) -> None:
    """Offer a segment and a bell."""
    fds = os.memfd_create("segment"), os.eventfd(0)
    socket.send_fds(task.socket, [talk(c.SHARE_OFFER, 0)], fds)
    for fd in fds:
        os.close(fd)


def heard(task: RawTask, what: int) -> Message:
    """The next message, which is such a word."""
    found = task.receive()
    assert (found.tag, found.ctx, found.src) == (c.TC_SHARE, c.SYSCTX_TC, c.TIDPVMD)
    assert found.ints()[0] == what
    return found


def test_tasks_that_have_announced_it_are_linked(vm: VirtualMachine, connector: Connector) -> None:
    with (
        new_task(vm, connector, c.WIRE_EXT_MEMORY) as one,
        new_task(vm, connector, c.WIRE_EXT_MEMORY) as two,
    ):
        offer(one)
        one.send(talk(c.SHARE_LINK, two.tid, 5))
        assert heard(two, c.SHARE_LINK).ints()[1:] == (one.tid, 5)
        offer(two)
        two.send(talk(c.SHARE_ACCEPT, one.tid, 6))
        assert heard(one, c.SHARE_ACCEPT).ints()[1:] == (two.tid, 6)
        one.request(c.TM_EXIT)
        one.wait_closed()
        assert heard(two, c.SHARE_GONE).ints()[1] == one.tid


@pytest.mark.parametrize("announced", [None, 0], ids=["3.4.6", "older library"])
def test_task_that_has_not_announced_it_never_hears_of_it(
    vm: VirtualMachine, connector: Connector, announced: int | None
) -> None:
    with (
        new_task(vm, connector, c.WIRE_EXT_MEMORY) as one,
        RawTask(vm.address, connector).enrol(vm.tmp, announced=announced) as old,
    ):
        offer(one)
        one.send(talk(c.SHARE_LINK, old.tid))
        assert heard(one, c.SHARE_REFUSE).ints()[1:] == (old.tid, c.SHARE_NEVER)
        old.send(talk(c.SHARE_LINK, one.tid))
        old.send(talk(c.SHARE_OFFER, 0))
        assert not {tag for tag, _ in old.sync() | one.sync()} & {c.TC_SHARE, c.TC_MARK}


def test_nobody_links_where_memory_is_off(connector: Connector) -> None:
    with (
        VirtualMachine("ours", env={"PVM_SHM": "off"}) as off,
        new_task(off, connector, c.WIRE_EXT_MEMORY) as one,
        new_task(off, connector, c.WIRE_EXT_MEMORY) as two,
    ):
        one.send(talk(c.SHARE_OFFER, 0) + talk(c.SHARE_LINK, two.tid))
        assert not {tag for tag, _ in one.sync() | two.sync()} & {c.TC_SHARE, c.TC_MARK}


def test_manager_is_not_linked_with_its_tasks(vm: VirtualMachine, connector: Connector) -> None:
    with new_task(vm, connector, c.WIRE_EXT_MEMORY) as manager:
        manager.request(c.TM_SCHED)
        offer(manager)
        with new_task(vm, connector, c.WIRE_EXT_MEMORY) as task:
            assert task.rm == manager.tid
            manager.send(talk(c.SHARE_LINK, task.tid))
            while (found := manager.receive()).tag != c.TC_SHARE:
                pass
            assert found.ints() == (c.SHARE_REFUSE, task.tid, c.SHARE_NEVER)
