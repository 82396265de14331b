# SPDX-License-Identifier: MIT
"""Open task connections and what enrolment still needs to know about them."""

from __future__ import annotations

import asyncio
import contextlib
import os

from .plain import Plain
from .task import Task


class Connection(Plain):
    """One connection. pid is the peer process by the kernel's word; 0 if it has no number here.

    auth_file: between the rounds of enrolment, the file that the task must write to.
    """

    conn: int
    pid: int
    task: Task | None = None
    auth_file: str = ""
    timeout: asyncio.TimerHandle | None = None

    def enrolled(self, task: Task) -> None:
        """Enrolment is complete."""
        self.task = task
        self.drop_enrolment()

    def drop_auth_file(self) -> None:
        """Remove the file that the task was to write to."""
        if self.auth_file:
            with contextlib.suppress(OSError):
                os.unlink(self.auth_file)
            self.auth_file = ""

    def drop_enrolment(self) -> None:
        """Forget what only enrolment needs."""
        self.drop_auth_file()
        if self.timeout is not None:
            self.timeout.cancel()
            self.timeout = None
