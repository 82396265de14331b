# SPDX-License-Identifier: MIT
"""picture.py TREE OUT: docs/images/console.svg, a picture of a session with the console.

The console of a tree runs on a terminal of its own. Its machine has two daemons on loopback
addresses, so that the picture is the same on every computer but for the order of tasks' lines.
"""

from __future__ import annotations

import fcntl
import os
import pty
import re
import select
import shutil
import signal
import struct
import subprocess
import sys
import tempfile
import termios
import time
from collections.abc import Callable, Iterator
from html import escape
from itertools import groupby
from pathlib import Path

import pyte

PROMPT = "pvm> "
# What is typed, and what is on the screen when it is done.
SESSION = (
    ("add 127.0.0.3", "1 successful"),
    ("conf", "2 hosts"),
    ("spawn -3 /bin/sleep 60", "3 successful"),
    ("ps -a", "/bin/sleep"),
    ('spawn -2 -> /bin/echo "hello, world"', "[1] finished"),
)
WIDTH, HEIGHT = 66, 48
PATIENCE = 30
# In place of ssh: the daemon of the second host, on this computer.
REMOTE_SHELL = '#!/bin/sh\nshift\nexport PVM_TMP="$PVM_TMP/second"\nexec sh -c "$*"\n'

COLOURS = {
    "default": "#e6e6e6", "black": "#767676", "red": "#ff7b72", "green": "#7ee787",
    "brown": "#e3b341", "blue": "#79c0ff", "magenta": "#d2a8ff", "cyan": "#76e3ea",
    "white": "#ffffff",
}  # fmt: skip
FONT = "ui-monospace, SFMono-Regular, Menlo, Consolas, 'DejaVu Sans Mono', monospace"
CELL, LINE, MARGIN = 8.4, 19, 16


class Terminal:
    """A program on a terminal of WIDTH and HEIGHT, and what is seen there."""

    def __init__(self, command: list[str], env: dict[str, str]) -> None:
        self.screen = pyte.Screen(WIDTH, HEIGHT)
        self._stream = pyte.ByteStream(self.screen)
        self._pid, self._fd = pty.fork()
        if self._pid == 0:
            size = struct.pack("HHHH", HEIGHT, WIDTH, 0, 0)
            fcntl.ioctl(0, termios.TIOCSWINSZ, size)
            os.execve(command[0], command, env)
        self.screen.write_process_input = self.type

    def type(self, text: str) -> None:
        """Press keys."""
        os.write(self._fd, text.encode())

    def lines(self) -> list[str]:
        """The lines of the screen, without those that are empty at its end."""
        text = "\n".join(line.rstrip() for line in self.screen.display)
        return text.rstrip("\n").split("\n")

    def see_prompt(self) -> None:
        """Wait for the first prompt."""
        self._until(lambda lines: lines[-1] == PROMPT.rstrip())

    def wait(self, command: str, words: str) -> None:
        """Wait until some words are seen behind a command, and then a prompt with nothing typed."""

        def seen(lines: list[str]) -> bool:
            _, typed, answer = "\n".join(lines).rpartition(f"{PROMPT}{command}\n")
            return bool(typed) and words in answer and lines[-1] == PROMPT.rstrip()

        self._until(seen)

    def _until(self, condition: Callable[[list[str]], bool]) -> None:
        """Look at what the program writes until the lines of the screen are as they should be."""
        deadline = time.monotonic() + PATIENCE
        while not condition(self.lines()):
            if time.monotonic() > deadline:
                raise TimeoutError("the session stands still:\n" + "\n".join(self.lines()))
            if select.select([self._fd], [], [], 0.1)[0]:
                self._stream.feed(os.read(self._fd, 65536))

    def end(self) -> None:
        """End the program."""
        os.kill(self._pid, signal.SIGKILL)
        os.waitpid(self._pid, 0)
        os.close(self._fd)


def session(tree: Path) -> pyte.Screen:
    """The screen after SESSION."""
    place = Path(tempfile.mkdtemp(prefix="pv"))
    try:
        env = prepared(place)
        try:
            return typed(tree, env)
        finally:
            halt = [tree / "lib" / "pvm", "-c", "halt"]
            subprocess.run(halt, env=env, stdout=subprocess.DEVNULL, check=True)
    finally:
        shutil.rmtree(place)


def prepared(place: Path) -> dict[str, str]:
    """The environment of a machine whose files are below a directory."""
    (place / "second").mkdir()
    shell = place / "here"
    shell.write_text(REMOTE_SHELL)
    shell.chmod(0o755)
    return {
        "PATH": os.environ["PATH"],
        "HOME": str(place),
        "TERM": "xterm",
        "LANG": "C.UTF-8",
        "PVM_TMP": str(place),
        "PVM_RSH": str(shell),
        "PVM_ALLOW_ROOT": "1",
    }


def typed(tree: Path, env: dict[str, str]) -> pyte.Screen:
    """The screen when all commands of SESSION have been typed to a console."""
    terminal = Terminal([str(tree / "lib" / "pvm"), "-n127.0.0.2"], env)
    try:
        terminal.see_prompt()
        for command, words in SESSION:
            terminal.type(f"{command}\r")
            terminal.wait(command, words)
        return terminal.screen
    finally:
        terminal.end()


# ---- drawing -------------------------------------------------------------------------------


def words(row: dict[int, pyte.screens.Char]) -> Iterator[tuple[int, str, str, bool]]:
    """The words of a row: column, text, colour, whether it is bold. Blanks lie between them."""
    cells = [(column, row[column]) for column in range(WIDTH)]
    for (colour, bold), part in groupby(cells, key=lambda cell: (cell[1].fg, cell[1].bold)):
        together = list(part)
        text = "".join(char.data for _, char in together)
        for word in re.finditer(r"\S+", text):
            yield together[0][0] + word.start(), word[0], colour, bold


def drawn(screen: pyte.Screen) -> str:
    """The picture: a text element for each word."""
    used = max(y for y in range(HEIGHT) if screen.display[y].strip()) + 1
    width, height = round(WIDTH * CELL + 2 * MARGIN), used * LINE + 2 * MARGIN
    picture = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}"'
        f' width="{width}" height="{height}" role="img">',
        "<title>The console of pvm3py</title>",
        f'<rect width="{width}" height="{height}" rx="8" fill="#161b22"/>',
        f'<g font-family="{escape(FONT)}" font-size="14">',
    ]
    for y in range(used):
        for x, word, colour, bold in words(screen.buffer[y]):
            weight = ' font-weight="bold"' if bold else ""
            picture.append(
                f'<text x="{MARGIN + x * CELL:.1f}" y="{MARGIN + y * LINE + 14}"'
                f' textLength="{len(word) * CELL:.1f}"'
                f' fill="{COLOURS.get(colour, COLOURS["default"])}"{weight}>{escape(word)}</text>'
            )
    return "\n".join([*picture, "</g>", "</svg>", ""])


if __name__ == "__main__":
    Path(sys.argv[2]).write_text(drawn(session(Path(sys.argv[1]).resolve())), encoding="utf-8")
