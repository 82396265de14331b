# SPDX-License-Identifier: MIT
"""Starting tasks: one call of the library, with all that it can tell."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from pvm3py._task import ffi, lib
from pvm3py.binding.errors import check
from pvm3py.binding.strings import c_string, c_strings

# Bytes of the reasons that are kept.
_REASONS = 16384


class Target(NamedTuple):
    """Where output goes: a task, and context and tag of the messages."""

    tid: int
    context: int
    tag: int


class Outcome(NamedTuple):
    """What became of a request.

    tids     of the tasks that run
    codes    error codes of the others
    reasons  by host, as far as their daemons say
    """

    tids: list[int]
    codes: list[int]
    reasons: dict[str, str]


def start(
    program: str,
    args: Sequence[str],
    *,
    count: int,
    flags: int,
    where: str,
    env: Mapping[str, str],
    output: Target | None,
) -> Outcome:
    """Start tasks as pvm_spawn, with further variables in their environment.

    output  who gets what they print; None: whom the settings of this process say
    """
    argv, kept = c_strings(map(os.fsencode, args))
    strings, kept_too = c_strings(os.fsencode(f"{name}={value}") for name, value in env.items())
    tids = ffi.new("int[]", count)
    reasons = ffi.new("char[]", _REASONS)
    target = ffi.NULL if output is None else ffi.new("int[3]", output)
    started = check(
        "spawn",
        lib.pvmspawn(
            c_string(os.fsencode(program)), argv, flags, c_string(os.fsencode(where)), count,
            strings, target, tids, reasons, _REASONS,
        ),
        program,
    )  # fmt: skip
    del kept, kept_too
    told = ffi.string(reasons).decode(errors="surrogateescape")
    lines = (line.partition("\t") for line in told.splitlines())
    return Outcome(
        list(tids[0:started]),
        list(tids[started:count]),
        {host: why for host, tab, why in lines if tab},
    )
