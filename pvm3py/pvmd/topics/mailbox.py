# SPDX-License-Identifier: MIT
"""The mailbox: messages that tasks leave under a class name and an index; the master keeps it."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Self

from pvm3py.wire import constants as c
from pvm3py.wire.daemon import RestBody
from pvm3py.wire.mailbox import MailClass, MailRequest, NamesReply
from pvm3py.wire.record import Record
from pvm3py.wire.task import Codes, Status

from ..core import Pvmd, Table
from ..dispatch import Request, handles
from ..io.switch import Switch
from ..occasions import BEGIN, TASK_GONE, Step, on
from ..state.errors import Refused
from ..state.task import Task, is_task
from .notify import Notices


class Mailbox(Table):
    """Those who wait for entries; the entries themselves are kept by the switch.

    It answers tasks of this host, too, but where somebody waits or the requester is not the owner.
    """

    def __init__(self, switch: Switch) -> None:
        self._switch = switch
        self._waiting: dict[str, dict[asyncio.Future[None], int]] = {}

    @classmethod
    def new(cls, pvmd: Pvmd) -> Self:
        return cls(pvmd.switch)

    def request(self, request: MailRequest) -> bytes | None:
        """Put, get, remove or list: the body of the reply; None if a get has to wait."""
        reply = self._switch.mail(request.encode())
        if request.op == c.TMDB_PUT:
            self._wake(request.name)
        if reply is not None:
            self._resume()
        return reply

    async def arrival(self, name: str, waiter: int) -> None:
        """Wait until something is stored in a class. Refused: the waiter, a task, ends before."""
        future = asyncio.get_running_loop().create_future()
        self._waiting.setdefault(name, {})[future] = waiter
        try:
            await future
        finally:
            waiting = self._waiting.get(name, {})
            waiting.pop(future, None)
            if not waiting:
                self._waiting.pop(name, None)
            self._resume()

    def _resume(self) -> None:
        """Nobody waits: the switch answers puts, too. Who is about to wait looks again before."""
        if not self._waiting:
            self._switch.serve_mail()

    def _wake(self, name: str) -> None:
        for future in self._waiting.pop(name, ()):
            if not future.done():
                future.set_result(None)

    def names(self, pattern: str) -> list[MailClass]:
        """The classes whose names match, in the order of their creation, with their entries."""
        reply = self.request(MailRequest(c.TMDB_NAMES, 0, pattern, 0, 0))
        assert reply is not None, "a list waits for nothing"
        return NamesReply.decode(reply).classes

    def reset(self, name: str, index: int, kill: bool, keep: list[int]) -> None:
        """Delete persistent entries without an owner; others when their owners, not kept, end."""
        text = name.encode("utf-8", "surrogateescape")
        self._switch.mail_reset(text, index, kill, keep)

    def owner_ended(self, owner: int) -> None:
        """A task is gone: so are its entries, but persistent ones stay without an owner."""
        for waiting in self._waiting.values():
            for future, waiter in waiting.items():
                if waiter == owner and not future.done():
                    future.set_exception(Refused(c.PvmNotFound, "it has ended"))
        self._switch.mail_disown(owner)


@on(BEGIN)
def begin(pvmd: Pvmd) -> None:
    """The daemon begins: a master's switch answers ordinary requests from now on."""
    if pvmd.hosts.is_master:
        pvmd.switch.serve_mail()


@on(TASK_GONE, Step.MAILBOX)
def task_gone(pvmd: Pvmd, tid: int, _task: Task | None) -> None:
    """A task of any host is gone."""
    Mailbox.of(pvmd).owner_ended(tid)


async def wait_for(box: Mailbox, body: MailRequest) -> RestBody:
    """GET that waits until there is something to get."""
    while True:
        # Look first: something may have come between the request and the start of this task.
        reply = box.request(body)
        if reply is not None:
            return RestBody(reply)
        await box.arrival(body.name, body.owner)


@handles(c.TM_DB, MailRequest)
def mail(pvmd: Pvmd, request: Request, body: MailRequest) -> Record | Coroutine[None, None, Record]:
    """Put, get, remove, list, reset, in the mailbox of the master."""
    if pvmd.hosts.is_master:
        return dm_db(pvmd, request, body)
    return pvmd.peers.request(pvmd.hosts.master, c.DM_DB, request.body, RestBody)


@handles(c.DM_DB, MailRequest, hosts=True, reply_tag=c.DM_DBACK)
def dm_db(
    pvmd: Pvmd, _request: Request, body: MailRequest
) -> Record | Coroutine[None, None, Record]:
    """The same, asked for by a task of any host."""
    if not pvmd.hosts.is_master:
        raise Refused(c.PvmBadParam)
    box = Mailbox.of(pvmd)
    if body.op in (c.TMDB_PUT, c.TMDB_GET, c.TMDB_REMOVE, c.TMDB_NAMES):
        reply = box.request(body)
        if reply is None or body.op == c.TMDB_PUT:
            _watch(pvmd, body.owner)
        return wait_for(box, body) if reply is None else RestBody(reply)
    if body.op == c.TMDB_RESET:
        # Owners on other hosts are watched, so their ends are learnt without DM_RESET.
        keep = Codes.decode(body.extra).values
        box.reset(body.name, body.index, bool(body.flags), keep)
        return Status(0)
    raise Refused(c.PvmBadParam, f"operation {body.op}")


def _watch(pvmd: Pvmd, owner: int) -> None:
    """See to it that owner_ended() is called, for a task of any host, even one that is gone."""
    if is_task(owner) and not pvmd.owns(owner) and pvmd.hosts.get(owner) is not None:
        Notices.of(pvmd).watch(pvmd, owner)
    elif pvmd.tasks.get(owner) is None:
        Mailbox.of(pvmd).owner_ended(owner)
