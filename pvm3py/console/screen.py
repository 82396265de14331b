# SPDX-License-Identifier: MIT
"""The whole terminal for one command: keys as they are pressed, a picture that is drawn anew."""

from __future__ import annotations

import contextlib
import io
import os
import signal
import sys
import termios
import tty
from collections.abc import Iterator, Sequence
from types import TracebackType
from typing import Self

from .mail import Mail

# Another screen, whose contents nobody misses; no cursor. Afterwards it is where it was.
_ENTER, _LEAVE = "\x1b7\x1b[?1047h\x1b[?25l\x1b[2J", "\x1b[?1047l\x1b[?25h\x1b8"
_HOME, _CLEAR_LINE, _CLEAR_BELOW = "\x1b[H", "\x1b[K", "\x1b[J"


class Screen:
    """For a `with` block. What is printed meanwhile appears when it is over."""

    def __init__(self, mail: Mail) -> None:
        self._mail = mail
        self._out = sys.stdout
        self._printed = io.StringIO()
        self._stack = contextlib.ExitStack()

    def __enter__(self) -> Self:
        with contextlib.ExitStack() as stack:
            settings = termios.tcgetattr(0)
            stack.callback(self._put_back, settings)
            stack.enter_context(contextlib.redirect_stdout(self._printed))
            stack.enter_context(contextlib.redirect_stderr(self._printed))
            self._size_changed = stack.enter_context(_size_changes())
            tty.setcbreak(0, termios.TCSADRAIN)
            self._write(_ENTER)
            self._stack = stack.pop_all()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._stack.close()

    def size(self) -> tuple[int, int]:
        """Columns and lines."""
        return os.get_terminal_size(0)

    def draw(self, lines: Sequence[str]) -> None:
        """Show these lines, which must fit; escape sequences take no room."""
        text = f"{_CLEAR_LINE}\r\n".join(lines)
        self._write(f"{_HOME}{text}{_CLEAR_LINE}{_CLEAR_BELOW}")

    def key(self, seconds: float) -> str:
        """Wait for a key, serving messages. "": none came in time. "q" if the terminal is gone."""
        ready = self._mail.wait_with([0, self._size_changed], seconds)
        if self._size_changed in ready:
            os.read(self._size_changed, 4096)
        if 0 not in ready:
            return ""
        try:
            return os.read(0, 1).decode(errors="replace") or "q"
        except OSError:
            return "q"

    def _write(self, text: str) -> None:
        self._out.write(text)
        self._out.flush()

    def _put_back(self, settings: list[object]) -> None:
        with contextlib.suppress(OSError, termios.error):
            self._write(_LEAVE)
            termios.tcsetattr(0, termios.TCSADRAIN, settings)  # type: ignore[arg-type]
        sys.stdout.write(self._printed.getvalue())


@contextlib.contextmanager
def _size_changes() -> Iterator[int]:
    """A descriptor that becomes readable when the terminal gets another size."""
    reading, writing = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)

    def changed(signum: int, frame: object) -> None:
        with contextlib.suppress(BlockingIOError):
            os.write(writing, b"!")

    before = signal.signal(signal.SIGWINCH, changed)
    try:
        yield reading
    finally:
        signal.signal(signal.SIGWINCH, before)
        os.close(reading)
        os.close(writing)
