# SPDX-License-Identifier: MIT
"""Message contexts: separate worlds of messages with the same tags."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from pvm3py import classic
from pvm3py._task import lib


@contextmanager
def within(number: int) -> Iterator[int]:
    """This thread sends and receives in a context meanwhile."""
    before: int = lib.pvm_setcontext(number)
    try:
        yield number
    finally:
        lib.pvm_setcontext(before)


@contextmanager
def fresh() -> Iterator[int]:
    """The same in a context that no other task has, which is given back afterwards."""
    number = classic.newcontext()
    try:
        with within(number):
            yield number
    finally:
        try:
            classic.freecontext(number)
        except classic.PvmError:
            pass  # the task has left the machine, which gives it back as well
