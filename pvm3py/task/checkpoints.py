# SPDX-License-Identifier: MIT
"""Tasks that are written to disk while they run, and started from there again."""

from __future__ import annotations

import os
from collections.abc import Iterable

from pvm3py.binding import checkpoints

from .members import Tid

__all__ = ["checkpoint", "restart"]


def checkpoint(
    path: str | os.PathLike[str] | None = None,
    tids: Iterable[int] | None = None,
    *,
    jobs: bool = False,
    every: int | None = None,
    keep: int | None = None,
    incremental: bool = False,
) -> int:
    """Write the images of tasks to files, as of one moment; the number of the checkpoint.

    path  directory that all hosts of the tasks share; None: PVM_CKPT_DIR of the master's daemon
    tids  the tasks; None: the caller's job, which is all that its root has spawned
    jobs  each tid stands for its job
    every seconds to the next checkpoint, and so on; then, if a host is lost that had tasks of them,
          the rest is ended and the last checkpoint started on the hosts that are left
    keep  how many checkpoints of the job are kept, this one included
    incremental
          what has not changed since the last one is not written again, if the systems of the hosts
          can tell that; the one before is kept as long as it is needed

    A task that is started from the checkpoint returns from the same call. Raises NotMovable and
    Busy, which have the reason; NoTask; NotImpl: the daemon cannot.
    """
    wanted = list(tids) if tids is not None else []
    return checkpoints.write(
        path, wanted, jobs=jobs, every=every or 0, keep=keep or 0, incremental=incremental
    )


def restart(
    path: str | os.PathLike[str] | None = None,
    number: int | None = None,
    hosts: Iterable[str] = (),
) -> list[Tid]:
    """Start tasks again from a checkpoint; their tids, which are the same.

    path    the directory given to checkpoint(), or that of a job in it
    number  of the checkpoint; None: the last one
    hosts   their names; none: all

    Raises NotMovable: it is damaged, or does not fit the hosts; Already: one of the tasks is there;
    NoHost; NotImpl: the daemon cannot.
    """
    return [Tid(tid) for tid in checkpoints.restart(path, number or 0, list(hosts))]
