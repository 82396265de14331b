# SPDX-License-Identifier: MIT
"""A person at a terminal: types keys into a program, and looks at the screen."""

from __future__ import annotations

import copy
import fcntl
import os
import select
import signal
import struct
import subprocess
import termios
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import pyte

from support.machines.vm import VirtualMachine
from support.scoped import Scoped
from support.system import PATIENCE

CTRL_C, CTRL_D, TAB, UP, LEFT = "\x03", "\x04", "\t", "\x1b[A", "\x1b[D"


class _Screen(pyte.Screen):
    """A screen with another one for programs that take all of it."""

    _OTHER = 1047
    _kept: Any = None

    def set_mode(self, *modes: int, **given: Any) -> None:
        """Go to the other screen, too."""
        if self._OTHER in modes and given.get("private"):
            self._kept = copy.deepcopy(self.buffer)
        super().set_mode(*modes, **given)

    def reset_mode(self, *modes: int, **given: Any) -> None:
        """Come back from it, too."""
        if self._OTHER in modes and given.get("private") and self._kept:
            self.buffer, self._kept = self._kept, None
            self.dirty.update(range(self.lines))
        super().reset_mode(*modes, **given)


class Desk(Scoped):
    """A program of a virtual machine on a terminal of its own.

    env  further environment of the program
    """

    def __init__(
        self,
        vm: VirtualMachine,
        command: Sequence[object],
        *,
        env: Mapping[str, str] | None = None,
        columns: int = 100,
        lines: int = 40,
    ) -> None:
        self._screen = _Screen(columns, lines)
        self._stream = pyte.ByteStream(self._screen)
        self._terminal, far = os.openpty()
        self.resize(columns, lines)
        # All that was written, with what moves the cursor and sets colours.
        self.written = b""
        self.process = subprocess.Popen(
            list(map(str, command)),
            stdin=far,
            stdout=far,
            stderr=far,
            env=vm.env | {"TERM": "xterm-256color"} | dict(env or {}),
            cwd=vm.home,
            preexec_fn=lambda: os.login_tty(far),  # noqa: PLW1509
        )
        os.close(far)
        vm.tasks.append(self.process)

    # ---- what a person does -------------------------------------------------

    def type(self, keys: str) -> None:
        """Press keys."""
        os.write(self._terminal, keys.encode())

    def enter(self, command: str) -> None:
        """Type a line."""
        self.type(command + "\r")

    def resize(self, columns: int, lines: int) -> None:
        """Give the window another size."""
        self._screen.resize(lines, columns)
        size = struct.pack("HHHH", lines, columns, 0, 0)
        fcntl.ioctl(self._terminal, termios.TIOCSWINSZ, size)

    def hang_up(self) -> None:
        """Close the window."""
        os.close(self._terminal)
        self._terminal = -1

    # ---- what a person sees -------------------------------------------------

    def lines(self) -> list[str]:
        """The screen as it is, without blanks at the ends of lines, and empty lines at its end."""
        lines = [line.rstrip() for line in self._screen.display]
        while lines and not lines[-1]:
            lines.pop()
        return lines

    def wait_for(self, condition: Callable[[list[str]], object], what: str) -> list[str]:
        """Look at the screen until it is as wanted; the screen then."""
        deadline = time.monotonic() + PATIENCE
        while not condition(self.lines()):
            left = deadline - time.monotonic()
            shown = "\n".join(self.lines())
            assert left > 0, f"not on the screen: {what}\n{shown}"
            assert self._look(min(left, 0.1)), f"ended without {what}\n{shown}"
        return self.lines()

    def see(self, text: str) -> list[str]:
        """Wait until a text is on the screen; the screen then."""
        return self.wait_for(lambda lines: any(text in line for line in lines), repr(text))

    def see_last(self, line: str) -> list[str]:
        """Wait until the last line on the screen is this one; the screen then."""
        return self.wait_for(lambda lines: lines[-1:] == [line], f"last line {line!r}")

    def end(self) -> int:
        """Wait for the program's end; its exit status."""
        deadline = time.monotonic() + PATIENCE
        while self._look(0.1):
            assert time.monotonic() < deadline, "runs on\n" + "\n".join(self.lines())
        return self.process.wait(PATIENCE)

    def _look(self, seconds: float) -> bool:
        """Read what the program writes within this time; false: it has ended."""
        if not select.select([self._terminal], [], [], seconds)[0]:
            return self.process.poll() is None
        try:
            data = os.read(self._terminal, 65536)
        except OSError:
            return False
        self.written += data
        self._stream.feed(data)
        return True

    def flags(self) -> int:
        """Local modes of the terminal: termios.ECHO, termios.ICANON and so on."""
        return int(termios.tcgetattr(self._terminal)[3])

    def leave(self, failed: bool) -> None:
        del failed
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGKILL)
        self.process.wait(PATIENCE)
        if self._terminal >= 0:
            os.close(self._terminal)
