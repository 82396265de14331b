# SPDX-License-Identifier: MIT
"""A line came, messages came: what drives a session, whoever reads the lines."""

from __future__ import annotations

import os

import pvm3py.classic as pvm
from pvm3py.classic import ConnectionLost, PvmError

from .commands import COMMANDS
from .session import Session
from .table import JSON, Command, Given
from .words import UnmatchedQuote, split

# Longest line that is taken, characters.
LINE_MAX = 65536


class Interpreter:
    """Runs commands of a session. A front end calls `line` and `messages`, and waits on `fds`.

    Both may raise ConnectionLost: the daemon has ended, and so does the console. `line` raises
    KeyboardInterrupt at Ctrl-C; the command is over then, and the console goes on.
    """

    def __init__(self, session: Session) -> None:
        self.session = session

    def fds(self) -> list[int]:
        """Descriptors that become readable when messages come.

        Call `messages` before waiting for them: a command may have read some already.
        """
        return pvm.getfds()

    def messages(self) -> None:
        """Take the messages that are there."""
        self.session.mail.take_in()

    def line(self, text: str) -> bool:
        """Run a line; whether it did all that it was asked for."""
        self.session.failed = False
        try:
            words = self._words(text)
            if words:
                self._run(words)
        except ConnectionLost:
            raise
        except PvmError as error:
            self.session.report(error)
        return not self.session.failed

    def _words(self, text: str) -> list[str]:
        """Words of a line, its alias replaced; none if there is nothing to do."""
        if len(text) > LINE_MAX or "\0" in text:
            long = f"line is longer than {LINE_MAX} characters"
            self.session.complain("line has a NUL character" if "\0" in text else long)
            return []
        try:
            return self._unalias(split(text, os.environ))
        except UnmatchedQuote as quote:
            self.session.complain(f"unmatched {quote}")
            self.session.complain("command too long")
            return []

    def _unalias(self, words: list[str]) -> list[str]:
        """Replace the first word until it is no alias; one that begins with itself, once."""
        seen: set[str] = set()
        while words and words[0] in self.session.aliases:
            name, *rest = words
            if name in seen:
                self.session.complain("alias loop")
                return []
            seen.add(name)
            meaning = self.session.aliases[name]
            words = [*meaning, *rest]
            if meaning[0] == name:
                break
        return words

    def _run(self, words: list[str]) -> None:
        name, *rest = words
        command = COMMANDS.get(name)
        if command is None:
            self.session.complain(f"{shown(name)}: not found")
            return
        self._call(command, rest)

    def _call(self, command: Command, words: list[str]) -> None:
        given, unknown = command.parse(words)
        fits = command.fits(len(given.operands))
        if not fits and not command.fits(len(words)):
            self.session.complain(f"{command.name}: wrong #args")
            return
        for flag in unknown:
            self._refuse(given, flag)
        if not fits:
            self.session.complain("incorrect arg count")
            return
        command.run(self.session, given)

    def _refuse(self, given: Given, flag: str) -> None:
        """Say that there is no such option; not in the middle of JSON."""
        text = f"unknown flag {shown(flag)}"
        self.session.fail_if(True)
        if JSON.flag in given:
            self.session.out.error(text)
        else:
            self.session.out.line(text)


def shown(text: str) -> str:
    """A word as it may be printed: a piece of it, without control characters."""
    short = text if len(text) <= 200 else f"{text[:200]}..."
    return "".join(c if c.isprintable() or "\udc80" <= c <= "\udcff" else "?" for c in short)
