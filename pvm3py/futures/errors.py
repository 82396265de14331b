# SPDX-License-Identifier: MIT
"""What futures of a pool may raise beside what the called function raises."""

from __future__ import annotations

from concurrent.futures import BrokenExecutor
from typing import Any

from pvm3py.task import Tid

__all__ = ["PoolBroken", "RemoteTraceback", "WorkerDied"]


class WorkerDied(BrokenExecutor):
    """Workers died while they ran this call, as often as `attempts` allows.

    item    the call, in words
    tid     the last worker's
    host    its host's name
    status  how it ended: an exit status, minus the number of a signal, None if nobody saw it
    output  the last lines that it wrote
    """

    def __init__(self, item: str, tid: int, host: str, status: int | None, output: str) -> None:
        super().__init__(item, tid, host, status, output)
        self.item = item
        self.tid = Tid(tid)
        self.host = host
        self.status = status
        self.output = output

    def __str__(self) -> str:
        tail = f"; its last output:\n{self.output}" if self.output else ""
        return (
            f"worker {self.tid} on {self.host} {ended(self.status)} while it ran {self.item}{tail}"
        )

    def __reduce__(self) -> tuple[Any, ...]:
        return WorkerDied, (self.item, int(self.tid), self.host, self.status, self.output)


class PoolBroken(BrokenExecutor):
    """The pool can run nothing any more; the text says why."""


class RemoteTraceback(Exception):
    """The traceback in the worker, as text: the cause of the exception that a future raises."""

    def __init__(self, text: str) -> None:
        super().__init__(text)
        self.text = text

    def __str__(self) -> str:
        return f'\n"""\n{self.text}"""'


def ended(status: int | None) -> str:
    """How a process ended, in words."""
    if status is None:
        return "was lost"
    return f"was ended by signal {-status}" if status < 0 else f"exited with status {status}"
