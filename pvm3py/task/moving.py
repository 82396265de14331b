# SPDX-License-Identifier: MIT
"""Tasks that are moved to other hosts while they run, or stopped for a while."""

from __future__ import annotations

from pvm3py.binding import moves
from pvm3py.binding.moves import Reason

__all__ = ["Reason", "can_migrate", "hold", "migrate", "release"]


def migrate(tid: int, host: str | None = None, live: bool = False) -> None:
    """Move a task to another host, and wait until it runs there.

    host  its name; None: where it is best
    live  the task runs while its memory is sent, and stands still for what it changes meanwhile, if
          its system can tell that; all takes longer then

    It keeps its tid, its messages, and all that asks for it. Raises NotMovable and Busy, which have
    the reason; NoTask; NoHost; Already: it is being moved; NotImpl: the daemon cannot.
    """
    moves.move(tid, host, live=live)


def can_migrate(tid: int, host: str | None = None) -> Reason | None:
    """Whether a task could be moved to a host; None: it could.

    Nothing is done to it, so some reasons come to light only when it is moved. Raises NoTask;
    NoHost; Already: it is being moved; NotImpl: the daemon cannot tell.
    """
    return moves.look(tid, host).reason


def hold(tid: int) -> None:
    """Stop a task until it is released; what is sent to it waits.

    It stays stopped if it is moved, and ends as always if it is killed. Raises NoTask; NotImpl: a
    daemon cannot.
    """
    moves.hold(tid, True)


def release(tid: int) -> None:
    """Let a task go on that was stopped by `hold`. Raises NoTask; NotImpl: a daemon cannot."""
    moves.hold(tid, False)
