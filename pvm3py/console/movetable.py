# SPDX-License-Identifier: MIT
"""Whether tasks can be moved, as `ps -m` shows it, and what became of those that were to be."""

from __future__ import annotations

from typing import Any, NamedTuple

import pvm3py.classic as pvm
from pvm3py.binding import moves
from pvm3py.binding.errors import NotMoved
from pvm3py.classic import ConnectionLost, PvmError
from pvm3py.wire import constants as c
from pvm3py.wire.moves import WORDS

from .output import HOST, STATUS, Column, size_text
from .tasktable import TaskTable, connected

_BIRTH = Column("BIRTH", -12, "  ")
_SIZE = Column("SIZE", 8)
_MOVABLE = Column("MOVABLE", 0, "  ")

# A table of tasks that were to be moved.
MOVED = (HOST, Column("TID", 8), STATUS)


class MoveTable(TaskTable):
    """A table of tasks with their hosts of birth, their memory, and whether they can be moved."""

    def __init__(self, me: int, hosts: list[pvm.Host], *, long: bool = False) -> None:
        super().__init__(me, hosts, long=long)
        self.columns = (*self.columns, _BIRTH, _SIZE, _MOVABLE)

    def row(self, task: pvm.TaskInfo) -> list[str]:
        """What the columns say about a task."""
        memory, reason = _look(task)
        birth = self.name(pvm.tidtohost(task.tid)) if task.tid else "-"
        return [*super().row(task), birth, size_text(memory), reason or "yes"]

    def record(self, task: pvm.TaskInfo) -> dict[str, Any]:
        """A task for programs; memory null: unknown; reason null: it can be moved."""
        memory, reason = _look(task)
        birth = self.name(pvm.tidtohost(task.tid)) if task.tid else None
        return super().record(task) | {"birth": birth, "memory": memory, "reason": reason}


def _look(task: pvm.TaskInfo) -> tuple[int | None, str | None]:
    """Bytes of memory of a task, and why it cannot be moved. Daemons wait for one that enrols."""
    if not connected(task):
        return None, WORDS[c.WIRE_WHY_STARTING]
    try:
        look = moves.look(task.tid, None)
    except ConnectionLost:
        raise
    except PvmError as error:
        return None, words_of(error)
    return look.memory or None, None if look.reason is None else look.reason.text


class Outcome(NamedTuple):
    """What became of a task that was to be moved: where it is, and why it stays if it does."""

    tid: int
    host: str
    why: str | None


def move(tid: int, host: str | None, names: dict[int, str], *, live: bool = False) -> Outcome:
    """Move a task to a host, None: where it is best. names: of hosts, by the daemons' tids.

    live: it runs while its memory is sent.
    """
    why = None
    try:
        moves.move(tid, host, live=live)
    except ConnectionLost:
        raise
    except PvmError as error:
        why = words_of(error)
    return Outcome(tid, _place(tid, names), why)


def _place(tid: int, names: dict[int, str]) -> str:
    """The name of the host where a task is now; "-": it has ended."""
    try:
        found = pvm.tasks(tid)
    except ConnectionLost:
        raise
    except PvmError:
        found = []
    return names.get(found[0].host, "-") if found else "-"


def words_of(error: PvmError) -> str:
    """Why a move cannot be: the daemon's words if it has some."""
    return error.text if isinstance(error, NotMoved) else error.advice or error.text
