# SPDX-License-Identifier: MIT
"""A scheduler that uses hosts while their owners do not. docs/mist.md."""

from .balance import Balance
from .machine import Host, Machine, Parked, Task
from .ownerfirst import OwnerFirst
from .policy import Action, Hold, Move, Park, Policy, Restart, Resume
from .scheduler import POLICIES, Scheduler

__all__ = [
    "POLICIES",
    "Action",
    "Balance",
    "Hold",
    "Host",
    "Machine",
    "Move",
    "OwnerFirst",
    "Park",
    "Parked",
    "Policy",
    "Restart",
    "Resume",
    "Scheduler",
    "Task",
]
