# SPDX-License-Identifier: MIT
"""What comes from a host where a daemon is started: the greeting, and whatever is around it.

A login prints titles, messages of the day, colours and prompts, with or without ends of lines.
"""

from __future__ import annotations

import asyncio
import os
import re
from collections.abc import Callable

# Five fields; or, of a daemon of another version, whatever its line has.
_GREETING = re.compile(rb"ddpro<[^<>\n]*>(?:(?:[^<>\n]*<[^<>\n]*>){4}|[^\n]*\n)")
_GREETING_MAX = 255
_LINE_MAX = 1000
_CONTROL = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f]")


class GreetingFinder:
    """Finds a daemon's greeting in a stream, wherever it stands in a line."""

    def __init__(self) -> None:
        self._window = b""

    def feed(self, data: bytes) -> str:
        """The next part of the stream, the last one with a line's end; the greeting, or empty."""
        window = self._window + data
        match = _GREETING.search(window)
        self._window = window[-_GREETING_MAX:]
        return match[0].decode("utf-8", "replace").rstrip() if match else ""


def find_greeting(line: str) -> str:
    """The greeting in a line; if there is none, the line."""
    found = GreetingFinder().feed(line.encode("utf-8", "surrogateescape") + b"\n")
    return found or line


def printable(text: str) -> str:
    """The text with control characters as a log can have them."""
    return _CONTROL.sub(lambda match: f"\\x{ord(match[0]):02x}", text)


class Lines:
    """Reads a pipe to its end, and closes it.

    data: is given each part as it comes; line: each line, in pieces if it is long; end: is called
    at the end.
    """

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        fd: int,
        data: Callable[[bytes], None],
        line: Callable[[str], None],
        end: Callable[[], None],
    ) -> None:
        self._loop, self._fd, self._data, self._line, self._end = loop, fd, data, line, end
        self._rest = b""
        os.set_blocking(fd, False)
        loop.add_reader(fd, self._read)

    @property
    def rest(self) -> str:
        """The line that has begun and not ended."""
        return self._rest.decode("utf-8", "replace")

    def _read(self) -> None:
        try:
            data = os.read(self._fd, 4096)
        except BlockingIOError:
            return
        except OSError:
            data = b""
        self._data(data)
        *lines, self._rest = (self._rest + data).split(b"\n")
        if len(self._rest) > _LINE_MAX or (not data and self._rest):
            lines.append(self._rest)
            self._rest = b""
        for line in lines:
            self._line(line.decode("utf-8", "replace").rstrip("\r"))
        if not data:
            self._loop.remove_reader(self._fd)
            os.close(self._fd)
            self._end()
