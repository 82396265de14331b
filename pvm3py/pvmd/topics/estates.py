# SPDX-License-Identifier: MIT
"""What a job has besides its tasks: mailbox entries, contexts, its members of groups.

The mailbox is the master's, contexts are where they were given, groups are the group server's, a
task. All is noted while the tasks have stopped, and given back before they run again. The group
server has then served all that they have sent, and what it has said to them is noted with the
messages. If another one is there at a restart, tasks that knew the old one are told of its end:
they ask again what they had asked.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Coroutine

from pvm3py.vault.store import VaultError
from pvm3py.wire import constants as c
from pvm3py.wire.checkpoints import (
    Appended,
    BackOrder,
    Estate,
    GroupsAnswer,
    GroupsKeep,
    GroupsRestore,
    KeptGroups,
    KeptMail,
    KeptOrder,
    KeptReply,
    OwnedContext,
)
from pvm3py.wire.codec import WireError
from pvm3py.wire.mailbox import MailRequest
from pvm3py.wire.moves import MoveReply
from pvm3py.wire.record import Record
from pvm3py.wire.system import ExecRequest

from ..core import Pvmd, Table
from ..dispatch import Request, handles, only
from ..io.aside import aside
from ..state.errors import HostFailed
from ..state.moves import NotMovedError, never, not_now
from ..state.task import GROUP_SERVER
from . import cutting
from .everywhere import check_replies, everywhere
from .mailbox import Mailbox, wait_for
from .placing import Moves
from .spawn import start_tasks

# Seconds that a group server has to answer, and one that is started to be there.
_ANSWER_SECONDS = 5.0
_START_SECONDS = 30.0
# The reply to a get of the mailbox is an index, and the message.
_CODE_BYTES = 4


class Questions(Table):
    """What the group server of this host has been asked, by numbers of the askers'."""

    def __init__(self) -> None:
        self.server = 0
        self.waits: dict[int, asyncio.Future[GroupsAnswer]] = {}


# ---- the master ----------------------------------------------------------------------------


def group_server(pvmd: Pvmd) -> int:
    """The tid of the group server, 0: there is none."""
    for one in Mailbox.of(pvmd).names(GROUP_SERVER):
        if one.name == GROUP_SERVER and one.entries:
            return one.entries[0].owner
    return 0


async def gather(pvmd: Pvmd, stamp: int, tids: list[int]) -> Estate:
    """What tasks that have stopped own besides. Raises NotMovedError, HostFailed."""
    server = group_server(pvmd)
    order = KeptOrder(stamp, 0 if server in tids else server, tids)
    mail = _mail_of(pvmd, set(tids))
    replies = await everywhere(
        pvmd,
        list(pvmd.hosts.hosts),
        c.DM_CKPT_KEPT,
        order,
        KeptReply,
        lambda: kept(pvmd, None, order),
    )
    check_replies(replies)
    contexts = [one for reply in replies for one in reply.contexts]
    groups = b"".join(reply.groups for reply in replies)
    return Estate(order.server, groups, contexts, mail)


def _mail_of(pvmd: Pvmd, owners: set[int]) -> list[KeptMail]:
    box, found = Mailbox.of(pvmd), []
    for one in box.names("*"):
        for entry in one.entries:
            if entry.owner not in owners:
                continue
            message = box.request(MailRequest(c.TMDB_GET, entry.owner, one.name, entry.index, 0))
            assert message is not None, "the entry is there"
            words = (one.name, entry.index, entry.owner, entry.flags)
            found.append(KeptMail(*words, message[_CODE_BYTES:]))
    return found


async def give_back(pvmd: Pvmd, epoch: int, estate: Estate, appended: list[Appended]) -> int:
    """Have all that again: a group server that is there no more, though tasks knew it; or 0.

    Raises NotMovedError, HostFailed.
    """
    server = group_server(pvmd)
    if estate.groups and not server:
        server = await _start_group_server(pvmd)
    waits = int(server == estate.server)
    order = BackOrder(epoch, server, waits, estate.groups, estate.contexts, appended)
    check_replies(
        await everywhere(
            pvmd,
            list(pvmd.hosts.hosts),
            c.DM_RESTART_BACK,
            order,
            MoveReply,
            lambda: back(pvmd, None, order),
        )
    )
    for mail in estate.mail:
        _put(pvmd, mail)
    return 0 if waits else estate.server


def _put(pvmd: Pvmd, mail: KeptMail) -> None:
    """Store an entry, also in place of one that has lost its owner. Raises NotMovedError."""
    box = Mailbox.of(pvmd)
    box.request(MailRequest(c.TMDB_REMOVE, 0, mail.name, mail.index, 0))
    order = MailRequest(c.TMDB_PUT, mail.owner, mail.name, mail.index, mail.flags, mail.message)
    reply = box.request(order)
    assert reply is not None, "a put waits for nothing"
    code = int.from_bytes(reply[:_CODE_BYTES], "big", signed=True)
    if code < 0:
        why = f"mailbox entry {mail.name!r} {mail.index}: {c.error_name(code)}"
        raise never(c.WIRE_WHY_CHECKPOINT, why)


