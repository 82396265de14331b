# SPDX-License-Identifier: MIT
"""How a negative result of the C library becomes an exception."""

from __future__ import annotations

import atexit
import os
import sys
import threading
from types import TracebackType
from typing import Any

from pvm3py._task import ffi, lib
from pvm3py.binding.enums import Code

__all__ = [
    "Already",
    "BadMsg",
    "BadParam",
    "BadVersion",
    "Busy",
    "CantStart",
    "ConnectionLost",
    "DSysErr",
    "Denied",
    "DupGroup",
    "DupHost",
    "Exists",
    "HostFail",
    "HostrNMstr",
    "IPLoopback",
    "Mismatch",
    "NoBuf",
    "NoData",
    "NoEntry",
    "NoFile",
    "NoGroup",
    "NoHost",
    "NoInst",
    "NoMem",
    "NoParent",
    "NoSuchBuf",
    "NoTask",
    "NotFound",
    "NotImpl",
    "NotInGroup",
    "NotMovable",
    "NotMoved",
    "NullGroup",
    "OutOfRes",
    "Overflow",
    "ParentNotSet",
    "PvmError",
    "SpawnError",
    "Timeout",
]

# The library must not print what Python raises.
lib.pvm_setopt(lib.PvmAutoErr, 0)


_CODES: dict[int, Code] = {int(code): code for code in Code}


class PvmError(Exception):
    """A PVM call failed.

    code      the error code, a member of Code (a plain int if the library has a new one)
    function  name of the failed call, without the prefix pvm_
    text      the code in words, as pvm_strerror has it
    peer      whom the call was about, in words, None if that says nothing
    advice    what has happened and what to do, where that is known

    Each code has a class of its own, which is one of Python's own errors as well where that fits.
    """

    advice = ""

    def __init__(self, code: int, function: str, text: str, peer: str | None = None) -> None:
        super().__init__(code, function, text)
        self.code: Code | int = _CODES.get(code, code)
        self.function = function
        self.text = text
        self.peer = peer

    def __str__(self) -> str:
        name = self.code.name if isinstance(self.code, Code) else self.code
        whom = f" {self.peer}" if self.peer else ""
        advice = f": {self.advice}" if self.advice else ""
        return f"{self.function}{whom}: {self.text}{f' ({name})' if name else ''}{advice}"

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (int(self.code), self.function, self.text, self.peer)


class NotFound(PvmError, LookupError):
    """No such task, host, file, group or entry."""


class Timeout(PvmError, TimeoutError):
    """Nothing came in time."""

    def __init__(self, code: int, function: str, text: str, peer: str | None = None) -> None:
        super().__init__(code, function, text or "nothing came in time", peer)


class BadParam(PvmError, ValueError):
    """An argument is wrong (BAD_PARAM)."""


class Mismatch(PvmError):
    """Members wait for different numbers, or a buffer does not fit what came (MISMATCH)."""


class Overflow(PvmError, OverflowError):
    """A number or a size is too large for the form that it is sent in (OVERFLOW)."""


class NoData(PvmError, EOFError):
    """The message ends before the items that were asked for (NO_DATA)."""


class NoHost(NotFound):
    """No such host (NO_HOST)."""


class NoFile(NotFound):
    """No such program (NO_FILE)."""


class Denied(PvmError, PermissionError):
    """It is another task's, or another one has the right (DENIED)."""


class NoMem(PvmError, MemoryError):
    """No memory (NO_MEM)."""


class BadMsg(PvmError):
    """The message cannot be read as what was asked for (BAD_MSG)."""


class ConnectionLost(PvmError, ConnectionError):
    """There is no daemon, or it has gone (SYS_ERR)."""

    def __init__(self, code: int, function: str, text: str, peer: str | None = None) -> None:
        super().__init__(code, function, text, peer)
        self.advice = _daemon_advice()


class NoBuf(PvmError):
    """There is no active buffer (NO_BUF)."""


class NoSuchBuf(PvmError):
    """No such buffer (NO_SUCH_BUF)."""


class NullGroup(PvmError, ValueError):
    """The name of the group is empty (NULL_GROUP)."""


class DupGroup(PvmError):
    """A member already (DUP_GROUP)."""


class NoGroup(NotFound):
    """No such group (NO_GROUP)."""


class NotInGroup(PvmError):
    """No member of the group, or the group is frozen (NOT_IN_GROUP)."""


class NoInst(NotFound):
    """No such instance in the group (NO_INST)."""


class HostFail(PvmError):
    """The host has failed (HOST_FAIL)."""


class NoParent(PvmError):
    """The task was not spawned (NO_PARENT)."""


class NotImpl(PvmError):
    """That is not possible here (NOT_IMPL)."""


class DSysErr(PvmError):
    """The daemon has failed in a call of its system (D_SYS_ERR)."""


class BadVersion(PvmError):
    """The daemon speaks another version (BAD_VERSION)."""


class OutOfRes(PvmError):
    """The daemon keeps no more of this (OUT_OF_RES)."""


class DupHost(PvmError):
    """The host is in the machine already (DUP_HOST)."""


class CantStart(PvmError):
    """The daemon cannot be started (CANT_START)."""


class Already(PvmError):
    """Another task does it already (ALREADY)."""


class NoTask(NotFound):
    """No such task (NO_TASK)."""


class NoEntry(NotFound):
    """No such entry (NOT_FOUND)."""


class Exists(PvmError):
    """There is one already (EXISTS)."""


class HostrNMstr(PvmError):
    """Only a task on the master host starts hosts (HOSTR_N_MSTR)."""


class ParentNotSet(PvmError):
    """The task was spawned without a parent (PARENT_NOT_SET)."""


class IPLoopback(PvmError):
    """The address of the master is of its own host only (IP_LOOPBACK)."""


