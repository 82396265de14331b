# SPDX-License-Identifier: MIT
"""Notification of task exit, host deletion and host addition: TM_NOTIFY.

Outstanding notices have no bound of their own: they are as many as the user's own tasks ask for,
and go with the tasks that asked.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from pvm3py.wire import constants as c
from pvm3py.wire.task import NotifyRequest, TidBody

from .dispatch import Refused, Request, handles

if TYPE_CHECKING:
    from .daemon import Pvmd

@dataclass(slots=True, frozen=True)
class Notice:
    """Who gets a message about `tid`, and which. tid is as the requester gave it."""

    owner: int
    tid: int
    ctx: int
    tag: int
    wid: int


class NoticeTable:
    """Outstanding notices about tasks, or about hosts, by the tid (key) of what they are about."""

    def __init__(self) -> None:
        self._about: dict[int, dict[int, list[Notice]]] = {}
        self._keys: dict[int, set[int]] = {}

    def add(self, key: int, notice: Notice) -> None:
        """Keep a notice."""
        self._about.setdefault(key, {}).setdefault(notice.owner, []).append(notice)
        self._keys.setdefault(notice.owner, set()).add(key)

    def cancel(self, key: int, like: Notice) -> Notice | None:
        """Take away one notice with owner, context and tag of `like`."""
        notices = self._about.get(key, {}).get(like.owner, [])
        for notice in notices:
            if (notice.ctx, notice.tag) == (like.ctx, like.tag):
                notices.remove(notice)
                return notice
        return None

    def take(self, key: int) -> list[Notice]:
        """Take away all notices about `key`."""
        by_owner = self._about.pop(key, {})
        for owner in by_owner:
            self._keys[owner].discard(key)
        return [notice for notices in by_owner.values() for notice in notices]

    def forget_owner(self, owner: int) -> None:
        """Drop all notices for an owner."""
        for key in self._keys.pop(owner, ()):
            del self._about[key][owner]


class Notices:
    """All outstanding notices."""

    def __init__(self) -> None:
        self.tasks = NoticeTable()
        self.hosts = NoticeTable()
        self._additions: dict[tuple[int, int, int], int] = {}

    def watch_additions(self, owner: int, ctx: int, tag: int, count: int) -> None:
        """Tell of the next `count` additions of hosts; -1: of all, 0: of none any more."""
        if count:
            self._additions[owner, ctx, tag] = count
        else:
            self._additions.pop((owner, ctx, tag), None)

    def task_ended(self, pvmd: Pvmd, tid: int) -> None:
        """A task is gone: tell its watchers, forget what it watched."""
        self.tasks.forget_owner(tid)
        self.hosts.forget_owner(tid)
        for key in [key for key in self._additions if key[0] == tid]:
            del self._additions[key]
        for notice in self.tasks.take(tid):
            deliver(pvmd, notice)


def deliver(pvmd: Pvmd, notice: Notice) -> None:
    """Send the message that a notice promised."""
    body = TidBody(notice.tid).encode()
    pvmd.send(notice.owner, notice.tag, notice.ctx, body, notice.wid)


@handles(c.TM_NOTIFY, NotifyRequest, reply=False)
def notify(pvmd: Pvmd, request: Request, body: NotifyRequest) -> None:
    """Ask for messages about tasks and hosts, or cancel that."""
    src, count, tids = request.src, body.count, body.tids
    what = body.what & ~c.PvmNotifyCancel
    cancel = what != body.what
    if what == c.PvmHostAdd:
        pvmd.notices.watch_additions(src, body.ctx, body.tag, 0 if cancel else count)
        return
    if what not in (c.PvmTaskExit, c.PvmHostDelete) or not 0 < count <= len(tids):
        raise Refused(c.PvmBadParam)
    for tid in tids[:count]:
        if what == c.PvmTaskExit:
            notice = Notice(src, tid, body.ctx, body.tag, request.wid)
            table, key, gone = pvmd.notices.tasks, tid, pvmd.tasks.get(tid) is None
        else:
            notice = Notice(src, tid, body.ctx, body.tag, 0)
            table, key, gone = pvmd.notices.hosts, tid & c.TIDHOST, pvmd.hosts.get(tid) is None
        if cancel:
            found = table.cancel(key, notice)
            if found is not None:
                deliver(pvmd, found)
        elif gone:
            deliver(pvmd, notice)
        else:
            table.add(key, notice)
