# SPDX-License-Identifier: MIT
"""Parts of the control plane that deal with other hosts, without a network: a recorded switch."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from types import SimpleNamespace
from typing import Any

import pytest

from pvm3py.placement import Placement, selected
from pvm3py.pvmd.peers import Peers
from pvm3py.pvmd.state.errors import HostFailed
from pvm3py.pvmd.state.events import MessageEvent
from pvm3py.pvmd.state.hosts import Host, HostTable
from pvm3py.pvmd.topics import notify
from pvm3py.pvmd.topics.mailbox import Mailbox
from pvm3py.pvmd.topics.notify import Notice, Notices
from pvm3py.pvmd.topics.output import Collectors
from pvm3py.pvmd.topics.roles import Managers
from pvm3py.wire import constants as c
from pvm3py.wire.codec import INT
from pvm3py.wire.daemon import WatchRequest
from pvm3py.wire.task import NotifyRequest, Status, TidBody

OWN, SECOND, THIRD = (index << 18 for index in (1, 2, 3))
TASK = SECOND | 7


def host(tid: int, arch: str = "LINUX64") -> Host:
    return Host(tid, f"h{tid >> 18}", arch, f"127.0.1.{tid >> 18}", 1000, 0)


class FakePvmd(SimpleNamespace):
    """What the parts use of a daemon; `sent` has (dst, tag, ctx, wid, body) of each message."""

    def __init__(self) -> None:
        super().__init__()
        self.sent: list[tuple[int, int, int, int, bytes]] = []
        self.logged: list[str] = []
        self.loop = asyncio.new_event_loop()
        self.hosts = HostTable(host(OWN))
        for tid in (SECOND, THIRD):
            self.hosts.add(host(tid))
        self.place = self.hosts.places.place
        self.daemon_tid = c.TIDPVMD | OWN
        nothing = dict.fromkeys(("forget", "notify_end", "free_contexts"), lambda _tid: None)
        self.switch = SimpleNamespace(send=self._switch_send, notices=lambda _: 0, **nothing)
        self.log = self.logged.append
        self.ended: list[int] = []
        self.tables = {Mailbox: SimpleNamespace(owner_ended=self.ended.append)}
        self.peers = Peers(self.switch, self.hosts, self.loop, self.log)
        self.notices = Notices.of(self)  # type: ignore[arg-type]

    def owns(self, tid: int) -> bool:
        return self.place(tid) == OWN

    def send(self, dst: int, tag: int, ctx: int, body: bytes, wid: int = 0) -> None:
        self._switch_send(dst, self.daemon_tid, tag, ctx, wid, body)

    def _switch_send(self, dst: int, src: int, tag: int, ctx: int, wid: int, body: bytes) -> None:
        assert src == self.daemon_tid
        self.sent.append((dst, tag, ctx, wid, body))

    def answer(self, src: int, tag: int, wid: int, body: bytes = b"") -> None:
        """Another daemon's answer comes, and what waits for it goes on."""
        event = MessageEvent(0, self.daemon_tid, c.TIDPVMD | src, 0, tag, 0, wid, body)
        self.peers.answered(event)
        self.settle()

    def settle(self) -> None:
        """Let everything run that can."""
        for _ in range(5):
            self.loop.run_until_complete(asyncio.sleep(0))


@pytest.fixture
def pvmd() -> Iterator[FakePvmd]:
    fake = FakePvmd()
    yield fake
    fake.loop.close()


def ask(pvmd: FakePvmd) -> asyncio.Task[Status]:
    """A request to the second host, under way."""
    work = pvmd.peers.request(SECOND, c.DM_PSTAT, TidBody(TASK), Status)
    return pvmd.loop.create_task(work)


def test_a_request_is_sent_at_once_and_returns_its_answer(pvmd: FakePvmd) -> None:
    job = ask(pvmd)
    ((dst, tag, ctx, wid, body),) = pvmd.sent
    assert (dst, tag, ctx, body) == (c.TIDPVMD | SECOND, c.DM_PSTAT, 0, INT.pack(TASK))
    assert wid & c.TIDHOST == OWN
    pvmd.answer(SECOND, c.DM_PSTATACK, wid, INT.pack(c.PvmNoTask))
    assert job.result() == Status(c.PvmNoTask)


