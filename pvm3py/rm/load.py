# SPDX-License-Identifier: MIT
"""Load averages and processors of the hosts, reported by a small task on each.

The task is a shell script, so it runs on hosts of PVM 3.4.6 as well; what it prints comes as its
output. It ends by itself after some reports, in case nobody listens any more, and another follows.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from .machine import Host

if TYPE_CHECKING:
    from .manager import ResourceManager

# Seconds between reports, and reports of one task.
SECONDS = 5
REPORTS = 12

_SCRIPT = f"""
trap 'kill $! 2>/dev/null; exit 0' TERM
n=0
while [ $n -lt {REPORTS} ]; do
	echo "load $(cut -d ' ' -f 1 /proc/loadavg) cores $(getconf _NPROCESSORS_ONLN)"
	sleep {SECONDS} >/dev/null 2>&1 &
	wait $!
	n=$((n + 1))
done
"""


class LoadWatch:
    """Keeps load and cores of the hosts up to date. probes: the tids of the tasks that report."""

    def __init__(self, manager: ResourceManager) -> None:
        self._manager = manager
        self._silent: set[int] = set()
        self.probes: set[int] = set()

    def begin(self, host: Host) -> None:
        """Start the task of a host."""

        def started(codes: list[int]) -> None:
            self.probes.update(tid for tid in codes if tid > 0)
            self._silent.update(tid for tid in codes if tid > 0)

        self._manager.run_on(host, "/bin/sh", ["-c", _SCRIPT], started)

    def output(self, tid: int, text: str) -> None:
        """What a task has printed: take over the last complete report."""
        host = self._manager.machine.host_of(tid)
        for line in text.splitlines():
            match line.split():
                case ["load", load, "cores", cores] if host is not None:
                    self._silent.discard(tid)
                    try:
                        host.load, host.cores = float(load), max(int(cores), 1)
                    except ValueError:
                        pass

    def task_ended(self, tid: int, host: Host) -> None:
        """If it was one of these tasks, start the next; not where it has never reported."""
        if tid not in self.probes:
            return
        self.probes.discard(tid)
        if tid in self._silent:
            self._silent.discard(tid)
        elif host.tid in self._manager.hosts:
            self.begin(host)
