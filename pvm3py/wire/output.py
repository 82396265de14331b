# SPDX-License-Identifier: MIT
"""Bodies of TC_ messages: collected output, task-to-task control."""

from typing import Annotated

from .codec import Trailing
from .record import I32, Blob, Ints, Record, Str


class OutputText(Record):
    """TC_OUTPUT: bytes that a task wrote."""

    tid: I32
    text: Blob


class OutputEnd(Record):
    """TC_OUTPUT: a task's output is complete; op is TO_EOF."""

    tid: I32
    op: I32


# A spawner that has a variable of this name in the environment of its request, with whatever value,
# is told the status.
STATUS_WANTED = "PVM3PY_STATUS"
# The same of a spawner that is told why tasks were not started, behind the answer of 3.4.6.
REASONS_WANTED = "PVM3PY_REASONS"
# The same of a task that is to be its spawner's nursery on its host, and of tasks that a nursery of
# their spawner may fork.
NURSERY = "PVM3PY_NURSERY"
FORK_WANTED = "PVM3PY_FORK"


class OutputStatus(Record):
    """TC_OUTPUT, after the end: the wait(2) status of a task's process; op is WIRE_TO_STATUS."""

    tid: I32
    op: I32
    status: I32


class OutputStart(Record):
    """TC_OUTPUT: a task was started; op is TO_SPAWN or TO_NEW."""

    tid: I32
    op: I32
    ptid: I32


class RouteEnd(Record):
    """What a task of this project's library says of itself: csrc/wire/moves.h."""

    magic: I32
    can: I32
    host: I32


OptionalEnd = Annotated[RouteEnd | None, Trailing(RouteEnd)]


class RouteRequest(Record):
    """TC_CONREQ."""

    protocol: I32
    address: Str
    end: OptionalEnd = None


class RouteReply(Record):
    """TC_CONACK: ack 0 accepts, 1 refuses with an empty address."""

    protocol: I32
    ack: I32
    address: Str
    end: OptionalEnd = None


class Siblings(Record):
    """TC_SIBLINGS: tasks started by the same spawn, in its order."""

    tids: Ints
