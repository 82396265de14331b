# SPDX-License-Identifier: MIT
"""TM_TICKLE: hooks for a person who looks into a daemon, with the numbers of 3.4.6."""

from __future__ import annotations

from collections.abc import Callable, Coroutine

from pvm3py.wire import constants as c
from pvm3py.wire.daemon import TaskQuestion, TaskStatus
from pvm3py.wire.task import Codes

from ..core import Pvmd
from ..dispatch import Request, handles
from ..state.errors import HostFailed, Refused
from ..state.log import mask_text
from . import failure, tasks
from .mailbox import Mailbox

_ARGS_MAX = 10
_NOOPS_MAX = 1000


def _dump_memory(pvmd: Pvmd, _args: list[int]) -> list[int]:
    if not pvmd.log.muted:
        pvmd.log(f"switch: {pvmd.switch.statistics()}")
    return []


def _dump_hosts(pvmd: Pvmd, _args: list[int]) -> list[int]:
    for host in pvmd.hosts.hosts:
        pvmd.log(f"host {host}")
    return []


def _dump_tasks(pvmd: Pvmd, _args: list[int]) -> list[int]:
    for task in pvmd.tasks:
        pvmd.log(
            f"task t{task.tid:x} parent {task.ptid & 0xFFFFFFFF:x} pid {task.pid} "
            f"{task.name or '-'} out {task.out} trc {task.trc} can {task.announced}"
        )
    return []


def _dump_waits(pvmd: Pvmd, _args: list[int]) -> list[int]:
    for task in pvmd.tasks:
        for wait in task.waits or ():
            pvmd.log(f"t{task.tid:x} waits: {wait.get_coro()}")
    return []


def _dump_mailbox(pvmd: Pvmd, _args: list[int]) -> list[int]:
    for box in Mailbox.of(pvmd).names(""):
        pvmd.log(f"mailbox {box}")
    return []


def _get_mask(pvmd: Pvmd, _args: list[int]) -> list[int]:
    return [pvmd.log.mask]


def _set_mask(pvmd: Pvmd, args: list[int]) -> list[int]:
    pvmd.log.mask = args[1] if len(args) > 1 else 0
    pvmd.log(f"debug mask is {mask_text(pvmd.log.mask)}")
    return []


def _set_window(pvmd: Pvmd, _args: list[int]) -> list[int]:
    pvmd.log("tickle: links find the number of packets without acknowledgement by themselves")
    return []


def _fail_host(pvmd: Pvmd, args: list[int]) -> list[int]:
    """1: the host is taken out. 0: there is none, or it is this one or the master."""
    host = pvmd.hosts.get(args[1]) if len(args) > 1 else None
    if host is None or host.tid in (pvmd.hosts.own.tid, pvmd.hosts.master):
        return [0]
    failure.take_out(pvmd, host.tid, "declared failed by a tickle")
    return [1]


def _send_noops(pvmd: Pvmd, args: list[int]) -> list[int]:
    count, tid = (args + [0, 0])[1:3]
    for _ in range(min(count, _NOOPS_MAX)):
        pvmd.send(tid, c.TC_NOOP, c.SYSCTX_TC, b"")
    return []


def _sent(pvmd: Pvmd, args: list[int]) -> list[int] | Coroutine[None, None, list[int]]:
    """What a task has sent, as `tasks.sent` says; nothing if its daemon does not count."""
    tid = args[1] if len(args) > 1 else 0
    if pvmd.hosts.get(tid) is None or pvmd.owns(tid):
        return tasks.sent(pvmd, tid)
    return _sent_there(pvmd, tid)


async def _sent_there(pvmd: Pvmd, tid: int) -> list[int]:
    """The same of a task of another host."""
    question = TaskQuestion(tid, 1)
    try:
        answer = await pvmd.peers.request(tid, c.DM_PSTAT, question, TaskStatus)
    except (HostFailed, Refused):
        return []
    return answer.sent or []


_Action = Callable[[Pvmd, list[int]], list[int] | Coroutine[None, None, list[int]]]
_ACTIONS: dict[int, _Action] = {
    0: _dump_memory,
    1: _dump_hosts,
    2: _dump_tasks,
    3: _dump_waits,
    4: _dump_mailbox,
    5: _get_mask,
    6: _set_mask,
    7: _set_window,
    8: _fail_host,
    9: _dump_memory,
    20: _send_noops,
    21: _sent,
}
# Asked again and again by programs that display it.
_UNLOGGED = (21,)


@handles(c.TM_TICKLE, Codes)
def tickle(pvmd: Pvmd, _request: Request, body: Codes) -> Codes | Coroutine[None, None, Codes]:
    """One of the actions above; an unknown number is logged and answered with nothing."""
    args = body.values
    if not 1 <= len(args) <= _ARGS_MAX:
        raise Refused(c.PvmBadParam, f"{len(args)} arguments")
    if args[0] not in _UNLOGGED:
        pvmd.log("tickle #" + " ".join(map(str, args)))
    action = _ACTIONS.get(args[0])
    if action is None:
        pvmd.log(f"tickle: there is no #{args[0]}")
        return Codes([])
    numbers = action(pvmd, args)
    return Codes(numbers) if isinstance(numbers, list) else _later(numbers)


async def _later(numbers: Coroutine[None, None, list[int]]) -> Codes:
    return Codes(await numbers)
