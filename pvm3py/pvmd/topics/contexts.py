# SPDX-License-Identifier: MIT
"""Message contexts: TM_CONTEXT."""

from __future__ import annotations

from typing import Self

from pvm3py.wire import constants as c
from pvm3py.wire.task import Status

from ..core import Pvmd, Table
from ..dispatch import Request, handles
from ..occasions import TASK_GONE, Step, on
from ..state.task import Task

_LAST = c.TIDLOCAL - c.NUM_SYSCTX


class Contexts(Table):
    """Contexts of this host that tasks own; they are this host's tid + 1, 2, 3, ... around."""

    def __init__(self, host_tid: int) -> None:
        self._host = host_tid
        self._last = 0
        self._owners: dict[int, int] = {}

    @classmethod
    def new(cls, pvmd: Pvmd) -> Self:
        return cls(pvmd.hosts.own.tid)

    def allocate(self, owner: int) -> int:
        """A free context, or PvmOutOfRes."""
        if len(self._owners) >= _LAST:
            return c.PvmOutOfRes
        while True:
            self._last = self._last % _LAST + 1
            context = self._host + self._last
            if context not in self._owners:
                self._owners[context] = owner
                return context

    def free(self, context: int, owner: int) -> int:
        """0, or PvmNotFound if the owner does not have it."""
        if self._owners.get(context) != owner:
            return c.PvmNotFound
        del self._owners[context]
        return 0

    def free_all(self, owner: int) -> None:
        """The owner is gone."""
        for context in [key for key, value in self._owners.items() if value == owner]:
            del self._owners[context]


@handles(c.TM_CONTEXT, Status)
def context(pvmd: Pvmd, request: Request, body: Status) -> Status:
    """Allocate a context (0), or free one."""
    if body.code == 0:
        return Status(Contexts.of(pvmd).allocate(request.src))
    return Status(Contexts.of(pvmd).free(body.code, request.src))


@on(TASK_GONE, Step.CONTEXTS)
def task_gone(pvmd: Pvmd, tid: int, task: Task | None) -> None:
    """A task is gone; only those of this host own contexts here."""
    if task is not None:
        Contexts.of(pvmd).free_all(tid)
