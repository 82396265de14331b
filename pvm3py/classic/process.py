# SPDX-License-Identifier: MIT
"""The task itself, other tasks, hosts: who runs where, starting and ending them.

A signal's handler that raises, as Ctrl-C does, ends a call while it waits for the answer. What was
asked for may happen nevertheless: hosts are added, tasks started.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from typing import IO, Any, NamedTuple

from pvm3py._task import ffi, lib
from pvm3py.binding.enums import Code, Event, SpawnFlag
from pvm3py.binding.errors import SpawnError, check, text_of
from pvm3py.binding.strings import c_string, c_strings


class Host(NamedTuple):
    """One host of the machine."""

    tid: int
    name: str
    arch: str
    speed: int
    dsig: int


class TaskInfo(NamedTuple):
    """One task; parent 0: none; program "": not spawned."""

    tid: int
    parent: int
    host: int
    flags: int
    program: str
    pid: int


def c_text(pointer: Any) -> str:
    """A C string; NULL: ""."""
    return ffi.string(pointer).decode(errors="surrogateescape") if pointer else ""


def _name(text: str) -> Any:
    return c_string(os.fsencode(text))


def host_of(info: Any) -> Host:
    """A struct pvmhostinfo as a Host."""
    return Host(
        info.hi_tid, c_text(info.hi_name), c_text(info.hi_arch), info.hi_speed, info.hi_dsig
    )


def names(texts: Sequence[str]) -> tuple[Any, list[Any]]:
    """A NULL-ended array of C strings, and the strings, which must live as long."""
    return c_strings(map(os.fsencode, texts))


# ---- the task itself -------------------------------------------------------


def mytid() -> int:
    """Return the own tid; connects to the daemon if that has not happened.

    Raises ConnectionLost if no daemon answers.
    """
    return check("mytid", lib.pvm_mytid())


def parent() -> int | None:
    """Return the tid of the task that spawned this one, None if there is none."""
    tid: int = lib.pvm_parent()
    if tid in (Code.NO_PARENT, Code.PARENT_NOT_SET):
        return None
    return check("parent", tid)


def siblings() -> list[int]:
    """Return the tids of the tasks that were started by the same spawn, this one included."""
    tids = ffi.new("int **")
    count = check("siblings", lib.pvm_siblings(tids))
    return list(tids[0][0:count])


def exit() -> None:
    """Leave the machine: what was sent is delivered, what was received is discarded."""
    check("exit", lib.pvm_exit())


def version() -> str:
    """Return the release of PVM whose interface this is."""
    return c_text(lib.pvm_version())


# ---- tasks -----------------------------------------------------------------


def spawn(
    program: str,
    args: Sequence[str] = (),
    *,
    flags: SpawnFlag = SpawnFlag.DEFAULT,
    where: str = "",
    count: int = 1,
) -> list[int]:
    """Start `count` tasks and return their tids.

    program  name in the daemon's search path, or a path
    args     arguments, without the program's name
    where    host or architecture, if flags has HOST or ARCH; ":dir" behind it sets the directory

    Raises SpawnError if not all could be started; those that were run on.
    """
    argv, _keep = names(args)
    tids = ffi.new("int[]", max(count, 1))
    started = check(
        "spawn", lib.pvm_spawn(_name(program), argv, int(flags), _name(where), count, tids)
    )
    if started < count:
        codes = [int(code) for code in tids[started:count]]
        raise SpawnError(codes[0], text_of(codes[0]), list(tids[0:started]), codes, program)
    return list(tids[0:count])


def kill(tid: int) -> None:
    """Send SIGTERM to a task; a task that does not exist is no error."""
    check("kill", lib.pvm_kill(tid))


def sendsig(tid: int, signum: int) -> None:
    """Send a signal to a task; a task that does not exist is no error."""
    check("sendsig", lib.pvm_sendsig(tid, signum))


def pstat(tid: int) -> bool:
    """Tell whether a task runs. Raises PvmError BAD_PARAM if `tid` cannot be one."""
    code: int = lib.pvm_pstat(tid)
    return False if code == Code.NO_TASK else check("pstat", code) == 0


def tasks(where: int = 0) -> list[TaskInfo]:
    """Return the tasks of the whole machine (0), of a host (its tid), or one task."""
    count = ffi.new("int *")
    table = ffi.new("struct pvmtaskinfo **")
    check("tasks", lib.pvm_tasks(where, count, table))
    return [
        TaskInfo(t.ti_tid, t.ti_ptid, t.ti_host, t.ti_flag, c_text(t.ti_a_out), t.ti_pid)
        for t in table[0][0 : count[0]]
    ]


def notify(event: Event, tag: int, tids: Iterable[int] = (), *, count: int = -1) -> None:
    """Ask for messages with `tag` when something happens.

    For TASK_EXIT, HOST_DELETE and ROUTE_DELETE one message comes for each of `tids`, its body
    the tid. For HOST_ADD and ROUTE_ADD up to `count` messages come (-1: no limit, 0: stop).

    Raises PvmError OUT_OF_RES if the daemon keeps no more; the first ones may then be kept.
    """
    table = ffi.new("int[]", list(tids))
    counted = Event(event) & ~Event.CANCEL in (Event.HOST_ADD, Event.ROUTE_ADD)
    check("notify", lib.pvm_notify(int(event), tag, count if counted else len(table), table))


# The file that the library writes to, which must live as long.
_caught: list[IO[Any]] = []


def catchout(file: IO[Any] | None) -> None:
    """Copy the output of tasks spawned from now on to `file`; None ends that.

    `exit` then waits until all of them have ended. TypeError: the file has no descriptor.
    """
    if file is not None:
        file.flush()
    if file is not None and not hasattr(file, "mode"):  # as that of a notebook
        file = _of_descriptor(file)
    check("catchout", lib.pvm_catchout(ffi.NULL if file is None else file))
    _caught[:] = [] if file is None else [file]


def _of_descriptor(file: IO[Any]) -> IO[Any]:
    """A file of the same descriptor."""
    try:
        return os.fdopen(os.dup(file.fileno()), "w")
    except (OSError, AttributeError):
        raise TypeError(
            "catchout writes to a descriptor, and this file has none; "
            "Task.spawn(output=...) takes any object with write()"
        ) from None


# ---- hosts -----------------------------------------------------------------


def config() -> list[Host]:
    """Return the hosts of the machine."""
    count = ffi.new("int *")
    table = ffi.new("struct pvmhostinfo **")
    check("config", lib.pvm_config(count, ffi.NULL, table))
    return [host_of(info) for info in table[0][0 : count[0]]]


def addhosts(hosts: Sequence[str]) -> list[int]:
    """Add hosts; return for each its daemon's tid or a negative Code."""
    table, _keep = names(hosts)
    status = ffi.new("int[]", max(len(hosts), 1))
    check("addhosts", lib.pvm_addhosts(table, len(hosts), status))
    return list(status[0 : len(hosts)])


def delhosts(hosts: Sequence[str]) -> list[int]:
    """Delete hosts; return for each 0 or a negative Code."""
    table, _keep = names(hosts)
    status = ffi.new("int[]", max(len(hosts), 1))
    check("delhosts", lib.pvm_delhosts(table, len(hosts), status))
    return list(status[0 : len(hosts)])


def mstat(host: str) -> bool:
    """Tell whether a host is part of the machine and alive."""
    code: int = lib.pvm_mstat(_name(host))
    return False if code in (Code.NO_HOST, Code.HOST_FAIL) else check("mstat", code) == 0


def archcode(arch: str) -> int:
    """Return the data signature of an architecture. Raises NotFound if no host has it."""
    return check("archcode", lib.pvm_archcode(_name(arch)))


def tidtohost(tid: int) -> int:
    """Return the host part of a tid."""
    return int(lib.pvm_tidtohost(tid))


def halt() -> None:
    """End the whole machine with all its tasks."""
    check("halt", lib.pvm_halt())
