# SPDX-License-Identifier: MIT
"""What happens to tasks, hosts and the daemon, and which functions are called then.

A lower file tells of it; each topic that has something to do then says so beside its handlers:

    @on(TASK_GONE, Step.NOTICES)
    def tell_watchers(pvmd: Pvmd, tid: int, task: Task | None) -> None: ...
"""

from __future__ import annotations

from collections.abc import Callable
from enum import Enum, auto
from typing import Any, Generic, ParamSpec

from .dispatch import Request
from .state.hosts import Host
from .state.task import Task

Arguments = ParamSpec("Arguments")


class Step(Enum):
    """What is done on an occasion, in this order; every occasion has only some of the steps."""

    # Of several functions with this step any may be the first.
    ANY = auto()
    # A task's collector is told that its output is complete.
    OUTPUT = auto()
    # What a nursery has not forked is started otherwise.
    BIRTHS = auto()
    # A task's tracer is told of its end; what a tracer that ended had been told is forgotten.
    TRACE = auto()
    # Mailbox entries of a task go.
    MAILBOX = auto()
    # Whoever watches tasks is told of their ends; then whoever watches their host.
    NOTICES = auto()
    # Requests that wait for an answer of a host are answered with their error code.
    ANSWERS = auto()
    # Resource managers: others serve what one that is gone has left open.
    MANAGERS = auto()
    # Other roles are free again, and who had them is not waited for; new hosts learn of them.
    ROLES = auto()
    # The resource manager is told.
    REPORT = auto()
    # What waits for room in the queue of a collector goes on.
    COLLECTORS = auto()
    # A running addition of hosts notes who has been lost.
    ADDITION = auto()
    # The master tells the other daemons; a daemon that ends takes its leave of them.
    PEERS = auto()
    # Contexts of a task are free.
    CONTEXTS = auto()
    # Files that a task has left are removed.
    FILES = auto()
    # A task that has moved, or was about to: all daemons learn of its end.
    MOVES = auto()
    # Where a task was is forgotten.
    PLACES = auto()
    # Tasks end with their daemon.
    TASKS = auto()


class Occasion(Generic[Arguments]):
    """Something that happens, and what is done then; the first argument is the daemon."""

    def __init__(self) -> None:
        self.functions: list[tuple[Step, Callable[Arguments, None]]] = []

    def tell(self, *args: Arguments.args, **kwargs: Arguments.kwargs) -> None:
        """It happens now: call the functions in the order of their steps."""
        for _, function in self.functions:
            function(*args, **kwargs)


# The daemon begins to serve, and ends.
BEGIN: Occasion[[Any]] = Occasion()
END: Occasion[[Any]] = Occasion()
# A process that this daemon started has ended: its number, wait(2) status, and the seconds of
# processor time that it used itself and in the system.
CHILD_ENDED: Occasion[[Any, int, int, float, float]] = Occasion()
# A request has come up by another way than from the switch: serve it.
REQUESTED: Occasion[[Any, Request]] = Occasion()
# A task of this host is in the table, as a spawn wants it.
TASK_STARTED: Occasion[[Any, Task]] = Occasion()
# A task has left, but its process runs on: its tid.
TASK_LEFT: Occasion[[Any, int, Task | None]] = Occasion()
# A task of any host is gone, and in no table: its tid; what was known of it if it was of this host.
TASK_GONE: Occasion[[Any, int, Task | None]] = Occasion()
# A role is free: the message with which it is taken, and who had it.
ROLE_FREE: Occasion[[Any, int, int]] = Occasion()
# Hosts will be in the table as soon as all daemons have said that they know.
HOSTS_ANNOUNCED: Occasion[[Any]] = Occasion()
# Hosts are in the table, in the order of their tids.
HOSTS_ADDED: Occasion[[Any, list[Host]]] = Occasion()
# Another host is lost, and about to leave the table: its tid.
HOST_LOST: Occasion[[Any, int]] = Occasion()


def on(
    occasion: Occasion[Arguments], step: Step = Step.ANY
) -> Callable[[Callable[Arguments, None]], Callable[Arguments, None]]:
    """The function is called on this occasion, as that step.

    Two functions of an occasion are never the same step, unless that is ANY.
    """

    def add(function: Callable[Arguments, None]) -> Callable[Arguments, None]:
        taken = [known for known, _ in occasion.functions]
        assert step is Step.ANY or step not in taken, f"{step!r} has a function"
        occasion.functions.append((step, function))
        occasion.functions.sort(key=lambda entry: entry[0].value)
        return function

    return add
