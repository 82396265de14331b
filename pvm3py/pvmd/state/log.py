# SPDX-License-Identifier: MIT
"""The daemon's log: file pvml.UID, and problems of the start on standard error."""

from __future__ import annotations

import contextlib
import os
import sys
import time

from pvm3py import __version__

from . import private

# The debug mask bit that produces lines here.
DEBUG_MESSAGES = 0x2
_DEBUG_NAMES = ["pkt", "msg", "tsk", "slv", "hst", "sel", "net", "mpp"]
_DEBUG_NAMES += ["sch", "app", "wai", "mem", "sem", "lck", "rtg", "mbx"]


class Log:
    """Lines "[t80040000] MM/DD hh:mm:ss text" up to a number of characters in all.

    A line that cannot be written, because the disk is full for instance, is lost and no error.
    """

    def __init__(self, limit: int, mask: int = 0) -> None:
        self.mask = mask
        self.tid = 0
        self._room = limit
        self._fd = -1
        self._early: list[str] | None = []
        self._stderr = True

    def open(self, path: str) -> None:
        """Log to `path` from now on, in the place of an older log. OSError: it cannot be."""
        self._fd = private.create_anew(path)
        early, self._early = self._early, None
        for line in early or ():
            self._write(line)

    def quiet(self) -> None:
        """Start-up is complete: no more lines on standard error."""
        self._stderr = False
        self._early = None

    def close(self) -> None:
        """Close the file."""
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1

    def __call__(self, text: str) -> None:
        """One line; of several lines in `text` each gets its own."""
        self._add(text, aloud=self._stderr)

    def note(self, text: str) -> None:
        """The same of what is no problem: whoever starts the daemon does not see it."""
        self._add(text, aloud=False)

    def _add(self, text: str, *, aloud: bool) -> None:
        who = f"t{self.tid & 0xFFFFFFFF:x}" if self.tid else f"pvmd pid{os.getpid()}"
        head = f"[{who}] {time.strftime('%m/%d %H:%M:%S')} "
        for line in text.rstrip("\n").split("\n"):
            if aloud:
                with contextlib.suppress(OSError):
                    sys.stderr.write(f"{head}{line}\n")
            if self._early is not None:
                self._early.append(f"{head}{line}\n")
            else:
                self._write(f"{head}{line}\n")

    def _write(self, line: str) -> None:
        if self._fd < 0 or self._room <= 0:
            return
        self._room -= len(line)
        text = line if self._room > 0 else f"{line}*** logging truncated\n"
        with contextlib.suppress(OSError):
            os.write(self._fd, text.encode("utf-8", "surrogateescape"))


def mask_text(mask: int) -> str:
    """A debug mask as "0x6 (msg,tsk)"."""
    names = [name for bit, name in enumerate(_DEBUG_NAMES) if mask >> bit & 1]
    return f"{mask:#x} ({','.join(names)})"


def start_log(path: str, log: Log) -> None:
    """Begin to write the log file, and say what is logged."""
    try:
        log.open(path)
    except OSError as error:
        log(f"no log file: {path}: {error.strerror}")
    if log.mask:
        log(f"version {__version__}, debug mask is {mask_text(log.mask)}")
