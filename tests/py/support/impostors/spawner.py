# SPDX-License-Identifier: MIT
"""A task that starts others: its requests, what these write, and notice of their ends."""

from __future__ import annotations

import signal

from pvm3py.wire import constants as c
from pvm3py.wire.output import OutputText
from pvm3py.wire.task import Codes, NotifyRequest, SpawnRequest, TaskEntry, TaskReply, TidBody
from support.impostors.rawtask import Message, RawTask, ints, message

# Tags of output, and of notices of ends.
TAG = 44
EXITED = 45


def start(
    task: RawTask,
    file: str,
    *args: str,
    count: int = 1,
    flags: int = 0,
    where: str = "",
    env: tuple[str, ...] = (),
    collect: bool = True,
) -> list[Message]:
    """Send TM_SPAWN; all messages up to its reply."""
    out = (task.tid, 0, TAG) if collect else (0, 0, 0)
    body = SpawnRequest(file, flags, where, count, list(args), *out, 0, 0, 0, list(env))
    wid = task.next_wid()
    task.send(message(c.TM_SPAWN, body.encode(), src=task.tid, wid=wid))
    messages = [task.receive()]
    while messages[-1].tag != c.TM_SPAWN:
        messages.append(task.receive())
    return messages


def tids(messages: list[Message]) -> list[int]:
    """What TM_SPAWN answered."""
    return Codes.decode(messages[-1].body).values


def collect(task: RawTask, *ended: int) -> dict[int, bytes]:
    """Receive output until it has ended for these tasks; what each wrote."""
    text: dict[int, list[bytes]] = {tid: [] for tid in ended}
    left = set(ended)
    while left:
        found = task.receive()
        if found.tag != TAG:
            continue
        tid, op = found.ints()[:2]
        if op > 0:
            assert op <= 3999
            text[tid].append(OutputText.decode(found.body).text)
        elif op == c.TO_EOF:
            left.remove(tid)
    return {tid: b"".join(parts) for tid, parts in text.items()}


def run(task: RawTask, file: str, *args: str, **options: object) -> bytes:
    """Start one task and return what it wrote."""
    (tid,) = tids(start(task, file, *args, **options))  # type: ignore[arg-type]
    return collect(task, tid)[tid]


def watch(task: RawTask, *tids: int) -> None:
    """Ask for notice of the ends of tasks."""
    body = NotifyRequest(c.PvmTaskExit, 0, EXITED, len(tids), list(tids))
    task.send(message(c.TM_NOTIFY, body.encode(), src=task.tid))


def wait_notice(task: RawTask) -> int:
    """The tid in the next exit notice."""
    while (found := task.receive()).tag != EXITED:
        pass
    return TidBody.decode(found.body).tid


def end(task: RawTask, tid: int) -> None:
    """Kill a task and wait for its end."""
    watch(task, tid)
    task.request(c.TM_SENDSIG, ints(tid, signal.SIGKILL))
    assert wait_notice(task) == tid


def entry(task: RawTask, tid: int) -> TaskEntry:
    """What the task table says of a task."""
    (found,) = TaskReply.decode(task.request(c.TM_TASK, TidBody(tid).encode()).body).tasks
    return found
