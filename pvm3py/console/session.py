# SPDX-License-Identifier: MIT
"""What the commands of a console work on, and how they say that something went wrong."""

from __future__ import annotations

import pvm3py.classic as pvm
from pvm3py.classic import PvmError

from .interrupts import Interrupts
from .jobs import Jobs
from .machine import Machine
from .mail import Mail
from .output import Output, tid_text


class Session:
    """One console.

    aliases   name to the words that it stands for
    auto_err  PvmAutoErr of the console: 0 keeps errors of calls silent
    over      a command has ended the console
    halted    and the machine
    failed    the last command did not do all that it was asked for
    """

    def __init__(self, out: Output) -> None:
        self.out = out
        self.interrupts = Interrupts()
        self.mail = Mail(out.flush, self.interrupts)
        self.jobs = Jobs(self.mail, out)
        self.machine = Machine(self.mail, out, self.jobs.lose_host)
        self.tid = pvm.mytid()
        self.aliases: dict[str, list[str]] = {}
        self.auto_err = 1
        self.over = False
        self.halted = False
        self.failed = False

    def complain(self, text: str) -> None:
        """Say, where results are, that a command cannot do what it was asked for."""
        self.out.line(text)
        self.failed = True

    def fail_if(self, failed: bool) -> None:
        """A command has shown by itself that it could not do all."""
        self.failed |= failed

    def report(self, error: PvmError) -> None:
        """Say that a call failed, in the form of the library."""
        self.failed = True
        if self.auto_err:
            self.out.error(f"libpvm [{tid_text(self.tid)}]: pvm_{error.function}(): {error.text}")
