# SPDX-License-Identifier: MIT
"""Open task connections."""

from __future__ import annotations

from .plain import Plain
from .task import Task


class Connection(Plain):
    """One connection. pid is the peer process by the kernel's word; 0 if it has no number here.

    proven: it has written into the file that was made for its enrolment.
    """

    conn: int
    pid: int
    proven: bool = False
    task: Task | None = None
