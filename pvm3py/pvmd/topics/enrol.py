# SPDX-License-Identifier: MIT
"""Enrolment of tasks: TM_CONN2, as far as the switch does not answer as this daemon did before.

Each side proves that it is the same user by writing one byte into a file that the other created:
the switch does that (csrc/switch/routing/enrol.c). Who the peer process is comes from the socket's
credentials.
"""

from __future__ import annotations

from pvm3py.wire import constants as c
from pvm3py.wire.task import (
    Codes,
    EnrolReply,
    EnrolRequest,
    Extension,
    Settings,
    extension,
)

from ..core import Pvmd, Table
from ..dispatch import Request, handles
from ..io.switch import frame
from ..occasions import BEGIN, on
from ..state.connections import Connection
from ..state.events import EnrolledEvent
from ..state.log import DEBUG_MESSAGES
from ..state.task import Task, ticks, ticks_now
from . import births, manager, output, tracing
from .roles import Registry
from .tasks import settings

# Seconds from connecting to the end of enrolment.
TIMEOUT = 30.0


class Welcome(Table):
    """What the switch welcomes tasks for in this daemon's place.

    announced: what the libraries of such tasks can.
    """

    def __init__(self) -> None:
        self.announced: Extension | None = None


@on(BEGIN)
def begin(pvmd: Pvmd) -> None:
    """The switch exchanges the files of the first round, TM_CONNECT."""
    pvmd.switch.serve_enrolments(pvmd.settings.temporary_stem(), TIMEOUT)


@handles(c.TM_CONN2, EnrolRequest, enrolling=True)
def enrol(pvmd: Pvmd, request: Request, body: EnrolRequest) -> None:
    """Second round: the connection becomes a task, one started here or a new one."""
    connection = request.connection
    task = pvmd.tasks.started(body.cookie or body.pid)
    if not connection.proven:
        _refuse(pvmd, request, "did not write to its authentication file")
    elif task is None and pvmd.full():
        _refuse(pvmd, request, "no further task is served")
    else:
        _welcome(pvmd, request, task or _new_task(pvmd, connection, body), body)


def _refuse(pvmd: Pvmd, request: Request, why: str) -> None:
    nobody = Settings(0, 0, 0, 0, 0, 0, 0, 0, 0, 0, "", 0)
    pvmd.reply(request, EnrolReply(0, nobody))
    pvmd.drop(request.connection, why, flush=True)


def _new_task(pvmd: Pvmd, connection: Connection, body: EnrolRequest) -> Task:
    """A task that was started by hand; it is not in the table yet."""
    if connection.pid != body.pid:
        pvmd.log(f"process {connection.pid} enrols as pid {body.pid}")
    task = Task(pvmd.next_tid(), 0, connection.pid, body.name or "")
    task.seen = ticks_now()
    tracer = Registry.of(pvmd).tracer
    if tracer is not None:
        task.out = tracer.out.of_tracer()
        task.trc = tracer.trc.of_tracer()
    task.sched = Registry.of(pvmd).sched
    return task


def _welcome(pvmd: Pvmd, request: Request, task: Task, body: EnrolRequest) -> None:
    """Answer, then let follow what waits for the task, and tell who wants to know."""
    connection = request.connection
    asked = body.extension
    extra, granted = None, 0
    if asked is not None and asked.magic == c.WIRE_EXT_MAGIC:
        task.announced = asked
        size = min(asked.fragment, c.WIRE_FRAG_LARGE)
        granted = asked.capabilities & (c.WIRE_EXT_MEMORY if pvmd.settings.share_memory else 0)
        extra = extension(max(size, c.WIRE_FRAG_DEFAULT), granted)
    known = settings(pvmd, task, c.WIRE_FRAG_DEFAULT)
    reply = EnrolReply(1, known, extra).encode()
    task.dealings = manager.begin(pvmd, connection)
    answer = frame(task.tid, c.TIDPVMD, request.tag, request.ctx, request.wid, reply)
    by_hand = task.ptid == 0 and not task.cookie
    if by_hand:
        _announce(pvmd, task)
    shares = bool(granted & c.WIRE_EXT_MEMORY)
    births.Births.of(pvmd).enrols(pvmd, task, connection.pid)
    child = task.forked and task.pid == connection.pid
    try:
        pvmd.switch.bind(connection.conn, task.tid, answer, shares=shares, child=child)
    except OSError as error:
        pvmd.drop(connection, f"{error}")
        if by_hand:
            tracing.task_ended(pvmd, task)
            output.send_end(pvmd, task)
        return
    if pvmd.tasks.get(task.tid) is None:
        pvmd.tasks.add(task)
    elif connection.pid != task.pid:
        pvmd.tasks.disown(task, connection.pid)
    task.conn = connection.conn
    pvmd.tasks.enrolled(task)
    connection.task = task
    pvmd.trim_later()
    if by_hand and _unnoticed(pvmd):
        Welcome.of(pvmd).announced = task.announced
        pvmd.switch.keep_welcome(request.body, reply, shares=shares)
    if by_hand and task.sched:
        pvmd.send(task.sched, c.SM_EXECACK, c.BASECONTEXT, Codes([task.tid]).encode())


def _unnoticed(pvmd: Pvmd) -> bool:
    """Whether tasks that are started by hand are all welcome, and nobody is told of them."""
    registry = Registry.of(pvmd)
    if registry.tracer is not None or registry.sched or pvmd.tasks.awaited():
        return False
    limited = pvmd.settings.max_tasks > 0 or pvmd.stopped.done()
    return not limited and not pvmd.log.mask & DEBUG_MESSAGES


def enrolled(pvmd: Pvmd, event: EnrolledEvent) -> None:
    """The switch has welcomed a task that was started by hand, as the one before was here."""
    task = Task(event.tid, 0, event.pid, event.name, conn=event.conn, seen=ticks(event.seen))
    task.announced = Welcome.of(pvmd).announced
    pvmd.tasks.add(task)
    pvmd.connections[event.conn] = Connection(event.conn, event.pid, True, task)
    pvmd.trim_later()


def _announce(pvmd: Pvmd, task: Task) -> None:
    """Tell of a task that was started by hand, before it can send: its collectors expect that."""
    tracing.task_started(pvmd, task)
    output.send_start(pvmd, task.out, task.tid, c.TO_NEW, -1)