async def _start_group_server(pvmd: Pvmd) -> int:
    """Start one, and wait until it is there: its tid. Raises NotMovedError."""
    words = (c.PvmParentNotSet, GROUP_SERVER, c.PvmMppFront)
    order = ExecRequest(*words, 1, [], 0, 0, 0, 0, 0, 0, [], 0, 1)
    (tid,) = start_tasks(pvmd, order).values
    if tid < 0:
        raise never(c.WIRE_WHY_CHECKPOINT, f"no group server: {c.error_name(tid)}")
    wanted = MailRequest(c.TMDB_GET, 0, GROUP_SERVER, 0, c.PvmMboxWaitForInfo)
    try:
        async with asyncio.timeout(_START_SECONDS):
            await wait_for(Mailbox.of(pvmd), wanted)
    except TimeoutError as error:
        raise not_now(c.WIRE_WHY_SLOW, "the group server does not start") from error
    return group_server(pvmd)


# ---- each daemon ---------------------------------------------------------------------------


@handles(c.DM_CKPT_KEPT, KeptOrder, hosts=True, reply_tag=c.DM_CKPT_KEPTACK)
async def kept(pvmd: Pvmd, _request: Request | None, body: KeptOrder) -> KeptReply:
    """What this host has of tasks that have stopped, and its group server."""
    contexts = [
        OwnedContext(context, tid)
        for tid in body.tids
        for context in pvmd.switch.list_contexts(tid)
    ]
    try:
        groups = b""
        if body.server and pvmd.owns(body.server):
            await cutting.flush_others(pvmd, body.stamp)
            question = GroupsKeep(body.stamp, body.tids)
            groups = await _ask(pvmd, body.server, c.GROUP_KEEP, body.stamp, question)
        return KeptReply(0, 0, "", contexts, groups)
    except NotMovedError as error:
        return KeptReply(error.code, error.reason, f"{error}")
    except HostFailed as error:
        return KeptReply(c.PvmHostFail, c.WIRE_WHY_LOST, f"{error}")


async def _ask(pvmd: Pvmd, server: int, tag: int, stamp: int, body: Record) -> bytes:
    """Ask the group server of this host about groups: what it tells. Raises NotMovedError."""
    questions = Questions.of(pvmd)
    questions.server = server
    wait: asyncio.Future[GroupsAnswer] = pvmd.loop.create_future()
    questions.waits[stamp] = wait
    pvmd.send(server, tag, c.SYSCTX_DG, body.encode())
    try:
        async with asyncio.timeout(_ANSWER_SECONDS):
            answer = await wait
    except TimeoutError as error:
        raise not_now(c.WIRE_WHY_SLOW, "the group server does not answer") from error
    finally:
        del questions.waits[stamp]
    if answer.code < 0:
        raise never(c.WIRE_WHY_CHECKPOINT, "instances of a group are other tasks' now")
    return answer.groups


@handles(c.SM_CKPT_GROUPS, GroupsAnswer, reply=False)
def answered(pvmd: Pvmd, request: Request, body: GroupsAnswer) -> None:
    """The group server tells groups, or has them again."""
    questions = Questions.of(pvmd)
    only(questions.server, request)
    wait = questions.waits.get(body.stamp)
    if wait is not None and not wait.done():
        wait.set_result(body)


@handles(c.DM_RESTART_BACK, BackOrder, hosts=True, reply_tag=c.DM_RESTART_BACKACK)
def dm_back(pvmd: Pvmd, request: Request, body: BackOrder) -> Coroutine[None, None, MoveReply]:
    """Have again what was kept, as far as it is of this host."""
    return back(pvmd, request, body)


async def back(pvmd: Pvmd, _request: Request | None, body: BackOrder) -> MoveReply:
    """The same."""
    try:
        for one in body.contexts:
            _take_context(pvmd, one)
        await _cut_files(pvmd, body)
        if body.groups and pvmd.owns(body.server):
            groups = KeptGroups.decode(body.groups)
            question = GroupsRestore(body.epoch, body.waits, groups)
            await _ask(pvmd, body.server, c.GROUP_RESTORE, body.epoch, question)
    except NotMovedError as error:
        return MoveReply(error.code, error.reason, f"{error}")
    except (VaultError, WireError) as error:
        return MoveReply(c.PvmNotMovable, c.WIRE_WHY_CHECKPOINT, f"{error}")
    return MoveReply(0)


def _take_context(pvmd: Pvmd, one: OwnedContext) -> None:
    """A context that this host has given. Raises NotMovedError: another task has it."""
    try:
        pvmd.switch.take_context(one.context, one.owner)
    except FileExistsError as error:
        raise never(c.WIRE_WHY_CHECKPOINT, f"context {one.context:x} is another task's") from error
    except OSError:
        # It is another host's.
        return


async def _cut_files(pvmd: Pvmd, body: BackOrder) -> None:
    """Files to which tasks of this host append have what they had. Raises VaultError."""
    arrivals = Moves.of(pvmd).arrivals
    sizes = {one.path: one.size for one in body.appended if one.tid in arrivals}
    if sizes:
        await aside(pvmd.settings.disk_seconds(), _cut_all, sizes)


def _cut_all(sizes: dict[str, int]) -> None:
    """Cut files to these sizes; shorter ones are none of this business. Raises OSError."""
    for path, size in sizes.items():
        if os.stat(path).st_size > size:
            os.truncate(path, size)
