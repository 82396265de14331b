# SPDX-License-Identifier: MIT
"""Message contexts: TM_CONTEXT."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pvm3py.wire import constants as c
from pvm3py.wire.task import Status

from .dispatch import Request, handles

if TYPE_CHECKING:
    from .daemon import Pvmd

_LAST = c.TIDLOCAL - c.NUM_SYSCTX


class Contexts:
    """Contexts of this host that tasks own; they are this host's tid + 1, 2, 3, ... around."""

    def __init__(self, host_tid: int) -> None:
        self._host = host_tid
        self._last = 0
        self._owners: dict[int, int] = {}

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
        return Status(pvmd.contexts.allocate(request.src))
    return Status(pvmd.contexts.free(body.code, request.src))
