# SPDX-License-Identifier: MIT
"""What this host does: processor time of its own tasks and of everything else, memory, pressure.

All of it is from /proc; what is not there counts as nothing.
"""

from __future__ import annotations

import contextlib
import os
import select
from collections.abc import Iterable

from ..state.plain import Plain, field

_TICKS = os.sysconf("SC_CLK_TCK")
_CORES = os.cpu_count() or 1
_MEMORY = "/proc/meminfo"
_PRESSURE = "/proc/pressure/cpu"
# Microseconds that something must wait for a processor, in such a window, to wake a trigger. Users
# without privileges may have windows of two seconds.
_TRIGGER = b"some 200000 2000000"
# Processes of one task that are looked at.
_FAMILY_MAX = 256


class Usage(Plain):
    """others, ours: processors busy with what; shares: of each task, by its process."""

    others: float
    ours: float
    shares: dict[int, float] = field(factory=dict)


class Meter:
    """Processor time between one look and the next."""

    def __init__(self) -> None:
        self._busy = _busy_seconds()
        self._times: dict[int, float] = {}
        self._ended = 0.0

    def child_ended(self, pid: int, seconds: float) -> None:
        """A process has ended that had used so much, with its own children."""
        self._ended += max(seconds - self._times.pop(pid, seconds), 0.0)

    def look(self, pids: Iterable[int], seconds: float) -> Usage:
        """What has been used in the `seconds` since the last look; pids: of this daemon's tasks."""
        busy, times = _busy_seconds(), {pid: _family_seconds(pid) for pid in pids}
        used = {pid: max(now - self._times.get(pid, now), 0.0) for pid, now in times.items()}
        ours = sum(used.values()) + self._ended
        others = max(busy - self._busy - ours, 0.0)
        self._busy, self._times, self._ended = busy, times, 0.0
        scale = 1 / max(seconds, 0.001)
        shares = {pid: time * scale for pid, time in used.items()}
        return Usage(others * scale, ours * scale, shares)


def cores() -> int:
    """Number of processors."""
    return _CORES


def _read(path: str) -> str:
    """What a file says; nothing if there is none."""
    try:
        with open(path, "rb", buffering=0) as file:
            return file.read().decode("utf-8", "replace")
    except OSError:
        return ""


def _busy_seconds() -> float:
    """Seconds that processors have been busy since the system began; without niced guests."""
    words = _read("/proc/stat").partition("\n")[0].split()
    if len(words) < 9:
        return 0.0
    user, nice, system, _idle, _wait, irq, soft, _stolen = map(int, words[1:9])
    return (user + nice + system + irq + soft) / _TICKS


def _family_seconds(pid: int) -> float:
    """Processor time of a process, its descendants, and those that have ended among them."""
    seconds, waiting, seen = 0.0, [pid], 0
    while waiting and seen < _FAMILY_MAX:
        one = waiting.pop()
        seen += 1
        words = _read(f"/proc/{one}/stat").rpartition(")")[2].split()
        if len(words) > 14:
            seconds += sum(map(int, words[11:15])) / _TICKS
            waiting += map(int, _read(f"/proc/{one}/task/{one}/children").split())
    return seconds


def free_megabytes() -> int:
    """Memory that new processes could have."""
    for line in _read(_MEMORY).splitlines():
        if line.startswith("MemAvailable:"):
            return int(line.split()[1]) >> 10
    return 0


def pressure() -> float:
    """Percent of the last ten seconds in which something waited for a processor."""
    for word in _read(_PRESSURE).partition("\n")[0].split():
        if word.startswith("avg10="):
            return float(word[6:])
    return 0.0


class Trigger:
    """Wakes when something waits for a processor. fd: readable then; -1: there is none."""

    def __init__(self) -> None:
        self.fd = self._pressure = -1
        with contextlib.suppress(OSError):
            self._pressure = os.open(_PRESSURE, os.O_RDWR | os.O_NONBLOCK | os.O_CLOEXEC)
            os.write(self._pressure, _TRIGGER)
            # What it tells is urgent data, which event loops do not wait for.
            self._poll = select.epoll()
            self._poll.register(self._pressure, select.EPOLLPRI)
            self.fd = self._poll.fileno()

    def take(self) -> None:
        """It has woken."""
        self._poll.poll(0)

    def close(self) -> None:
        """Give the descriptors back."""
        if self.fd >= 0:
            self._poll.close()
        if self._pressure >= 0:
            os.close(self._pressure)
        self.fd = self._pressure = -1
