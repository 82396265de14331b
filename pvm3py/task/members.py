# SPDX-License-Identifier: MIT
"""Who takes part in the machine: tasks by their tids, and hosts."""

from __future__ import annotations

import signal
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Self

from pvm3py import classic
from pvm3py.binding.post import send_object

from . import moving


class Tid(int):
    """The number of a task, or of a host's daemon: an int that prints as PVM users write it.

    What it prints makes the same one: Tid("t40001") == Tid(0x40001).
    """

    __slots__ = ()

    def __new__(cls, number: int | str = 0) -> Self:
        if isinstance(number, str) and number.startswith("t"):
            number = int(number[1:], 16)
        return super().__new__(cls, number)

    def __repr__(self) -> str:
        return f"t{int(self):x}"

    __str__ = __repr__

    def __format__(self, spec: str) -> str:
        return (
            format(int(self), spec) if spec and spec[-1] in "bcdoxXn" else format(str(self), spec)
        )

    @property
    def host(self) -> HostInfo:
        """The host in the tid's bits, where the task was started. Raises NoHost."""
        daemon = classic.tidtohost(self)
        for host in classic.config():
            if host.tid == daemon:
                return HostInfo(Tid(host.tid), *host[1:])
        raise classic.NoHost(classic.Code.NO_HOST, "config", "no such host", str(self))

    def alive(self) -> bool:
        """Tell whether the task runs. Raises BadParam if this cannot be one."""
        return classic.pstat(self)

    def kill(self) -> None:
        """Send SIGTERM to the task; one that has ended is no error."""
        classic.kill(self)

    def signal(self, number: signal.Signals | int) -> None:
        """Send a signal to the task; one that has ended is no error."""
        classic.sendsig(self, int(number))

    def migrate(self, host: str | None = None) -> None:
        """Move the task to another host, as pvm3py.migrate."""
        moving.migrate(self, host)

    def hold(self) -> None:
        """Stop the task until it is released, as pvm3py.hold."""
        moving.hold(self)

    def release(self) -> None:
        """Let the task go on, as pvm3py.release."""
        moving.release(self)

    def send(self, obj: object, tag: int = 0) -> None:
        """Send the task an object, as Task.send."""
        send_object([self], tag, obj)


# The same of a number, in a fifth of the time.
tid_of: Callable[[int], Tid] = partial(int.__new__, Tid)


@dataclass(frozen=True)
class HostInfo:
    """One host of the machine.

    tid    of its daemon
    arch   name of its architecture, as pvmgetarch has it
    speed  relative, 1000 by default
    dsig   its data signature: hosts that have the same one understand raw data of each other
    """

    tid: Tid
    name: str
    arch: str
    speed: int
    dsig: int


@dataclass(frozen=True)
class TaskInfo:
    """One task.

    parent   who spawned it, None if nobody did
    host     its daemon
    flags    as `pvm_tasks` has them
    program  what was spawned, "" if it was not
    pid      of its process, on its host
    """

    tid: Tid
    parent: Tid | None
    host: Tid
    flags: int
    program: str
    pid: int


def tids(to: int | object) -> list[int]:
    """Receivers as a list: one tid, or an iterable of them. TypeError: it is neither."""
    if isinstance(to, int):
        return [to]
    try:
        return [int(tid) for tid in to]  # type: ignore[attr-defined]
    except (TypeError, ValueError):
        raise TypeError(
            f"the receiver is a tid or several, not {type(to).__name__}: send(obj, to, tag)"
        ) from None
