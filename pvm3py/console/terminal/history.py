# SPDX-License-Identifier: MIT
"""Lines that were typed, kept in a file of the user's for later consoles.

Several consoles may use the file at a time: lines are only added to its end. A file that cannot be
read or written is as good as none.
"""

from __future__ import annotations

import os
from pathlib import Path

# Lines that a console gets; a file with twice as many is shortened.
_LINES = 1000
# Longer lines are not kept, characters.
_LONGEST = 4096


def history_path() -> Path:
    """$XDG_STATE_HOME/pvm3py/history, or ~/.local/state/pvm3py/history."""
    state = os.environ.get("XDG_STATE_HOME", "")
    if not os.path.isabs(state):
        state = os.path.join(os.path.expanduser("~"), ".local", "state")
    return Path(state) / "pvm3py" / "history"


class HistoryFile:
    """The file, which its owner alone may read."""

    def __init__(self, path: Path | None = None) -> None:
        self._path = path or history_path()
        self._last = ""

    def lines(self) -> list[str]:
        """The last lines, the oldest first."""
        try:
            data = self._path.read_bytes()
        except OSError:
            return []
        lines = data.decode(errors="surrogateescape").splitlines()
        if len(lines) > 2 * _LINES:
            self._shorten(lines[-_LINES:])
        self._last = lines[-1] if lines else ""
        return lines[-_LINES:]

    def wants(self, line: str) -> bool:
        """Whether a line is kept: none that is empty, long, repeated, or begins with a blank."""
        return bool(line.strip()) and not (
            line[0].isspace()
            or len(line) > _LONGEST
            or line == self._last
            or len(line.splitlines()) > 1
        )

    def add(self, line: str) -> None:
        """Keep a line."""
        self._last = line
        try:
            self._path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC
            self._write(os.open(self._path, flags, 0o600), [line])
        except OSError:
            pass

    def _shorten(self, lines: list[str]) -> None:
        """Replace the file by one of these lines."""
        fresh = self._path.with_name(f"history.{os.getpid()}")
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC
        try:
            self._write(os.open(fresh, flags, 0o600), lines)
            fresh.replace(self._path)
        except OSError:
            fresh.unlink(missing_ok=True)

    def _write(self, fd: int, lines: list[str]) -> None:
        """Write lines to a descriptor, in one piece, and close it."""
        with os.fdopen(fd, "wb") as file:
            text = "".join(f"{line}\n" for line in lines)
            file.write(text.encode(errors="surrogateescape"))
