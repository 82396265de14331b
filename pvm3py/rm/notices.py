# SPDX-License-Identifier: MIT
"""Notices that tasks have asked the resource manager for; it gets them from its own daemon."""

from __future__ import annotations

from collections.abc import Container
from dataclasses import dataclass

import pvm3py.classic as pvm
from pvm3py.places import birth_host
from pvm3py.wire import constants as c
from pvm3py.wire.codec import WireError
from pvm3py.wire.task import Codes, NotifyRequest, TidBody

from . import link


@dataclass(frozen=True)
class _Wish:
    """Who gets which message; tid: what it is about, as the task gave it."""

    owner: int
    ctx: int
    tag: int
    tid: int = 0

    def grant(self) -> None:
        """Send the message."""
        link.post(self.owner, self.tag, TidBody(self.tid).encode(), ctx=self.ctx)


class Notices:
    """What is owed to whom: about tasks, hosts, and new hosts (with the number of times)."""

    def __init__(self) -> None:
        self._tasks: list[_Wish] = []
        self._hosts: list[_Wish] = []
        self._additions: dict[_Wish, int] = {}

    def ask(self, owner: int, body: NotifyRequest, hosts: Container[int]) -> None:
        """A task asks for notices, or takes that back. WireError: nonsense."""
        what = body.what & ~c.PvmNotifyCancel
        cancel = what != body.what
        if what == c.PvmHostAdd:
            wish = _Wish(owner, body.ctx, body.tag)
            self._additions.pop(wish, None)
            if body.count and not cancel:
                self._additions[wish] = body.count
            return
        if what not in (c.PvmTaskExit, c.PvmHostDelete) or not 0 < body.count <= len(body.tids):
            raise WireError(f"notice {body.what} about {body.count}")
        wishes = self._tasks if what == c.PvmTaskExit else self._hosts
        for tid in body.tids[: body.count]:
            wish = _Wish(owner, body.ctx, body.tag, tid)
            if cancel:
                if wish in wishes:
                    wishes.remove(wish)
                    wish.grant()
            elif what == c.PvmHostDelete and birth_host(tid) not in hosts:
                wish.grant()
            else:
                wishes.append(wish)
                if what == c.PvmTaskExit:
                    link.watch(pvm.Event.TASK_EXIT, link.TASK_ENDED, [tid])

    def task_ended(self, tid: int) -> None:
        """A task has ended."""
        for wish in [wish for wish in self._tasks if wish.tid == tid]:
            self._tasks.remove(wish)
            wish.grant()

    def host_lost(self, host: int) -> None:
        """A host is gone."""
        for wish in [wish for wish in self._hosts if birth_host(wish.tid) == host]:
            self._hosts.remove(wish)
            wish.grant()

    def hosts_added(self, hosts: Codes) -> None:
        """There are new hosts."""
        for wish, count in list(self._additions.items()):
            link.post(wish.owner, wish.tag, hosts.encode(), ctx=wish.ctx)
            if count == 1:
                del self._additions[wish]
            elif count > 0:
                self._additions[wish] = count - 1

    def forget(self, owner: int) -> None:
        """A task has ended: it gets no notices any more."""
        self._tasks = [wish for wish in self._tasks if wish.owner != owner]
        self._hosts = [wish for wish in self._hosts if wish.owner != owner]
        for wish in [wish for wish in self._additions if wish.owner == owner]:
            del self._additions[wish]
