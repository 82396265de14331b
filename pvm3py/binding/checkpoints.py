# SPDX-License-Identifier: MIT
"""Tasks whose images are written to files, and that are started from these again."""

from __future__ import annotations

import os
from typing import Any

from pvm3py._task import ffi, lib
from pvm3py.binding.enums import Code
from pvm3py.binding.errors import Busy, NotMovable
from pvm3py.binding.moves import checked, reason_of
from pvm3py.binding.strings import c_string, c_strings

_PATH = str | os.PathLike[str]
# Of a checkpoint, that are told.
_TASKS_MAX = 262144
_WHOLE_JOBS = 1
_INCREMENTAL = 2


def write(
    path: _PATH | None,
    tids: list[int],
    *,
    jobs: bool,
    every: int,
    keep: int,
    incremental: bool = False,
) -> int:
    """Write a checkpoint of tasks, none: of the caller's job; its number.

    path   the directory; None: where the master's daemon has them
    jobs   each tid stands for its job
    every  seconds from one to the next, 0: there is one
    keep   how many are kept, 0: the usual number
    incremental  only what has changed since the last one is written, where that is less

    Raises NotMovable, Busy, with the reason; NoTask, BadParam, HostFail, NotImpl.
    """
    verdict = ffi.new("struct pvmverdict *")
    flags = (_WHOLE_JOBS if jobs else 0) | (_INCREMENTAL if incremental else 0)
    code = lib.pvmcheckpoint(_name(path), tids, len(tids), flags, every, keep, verdict)
    _check("checkpoint", code, verdict)
    return int(code)


def restart(path: _PATH | None, number: int, hosts: list[str]) -> list[int]:
    """Start the tasks of a checkpoint, 0: the last one, on some hosts, none: all; their tids.

    Raises NotMovable, with the reason; Already, NoHost, HostFail, NotImpl.
    """
    verdict = ffi.new("struct pvmverdict *")
    tids = ffi.new("int[]", _TASKS_MAX)
    words, _names = c_strings(os.fsencode(host) for host in hosts)
    code = lib.pvmrevive(_name(path), number, words, len(hosts), tids, _TASKS_MAX, verdict)
    _check("restart", code, verdict)
    return list(tids[0:code])


def _name(path: _PATH | None) -> Any:
    return ffi.NULL if path is None else c_string(os.fsencode(path))


def _check(function: str, code: int, verdict: Any) -> None:
    """Raise the error that a code is, with what the daemon has said about it."""
    if code in (Code.NOT_MOVABLE, Code.BUSY):
        reason = reason_of(code, verdict)
        kind = NotMovable if code == Code.NOT_MOVABLE else Busy
        raise kind(code, function, reason.text, "", reason.number)
    checked(function, code, None, verdict)
