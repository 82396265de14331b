# SPDX-License-Identifier: MIT
"""The end of tasks: TM_EXIT, closed connections, dead processes, and what is cleaned up then."""

from __future__ import annotations

import asyncio
import os
import signal
import time

from pvm3py.wire import constants as c
from pvm3py.wire.task import Empty

from ..core import Pvmd
from ..dispatch import Request, handles
from ..occasions import CHILD_ENDED, END, ROLE_FREE, TASK_GONE, TASK_LEFT, Step, on
from ..state import private
from ..state.config import TEMPORARIES
from ..state.connections import Connection
from ..state.task import Task
from . import births, output
from .tasks import signal_task

# Seconds that children have to end after SIGTERM when the daemon stops.
_GRACE = 1.0
# A task has left no file beyond so many numbers without one: our library begins again with the
# first when it holds none; 3.4.6's counts its tries to meet others.
_GAP = 64


@handles(c.TM_EXIT)
def leave(pvmd: Pvmd, request: Request, _body: Empty) -> None:
    """The switch has answered, and closes the connection, of which nothing else comes.

    A task started by hand is gone with that, another when its process ends.
    """
    task = request.task
    assert task is not None
    del pvmd.connections[request.connection.conn]
    _disconnected(task)
    task.left = True
    if not task.forked:
        end_task(pvmd, task)
    else:
        TASK_LEFT.tell(pvmd, task.tid, task)


def connection_closed(pvmd: Pvmd, connection: Connection) -> None:
    """A connection is gone, and all that came over it was served."""
    task = connection.task
    if task is None:
        return
    _disconnected(task)
    if not task.forked or task.status is not None:
        end_task(pvmd, task)


def _disconnected(task: Task) -> None:
    """A task has no connection now: nobody is there for what it asked and waits for."""
    task.conn = None
    for wait in task.waits or ():
        wait.cancel()


@on(CHILD_ENDED)
def child_ended(pvmd: Pvmd, pid: int, status: int, user: float, system: float) -> None:
    """A child has ended, which may have been the process of a task."""
    task = pvmd.tasks.child(pid)
    if task is not None:
        process_ended(pvmd, task, status, user, system)
    else:
        births.Births.of(pvmd).ended(pid, status, user, system)


def process_ended(
    pvmd: Pvmd, task: Task, status: int, user: float = 0.0, system: float = 0.0
) -> None:
    """The process of a task ended: the task does, when all that it wrote has been passed on.

    user, system: processor time that it used, seconds.
    """
    task.status = status
    task.user_time, task.system_time = user, system
    output.end_output(pvmd, task)
    output.send_status(pvmd, task)
    if task.conn is not None:
        pvmd.switch.finish(task.conn)
    else:
        end_task(pvmd, task)


@on(ROLE_FREE)
def tasker_left(pvmd: Pvmd, role: int, tasker: int) -> None:
    """A tasker is gone: the tasks that it did not bring to connect are, too."""
    if role != c.TM_TASKER:
        return
    for task in pvmd.tasks:
        if task.tasker == tasker and task.conn is None:
            end_task(pvmd, task)


def end_task(pvmd: Pvmd, task: Task) -> None:
    """A task is gone; it may have been already."""
    if not pvmd.tasks.remove(task):
        return
    pvmd.switch.forget(task.tid)
    _disconnected(task)
    TASK_GONE.tell(pvmd, task.tid, task)


@on(END, Step.TASKS)
def end_all(pvmd: Pvmd) -> None:
    """SIGTERM to every task; wait a little for the processes started here."""
    for task in pvmd.tasks:
        signal_task(pvmd, task, signal.SIGTERM)
    deadline = time.monotonic() + _GRACE
    try:
        while any(task.forked for task in pvmd.tasks) and time.monotonic() < deadline:
            pvmd.loop.run_until_complete(asyncio.sleep(0.01))
    finally:
        for task in pvmd.tasks:
            remove_files(pvmd, task)


@on(TASK_GONE, Step.FILES)
def clean_up(pvmd: Pvmd, _tid: int, task: Task | None) -> None:
    """A task is gone; one of this host may have left files here."""
    if task is not None:
        remove_files(pvmd, task)


def remove_files(pvmd: Pvmd, task: Task) -> None:
    """Remove what a task that ended without doing that itself has left in PVM_TMP.

    The directory is not listed, as others may have filled it: names are tried in their order.
    If its process lives on, only sockets: an authentication file may be of its next enrolment.
    """
    if task.left or task.pid <= 0:
        return
    dead = not task.runs()
    start = pvmd.settings.temporary_stem(task.pid)
    number = missing = 0
    while missing < _GAP and number < TEMPORARIES:
        path = f"{start}{number}"
        # Nearly always there is none; asking for that is the cheapest way to know.
        found = os.access(path, os.F_OK) and private.remove(path, only_socket=not dead)
        missing = 0 if found else missing + 1
        number += 1
