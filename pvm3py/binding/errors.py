# SPDX-License-Identifier: MIT
"""How a negative result of the C library becomes an exception."""

from __future__ import annotations

import atexit
import os
import threading

from pvm3py._task import ffi, lib
from pvm3py.binding.enums import Code

# The library must not print what Python raises.
lib.pvm_setopt(lib.PvmAutoErr, 0)


class PvmError(Exception):
    """A PVM call failed.

    code      the error code, a member of Code (a plain int if the library has a new one)
    function  name of the failed call, without the prefix pvm_
    text      the code in words, as pvm_strerror has it
    advice    what has happened and what to do, where that is known
    """

    advice = ""

    def __init__(self, code: int, function: str, text: str) -> None:
        super().__init__(code, function, text)
        self.code = Code(code) if code in set(Code) else code
        self.function = function
        self.text = text

    def __str__(self) -> str:
        name = self.code.name if isinstance(self.code, Code) else self.code
        advice = f": {self.advice}" if self.advice else ""
        return f"{self.function}: {self.text} ({name}){advice}"


class SpawnError(PvmError):
    """Not all tasks could be started; `tids` are those that run, `codes` why the others do not."""

    def __init__(self, code: int, text: str, tids: list[int], codes: list[int]) -> None:
        super().__init__(code, "spawn", text)
        self.tids = tids
        self.codes = codes

    def __reduce__(self) -> tuple[object, ...]:
        return SpawnError, (int(self.code), self.text, self.tids, self.codes)


class ConnectionLost(PvmError):
    """There is no daemon, or it has gone (SYS_ERR)."""

    def __init__(self, code: int, function: str, text: str) -> None:
        super().__init__(code, function, text)
        self.advice = _daemon_advice()


class NoData(PvmError):
    """The message ends before the items that were asked for (NO_DATA)."""


class NotFound(PvmError):
    """No such task, host, file or entry (NO_TASK, NO_HOST, NO_FILE, NOT_FOUND)."""


_CLASSES: dict[int, type[PvmError]] = {
    Code.SYS_ERR: ConnectionLost,
    Code.NO_DATA: NoData,
    Code.NO_TASK: NotFound,
    Code.NO_HOST: NotFound,
    Code.NO_FILE: NotFound,
    Code.NOT_FOUND: NotFound,
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
        "start one with the command pvmd, or with pvm3py.start_pvmd()"
    )


def text_of(code: int) -> str:
    """An error code in words."""
    known = 0 <= -code < lib.pvm_nerr
    return ffi.string(lib.pvm_errlist[-code]).decode() if known else f"error {code}"


# What handlers of signals have raised in calls that wait, by thread: check() raises it again.
_raised: dict[int, BaseException] = {}


def _keep(_kind: object, error: BaseException, _trace: object) -> None:
    _raised.setdefault(threading.get_ident(), error)


@ffi.callback("int(void)", error=1, onerror=_keep)  # type: ignore[untyped-decorator]
def _given_up() -> int:
    """Let Python run the handlers of signals that have come, as the main thread's code does.

    What one raises ends the call that waits.
    """
    for _ in range(2):
        pass
    return 0


lib.pvmaskwaiting(_given_up)
atexit.register(lib.pvmaskwaiting, ffi.NULL)


def _raise_interruption() -> None:
    """Raise what was raised in this thread's call, if it is that."""
    thread = threading.get_ident()
    if thread in _raised:
        raise _raised.pop(thread)


def check(function: str, result: int) -> int:
    """Return the result of a C call; raise PvmError if it is negative.

    What the handler of a signal has raised meanwhile goes before.
    """
    if _raised:
        _raise_interruption()
    if result >= 0:
        return result
    raise _CLASSES.get(result, PvmError)(result, function, text_of(result))
