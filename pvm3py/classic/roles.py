# SPDX-License-Identifier: MIT
"""Tasks that serve the machine itself (starters, tracer, resource manager), and the daemon.

A task takes over a part of the daemon's work by registering for it; from then on the daemon
sends it the requests described in pvmproto.h.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from pvm3py._task import ffi, lib
from pvm3py.binding.enums import Code
from pvm3py.binding.errors import PvmError, check
from pvm3py.binding.strings import c_string
from pvm3py.classic.process import Host, c_text, host_of, mytid, names

_START_ADVICE: dict[int, str] = {
    Code.DUP_HOST: "a daemon of yours runs already: use it, mytid() is enough; or end it with "
    "halt(); or set PVM_VMID in the environment to run another one beside it",
    Code.CANT_START: "the daemon has said why on standard error; else pvmd was not found: set "
    "PVM_ROOT to its tree, or have pvmd3 or pvmd in PATH",
}


class Clock(NamedTuple):
    """Clock of another host, seconds: its time of day, and how far the own one is ahead."""

    time: float
    ahead: float


def reg_hoster() -> None:
    """Become the task that starts daemons on new hosts; called again: give that up.

    Raises PvmError ALREADY if another task does it, HOSTR_N_MSTR off the master host.
    """
    check("reg_hoster", lib.pvm_reg_hoster())


def reg_tasker() -> None:
    """Become the task that starts tasks on this host; called again: give that up.

    Raises PvmError ALREADY if another task does it.
    """
    check("reg_tasker", lib.pvm_reg_tasker())


def reg_rm() -> tuple[int, Host]:
    """Become the resource manager of this host.

    Return the tid of the one before (0: none) and the daemon's host.
    """
    out = ffi.new("struct pvmhostinfo **")
    before = check("reg_rm", lib.pvm_reg_rm(out))
    return before, host_of(out[0])


def reg_tracer(
    trace: tuple[int, int],
    output: tuple[int, int],
    mask: str,
    *,
    buffer: int = 0,
    options: int = 0,
) -> None:
    """Receive trace and output of tasks that have no receiver; called again: give that up.

    trace, output  context and tag of the messages
    mask           which events, as text (TEV_MASK_LENGTH of pvmtev.h)
    buffer         bytes of events that a task collects before it sends them
    options        form of the events

    Raises PvmError ALREADY if another task does it.
    """
    text = c_string(mask)
    check("reg_tracer", lib.pvm_reg_tracer(*trace, *output, text, buffer, options))


def getnoresets() -> list[int]:
    """Return the tasks that a reset of the machine spares (Option.NO_RESET)."""
    tids, count = ffi.new("int **"), ffi.new("int *")
    check("getnoresets", lib.pvm_getnoresets(tids, count))
    return list(tids[0][0 : count[0]]) if count[0] else []


def reset(*, tasks: bool = True, name: str = "", index: int = -1) -> None:
    """Clear the machine of what programs have left.

    tasks        end all tasks but this one and those of getnoresets
    name, index  delete only these mailbox entries of ended tasks; "" and -1: all
    """
    text = c_string(name)
    check("reset", lib.pvmreset(mytid(), int(tasks), text, index))


# ---- the daemon ------------------------------------------------------------


def tickle(*arguments: int) -> list[int]:
    """Ask the daemon for something of its inside: a number from pvmproto.h and its arguments."""
    out, count = ffi.new("int[10]"), ffi.new("int *")
    check("tickle", lib.pvm_tickle(len(arguments), list(arguments), count, out))
    return list(out[0 : count[0]])


def hostsync(host: int) -> Clock:
    """Read the clock of a host, given its daemon's tid. Raises NotFound."""
    times = ffi.new("struct timeval[2]")
    check("hostsync", lib.pvm_hostsync(host, times, times + 1))
    return Clock(*(t.tv_sec + t.tv_usec / 1e6 for t in times))


def start_pvmd(args: Sequence[str] = (), *, block: bool = True) -> None:
    """Start a daemon on this host with these arguments.

    block  return when all hosts of its host file have been added

    Raises PvmError DUP_HOST if one runs, CANT_START.
    """
    argv, _keep = names(args)
    try:
        check("start_pvmd", lib.pvm_start_pvmd(len(args), argv, int(block)))
    except PvmError as error:
        error.advice = _START_ADVICE.get(error.code, error.advice)
        raise


def pvmgetrsh() -> str:
    """Return the remote shell that starts daemons on other hosts ($PVM_RSH)."""
    return c_text(lib.pvmgetrsh())


def pvmgettmp() -> str:
    """Return the directory of sockets and log files ($PVM_TMP)."""
    return c_text(lib.pvmgettmp())
