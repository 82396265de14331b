# SPDX-License-Identifier: MIT
"""A file that a job writes. A disk that is full ends the file, and neither job nor console."""

from __future__ import annotations

import os

from .output import Output


class JobFile:
    """A file for this user alone. OSError, ValueError: it cannot be opened.

    append  keep what it has
    """

    def __init__(self, path: str, out: Output, *, append: bool = False) -> None:
        how = os.O_APPEND if append else os.O_TRUNC
        self._fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC | how, 0o600)
        self._path = path
        self._out = out
        self._failed = False

    def write(self, data: bytes) -> int:
        """Write bytes, at once: people look into the file while the job runs."""
        left = memoryview(data)
        try:
            while left and not self._failed:
                left = left[os.write(self._fd, left) :]
        except OSError as error:
            self._failed = True
            self._out.error(f"{self._path}: {error.strerror}; the rest of the job is not written")
        return len(data)

    def close(self) -> None:
        """Nothing more is written."""
        os.close(self._fd)
