# SPDX-License-Identifier: MIT
"""Message contexts: TM_CONTEXT. The switch knows who has which, and answers most requests."""

from __future__ import annotations

from pvm3py.wire import constants as c
from pvm3py.wire.task import Status

from ..core import Pvmd
from ..dispatch import Request, handles
from ..occasions import TASK_GONE, Step, on
from ..state.task import Task


@handles(c.TM_CONTEXT, Status)
def context(pvmd: Pvmd, request: Request, body: Status) -> Status:
    """Allocate a context (0), or free one."""
    return Status(pvmd.switch.context(body.code, request.src))


@on(TASK_GONE, Step.CONTEXTS)
def task_gone(pvmd: Pvmd, tid: int, task: Task | None) -> None:
    """A task is gone; only those that are, or have been, of this host own contexts here."""
    if task is not None or pvmd.hosts.places.wanders(tid):
        pvmd.switch.free_contexts(tid)
