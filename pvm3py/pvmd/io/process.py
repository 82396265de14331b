# SPDX-License-Identifier: MIT
"""What csrc/switch does for the daemon's process itself, and processes that it starts."""

from __future__ import annotations

import os
from collections.abc import Sequence

from pvm3py._switch import ffi, lib


def check(code: int, what: str) -> None:
    """Raise OSError for a negative code of the C interface."""
    if code < 0:
        raise OSError(-code, f"cannot {what}: {os.strerror(-code)}")


def one_arena() -> None:
    """Before there are threads: have all of them allocate from one arena, to save addresses."""
    lib.sw_one_arena()


def raise_file_limit() -> None:
    """Allow as many open files as the system grants; processes started later are not affected.

    Raises OSError.
    """
    check(lib.sw_raise_files(), "raise the limit of open files")


def spawn_process(
    path: str, argv: Sequence[str], strings: Sequence[str], cwd: str | None, out_fd: int
) -> int:
    """Start a program and return its process id, which is also its PVMEPID.

    "NAME=value" strings are added to the environment, the last one first. Standard input is
    /dev/null, `out_fd` becomes standard output and error; what else is inherited is written in
    csrc/switch/base/process.h. Raises OSError (ENOENT, EACCES, ENOEXEC, ...).
    """
    words = [ffi.new("char[]", os.fsencode(word)) for word in argv]
    added = [ffi.new("char[]", os.fsencode(text)) for text in strings]
    pid = ffi.new("pid_t *")
    code = lib.sw_spawn(
        os.fsencode(path),
        ffi.new("char *[]", [*words, ffi.NULL]),
        ffi.new("char *[]", [*added, ffi.NULL]),
        ffi.NULL if cwd is None else ffi.new("char[]", os.fsencode(cwd)),
        out_fd,
        pid,
    )
    if code < 0:
        raise OSError(-code, os.strerror(-code), path)
    return int(pid[0])
