# SPDX-License-Identifier: MIT
"""Work with files that may take long, as disks are slow or hang, in a process of its own.

The daemon goes on meanwhile, and waits for such a process as long as it wants to. The process is a
fork: it has what the daemon had in memory, and gives back what it has found.
"""

from __future__ import annotations

import asyncio
import contextlib
import marshal
import os
import signal
from collections.abc import Callable
from typing import Any, NoReturn, TypeVar

from pvm3py.vault.store import VaultError

Result = TypeVar("Result")

_PART = 1 << 16
_FORGOTTEN = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGUSR1)


async def aside(seconds: float, work: Callable[..., Result], *args: Any) -> Result:
    """What work(*args) returns, which must be of the types that marshal knows.

    Raises VaultError: as the work has, for an error of the system, or after so many seconds.
    """
    try:
        read_end, write_end = os.pipe2(os.O_CLOEXEC | os.O_NONBLOCK)
        pid = os.fork()
    except OSError as error:
        raise VaultError(f"no process for the disk: {error.strerror}") from error
    if not pid:
        _serve(write_end, work, args)
    os.close(write_end)
    done = False
    try:
        async with asyncio.timeout(seconds):
            said = await _read_all(read_end)
        done = True
    except TimeoutError as error:
        raise VaultError(f"the disk takes more than {seconds:g} s") from error
    finally:
        os.close(read_end)
        if not done:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
    if not said:
        raise VaultError("the process for the disk has ended")
    works, result = marshal.loads(said)
    if not works:
        raise VaultError(result)
    return result  # type: ignore[no-any-return]


async def _read_all(fd: int) -> bytes:
    """All that comes from a pipe."""
    loop, parts = asyncio.get_running_loop(), [b""]
    readable = asyncio.Event()
    loop.add_reader(fd, readable.set)
    try:
        while True:
            try:
                part = os.read(fd, _PART)
            except BlockingIOError:
                readable.clear()
                await readable.wait()
                continue
            if not part:
                return b"".join(parts)
            parts.append(part)
    finally:
        loop.remove_reader(fd)


def _serve(fd: int, work: Callable[..., Any], args: tuple[Any, ...]) -> NoReturn:
    """The process: do the work, say what has come of it, and end."""
    try:
        signal.set_wakeup_fd(-1)
        for signum in _FORGOTTEN:
            signal.signal(signum, signal.SIG_DFL)
        os.closerange(0, fd)
        os.closerange(fd + 1, os.sysconf("SC_OPEN_MAX"))
        os.set_blocking(fd, True)
        said = memoryview(marshal.dumps(_outcome(work, args)))
        while said:
            said = said[os.write(fd, said) :]
    finally:
        os._exit(0)


def _outcome(work: Callable[..., Any], args: tuple[Any, ...]) -> tuple[bool, Any]:
    try:
        return True, work(*args)
    except VaultError as error:
        return False, f"{error}"
    except OSError as error:
        named = f"{error.filename}: " if error.filename else ""
        return False, f"{named}{error.strerror}"