@pytest.mark.parametrize(
    ("src", "tag", "offset"),
    [(THIRD, c.DM_PSTATACK, 0), (SECOND, c.DM_TASKACK, 0), (SECOND, c.DM_PSTATACK, 1)],
    ids=["other-host", "other-tag", "other-wait-id"],
)
def test_a_foreign_answer_is_logged_and_not_taken(
    pvmd: FakePvmd, src: int, tag: int, offset: int
) -> None:
    job = ask(pvmd)
    wid = pvmd.sent[0][3]
    pvmd.answer(src, tag, wid + offset, INT.pack(0))
    assert not job.done() and len(pvmd.logged) == 1
    pvmd.answer(SECOND, c.DM_PSTATACK, wid, INT.pack(0))
    assert job.result() == Status(0)


def test_requests_to_a_lost_host_fail_and_those_to_others_do_not(pvmd: FakePvmd) -> None:
    lost = ask(pvmd)
    work = pvmd.peers.request(THIRD, c.DM_PSTAT, TidBody(THIRD | 1), Status)
    other = pvmd.loop.create_task(work)
    pvmd.peers.host_lost(SECOND)
    pvmd.settle()
    assert isinstance(lost.exception(), HostFailed)
    assert not other.done()
    pvmd.answer(THIRD, c.DM_PSTATACK, pvmd.sent[1][3], INT.pack(0))
    assert other.result() == Status(0)


def test_a_request_to_an_unknown_host_fails_and_sends_nothing(pvmd: FakePvmd) -> None:
    with pytest.raises(HostFailed):
        pvmd.loop.run_until_complete(pvmd.peers.request(9 << 18, c.DM_PSTAT, TidBody(1), Status))
    assert pvmd.sent == []


def test_the_late_answer_to_a_cancelled_request_is_no_surprise(pvmd: FakePvmd) -> None:
    job = ask(pvmd)
    pvmd.settle()
    job.cancel()
    pvmd.settle()
    pvmd.answer(SECOND, c.DM_PSTATACK, pvmd.sent[0][3], INT.pack(0))
    assert pvmd.logged == []


def watch(pvmd: FakePvmd, owner: int, tag: int) -> None:
    """A task wants to know of the end of TASK."""
    pvmd.notices.tasks.add(TASK, Notice(owner, TASK, 0, tag, 0))
    pvmd.notices.watch(pvmd, TASK)  # type: ignore[arg-type]


def told(pvmd: FakePvmd) -> list[tuple[int, int]]:
    """Receivers and tags of the notices sent so far."""
    return [(dst, tag) for dst, tag, *_ in pvmd.sent if dst > 0]


def test_a_remote_task_is_watched_once_for_all_and_each_is_told_once(pvmd: FakePvmd) -> None:
    watch(pvmd, OWN | 1, 51)
    watch(pvmd, OWN | 2, 52)
    ((dst, tag, _, wid, body),) = pvmd.sent
    assert (dst, tag) == (c.TIDPVMD | SECOND, c.DM_NOTIFY)
    assert body == WatchRequest(c.PvmTaskExit, TASK).encode()
    pvmd.answer(SECOND, c.DM_NOTIFYACK, wid, INT.pack(TASK))
    assert told(pvmd) == [(OWN | 1, 51), (OWN | 2, 52)]
    assert pvmd.ended == [TASK]


@pytest.mark.parametrize("first", ["answer", "host lost"])
def test_the_end_of_a_task_and_of_its_host_are_told_once_each(pvmd: FakePvmd, first: str) -> None:
    watch(pvmd, OWN | 1, 51)
    pvmd.notices.hosts.add(SECOND, Notice(OWN | 1, c.TIDPVMD | SECOND, 0, 61, 0))
    wid = pvmd.sent[0][3]

    def lose() -> None:
        pvmd.notices.host_lost(pvmd, SECOND)  # type: ignore[arg-type]
        pvmd.peers.host_lost(SECOND)
        pvmd.settle()

    steps: list[Callable[[], Any]] = [
        lambda: pvmd.answer(SECOND, c.DM_NOTIFYACK, wid, INT.pack(TASK)),
        lose,
    ]
    for step in steps if first == "answer" else [lose]:
        step()
    assert told(pvmd) == [(OWN | 1, 51), (OWN | 1, 61)]


def test_additions_of_hosts_are_told_as_often_as_asked(pvmd: FakePvmd) -> None:
    pvmd.notices.watch_additions(OWN | 1, 0, 71, 2)
    pvmd.notices.watch_additions(OWN | 2, 0, 72, -1)
    for _ in range(3):
        pvmd.notices.hosts_added(pvmd, [SECOND, THIRD])  # type: ignore[arg-type]
    assert told(pvmd).count((OWN | 1, 71)) == 2
    assert told(pvmd).count((OWN | 2, 72)) == 3


