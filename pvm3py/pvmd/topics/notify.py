# SPDX-License-Identifier: MIT
"""Notification of task exit, host deletion and host addition.

Notices between tasks of this host are the switch's (csrc/switch/routing/notices.c), which also
serves most requests for them.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Coroutine

from pvm3py.places import birth_host
from pvm3py.wire import constants as c
from pvm3py.wire.daemon import WatchRequest
from pvm3py.wire.moves import KeptNotice
from pvm3py.wire.task import Codes, NotifyRequest, Status, TidBody

from ..core import Pvmd, Table
from ..dispatch import Request, handles
from ..occasions import HOST_LOST, HOSTS_ADDED, TASK_GONE, Step, on
from ..state.dealings import NOTICES_MAX
from ..state.errors import Refused
from ..state.hosts import Host
from ..state.plain import Plain
from ..state.task import Task, is_task

# Lists of more than NOTICES_MAX are served in parts of so many tids, while at most so many bytes
# wait for the task.
TURN = 500
UNREAD_MAX = 1 << 20
# Seconds between two looks whether it has taken some.
PAUSE = 0.02


class Notice(Plain):
    """Who gets a message about `tid`, and which. tid is as the requester gave it."""

    owner: int
    tid: int
    ctx: int
    tag: int
    wid: int


class NoticeTable:
    """Outstanding notices about tasks, or about hosts, by the tid (key) of what they are about.

    counts: how many each owner has.
    """

    def __init__(self) -> None:
        self.counts: Counter[int] = Counter()
        self._about: dict[int, dict[int, list[Notice]]] = {}
        self._keys: dict[int, set[int]] = {}

    def add(self, key: int, notice: Notice) -> None:
        """Keep a notice."""
        self._about.setdefault(key, {}).setdefault(notice.owner, []).append(notice)
        self._keys.setdefault(notice.owner, set()).add(key)
        self.counts[notice.owner] += 1

    def cancel(self, key: int, like: Notice) -> Notice | None:
        """Take away one notice with owner, context and tag of `like`."""
        notices = self._about.get(key, {}).get(like.owner, [])
        for notice in notices:
            if (notice.ctx, notice.tag) == (like.ctx, like.tag):
                notices.remove(notice)
                self.counts[like.owner] -= 1
                return notice
        return None

    def take(self, key: int) -> list[Notice]:
        """Take away all notices about `key`."""
        by_owner = self._about.pop(key, {})
        for owner, notices in by_owner.items():
            self._keys[owner].discard(key)
            self.counts[owner] -= len(notices)
        return [notice for notices in by_owner.values() for notice in notices]

    def of_owner(self, owner: int) -> list[Notice]:
        """All notices for an owner."""
        keys = self._keys.get(owner, ())
        return [notice for key in sorted(keys) for notice in self._about[key].get(owner, ())]

    def forget_owner(self, owner: int) -> None:
        """Drop all notices for an owner."""
        self.counts.pop(owner, None)
        for key in self._keys.pop(owner, ()):
            del self._about[key][owner]


class Notices(Table):
    """All outstanding notices that concern other hosts.

    tasks: about tasks of other hosts, and, for other daemons, about tasks of this host: the message
    is the answer that the daemon asked for. The ends of tasks of other hosts are learnt in the same
    way; each such task is watched once, whoever is to be told here.
    """

    def __init__(self) -> None:
        self.tasks = NoticeTable()
        self.hosts = NoticeTable()
        # Of each owner: how many additions are to be told with a context and a tag.
        self._additions: dict[int, dict[tuple[int, int], int]] = {}
        self._watched: set[int] = set()

    def watch_additions(self, owner: int, ctx: int, tag: int, count: int) -> None:
        """Tell of the next `count` additions of hosts; -1: of all, 0: of none any more."""
        wishes = self._additions.setdefault(owner, {})
        if count:
            wishes[ctx, tag] = count
        else:
            wishes.pop((ctx, tag), None)

    def list_of(self, pvmd: Pvmd, owner: int, *, take: bool) -> list[KeptNotice]:
        """What a task has asked for; take: it has moved away, and nothing is kept any more."""
        kinds = ((c.PvmTaskExit, self.tasks), (c.PvmHostDelete, self.hosts))
        kept = [
            KeptNotice(what, notice.tid, notice.ctx, notice.tag, notice.wid, 1)
            for what, table in kinds
            for notice in table.of_owner(owner)
        ]
        of_switch = pvmd.switch.list_notices(owner, take=take)
        kept += [KeptNotice(c.PvmTaskExit, *notice, 1) for notice in of_switch]
        kept += [
            KeptNotice(c.PvmHostAdd, 0, ctx, tag, 0, count)
            for (ctx, tag), count in self._additions.get(owner, {}).items()
        ]
        if take:
            self._forget_owner(owner)
        return kept

    def _forget_owner(self, owner: int) -> None:
        self.tasks.forget_owner(owner)
        self.hosts.forget_owner(owner)
        self._additions.pop(owner, None)

    def keep_for(self, pvmd: Pvmd, owner: int, kept: list[KeptNotice]) -> None:
        """Keep for a task that has come what it had asked for elsewhere, or give it now."""
        for one in kept:
            if one.what == c.PvmHostAdd:
                self.watch_additions(owner, one.ctx, one.tag, one.count)
                continue
            notice = Notice(owner, one.tid, one.ctx, one.tag, one.wid)
            if _gone(pvmd, one.what, one.tid):
                deliver(pvmd, notice)
            else:
                _keep(pvmd, one.what, notice)

    def hosts_added(self, pvmd: Pvmd, tids: list[int]) -> None:
        """New hosts are in the table: one message to each who waits for that."""
        for owner, wishes in list(self._additions.items()):
            for (ctx, tag), count in list(wishes.items()):
                pvmd.send(owner, tag, ctx, Codes(tids).encode())
                self.watch_additions(owner, ctx, tag, count - 1 if count > 0 else count)

    def room(self, pvmd: Pvmd, owner: int) -> int:
        """How many more notices a task may ask for."""
        additions = len(self._additions.get(owner, ()))
        count = self.tasks.counts[owner] + self.hosts.counts[owner] + additions
        return NOTICES_MAX - count - pvmd.switch.notices(owner)

    def watch(self, pvmd: Pvmd, tid: int) -> None:
        """Have TASK_GONE told at the end of a task of another host, too."""
        if tid in self._watched:
            return
        self._watched.add(tid)

        def answered(answer: asyncio.Future[bytes]) -> None:
            failed = answer.exception()
            if tid in self._watched and not failed:
                TASK_GONE.tell(pvmd, tid, None)

        order = WatchRequest(c.PvmTaskExit, tid)
        pvmd.peers.ask(tid, c.DM_NOTIFY, order).add_done_callback(answered)

    def task_gone(self, pvmd: Pvmd, tid: int) -> None:
        """A task is gone: tell its watchers, forget what it watched."""
        self._watched.discard(tid)
        self._forget_owner(tid)
        elsewhere = pvmd.hosts.places.wanders(tid) and not pvmd.owns(tid)
        for notice in self.tasks.take(tid):
            if not (elsewhere and _hears_by_itself(pvmd, notice.owner)):
                deliver(pvmd, notice)

    def host_lost(self, pvmd: Pvmd, host: int) -> None:
        """A host is gone: tell of the ends of its tasks, then of its own."""
        self.tasks.forget_owner(c.TIDPVMD | host)
        watched = {tid for tid in self._watched if pvmd.place(tid) == host}
        for tid in sorted(watched.union(pvmd.hosts.places.at(host))):
            TASK_GONE.tell(pvmd, tid, None)
        for notice in self.hosts.take(host):
            deliver(pvmd, notice)


def _hears_by_itself(pvmd: Pvmd, owner: int) -> bool:
    """Whether an owner is a daemon that is told of the ends of tasks which have moved.

    This one may have lost the task's host alone.
    """
    can = pvmd.hosts.capabilities(birth_host(owner)) & c.WIRE_DAEMON_CAN_MOVE
    return bool(owner & c.TIDPVMD and can)


def deliver(pvmd: Pvmd, notice: Notice) -> None:
    """Send the message that a notice promised."""
    body = TidBody(notice.tid).encode()
    pvmd.send(notice.owner, notice.tag, notice.ctx, body, notice.wid)


@on(TASK_GONE, Step.NOTICES)
def task_gone(pvmd: Pvmd, tid: int, task: Task | None) -> None:
    """A task is gone: tell its watchers. The switch has notices where the task has ever been."""
    if task is not None or pvmd.hosts.places.wanders(tid):
        pvmd.switch.notify_end(tid)
    Notices.of(pvmd).task_gone(pvmd, tid)


@on(HOST_LOST, Step.NOTICES)
def host_lost(pvmd: Pvmd, host: int) -> None:
    """A host is gone: tell the watchers of its tasks, then its own."""
    Notices.of(pvmd).host_lost(pvmd, host)


@on(HOSTS_ADDED, Step.NOTICES)
def hosts_added(pvmd: Pvmd, hosts: list[Host]) -> None:
    """New hosts are in the table: tell who waits for that."""
    Notices.of(pvmd).hosts_added(pvmd, [host.tid for host in hosts])


@handles(c.TM_NOTIFY, NotifyRequest, reply=False)
def notify(pvmd: Pvmd, request: Request, body: NotifyRequest) -> Coroutine[None, None, None] | None:
    """Ask for messages about tasks and hosts, or cancel that."""
    if body.count > NOTICES_MAX and about_tids(body):
        return _in_turns(pvmd, request, body)
    _ask(pvmd, request.src, request.wid, body)
    return None


@handles(c.TM_NOTICES, NotifyRequest)
def notices(pvmd: Pvmd, request: Request, body: NotifyRequest) -> Status:
    """The same with an answer: how many more may be asked for, here and at a manager."""
    _ask(pvmd, request.src, 0, body)
    task = request.task
    owed = len(task.dealings.wishes) if task is not None and task.dealings else 0
    return Status(max(0, Notices.of(pvmd).room(pvmd, request.src) - owed))


async def _in_turns(pvmd: Pvmd, request: Request, body: NotifyRequest) -> None:
    """Serve a long list in parts, as fast as the task takes what it is told at once."""
    refusal = None
    for first in range(0, body.count, TURN):
        await asyncio.sleep(0)
        while pvmd.switch.queued(request.src) > UNREAD_MAX:
            await asyncio.sleep(PAUSE)
        tids = body.tids[first : min(first + TURN, body.count)]
        part = NotifyRequest(body.what, body.ctx, body.tag, len(tids), tids)
        try:
            _ask(pvmd, request.src, request.wid, part)
        except Refused as error:
            refusal = error
    if refusal is not None:
        raise refusal


def _ask(pvmd: Pvmd, owner: int, wid: int, body: NotifyRequest) -> None:
    """Keep, give or cancel what a request lists. Refused: some of it was not kept."""
    what, cancel = body.what & ~c.PvmNotifyCancel, bool(body.what & c.PvmNotifyCancel)
    room = Notices.of(pvmd).room(pvmd, owner)
    if what == c.PvmHostAdd:
        if room < 1 and not cancel:
            raise _full(room)
        Notices.of(pvmd).watch_additions(owner, body.ctx, body.tag, 0 if cancel else body.count)
        return
    if not about_tids(body):
        raise Refused(c.PvmBadParam, f"notice {body.what} about {body.count} of {len(body.tids)}")
    refused = False
    for tid in body.tids[: body.count]:
        notice = Notice(owner, tid, body.ctx, body.tag, wid if what == c.PvmTaskExit else 0)
        if cancel:
            _cancel(pvmd, what, notice)
        elif _gone(pvmd, what, tid):
            deliver(pvmd, notice)
        elif room < 1:
            refused = True
        else:
            _keep(pvmd, what, notice)
            room -= 1
    if refused:
        raise _full(room)


def _full(room: int) -> Refused:
    """A task has as many notices outstanding as it may."""
    count = NOTICES_MAX - room
    why = f"{count} notices are outstanding; one task may have {NOTICES_MAX}"
    return Refused(c.PvmOutOfRes, why)


def _keep(pvmd: Pvmd, what: int, notice: Notice) -> None:
    """Tell of the end of a task or host when it comes."""
    kept, tid = Notices.of(pvmd), notice.tid
    if what == c.PvmHostDelete:
        kept.hosts.add(birth_host(tid), notice)
    elif _is_of_switch(pvmd, tid):
        pvmd.switch.notify(notice.owner, tid, notice.ctx, notice.tag, notice.wid)
    else:
        kept.tasks.add(tid, notice)
        if not pvmd.owns(tid):
            kept.watch(pvmd, tid)


def _is_of_switch(pvmd: Pvmd, tid: int) -> bool:
    """Whether the switch keeps the notices about a task: it bears this host's number."""
    return birth_host(tid) == pvmd.hosts.own.tid


