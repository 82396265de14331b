# SPDX-License-Identifier: MIT
"""PVM's console, driven as a user does: a command, and what is printed until the next prompt."""

from __future__ import annotations

import os
import select
import subprocess
from pathlib import Path

from support import compiler
from support.machines.vm import VirtualMachine
from support.scoped import Scoped
from support.system import PATIENCE, Side, pvm_root, require_program

PROMPT = "pvm> "


def console_program(side: Side, library: Side = "ours") -> Path:
    """Our console, or Debian's with the libpvm3 of a side."""
    if side == "ours":
        return pvm_root() / "lib" / "pvm"
    require_program("pvm", "pvm")
    return compiler.installed_examples(library) / "pvm"


class Console(Scoped):
    """A console program whose output is a terminal, and whose input is a pipe.

    library  that of Debian's console; our console has its own
    """

    def __init__(self, vm: VirtualMachine, library: Side, program: Side = "debian") -> None:
        # A terminal as standard output makes the console print line by line.
        self._reading, terminal = os.openpty()
        self.process = vm.start(
            console_program(program, library),
            stdin=subprocess.PIPE,
            stdout=terminal,
            stderr=subprocess.STDOUT,
        )
        os.close(terminal)
        self._pending = b""
        self.greeting = self.read(PROMPT)

    def type(self, command: str) -> None:
        """Give a command and do not wait for what it prints."""
        assert self.process.stdin
        self.process.stdin.write(command.encode() + b"\n")
        self.process.stdin.flush()

    def do(self, command: str, until: str = PROMPT) -> str:
        """Give a command; what is printed up to and with some text."""
        self.type(command)
        return self.read(until)

    def read(self, until: str) -> str:
        """What is printed up to and with some text; what follows is for the next call."""
        while until.encode() not in self._pending:
            ready = select.select([self._reading], [], [], PATIENCE)[0]
            assert ready, f"{until!r} not printed within {PATIENCE} s: {self._pending!r}"
            try:
                self._pending += os.read(self._reading, 65536)
            except OSError:
                raise AssertionError(f"ended without {until!r}: {self._pending!r}") from None
        head, self._pending = _split(self._pending, until.encode())
        return head.decode(errors="replace").replace("\r", "")

    def finish(self) -> tuple[int, str]:
        """Close its input and wait for its end: exit status and what was printed."""
        assert self.process.stdin
        if not self.process.stdin.closed:
            self.process.stdin.close()
        return self.finish_by_itself()

    def finish_by_itself(self) -> tuple[int, str]:
        """Wait for its end while its input is open: exit status and what was printed."""
        status = self.process.wait(PATIENCE)
        text = self._pending
        while select.select([self._reading], [], [], 0)[0]:
            try:
                text += os.read(self._reading, 65536)
            except OSError:  # the last writer is gone
                break
        self._pending = b""
        return status, text.decode(errors="replace").replace("\r", "")

    def close(self) -> None:
        """Give back the terminal."""
        os.close(self._reading)

    def leave(self, failed: bool) -> None:
        self.close()


def _split(text: bytes, mark: bytes) -> tuple[bytes, bytes]:
    end = text.index(mark) + len(mark)
    return text[:end], text[end:]
