# SPDX-License-Identifier: MIT
"""Nurseries: tasks on the hosts that fork this task's functions, so that these begin at once.

They are started when so many functions are spawned that it pays, and end with this task.
"""

from __future__ import annotations

import os
import sys
import threading
import time
from collections.abc import Iterable

from pvm3py import classic
from pvm3py.binding.enums import Event, SpawnFlag
from pvm3py.binding.errors import Timeout
from pvm3py.binding.post import send_object
from pvm3py.binding.start import Target, start
from pvm3py.wire.output import NURSERY

from .context import fresh
from .spawning import python_launch
from .take import take

# What this task and a nursery say to each other, in a context of their own.
MODULES, FIT, UNFIT, ENDED = 1, 2, 3, 4
# Functions of one task on a host, from which on a nursery costs less than it saves.
_FROM = 4
# Seconds that nurseries have to begin; then they are not waited for.
_PATIENCE = 10.0
_NOWHERE = Target(0, 0, 0)


class Nurseries:
    """The nurseries of this task, until it leaves the machine."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._expected: dict[str, float] = {}
        self._by_host: dict[str, int] = {}

    def prepare(self, count: int, place: tuple[SpawnFlag, str]) -> None:
        """So many functions are to be spawned: have nurseries where they may run, if that pays."""
        with self._lock:
            hosts = _hosts(*place)
            for host in hosts:
                self._expected[host] = self._expected.get(host, 0.0) + count / len(hosts)
            needed = [h for h in hosts if self._expected[h] >= _FROM and not self._has(h)]
            if needed:
                self._start(needed)

    def _has(self, host: str) -> bool:
        """Whether a host has a nursery, or cannot have one."""
        tid = self._by_host.get(host)
        return tid is not None and (tid == 0 or classic.pstat(tid))

    def _start(self, hosts: Iterable[str]) -> None:
        """Start nurseries, and wait until they serve. Those that fail are not tried again."""
        with fresh() as context:
            for host in hosts:
                self._by_host[host] = _start_one(host, context)
            started = {tid: host for host in hosts if (tid := self._by_host[host])}
            if not started:
                return
            classic.notify(Event.TASK_EXIT, ENDED, list(started))
            send_object(list(started), MODULES, _standard_modules())
            self._await(started)

    def _await(self, started: dict[int, str]) -> None:
        end = time.monotonic() + _PATIENCE
        while started:
            try:
                message = take("spawn", timeout=end - time.monotonic())
            except Timeout:
                return
            tid = message.unpack("int") if message.tag == ENDED else message.source
            host = started.pop(tid, None)
            if host is not None and message.tag != FIT:
                self._by_host[host] = 0
            message.release()


def _hosts(flags: SpawnFlag, where: str) -> list[str]:
    """The hosts that a spawn may choose."""
    name = where.partition(":")[0]
    hosts = classic.config()
    if flags & SpawnFlag.ARCH:
        return [host.name for host in hosts if host.arch == name]
    if flags & SpawnFlag.HOST and name == ".":
        daemon = classic.tidtohost(classic.mytid())
        return [host.name for host in hosts if host.tid == daemon]
    return [host.name for host in hosts if name in ("", host.name)]


def _start_one(host: str, context: int) -> int:
    """Start a nursery on a host: its tid, 0: it could not be started."""
    launch = python_launch(["-P", "-m", "pvm3py.nursery", str(context)])
    outcome = start(
        launch.program,
        launch.args,
        count=1,
        flags=SpawnFlag.HOST,
        where=host,
        env={**launch.env, NURSERY: "1"},
        output=_NOWHERE,
    )
    return outcome.tids[0] if outcome.tids else 0


def _standard_modules() -> list[str]:
    """The modules of the standard library that this task has loaded."""
    library = os.path.dirname(os.__file__) + os.sep
    return [name for name, module in sys.modules.copy().items() if _standard(name, module, library)]


def _standard(name: str, module: object, library: str) -> bool:
    if name.partition(".")[0] not in sys.stdlib_module_names:
        return False
    origin = getattr(getattr(module, "__spec__", None), "origin", None)
    return isinstance(origin, str) and (origin == "built-in" or origin.startswith(library))
