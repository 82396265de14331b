# SPDX-License-Identifier: MIT
"""The Python face: tasks, messages and groups as objects.

from pvm3py import Task

with Task() as task:
    (worker,) = task.spawn("worker")
    task.send({"numbers": [1, 2, 3]}, worker, tag=7)
    print(task.recv(worker))
"""

from pvm3py.binding import errors
from pvm3py.binding.errors import *  # noqa: F403

from .checkpoints import checkpoint, restart
from .group import Group, MemberDied
from .hosts import Hosts, HostsNotAdded, Tasks
from .machine import VirtualMachine
from .mailbox import Entry, Mailbox
from .members import HostInfo, TaskInfo, Tid
from .message import Message, NotAnObject, Received
from .moving import Reason, can_migrate, hold, migrate, release
from .notices import Notice, Notices
from .take import ANY
from .task import Task

__all__ = [
    "ANY",
    "Entry",
    "Group",
    "HostInfo",
    "Hosts",
    "HostsNotAdded",
    "Mailbox",
    "MemberDied",
    "Message",
    "NotAnObject",
    "Notice",
    "Notices",
    "Reason",
    "Received",
    "Task",
    "TaskInfo",
    "Tasks",
    "Tid",
    "VirtualMachine",
    "can_migrate",
    "checkpoint",
    "hold",
    "migrate",
    "release",
    "restart",
]
__all__ += errors.__all__
