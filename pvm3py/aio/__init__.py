# SPDX-License-Identifier: MIT
"""The Python face for asyncio: the same names, with calls to await.

from pvm3py.aio import Task

async with Task() as task:
    await task.send({"numbers": [1, 2, 3]}, worker, tag=7)
    print(await task.recv(worker))
"""

from .group import Group
from .machine import VirtualMachine
from .notices import Notices
from .task import Task

__all__ = ["Group", "Notices", "Task", "VirtualMachine"]
