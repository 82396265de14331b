# SPDX-License-Identifier: MIT
"""The end of tasks: TM_EXIT, closed connections, dead processes, and what is cleaned up then."""

from __future__ import annotations

import contextlib
import os
import stat
from typing import TYPE_CHECKING

from pvm3py.wire import constants as c
from pvm3py.wire.system import TaskEnd
from pvm3py.wire.task import Empty

from . import output, tracing
from .dispatch import Request, handles
from .notify import task_gone

if TYPE_CHECKING:
    from .connections import Connection
    from .daemon import Pvmd
    from .tasks import Task


@handles(c.TM_EXIT)
def leave(pvmd: Pvmd, request: Request, _body: Empty) -> None:
    """Answer and close. A task started by hand is gone with that, another when its process ends."""
    task = request.task
    assert task is not None
    pvmd.reply(request, Empty())
    request.connection.task = None
    _disconnected(task)
    task.left = True
    pvmd.switch.forget(task.tid)
    pvmd.switch.close_conn(request.connection.conn)
    if not task.forked:
        end_task(pvmd, task)
    else:
        pvmd.registry.forget(pvmd, task.tid)


def connection_closed(pvmd: Pvmd, connection: Connection) -> None:
    """A connection is gone, and all that came over it was served."""
    connection.drop_enrolment()
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


def reap_children(pvmd: Pvmd) -> None:
    """Take the status of every child that ended."""
    while True:
        try:
            pid, status, usage = os.wait4(-1, os.WNOHANG)
        except ChildProcessError:
            return
        if pid == 0:
            return
        task = pvmd.tasks.child(pid)
        if task is not None:
            process_ended(pvmd, task, status, usage.ru_utime, usage.ru_stime)
        elif pid in pvmd.children:
            pvmd.children.pop(pid)(status)


def process_ended(
    pvmd: Pvmd, task: Task, status: int, user: float = 0.0, system: float = 0.0
) -> None:
    """The process of a task ended: the task does, when all that it wrote has been passed on.

    user, system: processor time that it used, seconds.
    """
    task.status = status
    task.user_time, task.system_time = user, system
    output.end_output(pvmd, task)
    if task.conn is not None:
        pvmd.switch.finish(task.conn)
    else:
        end_task(pvmd, task)


def tasker_left(pvmd: Pvmd, tasker: int) -> None:
    """A tasker is gone: the tasks that it did not bring to connect are, too."""
    for task in pvmd.tasks:
        if task.tasker == tasker and task.conn is None:
            end_task(pvmd, task)


def end_task(pvmd: Pvmd, task: Task) -> None:
    """A task is gone: tell who wants to know, and drop what it owned."""
    if not pvmd.tasks.remove(task):
        return
    tid, status = task.tid, task.status or 0
    pvmd.switch.forget(tid)
    _disconnected(task)
    if not task.disowned:
        output.end_output(pvmd, task)
    tracing.task_ended(pvmd, task)
    task_gone(pvmd, tid)
    if task.sched:
        pvmd.send(task.sched, c.SM_TASKX, c.BASECONTEXT, TaskEnd(tid, status).encode())
    pvmd.contexts.free_all(tid)
    remove_files(pvmd, task)


def remove_files(pvmd: Pvmd, task: Task) -> None:
    """Remove what a task that ended without doing that itself has left in PVM_TMP.

    If its process lives on, only sockets: an authentication file may be of its next enrolment.
    """
    if task.left or task.pid <= 0:
        return
    dead = not task.runs()
    prefix = os.path.basename(pvmd.settings.temporary(0, task.pid))[:-1]
    with contextlib.suppress(OSError), os.scandir(pvmd.settings.tmp) as entries:
        for entry in entries:
            if entry.name.startswith(prefix) and (dead or _is_socket(entry)):
                os.unlink(entry.path)


def _is_socket(entry: os.DirEntry[str]) -> bool:
    return stat.S_ISSOCK(entry.stat(follow_symlinks=False).st_mode)
