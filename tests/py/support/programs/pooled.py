# SPDX-License-Identifier: MIT
"""Functions that tests have a pool's workers run."""

from __future__ import annotations

import os
import resource
import signal
import sys
import threading
import time
from pathlib import Path
from typing import Any, NoReturn

_given: list[Any] = []


def square(number: int) -> int:
    return number * number


def identity(value: Any) -> Any:
    return value


def nap(seconds: float) -> float:
    time.sleep(seconds)
    return seconds


def fail(text: str) -> NoReturn:
    raise LookupError(text)


def leave(status: int, mark: str = "") -> NoReturn:
    """End the worker's process; each time leaves a line in the file `mark`."""
    if mark:
        add_line(mark, "ran")
    print(f"leaving with {status}")
    os._exit(status)


def die(number: signal.Signals) -> None:
    os.kill(os.getpid(), number)


def add_line(path: str, text: str) -> str:
    with open(path, "a", encoding="utf-8") as file:
        file.write(text + "\n")
    return text


def die_once(path: str) -> str:
    """Be killed in the first run; `path` tells that there was one."""
    if not Path(path).exists():
        add_line(path, "killed")
        os.kill(os.getpid(), signal.SIGKILL)
    return "done"


def wait_for_file(path: str) -> int:
    """Wait until a file is there; tell who waited in a file beside it."""
    add_line(path + ".waiting", str(os.getpid()))
    while not Path(path).exists():
        time.sleep(0.005)
    return os.getpid()


def unpicklable() -> object:
    return threading.Lock()


class Odd(Exception):
    """An exception that cannot be made again from its arguments."""

    def __init__(self, one: int, two: int) -> None:
        super().__init__(f"{one} {two}")


def raise_odd() -> NoReturn:
    raise Odd(1, 2)


class ExplodesAtHome:
    """A value that can be pickled, and not be unpickled in the pool's process."""

    def __reduce__(self) -> tuple[Any, ...]:
        return explode_in, (os.getpid(),)


def explode_in(pid: int) -> str:
    if pid != os.getpid():
        raise ValueError("not here")
    return "fine"


def explosive() -> ExplodesAtHome:
    return ExplodesAtHome()


def fill_memory(limit: int) -> int:
    """Ask for more memory than a limit allows; the limit is the worker's until it ends."""
    used = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (used + limit, resource.RLIM_INFINITY))
    try:
        return len(bytearray(4 * limit))
    finally:
        resource.setrlimit(resource.RLIMIT_AS, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))


def reverse(data: bytes | bytearray | memoryview) -> bytearray:
    return bytearray(bytes(data)[::-1])


def give(value: object) -> None:
    """An initializer."""
    _given.append(value)


def given() -> list[Any]:
    return _given


def say(text: str) -> int:
    print(text)
    return os.getpid()


def where() -> tuple[int, str]:
    return os.getpid(), os.getcwd()


def peak(_: int) -> int:
    """Kilobytes that this worker has had at most."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss


def modules() -> set[str]:
    return set(sys.modules)
