# SPDX-License-Identifier: MIT
"""Whether somebody uses this host: terminals, keyboards, load, a file, a command."""

from __future__ import annotations

import contextlib
import glob
import os
import struct
from collections.abc import Callable, Iterable
from functools import partial

from ..state.config import expand
from ..state.hooks import Hook

# struct utmp of utmp(5), as far as needed: the type, the terminal's name; and a user's process.
_UTMP = struct.Struct("=h2xi32s")
_UTMP_BYTES = 384
_USER_PROCESS = 7
_UTMP_FILES = ("/run/utmp", "/var/run/utmp")
_TERMINALS = "/dev"
_EVENTS = "/dev/input/event*"
_KEYBOARDS = ("i8042", "keyboard", "mouse")
# Seconds since an owner was there of whom nothing was ever seen.
NEVER = 0x7FFFFFFF

Evidence = Callable[[], bool]


class Owner:
    """What is known of the owner by some hooks. clock: seconds; now: of the time of day.

    here: there is evidence of the owner now; load: processors that the others may keep busy.
    """

    def __init__(
        self, hooks: Iterable[Hook], clock: Callable[[], float], now: Callable[[], float]
    ) -> None:
        self._clock = clock
        self.here = False
        self.load = min((float(h.value) for h in hooks if h.kind == "load"), default=0.0)
        self.commands = [hook.value for hook in hooks if hook.kind == "cmd"]
        self._told = False  # what the commands have said last
        self._last: float | None = None
        self._looks: list[Evidence] = []
        self._devices = None
        for hook in hooks:
            if hook.kind == "tty":
                self._looks.append(self._terminals(now))
            elif hook.kind == "input":
                self._devices = Devices()
                self._looks.append(self._devices.used)
            elif hook.kind == "file":
                self._looks.append(partial(os.path.exists, expand(hook.value)))

    def _terminals(self, now: Callable[[], float]) -> Evidence:
        """Evidence by the terminals of users; what is older counts as time since then."""
        before = youngest_terminal()
        if before:
            self._last = self._clock() - max(now() - before, 0.0)

        def used() -> bool:
            nonlocal before
            was, before = before, max(before, youngest_terminal())
            return before > was

        return used

    def stirs(self) -> bool:
        """Look at what costs little; whether the owner is there, and was not at the last look."""
        was = self.here
        found = [look() for look in self._looks]
        self.here = self._told or any(found)
        self._note()
        return self.here and not was

    def judge(self, others: float) -> None:
        """Add what costs more: processors that others keep busy."""
        if self.load and others > self.load:
            self.here = True
        self._note()

    def told(self, here: bool) -> None:
        """What the commands say."""
        self._told = here

    def idle(self) -> int:
        """Seconds since there was evidence of the owner."""
        return NEVER if self._last is None else max(int(self._clock() - self._last), 0)

    def _note(self) -> None:
        if self.here:
            self._last = self._clock()

    def close(self) -> None:
        """Give descriptors back."""
        if self._devices is not None:
            self._devices.close()


def youngest_terminal() -> float:
    """When a terminal of a user who has logged in was last read from; 0: there is none."""
    times = [0.0]
    for name in _logged_in():
        with contextlib.suppress(OSError, ValueError):
            times.append(os.stat(f"{_TERMINALS}/{name}").st_atime)
    return max(times)


def _logged_in() -> list[str]:
    """Names of the terminals of users who have logged in."""
    for path in _UTMP_FILES:
        with contextlib.suppress(OSError), open(path, "rb") as file:
            table = file.read()
            starts = range(0, len(table) - _UTMP_BYTES + 1, _UTMP_BYTES)
            entries = [_UTMP.unpack_from(table, at) for at in starts]
            return [
                line.rstrip(b"\0").decode(errors="replace")
                for kind, _, line in entries
                if kind == _USER_PROCESS
            ]
    return []


class Devices:
    """Keyboards and mice: what they say, or else how often they have interrupted."""

    def __init__(self) -> None:
        self._fds: list[int] = []
        for path in glob.glob(_EVENTS):
            with contextlib.suppress(OSError):
                self._fds.append(os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC))
        self._count = 0 if self._fds else interrupts()

    def used(self) -> bool:
        """Whether one was used since the last look."""
        if self._fds:
            return sum(_drained(fd) for fd in self._fds) > 0
        before, self._count = self._count, interrupts()
        return self._count > before

    def close(self) -> None:
        """Close the devices."""
        for fd in self._fds:
            os.close(fd)
        self._fds = []


def _drained(fd: int) -> bool:
    """Whether a device had something to say, which is dropped."""
    with contextlib.suppress(OSError):
        return bool(os.read(fd, 4096))
    return False


def interrupts() -> int:
    """How often keyboards and mice have interrupted."""
    count = 0
    with contextlib.suppress(OSError), open("/proc/interrupts", encoding="utf-8") as file:
        for line in file:
            if any(word in line for word in _KEYBOARDS):
                count += sum(int(word) for word in line.split()[1:] if word.isdecimal())
    return count
