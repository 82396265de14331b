# SPDX-License-Identifier: MIT
"""The daemon against clients that break the protocol.

After each test the daemon serves the next task and has lost nothing; and whoever asked
something that has an answer got it, or lost the connection: nobody waits for ever.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable

import pytest
from support.impostors.rawtask import (
    ClosedError,
    Connector,
    RawTask,
    fragment,
    ints,
    message,
    string,
)
from support.impostors.target import Target, await_fate, embedded_message, exchange, request_vectors
from support.system import missing

from pvm3py.wire import constants as c

GIANT = (0x7FFFFFFF, 0xFFFFFFFF, 0x80000000, 0x40000000)
ENROLMENT = {c.TM_CONNECT, c.TM_CONN2}
# An interpreter that every user may run; the one that runs the tests may be private.
PUBLIC_PYTHON = "/usr/bin/python3"
HEADER = c.TDFRAGHDR + c.MSGHDRLEN


# ---- requests -------------------------------------------------------------------


@pytest.mark.parametrize("tag", sorted(set(request_vectors()) - ENROLMENT - {c.TM_HALT}))
def test_request_body_cut_at_each_byte_is_answered_or_closed(target: Target, tag: int) -> None:
    body = request_vectors()[tag][HEADER:]
    for size in range(len(body)):
        with target.task() as task:
            task.send(message(tag, body[:size], src=task.tid, wid=999))
            await_fate(task, tag, 999)


def test_connect_body_cut_at_each_byte_is_refused(target: Target) -> None:
    body = ints(c.TDPROTOCOL) + string(b"/nowhere/at/all")
    for size in range(len(body)):
        with target.connect() as task:
            task.send(message(c.TM_CONNECT, body[:size], wid=1))
            with contextlib.suppress(ClosedError):
                assert task.receive().ints()[1] == 0


def test_conn2_body_cut_at_each_byte_enrols_or_closes(target: Target) -> None:
    body = ints(target.connector.pid, 0) + string(b"name") + ints(c.WIRE_EXT_MAGIC, 0, 65536)
    for size in range(len(body)):
        with target.connect() as task:
            path = target.vm.tmp / "auth"
            path.touch(0o600)
            assert task.request(c.TM_CONNECT, ints(c.TDPROTOCOL) + string(bytes(path))).ints()[1]
            path.unlink()
            task.send(message(c.TM_CONN2, body[:size], wid=2))
            with contextlib.suppress(ClosedError):
                assert task.receive().tag == c.TM_CONN2


@pytest.mark.parametrize(
    "first", [c.TM_FIRST, c.DM_FIRST, c.TC_FIRST, c.SM_FIRST], ids=["TM", "DM", "TC", "SM"]
)
def test_request_before_enrolment_closes_the_connection(target: Target, first: int) -> None:
    for tag in set(range(first, first + 32)) - {c.TM_CONNECT}:
        with target.connect() as task:
            task.send(message(tag, ints(*range(8)), wid=3))
            task.wait_closed()


def test_unknown_tag_does_not_stop_what_follows(target: Target) -> None:
    for tag in (0, 5, -1, c.TM_LAST + 1, c.DM_FIRST, c.TC_FIRST, c.SM_LAST + 1, -(2**31)):
        with target.task() as task:
            task.send(message(tag, b"\0" * 64, src=task.tid, wid=4))
            await_fate(task, c.TM_MCA, 0)


def test_impossible_counts_in_requests_are_answered_or_closed(target: Target) -> None:
    spawn = string(b"nosuchprogram") + ints(0) + string(b"")
    bodies: list[tuple[int, Callable[[int], bytes]]] = [
        (c.TM_SPAWN, lambda n: spawn + ints(n, 0, 0, 0, 0, 0, 0, 0, 0)),
        (c.TM_SPAWN, lambda n: spawn + ints(1, n, 0, 0, 0, 0, 0, 0, 0)),
        (c.TM_SPAWN, lambda n: spawn + ints(1, 0, 0, 0, 0, 0, 0, 0, n)),
        (c.TM_ADDHOST, lambda n: ints(n) + string(b"nosuchhost")),
        (c.TM_DELHOST, lambda n: ints(n) + string(b"nosuchhost")),
        (c.TM_TICKLE, lambda n: ints(n, 5)),
        (c.TM_NOTIFY, lambda n: ints(1, 0, 1, n, 0x40001)),
        (c.TM_NOTIFY, lambda n: ints(n, 0, 1, 1, 0x40001)),
        (c.TM_MCA, lambda n: ints(n, 0x40001)),
        (c.TM_DB, lambda n: ints(n, 0) + string(b"class") + ints(0, 0)),
        (c.TM_DB, lambda n: ints(5, 0) + string(b"") + ints(-1, 0, n)),
        (c.TM_DB, lambda n: ints(1, 0) + string(b"x") + ints(0, 0, n, 0, 0, 0, 0, 0, 0, 0, n)),
        (c.TM_PSTAT, ints),
        (c.TM_TASK, ints),
        (c.TM_HOSTSYNC, ints),
        (c.TM_CONTEXT, ints),
        (c.TM_MSTAT, ints),
    ]
    for tag, body in bodies:
        for count in (-1, -(2**31), 2**31 - 1, 1 << 28, 4096, 0):
            with target.task() as task:
                task.send(message(tag, body(count), src=task.tid, wid=5))
                await_fate(task, tag, 5)


def test_mailbox_message_whose_fragments_do_not_add_up(target: Target) -> None:
    good = embedded_message(b"contents")
    for length, first in ((8, 9), (8, -1), (8, 2**31 - 1), (-1, 8), (2**31 - 1, 8), (4, 8)):
        lying = ints(length) + good[4:32] + ints(first) + good[36:]
        with target.task() as task:
            body = ints(c.TMDB_PUT, task.tid) + string(b"box") + ints(-1, 0) + lying
            task.send(message(c.TM_DB, body, src=task.tid, wid=6))
            await_fate(task, c.TM_DB, 6)


# ---- fragments ------------------------------------------------------------------


def test_half_a_frame_then_silence_hinders_nobody(target: Target) -> None:
    request = message(c.TM_CONNECT, ints(c.TDPROTOCOL) + string(b"/nowhere"))
    silent = []
    for size in range(len(request)):
        task = target.connect()
        task.send(request[:size])
        silent.append(task)
    target.check_serves()
    for task in silent:
        task.socket.close()


def test_giant_length_before_enrolment_closes_the_connection(target: Target) -> None:
    for length in (*GIANT, 4081):
        with target.connect() as task:
            task.send(message(c.TM_CONNECT, bytes(64), length=length))
            task.wait_closed()


def test_giant_length_to_the_daemon_takes_no_memory(target: Target) -> None:
    before = target.vm.rss()
    tasks = []
    for length in GIANT * 10:
        task = target.task()
        task.send(message(c.TM_CONFIG, bytes(64), src=task.tid, length=length))
        tasks.append(task)
    target.check_serves()
    assert target.vm.rss() < before + (16 << 20)
    for task in tasks:
        task.finish()
        task.socket.close()


def test_giant_message_to_the_daemon_in_many_fragments_is_bounded() -> None:
    limit = 16 << 20
    target = Target(env={"PVM_TEST_MESSAGE_MAX": str(limit)})
    try:
        before = peak = target.vm.rss()
        with target.task() as task:
            task.send(fragment(c.TIDPVMD, task.tid, bytes(c.MSGHDRLEN), c.FFSOM))
            for _ in range(256):
                task.send(fragment(c.TIDPVMD, task.tid, bytes(1 << 20), 0))
                peak = max(peak, target.vm.rss())
            task.finish()
        assert peak < before + 2 * limit + (16 << 20)
        target.check_unharmed()
    finally:
        target.close()


def test_unfinished_message_to_a_task_leaves_the_receiver_usable(target: Target) -> None:
    with target.task() as receiver, target.task() as other:
        for size in (0, 1, 15, 16, 40, 5000):
            with target.task() as liar:
                whole = message(9, bytes(4000), dst=receiver.tid, length=100_000)
                liar.send(whole[:size])
                exchange(other, receiver, b"beside")
        exchange(other, receiver, b"afterwards")


def test_giant_length_to_a_task_leaves_the_receiver_usable(target: Target) -> None:
    with target.task() as receiver, target.task() as other:
        for length in GIANT:
            with target.task() as liar:
                liar.send(message(9, bytes(5000), dst=receiver.tid, length=length))
                exchange(other, receiver, b"beside")
        exchange(other, receiver, b"afterwards")


def test_first_fragment_shorter_than_a_message_header(target: Target) -> None:
    with target.task() as task, target.task() as other:
        for size in range(c.MSGHDRLEN):
            task.send(fragment(c.TIDPVMD, task.tid, bytes(size), c.FFSOM | c.FFEOM))
            task.send(fragment(other.tid, task.tid, bytes(size), c.FFSOM | c.FFEOM))
        await_fate(task, c.TM_MCA, 0)
        with target.task() as third:
            exchange(third, other, b"still framed")


def test_fragments_out_of_order_are_dropped(target: Target) -> None:
    with target.task() as task:
        start = message(c.TM_CONFIG, src=task.tid, wid=1)[c.TDFRAGHDR :]
        for flags in (0, c.FFEOM, c.FFSOM, c.FFSOM, c.FFSOM, c.FFEOM, c.FFEOM, 0xFC):
            data = start if flags & c.FFSOM else b"abcd"
            task.send(fragment(c.TIDPVMD, task.tid, data, flags))
        await_fate(task, c.TM_MCA, 0)


def test_many_empty_fragments_are_harmless(target: Target) -> None:
    with target.task() as task:
        task.send(fragment(c.TIDPVMD, task.tid, bytes(c.MSGHDRLEN), c.FFSOM))
        task.send(fragment(c.TIDPVMD, task.tid, b"", 0) * 20_000)
        target.check_serves()
        task.finish()


# ---- addresses ------------------------------------------------------------------


def test_forged_source_is_replaced_by_the_sender(target: Target) -> None:
    with target.task() as liar, target.task() as receiver:
        for forged in (receiver.tid, c.TIDPVMD, 0, -1, 0x40000 | 777, 0x80000 | 1):
            liar.send(message(8, b"data", dst=receiver.tid, src=forged))
            assert receiver.receive().src == liar.tid


def test_message_to_nobody_is_dropped(target: Target) -> None:
    nobody = [0, 1, 0x40000, 0x7FFFF, 0x3FFFFFFF, 0x80000 | 5, c.TIDPVMD | 0x80000, -1]
    with target.task() as task:
        for dst in nobody:
            task.send(message(8, bytes(3000), dst=dst, src=task.tid))
        assert (c.TM_PSTAT, task.next_wid() + 1) in task.sync()


def test_multicast_without_announcement_reaches_nobody(target: Target) -> None:
    with target.task() as task, target.task() as other:
        for dst in (task.tid | c.TIDGID, other.tid | c.TIDGID, 0x7FFFFFFF, c.TIDGID):
            task.send(message(8, b"data", dst=dst, src=task.tid))
        await_fate(task, c.TM_MCA, 0)
        exchange(task, other, b"the first that arrives")


def test_multicast_to_odd_receivers(target: Target) -> None:
    with target.task() as task, target.task() as other:
        for tids in (
            [other.tid, other.tid],
            [-1, c.TIDPVMD, 0, 0x7FFFF, other.tid],
            [task.tid | c.TIDGID, other.tid],
        ):
            task.send(message(c.TM_MCA, ints(len(tids), *tids), src=task.tid, ctx=0))
            task.send(message(8, b"data", dst=task.tid | c.TIDGID, src=task.tid, ctx=0))
            for _ in range(tids.count(other.tid)):
                assert other.receive().body == b"data"
        exchange(task, other, b"nothing besides")


def test_multicast_announcements_without_end_take_no_memory(target: Target) -> None:
    before = target.vm.rss()
    with target.task() as task:
        announcement = message(c.TM_MCA, ints(250, *range(0x40001, 0x40001 + 250)), src=task.tid)
        for _ in range(2000):
            task.send(announcement)
        await_fate(task, c.TM_MCA, 0)
        assert target.vm.rss() < before + (16 << 20)


# ---- connections ----------------------------------------------------------------


def test_thousand_connections_opened_and_dropped(target: Target) -> None:
    for _ in range(1000):
        target.connect().socket.close()


def test_many_connections_held_open_at_once(target: Target) -> None:
    held = [target.connect() for _ in range(300)]
    target.check_serves()
    for task in held:
        task.socket.close()


def test_tasks_that_vanish_without_exit(target: Target) -> None:
    for _ in range(100):
        target.task().socket.close()


def test_client_that_never_reads_does_not_stop_the_others(target: Target) -> None:
    with target.task() as deaf:
        deaf.socket.settimeout(0.05)
        request = message(c.TM_CONFIG, src=deaf.tid, wid=1) * 100
        try:
            for _ in range(500):
                deaf.socket.sendall(request)
        except (TimeoutError, BrokenPipeError, ConnectionResetError):
            pass  # the daemon need not read on for one that does not
        target.check_serves()


def test_another_user_gets_nothing(target: Target) -> None:
    if os.geteuid() != 0:
        missing("only root can become another user")
    if not os.path.exists(PUBLIC_PYTHON):
        missing(f"{PUBLIC_PYTHON} does not exist: apt-get install python3")
    connector = Connector(user=65534, interpreter=PUBLIC_PYTHON)
    target.vm.tmp.chmod(0o711)
    os.chmod(target.vm.address, 0o777)
    path = target.vm.tmp / "auth-other"
    path.touch(0o600)
    os.chown(path, 65534, 65534)
    try:
        with RawTask(target.vm.address, connector) as task:
            task.send(message(c.TM_CONNECT, ints(c.TDPROTOCOL) + string(bytes(path)), wid=1))
            with contextlib.suppress(ClosedError):
                assert task.receive().ints()[1] == 0
            task.wait_closed()
        assert path.read_bytes() == b""
    finally:
        connector.close()
        path.unlink()
        os.chmod(target.vm.address, 0o700)
        target.vm.tmp.chmod(0o700)
