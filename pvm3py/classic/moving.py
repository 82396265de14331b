# SPDX-License-Identifier: MIT
"""Tasks that are moved to other hosts, stopped for a while, or written to disk."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from enum import IntEnum
from typing import Any

from pvm3py._task import ffi, lib
from pvm3py.binding import checkpoints, moves
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


def holdtask(tid: int, on: bool) -> None:
    """Stop a task, or let one go on that was stopped; what is sent to it waits.

    It stays stopped if it is moved. Raises BadParam; NoTask; NotImpl: a daemon cannot.
    """
    moves.hold(tid, on)


def checkpoint(
    directory: str | os.PathLike[str] | None = None,
    tids: Iterable[int] = (),
    *,
    jobs: bool = False,
    incremental: bool = False,
) -> int:
    """Write the images of tasks to files, as of one moment; return the checkpoint's number.

    directory    which all hosts of the tasks share; None: PVM_CKPT_DIR of the master's daemon
    tids         the tasks; none: the caller's job, which is all that its root has spawned
    jobs         each tid stands for its job
    incremental  what has not changed since the last one is not written again

    A task that is started from the checkpoint returns from the same call. Raises NotMovable and
    Busy, which have the reason; NoTask; BadParam; NotImpl: the daemon cannot.
    """
    wanted = list(tids)
    return checkpoints.write(directory, wanted, jobs=jobs, every=0, keep=0, incremental=incremental)


def restart(
    directory: str | os.PathLike[str] | None = None, number: int = 0, hosts: Iterable[str] = ()
) -> list[int]:
    """Start tasks again from a checkpoint; return their tids, which are the same.

    directory  that of the checkpoint, or that of a job in it
    number     of the checkpoint; 0: the last one
    hosts      their names; none: all

    Raises NotMovable: it is damaged, or does not fit the hosts; Already: one of the tasks is there;
    BadParam: there is none; NoHost; NotImpl: the daemon cannot.
    """
    return checkpoints.restart(directory, number, list(hosts))