def _cancel(pvmd: Pvmd, what: int, like: Notice) -> None:
    """Give a notice like this now, if one is kept."""
    kept, tid = Notices.of(pvmd), like.tid
    if what == c.PvmTaskExit and _is_of_switch(pvmd, tid) and is_task(tid):
        pvmd.switch.notify(like.owner, tid, like.ctx, like.tag, like.wid, cancel=True)
        return
    table, key = (kept.hosts, birth_host(tid)) if what == c.PvmHostDelete else (kept.tasks, tid)
    found = table.cancel(key, like)
    if found is not None:
        deliver(pvmd, found)


def about_tids(body: NotifyRequest) -> bool:
    """Whether a request is about tasks or hosts that it lists."""
    kinds = (c.PvmTaskExit, c.PvmHostDelete)
    return body.what & ~c.PvmNotifyCancel in kinds and 0 < body.count <= len(body.tids)


def _gone(pvmd: Pvmd, what: int, tid: int) -> bool:
    """Whether a host, or a task as far as this daemon knows, is not there."""
    if what == c.PvmHostDelete:
        return pvmd.hosts.get(birth_host(tid)) is None
    if not is_task(tid):
        return True
    if pvmd.owns(tid):
        return pvmd.tasks.expected(tid) is None
    return pvmd.hosts.get(tid) is None


