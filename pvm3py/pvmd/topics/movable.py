# SPDX-License-Identifier: MIT
"""Whether a task can be moved, as far as its daemon can see that from outside."""

from __future__ import annotations

import asyncio
import binascii
import os

from pvm3py.wire import constants as c

from ..core import Pvmd, Table
from ..state.hosts import Host
from ..state.moves import NotMovedError, never, not_now
from ..state.task import Task
from .births import Births
from .placing import able, can_move
from .roles import Registry

_TERMINALS = ("/dev/pts/", "/dev/tty", "/dev/console")
_CHANNELS = ("pipe:", "socket:")
# The beginning of /proc/cpuinfo has all of the first processor.
_CPU_BYTES = 16384
_PAGE = os.sysconf("SC_PAGE_SIZE")
# Seconds that a task which has been started has to enrol, and between two looks at that.
_ENROL_SECONDS = 1.0
_LOOK = 0.01


class Machine(Table):
    """What has to be the same where an image of this host's tasks is restarted."""

    def __init__(self) -> None:
        system = os.uname()
        self.traits = f"{system.machine} page {_PAGE} Linux {system.release} CPU {_processor()}"


def _kind(traits: str) -> str:
    """What can never differ."""
    return traits.partition(" Linux ")[0]


def _processor() -> str:
    """A short word that differs if the kind of the processor does."""
    lines = _read("/proc/cpuinfo", _CPU_BYTES).splitlines()
    kinds = [line for line in lines if line.startswith(("model name", "flags", "Features"))]
    return f"{binascii.crc32(chr(10).join(kinds[:2]).encode()):08x}"


def _read(path: str, size: int = 1 << 16) -> str:
    """What a file of /proc says; nothing if there is none."""
    try:
        fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return ""
    try:
        return os.read(fd, size).decode("utf-8", "replace")
    except OSError:
        return ""
    finally:
        os.close(fd)


async def enrolled(pvmd: Pvmd, tid: int) -> Task:
    """A task of this host, which may have just been started. Raises NotMovedError."""
    until = pvmd.loop.time() + _ENROL_SECONDS
    while True:
        task = pvmd.tasks.get(tid)
        if task is None:
            raise NotMovedError(c.PvmNoTask, 0, "there is no such task")
        if task.conn is not None or task.left or pvmd.loop.time() > until:
            return task
        await asyncio.sleep(_LOOK)


def check(pvmd: Pvmd, task: Task) -> None:
    """Raises NotMovedError if a task of this host cannot be moved."""
    announced = task.announced
    if task.left:
        raise NotMovedError(c.PvmNoTask, 0, "it has left")
    if task.conn is None:
        raise not_now(c.WIRE_WHY_STARTING)
    if announced is None or not announced.signal or not announced.image:
        raise never(c.WIRE_WHY_LIBRARY)
    if task.flags > 0 and task.flags & c.PvmTaskFixed:
        raise never(c.WIRE_WHY_FIXED)
    if task.disowned or task.tasker:
        raise never(c.WIRE_WHY_WRAPPED)
    if Registry.of(pvmd).flags(task.tid) or Births.of(pvmd).is_nursery(task.tid):
        raise never(c.WIRE_WHY_ROLE)
    if not task.runs():
        raise not_now(c.WIRE_WHY_STARTING, "its process is not known")
    _check_process(task.pid)
    for fd in range(3):
        _check_stream(task, fd)
    if not can_move(pvmd, pvmd.hosts.master):
        raise never(c.WIRE_WHY_OLD_MASTER)


def _check_process(pid: int) -> None:
    """Raises NotMovedError for what its process is."""
    lines = [line.partition(":\t") for line in _read(f"/proc/{pid}/status").splitlines()]
    status = {name: value for name, _, value in lines}
    threads = status.get("Threads", "1")
    if threads != "1":
        raise never(c.WIRE_WHY_THREADS, threads)
    children = _read(f"/proc/{pid}/task/{pid}/children").split()
    if children:
        raise never(c.WIRE_WHY_CHILDREN, f"process {children[0]}")
    if status.get("TracerPid", "0") != "0":
        raise never(c.WIRE_WHY_TRACED, f"process {status['TracerPid']}")
    if any(len(set(status.get(ids, "0").split())) > 1 for ids in ("Uid", "Gid")):
        raise never(c.WIRE_WHY_USERS)
    if status.get("Seccomp", "0") != "0":
        raise never(c.WIRE_WHY_SECCOMP)


def _check_stream(task: Task, fd: int) -> None:
    """Raises NotMovedError if a standard stream leads to who would not notice the move."""
    try:
        path = os.readlink(f"/proc/{task.pid}/fd/{fd}")
    except OSError:
        return
    if path.startswith(_CHANNELS) and (task.pipe is None or fd == 0):
        raise never(c.WIRE_WHY_CHANNEL, path)
    if path.startswith(_TERMINALS):
        raise never(c.WIRE_WHY_TERMINAL, path)


def size(task: Task) -> int:
    """Bytes of memory that a task has now; 0: unknown."""
    words = _read(f"/proc/{task.pid}/statm").split() if task.runs() else []
    return int(words[1]) * _PAGE if len(words) > 1 else 0


def goal(pvmd: Pvmd, name: str) -> Host:
    """The host of this name; "": the next one behind this. Raises NotMovedError."""
    hosts = pvmd.hosts
    if name:
        host = hosts.named(name)
        if host is None:
            raise NotMovedError(c.PvmNoHost, 0, f"no host {name}")
        return host
    others = sorted(able(pvmd), key=lambda other: (other.tid < hosts.own.tid, other.tid))
    if not others:
        raise never(c.WIRE_WHY_NO_GOAL)
    return others[0]


def check_goal(pvmd: Pvmd, host: Host) -> None:
    """Raises NotMovedError if the host does not know that tasks move."""
    if not can_move(pvmd, host.tid):
        raise never(c.WIRE_WHY_OLD_HOST, host.name)


def check_machine(pvmd: Pvmd, traits: str) -> None:
    """Raises NotMovedError if what is the other machine's is not this one's.

    The restarter looks closer: with PVM_MOVE_UNLIKE it says what another kernel or processor lacks.
    """
    own = Machine.of(pvmd).traits
    if traits != own and not (pvmd.settings.move_unlike and _kind(traits) == _kind(own)):
        raise never(c.WIRE_WHY_MACHINE, f"{traits} there, {own} here")
