# SPDX-License-Identifier: MIT
"""What a pool, the nurseries of its hosts and its workers say to each other.

All of it is objects in the pool's message context. A nursery is a task on each host: it forks the
workers, which are tasks of their own, reads what they print and sees how they end.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum, auto

from pvm3py.task.spawning import Main


class Word(IntEnum):
    """The tag says what a message is. Behind each: who tells whom, and the object."""

    SETUP = auto()  # pool to nursery: Setup
    FORK = auto()  # pool to nursery: list of serial numbers, a worker for each
    KILL = auto()  # pool to nursery: serial number of a worker to end, None: all
    HELLO = auto()  # nursery to pool: how many processors this host has for it
    PRINTED = auto()  # nursery to pool: (serial number, bytes that the worker has printed)
    ENDED = auto()  # nursery to pool: (serial number, exit status or minus a signal's number)
    READY = auto()  # worker to pool: (serial number, process id)
    UNFIT = auto()  # worker to pool: traceback of the initializer
    CALL = auto()  # pool to worker: (function, arguments)
    CALLS = auto()  # pool to worker: list of such objects, each packed as a message of its own
    RESULT = auto()  # worker to pool: (seconds, value); they come in the order of the calls
    FAILED = auto()  # worker to pool: (seconds, exception, traceback as text)
    QUIT = auto()  # pool to nursery and worker: end when there is nothing to do
    GONE = auto()  # the daemon's notice: a nursery or a worker has left
    OUTPUT = auto()  # what a nursery itself has printed, as the daemon sends it


@dataclass(frozen=True)
class Setup:
    """What workers need to run a program's functions.

    path         sys.path of the program
    argv         its arguments
    directory    its working directory, which is taken where it exists
    main         its `__main__`, None: there is none that can be run again
    initializer  a packed call, None: nothing to call
    """

    path: list[str]
    argv: list[str]
    directory: str
    main: Main | None
    initializer: bytes | None