class NotMoved(PvmError):
    """A task stays where it is; `text` says why.

    reason  its number, 0 if there is none
    """

    def __init__(
        self, code: int, function: str, text: str, peer: str | None = None, reason: int = 0
    ) -> None:
        super().__init__(code, function, text, peer)
        self.reason = reason

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (int(self.code), self.function, self.text, self.peer, self.reason)


class NotMovable(NotMoved):
    """The task, or the host, does not allow it to be moved (NOT_MOVABLE)."""


class Busy(NotMoved):
    """It cannot be moved now; worth another try (BUSY)."""


class SpawnError(PvmError):
    """Not all tasks could be started.

    tids    of those that run
    codes   why the others do not
    errors  the same in words, by host, where that is known
    """

    def __init__(
        self,
        code: int,
        text: str,
        tids: list[int],
        codes: list[int],
        program: str | None = None,
        errors: dict[str, str] | None = None,
    ) -> None:
        super().__init__(code, "spawn", text, program)
        self.tids = tids
        self.codes = codes
        self.errors = errors or {}

    def __reduce__(self) -> tuple[Any, ...]:
        words = (self.text, self.tids, self.codes, self.peer, self.errors)
        return SpawnError, (int(self.code), *words)


_CLASSES: dict[int, type[PvmError]] = {
    Code.BAD_PARAM: BadParam,
    Code.MISMATCH: Mismatch,
    Code.OVERFLOW: Overflow,
    Code.NO_DATA: NoData,
    Code.NO_HOST: NoHost,
    Code.NO_FILE: NoFile,
    Code.DENIED: Denied,
    Code.NO_MEM: NoMem,
    Code.BAD_MSG: BadMsg,
    Code.SYS_ERR: ConnectionLost,
    Code.NO_BUF: NoBuf,
    Code.NO_SUCH_BUF: NoSuchBuf,
    Code.NULL_GROUP: NullGroup,
    Code.DUP_GROUP: DupGroup,
    Code.NO_GROUP: NoGroup,
    Code.NOT_IN_GROUP: NotInGroup,
    Code.NO_INST: NoInst,
    Code.HOST_FAIL: HostFail,
    Code.NO_PARENT: NoParent,
    Code.NOT_IMPL: NotImpl,
    Code.D_SYS_ERR: DSysErr,
    Code.BAD_VERSION: BadVersion,
    Code.OUT_OF_RES: OutOfRes,
    Code.DUP_HOST: DupHost,
    Code.CANT_START: CantStart,
    Code.ALREADY: Already,
    Code.NO_TASK: NoTask,
    Code.NOT_FOUND: NoEntry,
    Code.EXISTS: Exists,
    Code.HOSTR_N_MSTR: HostrNMstr,
    Code.PARENT_NOT_SET: ParentNotSet,
    Code.IP_LOOPBACK: IPLoopback,
    Code.NOT_MOVABLE: NotMovable,
    Code.BUSY: Busy,
}


def _daemon_file(prefix: str) -> str:
    """Path of the daemon's address file (pvmd) or log (pvml)."""
    directory = os.fsdecode(ffi.string(lib.pvmgettmp()))
    vmid = os.environ.get("PVM_VMID")
    return f"{directory}/{prefix}.{os.geteuid()}" + ("" if vmid is None else f".{vmid}")


def _daemon_advice() -> str:
    """What to do about a daemon that does not answer."""
    path = _daemon_file("pvmd")
    if os.path.exists(path) or os.environ.get("PVMSOCK"):
        return f"the daemon may have ended; its log {_daemon_file('pvml')} says more"
    return (
        f"no daemon of yours runs ({path} does not exist): "
        "start one with the command pvmd, or with pvm3py.classic.start_pvmd()"
    )


def text_of(code: int) -> str:
    """An error code in words."""
    known = 0 <= -code < lib.pvm_nerr
    return ffi.string(lib.pvm_errlist[-code]).decode() if known else f"error {code}"


# What handlers of signals have raised in calls that wait, by thread: check() raises it again.
_raised: dict[int, BaseException] = {}


def _keep(_kind: object, error: BaseException, _trace: object) -> None:
    _raised.setdefault(threading.get_ident(), error)


def keep_interruption(
    kind: type[BaseException], error: BaseException, trace: TracebackType
) -> None:
    """What a handler of messages has raised: it is printed, unless it is to end this program.

    That goes on in the call that runs the handler.
    """
    if issubclass(kind, Exception):
        sys.excepthook(kind, error, trace)
    else:
        _keep(kind, error, trace)


@ffi.callback("int(void)", error=1, onerror=_keep)  # type: ignore[untyped-decorator]
def _given_up() -> int:
    """Let Python run the handlers of signals that have come, as the main thread's code does.

    What one raises ends the call that waits, and so does what a handler of messages has raised.
    """
    for _ in range(2):
        pass
    return int(threading.get_ident() in _raised)


lib.pvmaskwaiting(_given_up)
atexit.register(lib.pvmaskwaiting, ffi.NULL)


def _raise_interruption() -> None:
    """Raise what was raised in this thread's call, if it is that."""
    thread = threading.get_ident()
    if thread in _raised:
        raise _raised.pop(thread)


def check(function: str, result: int, peer: str | tuple[Any, ...] | None = None) -> int:
    """Return the result of a C call; raise PvmError if it is negative.

    What the handler of a signal has raised meanwhile goes before. peer: whom the call is about, as
    text, or as a format and its values.
    """
    if _raised:
        _raise_interruption()
    if result >= 0:
        return result
    whom = peer[0] % peer[1:] if isinstance(peer, tuple) else peer
    raise _CLASSES.get(result, PvmError)(result, function, text_of(result), whom)
