# SPDX-License-Identifier: MIT
"""Commands that nobody types: the start-up file, those of -c, scripts."""

from __future__ import annotations

import os

from .interpreter import Interpreter
from .words import UnmatchedQuote, statements


def start_up_lines() -> list[str]:
    """The lines of $HOME/.pvmrc; none if it cannot be read."""
    try:
        path = os.path.join(os.environ.get("HOME", "."), ".pvmrc")
        with open(path, encoding="utf-8", errors="surrogateescape") as file:
            return [line.removesuffix("\n") for line in file]
    except OSError:
        return []


def run_text(interpreter: Interpreter, text: str) -> int:
    """Run the commands of a text, and wait for the output of their jobs.

    The exit status: 0, or 1 if a command could not do all that it was asked for.
    """
    session = interpreter.session
    session.machine.announce = False
    good = True
    for line in start_up_lines():
        if not session.over:
            interpreter.line(line)
    try:
        for statement in statements(text):
            if session.over:
                break
            interpreter.messages()
            good &= interpreter.line(statement)
    except UnmatchedQuote as quote:
        session.complain(f"unmatched {quote}")
        good = False
    if not session.over:
        session.mail.wait(lambda: not session.jobs.running())
    return 0 if good else 1
