# SPDX-License-Identifier: MIT
"""An executor of concurrent.futures whose workers are tasks of a virtual machine.

from pvm3py.futures import PvmPoolExecutor

with PvmPoolExecutor() as pool:
    print(list(pool.map(pow, range(10), range(10))))
"""

from .errors import PoolBroken, RemoteTraceback, WorkerDied
from .executor import PvmPoolExecutor
from .pool import Statistics, WorkerInfo

__all__ = [
    "PoolBroken",
    "PvmPoolExecutor",
    "RemoteTraceback",
    "Statistics",
    "WorkerDied",
    "WorkerInfo",
]
