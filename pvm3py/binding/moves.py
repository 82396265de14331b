# SPDX-License-Identifier: MIT
"""Tasks that are moved to other hosts, with what daemons say about that."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import Any

from pvm3py._task import ffi, lib
from pvm3py.binding.enums import Code
from pvm3py.binding.errors import Busy, NotMovable, PvmError, check
from pvm3py.binding.strings import c_string

# PvmLive, a flag of pvm_migrate.
_LIVE = 1


@dataclass(frozen=True)
class Reason:
    """Why a task stays where it is.

    code    NOT_MOVABLE, or BUSY: another try may do
    number  of the reason
    text    the reason in words, as str() has it
    """

    code: Code
    number: int
    text: str

    def __str__(self) -> str:
        return self.text


@dataclass(frozen=True)
class Look:
    """What a daemon says of a task that might move.

    reason  why it cannot, None: it can
    memory  bytes that it has, 0: unknown
    """

    reason: Reason | None
    memory: int


def move(tid: int, host: str | None, *, live: bool = False) -> None:
    """Move a task, and wait until it runs there; None: where it is best.

    live: it runs while its memory is sent.
    Raises NotMovable, Busy; NoTask, NoHost, HostFail; Already: it is being moved; NotImpl.
    """
    verdict = ffi.new("struct pvmverdict *")
    code = lib.pvmmove(tid, _name(host), _LIVE if live else 0, verdict)
    if code in (Code.NOT_MOVABLE, Code.BUSY):
        reason = reason_of(code, verdict)
        kind = NotMovable if code == Code.NOT_MOVABLE else Busy
        raise kind(code, "migrate", reason.text, f"t{tid:x}", reason.number)
    checked("migrate", code, tid, verdict)


def look(tid: int, host: str | None) -> Look:
    """Whether a task could be moved; nothing is done to it.

    Raises NoTask, NoHost, HostFail; Already: it is being moved; NotImpl.
    """
    verdict = ffi.new("struct pvmverdict *")
    code = lib.pvmmovable(tid, _name(host), verdict)
    if code in (Code.NOT_MOVABLE, Code.BUSY):
        return Look(reason_of(code, verdict), verdict.bytes)
    checked("canmigrate", code, tid, verdict)
    return Look(None, verdict.bytes)


def hold(tid: int, on: bool) -> None:
    """Stop a task, or let it go on. Raises BadParam, NoTask, HostFail, NotImpl."""
    check("holdtask", lib.pvm_holdtask(tid, int(on)), ("t%x", tid))


def say_owner(host: str, word: int) -> None:
    """Say whether the owner of a host uses it: a WIRE_OWNER_ word.

    Raises NoHost, HostFail; NoTask: no resource manager wants to know; NotImpl.
    """
    check("owner", lib.pvmowner(_name(host), word), ("%s", host))


def _name(host: str | None) -> Any:
    return ffi.NULL if host is None else c_string(os.fsencode(host))


def reason_of(code: int, verdict: Any) -> Reason:
    """What a verdict says about a refusal."""
    return Reason(Code(code), verdict.reason, _words(verdict))


def _words(verdict: Any) -> str:
    text: bytes = ffi.string(verdict.text)
    return text.decode(errors="replace")


def checked(function: str, code: int, tid: int | None, verdict: Any) -> None:
    """Raise PvmError if a code is one, with what the daemon has said about it."""
    try:
        check(function, code, ("t%x", tid) if tid is not None else None)
    except PvmError as error:
        error.advice = error.advice or _words(verdict)
        raise
