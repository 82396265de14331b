# SPDX-License-Identifier: MIT
"""Images that build on others: whether they can be here."""

from __future__ import annotations

from functools import cache

from support.system import missing

from . import restarts


@cache
def notes_changes() -> bool:
    """Whether the kernel notes what a process of this user changes: Linux 6.7 does."""
    program = restarts.c_program("image_increments")
    with restarts.readable_place() as place:
        ended = restarts.run([program, place, 1, 2, 1])
        return ended.lines()[-1] == "2 1"


def require_notes() -> None:
    """Skip where it does not."""
    if not notes_changes():
        missing("the kernel does not note which pages are written to")