@handles(c.DM_NOTIFY, WatchRequest, hosts=True, reply_tag=c.DM_NOTIFYACK)
def dm_notify(pvmd: Pvmd, request: Request, body: WatchRequest) -> TidBody | None:
    """Another daemon's wish to be told of the end of a task: an answer then."""
    if body.what != c.PvmTaskExit:
        raise Refused(c.PvmBadParam, f"notice {body.what}")
    return _tell_end(pvmd, request, body.tid, c.DM_NOTIFYACK)


@handles(c.DM_RESET, TidBody, hosts=True, reply_tag=c.DM_RESETACK)
def dm_reset(pvmd: Pvmd, request: Request, body: TidBody) -> TidBody | None:
    """The same from a master of 3.4.6 that is to drop the task's persistent messages then."""
    return _tell_end(pvmd, request, body.tid, c.DM_RESETACK)


def _tell_end(pvmd: Pvmd, request: Request, tid: int, tag: int) -> TidBody | None:
    """The answer if the task has ended already, else it is given when it does.

    That is told of a task that is at another host, too, if it has moved.
    """
    known = pvmd.tasks.expected(tid) is not None
    if not known and (pvmd.owns(tid) or not pvmd.hosts.places.wanders(tid)):
        return TidBody(tid)
    notice = Notice(request.src, tid, c.BASECONTEXT, tag, request.wid)
    Notices.of(pvmd).tasks.add(tid, notice)
    return None
