# SPDX-License-Identifier: MIT
"""Tasks that are moved to other hosts: pvm_migrate and its relatives."""

from __future__ import annotations

from collections.abc import Callable
from enum import IntEnum
from typing import Any

from pvm3py._task import ffi, lib
from pvm3py.binding import moves
from pvm3py.binding.errors import check
from pvm3py.binding.moves import Reason


class When(IntEnum):
    """When a function of `onmigrate` is called."""

    BEFORE_IMAGE = lib.PvmBeforeImage
    AFTER_RESUME = lib.PvmAfterResume


# What the library calls; it forgets none of them.
_entries: list[Any] = []


def migrate(tid: int, host: str | None = None) -> None:
    """Move a task to another host, and wait until it runs there; None: where it is best.

    Raises NotMovable and Busy, which have the reason; NoTask; NoHost; BadParam; NotImpl.
    """
    moves.move(tid, host)


def canmigrate(tid: int, host: str | None = None) -> Reason | None:
    """Tell why a task could not be moved to a host, None if it could; nothing is done to it.

    Raises NoTask; NoHost; BadParam; NotImpl: the daemon cannot tell.
    """
    return moves.look(tid, host).reason


def onmigrate(when: When, function: Callable[[], object]) -> None:
    """Have a function called when this task is moved.

    Before the image it may return something true: not now. An exception in it is printed, and says
    the same. After that it is called when the task goes on, in the next call of the library. There
    is no way to take it back. Raises OutOfRes: there are 16 already.
    """

    @ffi.callback("int(void *)", error=1)  # type: ignore[untyped-decorator]
    def entry(_: Any) -> int:
        return 1 if function() else 0

    check("onmigrate", lib.pvm_onmigrate(int(When(when)), entry, ffi.NULL))
    _entries.append(entry)
