# SPDX-License-Identifier: MIT
"""Bodies of DM_ messages between daemons about tasks, clocks and the mailbox.

Those that are also sent by or to tasks are in task.py, system.py, mailbox.py and output.py; those
about hosts are in hosts.py.
"""

from typing import Annotated

from .codec import INT, Counted, ToEnd, Trailing
from .record import I32, Record, RestBytes
from .task import TaskEntry


class RestBody(Record):
    """A body that is passed on as it is, or not looked at."""

    data: RestBytes = b""


class WatchRequest(Record):
    """DM_NOTIFY: tell when a task ends; what is PvmTaskExit."""

    what: I32
    tid: I32


class TaskQuestion(Record):
    """DM_PSTAT. sent: 1 if the answer is to have what the task has sent; 3.4.6 ignores that."""

    tid: I32
    sent: Annotated[int | None, Trailing(INT)] = None


class TaskStatus(Record):
    """DM_PSTATACK: 0 or an error. sent: four numbers, or none without a task; None: not told."""

    status: I32
    sent: Annotated[list[int] | None, Trailing(Counted(INT))] = None


class TaskList(Record):
    """DM_TASKACK: whole entries only, for 3.4.6 does not survive a stray word behind them."""

    tasks: Annotated[list[TaskEntry], ToEnd(TaskEntry)]


class Clock(Record):
    """DM_HOSTSYNCACK."""

    seconds: I32
    microseconds: I32
