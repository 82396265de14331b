# SPDX-License-Identifier: MIT
"""A screen without a monitor: an X server whose windows and pixels a test can look at."""

from __future__ import annotations

import os
import re
import struct
import subprocess
from dataclasses import dataclass
from pathlib import Path

from support.scoped import Scoped
from support.system import PATIENCE, require_program

_WIDTH, _HEIGHT = 800, 600
_HEADER = struct.Struct(">25I")  # of the X window dump format, version 7


@dataclass(frozen=True)
class Window:
    """A window: its name ("" if none), size, and place on the screen."""

    name: str
    width: int
    height: int
    left: int
    top: int


class Screen(Scoped):
    """An X server of its own; `display` is what DISPLAY of its clients must be.

    directory   where the server keeps its frame buffer, a file in X window dump format
    """

    def __init__(self, directory: Path) -> None:
        require_program("Xvfb", "xvfb")
        require_program("xwininfo", "x11-utils")
        reading, writing = os.pipe()
        self._frame = directory / "Xvfb_screen0"
        self._server = subprocess.Popen(
            ["Xvfb", "-displayfd", str(writing), "-screen", "0", f"{_WIDTH}x{_HEIGHT}x24"]
            # Without -noreset it throws out who connects while the last client leaves.
            + ["-fbdir", str(directory), "-nolisten", "tcp", "-noreset"],
            pass_fds=[writing],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        os.close(writing)
        with os.fdopen(reading) as pipe:
            number = pipe.readline().strip()
        assert number, f"Xvfb ended with {self._server.wait()}"
        self.display = f":{number}"

    def windows(self) -> list[Window]:
        """All windows, each before its children."""
        text = subprocess.run(
            ["xwininfo", "-root", "-tree", "-display", self.display],
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        line = re.compile(
            r'^ +0x\w+ (?:"(.*)"|\(has no name\)): .*?(\d+)x(\d+)\S+ +\+(-?\d+)\+(-?\d+)$', re.M
        )
        return [Window(m[1] or "", *map(int, m.groups()[1:])) for m in line.finditer(text)]

    def pixels(self, window: Window) -> list[int]:
        """Colours (0xrrggbb) of a window as they are on the screen, line by line."""
        data = self._frame.read_bytes()
        fields = _HEADER.unpack_from(data)
        begin, bits, line_bytes, colours = fields[0], fields[11], fields[12], fields[19]
        assert bits == 32
        order = ">" if fields[7] else "<"
        found: list[int] = []
        for y in range(window.top, window.top + window.height):
            place = begin + 12 * colours + y * line_bytes + 4 * window.left
            found += struct.unpack_from(f"{order}{window.width}I", data, place)
        return [colour & 0xFFFFFF for colour in found]

    def leave(self, failed: bool) -> None:
        self._server.terminate()
        self._server.wait(PATIENCE)
