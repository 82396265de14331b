# SPDX-License-Identifier: MIT
"""How much memory a daemon may use: where that is told, and what it does at the end of it."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from support.impostors.rawtask import Connector, RawTask, enrolled, fragment, ints, message
from support.machines.vm import VirtualMachine
from support.vectors.mail import MessageHead, StoredMessage

from pvm3py.pvmd.io import memory
from pvm3py.wire import constants as c
from pvm3py.wire.mailbox import MailRequest

MIB = 1 << 20
# Address space of a daemon that must make do with little, KiB, and what one request brings.
LITTLE = 120_000
PIECE = bytes(3 * MIB)


# ---- where it is told -----------------------------------------------------------------


def write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


def machine() -> int:
    return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")


def test_without_limits_it_is_the_machines(tmp_path: Path) -> None:
    write(tmp_path / "proc/self/cgroup", "0::/\n")
    write(tmp_path / "sys/fs/cgroup/memory.max", "max\n")
    assert memory.available(str(tmp_path)) == machine()


@pytest.mark.parametrize("where", ["", "a", "a/b"])
def test_least_limit_of_all_groups_around_holds(tmp_path: Path, where: str) -> None:
    write(tmp_path / "proc/self/cgroup", "0::/a/b\n")
    for group in ("", "a", "a/b"):
        limit = 50 * MIB if group == where else 90 * MIB
        write(tmp_path / "sys/fs/cgroup" / group / "memory.max", f"{limit}\n")
    assert memory.available(str(tmp_path)) == 50 * MIB


def test_container_sees_its_own_group_at_the_top(tmp_path: Path) -> None:
    write(tmp_path / "proc/self/cgroup", "0::/docker/0123\n")
    write(tmp_path / "sys/fs/cgroup/memory.max", f"{70 * MIB}\n")
    assert memory.available(str(tmp_path)) == 70 * MIB


def test_version_1_has_a_hierarchy_for_memory(tmp_path: Path) -> None:
    write(tmp_path / "proc/self/cgroup", "5:cpu,memory:/a\n4:pids:/b\n0::/\n")
    write(tmp_path / "sys/fs/cgroup/memory/a/memory.limit_in_bytes", f"{60 * MIB}\n")
    write(tmp_path / "sys/fs/cgroup/memory/memory.limit_in_bytes", f"{2**63 - 4096}\n")
    write(tmp_path / "sys/fs/cgroup/memory/b/memory.limit_in_bytes", "1\n")
    assert memory.available(str(tmp_path)) == 60 * MIB


@pytest.mark.parametrize(
    ("name", "left"), [("Max address space", 70 * MIB), ("Max data size", 80 * MIB)]
)
def test_own_limits_count_less_what_is_in_use(tmp_path: Path, name: str, left: int) -> None:
    page = os.sysconf("SC_PAGE_SIZE")
    write(tmp_path / "proc/self/statm", f"{30 * MIB // page} 9 9 9 0 {20 * MIB // page} 0\n")
    limits = Path("/proc/self/limits").read_text().splitlines()
    mine = next(line for line in limits if line.startswith(name))
    limits[limits.index(mine)] = f"{mine[:25]} {100 * MIB:<20} {'unlimited':<20} bytes"
    write(tmp_path / "proc/self/limits", "\n".join(limits))
    assert memory.available(str(tmp_path)) == left


# ---- at the end of it -----------------------------------------------------------------


class SmallMachine(VirtualMachine):
    """A machine whose daemon has little address space."""

    enter = ("sh", "-c", f'ulimit -v {LITTLE} && exec "$0" "$@"')


@pytest.fixture
def vm() -> Iterator[VirtualMachine]:
    with SmallMachine("ours") as machine:
        yield machine
        assert machine.process.poll() is None, machine.log()
        assert "out of memory" not in machine.log()


def put(task: RawTask, index: int, data: bytes) -> int:
    """Store an entry; its index or an error."""
    head = MessageHead(len(data), 1, 7, 0, c.WIRE_ENC_XDR, 0, task.tid, 0)
    record = StoredMessage(head, [data]).encode()
    body = MailRequest(c.TMDB_PUT, task.tid, "much", index, 0, record).encode()
    return task.request(c.TM_DB, body).ints()[0]


def test_full_mailbox_refuses(vm: VirtualMachine, connector: Connector) -> None:
    with enrolled(vm, connector) as task:
        codes = [put(task, index, PIECE) for index in range(60)]
        assert codes[:3] == [0, 1, 2]
        assert set(codes[20:]) == {c.PvmOutOfRes}


def test_long_request_is_refused(vm: VirtualMachine, connector: Connector) -> None:
    with enrolled(vm, connector) as task:
        for size in (MIB, 20 * MIB, 200 * MIB):
            answer = task.request(c.TM_PSTAT, ints(task.tid) + bytes(size))
            assert answer.ints()[0] == (0 if size == MIB else c.PvmOutOfRes)


def test_unfinished_requests_take_no_more_than_there_is(
    vm: VirtualMachine, connector: Connector
) -> None:
    with ExitStack() as stack:
        tasks = [stack.enter_context(enrolled(vm, connector)) for _ in range(60)]
        head = message(c.TM_PSTAT, ints(tasks[0].tid), wid=5)[c.TDFRAGHDR :]
        for task in tasks:
            task.send(fragment(c.TIDPVMD, task.tid, head + PIECE, c.FFSOM))
        for task in tasks:
            task.send(fragment(c.TIDPVMD, task.tid, bytes(4), c.FFEOM))
        codes = [task.receive().ints()[0] for task in tasks]
        assert set(codes) == {0, c.PvmOutOfRes}


def test_messages_that_nobody_takes_wait_with_their_senders(
    vm: VirtualMachine, connector: Connector
) -> None:
    with ExitStack() as stack:
        lazy, other = (stack.enter_context(enrolled(vm, connector)) for _ in range(2))
        for _ in range(60):
            task = stack.enter_context(enrolled(vm, connector))
            task.socket.setblocking(False)
            try:
                task.socket.send(message(1, PIECE, dst=lazy.tid, src=task.tid, ctx=0))
            except BlockingIOError:
                pass
        assert other.request(c.TM_PSTAT, ints(lazy.tid)).ints() == (0,)