def test_blocks_take_turns_as_those_of_3_4_6() -> None:
    hosts = [host(index << 18) for index in (1, 2, 3, 4)]
    placement = Placement(OWN)

    def place(count: int, *indices: int) -> list[int]:
        chosen = [one for one in hosts if one.index in indices] or hosts
        blocks = placement.blocks(chosen, count)
        assert [block.start for block in blocks] == [
            sum(block.count for block in blocks[:at]) for at in range(len(blocks))
        ]
        return [block.host.index for block in blocks for _ in range(block.count)]

    assert place(1) == [2]
    assert place(4) == [3, 4, 1, 2]
    assert place(3) == [3, 4, 1]
    assert place(9) == [2, 2, 2, 3, 3, 4, 4, 1, 1]
    assert place(2) == [2, 3]
    assert place(3, 2) == [2, 2, 2]
    assert place(5) == [2, 2, 3, 4, 1]
    assert place(6) == [2, 2, 3, 4, 4, 1]
    assert place(5, 1, 3, 4) == [3, 3, 4, 4, 1]
    assert place(2) == [3, 4]


def test_hosts_are_selected_by_name_architecture_and_complement() -> None:
    table = HostTable(host(OWN))
    table.add(host(SECOND, "CRAY"))
    table.add(host(THIRD))

    def names(flags: int, where: str) -> list[str]:
        return [one.name for one in selected(table.hosts, flags, where, table.own)]

    assert names(0, "h2") == ["h1", "h2", "h3"]
    assert names(c.PvmTaskHost, "h2") == ["h2"]
    assert names(c.PvmTaskHost, ".") == ["h1"]
    assert names(c.PvmTaskHost, "h9") == []
    assert names(c.PvmTaskHost | c.PvmHostCompl, "h2") == ["h1", "h3"]
    assert names(c.PvmTaskArch, "CRAY") == ["h2"]
    assert names(c.PvmTaskArch | c.PvmHostCompl, "CRAY") == ["h1", "h3"]


# ---- tasks that have moved -------------------------------------------------------------------


@pytest.fixture
def away(pvmd: FakePvmd) -> FakePvmd:
    """A daemon that knows that TASK has moved from the second host to the third."""
    assert pvmd.hosts.places.moved(TASK, THIRD, 1)
    return pvmd


def test_what_is_asked_about_a_moved_task_goes_to_its_place(away: FakePvmd) -> None:
    work = away.peers.request(TASK, c.DM_PSTAT, TidBody(TASK), Status)
    job = away.loop.create_task(work)
    ((dst, *_, wid, _),) = away.sent
    assert dst == c.TIDPVMD | THIRD
    assert away.hosts.get(TASK) is away.hosts.get(THIRD)
    away.answer(THIRD, c.DM_PSTATACK, wid, INT.pack(0))
    assert job.result() == Status(0)


def test_moved_task_does_not_end_with_its_birth_host(away: FakePvmd) -> None:
    watch(away, OWN | 1, 51)
    away.notices.host_lost(away, SECOND)  # type: ignore[arg-type]
    away.hosts.remove(SECOND)
    assert told(away) == [] and away.hosts.get(TASK) is away.hosts.get(THIRD)
    away.notices.host_lost(away, THIRD)  # type: ignore[arg-type]
    away.hosts.remove(THIRD)
    assert told(away) == [(OWN | 1, 51)]
    assert list(away.hosts.places) == []


def test_notices_about_a_host_are_about_the_one_that_was_named(away: FakePvmd) -> None:
    body = NotifyRequest(c.PvmHostDelete, 0, 61, 1, [TASK])
    notify._ask(away, OWN | 1, 0, body)  # type: ignore[arg-type]
    away.notices.host_lost(away, THIRD)  # type: ignore[arg-type]
    assert told(away) == []
    away.notices.host_lost(away, SECOND)  # type: ignore[arg-type]
    assert told(away) == [(OWN | 1, 61)]


def test_collectors_and_managers_go_with_the_host_where_they_run(away: FakePvmd) -> None:
    collectors, managers, resumed = Collectors(), Managers(), []
    collectors.wait(TASK, lambda: resumed.append(TASK))
    managers._others = [TASK, SECOND | 8]
    for host_tid, left in ((SECOND, [TASK]), (THIRD, [])):
        collectors.host_lost(away, host_tid)  # type: ignore[arg-type]
        managers.host_lost(away, host_tid)  # type: ignore[arg-type]
        assert managers._others == left
        assert resumed == ([] if left else [TASK])
