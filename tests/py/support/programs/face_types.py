# SPDX-License-Identifier: MIT
"""The types that the Python interface promises, for a type checker; nothing here is called."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import Future
from typing import Any, assert_type

from pvm3py import (
    ANY,
    Group,
    HostInfo,
    Message,
    NoTask,
    Notice,
    PvmError,
    Reason,
    Received,
    Task,
    TaskInfo,
    Tid,
    Timeout,
    VirtualMachine,
    aio,
    can_migrate,
    classic,
    migrate,
)
from pvm3py.futures import PvmPoolExecutor, WorkerDied


def task(buffer: bytearray) -> None:
    with Task(name="types") as me:
        assert_type(me, Task)
        assert_type(me.tid, Tid)
        assert_type(me.parent, Tid | None)
        assert_type(me.siblings, tuple[Tid, ...])
        assert_type(me.host, HostInfo)
        assert_type(me.recv(me.tid, 5, timeout=1.0), Any)
        assert_type(me.receive(ANY), Message)
        assert_type(me.probe(), Message | None)
        assert_type(me.Recv(buffer), Received)
        assert_type(me.messages(idle=0.1), Iterator[Message])
        assert_type(me.spawn(print, 1, n=2), list[Tid])
        assert_type(me.group("g"), Group)
        assert_type(me.notify_exit(me.tid).next(), Notice)
        with me.context() as number:
            assert_type(number, int)


def tids(tid: Tid) -> None:
    assert_type(tid.host, HostInfo)
    assert_type(tid.alive(), bool)
    assert_type(can_migrate(tid, "node2"), Reason | None)
    assert_type(migrate(tid), None)
    numbers: list[int] = [tid]
    assert_type(tid & 1, int)
    del numbers


def handler() -> None:
    @Task().handler(tag=4)
    def handle(message: Message) -> str:
        return str(message.object())

    assert_type(handle(Message()), str)


def message(got: Message) -> None:
    assert_type(Message("raw").pack([1]).pack_str("x").packf("%d", 1).pack_object({}), Message)
    assert_type((got.source, got.tag, got.length), tuple[Tid, int, int])
    assert_type(got.is_object, bool)
    assert_type(got.unpack_str(), str)
    assert_type(got.unpack_into(bytearray(4)), int)
    assert_type(got.unpack_message(), Message)
    assert_type(got.copy(), Message)


def group(one: Group) -> None:
    assert_type((one.instance, one.size), tuple[int, int])
    assert_type(one.members, list[Tid])
    assert_type(one[0], Tid)
    assert_type(one.gather("x"), list[Any] | None)
    assert_type(one.allgather("x"), list[Any])


def machine() -> None:
    with VirtualMachine(["host"], ssh="ssh", env={"A": "b"}, keep=False) as made:
        assert_type(made, VirtualMachine)
        assert_type(made.task, Task)
        assert_type(made.hosts["host"], HostInfo)
        assert_type(made.hosts.add("host"), list[HostInfo])
        assert_type(made.tasks[Tid(1)], TaskInfo)
        assert_type(made.hosts.snapshot(), dict[str, HostInfo])
    assert_type(VirtualMachine.attach(start=True), VirtualMachine)


def errors(error: Timeout, missing: NoTask, died: WorkerDied) -> None:
    known: list[PvmError] = [error, missing]
    late: TimeoutError = error
    lost: LookupError = missing
    assert_type(error.code, classic.Code | int)
    assert_type(str(died), str)
    del known, late, lost


def pool() -> None:
    def length(text: str) -> int:
        return len(text)

    with PvmPoolExecutor(2, attempts=1) as executor:
        assert_type(executor, PvmPoolExecutor)
        assert_type(executor.submit(length, "x"), Future[int])
        assert_type(executor.map(length, ["x"], chunksize="auto"), Iterator[int])


async def awaited() -> None:
    async with aio.VirtualMachine() as made, made.task as me:
        assert_type(me, aio.Task)
        assert_type(await me.recv(timeout=1), Any)
        assert_type(await me.receive(), Message)
        assert_type(await me.probe(), tuple[Tid, int] | None)
        assert_type(await me.spawn("worker"), list[Tid])
        async for got in me.messages():
            assert_type(got, Message)
        assert_type(await made.hosts(), dict[str, HostInfo])
