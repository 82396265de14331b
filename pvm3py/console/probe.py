# SPDX-License-Identifier: MIT
"""Small tasks of the console on the hosts, which print what only their host knows.

They are shell scripts, so that they run on hosts of PVM 3.4.6 as well.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable

import pvm3py.classic as pvm
from pvm3py.classic import ConnectionLost, SpawnError, SpawnFlag

from .jobs import Collected, Job
from .session import Session

# The log file of the daemon that started the shell.
LOG = '"${PVM_TMP:-/tmp}/pvml.$(id -u)${PVM_VMID+.$PVM_VMID}"'


def begin(session: Session, host: str, script: str, take: Callable[[int, str], None]) -> Job | None:
    """Run a script of the shell on a host; None: that failed.

    take  gets the host's tid and a line for each that the script prints, while messages are
          taken in
    """
    job = Job(0, Collected(lambda tid, line: take(pvm.tidtohost(tid), line)))

    def spawn() -> list[int]:
        flags = SpawnFlag.HOST | SpawnFlag.NO_PARENT
        return pvm.spawn("/bin/sh", ["-c", script], flags=flags, where=host)

    try:
        session.jobs.launch(job, spawn)
    except SpawnError:
        return None
    return job


def end(jobs: Iterable[Job]) -> None:
    """End the tasks of scripts that still run; no daemon does it that is being found to be gone."""
    if isinstance(sys.exception(), ConnectionLost):
        return
    for job in jobs:
        for tid in job.running():
            pvm.kill(tid)
