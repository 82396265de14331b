# SPDX-License-Identifier: MIT
"""Bodies of DM_ messages between daemons about tasks, clocks and the mailbox.

Those that are also sent by or to tasks are in task.py, system.py, mailbox.py and output.py; those
about hosts are in hosts.py.
"""

from typing import Annotated

from .codec import ToEnd
from .record import I32, Record, RestBytes
from .task import TaskEntry


class RestBody(Record):
    """A body that is passed on as it is, or not looked at."""

    data: RestBytes = b""


class WatchRequest(Record):
    """DM_NOTIFY: tell when a task ends; what is PvmTaskExit."""

    what: I32
    tid: I32


class TaskList(Record):
    """DM_TASKACK: whole entries only, for 3.4.6 does not survive a stray word behind them."""

    tasks: Annotated[list[TaskEntry], ToEnd(TaskEntry)]


class Clock(Record):
    """DM_HOSTSYNCACK."""

    seconds: I32
    microseconds: I32
