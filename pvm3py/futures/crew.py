# SPDX-License-Identifier: MIT
"""A pool's nurseries and workers: starting them, and what their ends mean.

A worker's end is told twice: its nursery has seen how the process ended, and the daemon tells when
nothing can come from the task any more. The worker is dead when both are known.
"""

from __future__ import annotations

import itertools
import os
import sys
from collections.abc import Callable
from dataclasses import dataclass, field

from pvm3py import classic
from pvm3py.binding.enums import Event, SpawnFlag
from pvm3py.binding.errors import text_of
from pvm3py.binding.post import send_object
from pvm3py.binding.start import Target, start
from pvm3py.task import Tid
from pvm3py.task.spawning import python_environment

from .errors import PoolBroken
from .words import Setup, Word

# Bytes of a worker's output that are kept for the report of its death.
TAIL = 2000


@dataclass
class Nursery:
    """One host of the pool.

    quota  workers that it is to have, None: as many as it has processors
    """

    tid: Tid
    host: str
    quota: int | None
    said_hello: bool = False
    printed: bytes = b""


@dataclass
class Worker:
    """One worker.

    tid     None until it is ready
    status  how its process ended, if that is known
    ended   the nursery has seen it end, or has gone itself
    gone    the daemon has told that the task has left
    """

    serial: int
    nursery: Nursery
    tid: Tid | None = None
    pid: int = 0
    status: int | None = None
    ended: bool = False
    gone: bool = False
    printed: bytes = field(default=b"", repr=False)

    @property
    def dead(self) -> bool:
        """Whether nothing can come from it."""
        return self.ended and (self.gone or self.tid is None)


class Crew:
    """All of them.

    setup     what workers need
    where     name or architecture of the hosts to use, None: all
    wanted    number of workers, None: as many as the hosts have processors
    per_host  at most so many on a host, None: no limit
    dead      is called with each worker that is dead
    """

    def __init__(
        self,
        setup: Setup,
        where: str | None,
        wanted: int | None,
        per_host: int | None,
        dead: Callable[[Worker], None],
    ) -> None:
        self._setup = setup
        self._where = where
        self._wanted = wanted
        self._per_host = per_host
        self._dead = dead
        self._serials = itertools.count(1)
        self.nurseries: dict[int, Nursery] = {}
        self.workers: dict[int, Worker] = {}
        self._by_tid: dict[int, Worker] = {}
        self.closing = False

    # ---- starting -------------------------------------------------------------------

    def start(self) -> None:
        """Start a nursery on each host. Raises PoolBroken if there is no host for it."""
        hosts = self._hosts()
        if not hosts:
            raise PoolBroken(f"no host of the machine is {self._where!r}")
        for number, host in enumerate(hosts):
            quota = self._per_host
            if self._wanted is not None:
                share = (self._wanted + len(hosts) - 1 - number) // len(hosts)
                quota = share if quota is None else min(share, quota)
            if quota != 0:
                self._start_nursery(host, quota)

    def _hosts(self) -> list[str]:
        return [
            host.name
            for host in classic.config()
            if self._where is None or self._where in (host.name, host.arch)
        ]

    def _start_nursery(self, host: str, quota: int | None) -> None:
        mine, context = classic.mytid(), classic.getcontext()
        outcome = start(
            os.environ.get("PVM3PY_PYTHON", sys.executable),
            ["-P", "-m", "pvm3py.futures.nursery", str(mine), str(context)],
            count=1,
            flags=SpawnFlag.HOST,
            where=host,
            env=python_environment(),
            output=Target(mine, context, Word.OUTPUT),
        )
        if not outcome.tids:
            reason = outcome.reasons.get(host, text_of(outcome.codes[0]))
            raise PoolBroken(f"no worker can be started on {host}: {reason}")
        (tid,) = outcome.tids
        classic.notify(Event.TASK_EXIT, Word.GONE, [tid])
        self.nurseries[tid] = Nursery(Tid(tid), host, quota)
        send_object([tid], Word.SETUP, self._setup)

    def hello(self, tid: int, processors: int) -> None:
        """A nursery is there: have it fork its workers."""
        nursery = self.nurseries.get(tid)
        if nursery is None:
            return
        nursery.said_hello = True
        if nursery.quota is None:
            nursery.quota = processors
        self._fork(nursery, nursery.quota)

    def _fork(self, nursery: Nursery, count: int) -> None:
        if self.closing:
            return
        serials = list(itertools.islice(self._serials, count))
        self.workers.update((serial, Worker(serial, nursery)) for serial in serials)
        send_object([nursery.tid], Word.FORK, serials)

    def ready(self, tid: int, serial: int, pid: int) -> bool:
        """A worker is ready. False: it is known to be dead."""
        worker = self.workers.get(serial)
        if worker is None:
            return False
        worker.tid, worker.pid = Tid(tid), pid
        self._by_tid[tid] = worker
        classic.notify(Event.TASK_EXIT, Word.GONE, [tid])
        return True

    # ---- what they print ----------------------------------------------------------------

    def printed(self, serial: int, data: bytes) -> None:
        """Show what a worker has printed, and keep the end of it."""
        worker = self.workers.get(serial)
        if worker is not None:
            worker.printed = (worker.printed + data)[-TAIL:]
        _show(data)

    def nursery_printed(self, tid: int, data: bytes) -> None:
        """The same of a nursery, which prints only what has gone wrong."""
        nursery = self.nurseries.get(tid)
        if nursery is not None:
            nursery.printed = (nursery.printed + data)[-TAIL:]
        _show(data)

    # ---- ends --------------------------------------------------------------------------

    def ended(self, serial: int, status: int) -> None:
        """A nursery has seen a worker's process end."""
        worker = self.workers.get(serial)
        if worker is not None:
            worker.status = status
            worker.ended = True
            self._see_to(worker)

    def gone(self, tid: int) -> None:
        """The daemon tells that a task has left."""
        if tid in self.nurseries:
            self._nursery_gone(self.nurseries.pop(tid))
        elif tid in self._by_tid:
            worker = self._by_tid[tid]
            worker.gone = True
            self._see_to(worker)

    def _nursery_gone(self, nursery: Nursery) -> None:
        """Its workers end with it. Others take their place, on that host if it is there."""
        if not self.closing:
            self._replace(nursery)
        for worker in [w for w in self.workers.values() if w.nursery is nursery]:
            worker.ended = True
            self._see_to(worker)

    def _replace(self, lost: Nursery) -> None:
        if not lost.said_hello:
            text = lost.printed.decode(errors="replace")
            raise PoolBroken(f"no worker can be started on {lost.host}:\n{text}")
        hosts = self._hosts()
        if lost.host in hosts:
            self._start_nursery(lost.host, lost.quota)
        elif self._wanted is not None or not self.nurseries:
            self._move(lost.quota or 1, hosts)

    def _move(self, count: int, hosts: list[str]) -> None:
        """Start workers of a lost host on others."""
        if not hosts:
            raise PoolBroken("all hosts of the pool have gone")
        others = [n for n in self.nurseries.values() if n.said_hello]
        if not others:
            self._start_nursery(hosts[0], count)
            return
        for number in range(count):
            self._grow(others[number % len(others)])

    def _grow(self, nursery: Nursery) -> None:
        if self._per_host is None or (nursery.quota or 0) < self._per_host:
            nursery.quota = (nursery.quota or 0) + 1
            self._fork(nursery, 1)

    def _see_to(self, worker: Worker) -> None:
        if not worker.dead:
            return
        self.workers.pop(worker.serial, None)
        if worker.tid is not None:
            self._by_tid.pop(worker.tid, None)
        self._dead(worker)

    def renew(self, worker: Worker) -> None:
        """Fork another worker in the place of a dead one, if its nursery is there."""
        if worker.nursery.tid in self.nurseries:
            self._fork(worker.nursery, 1)

    # ---- the end ----------------------------------------------------------------------------

    def quit(self, *, kill: bool) -> None:
        """Have all of them end: when they are idle, or (kill) now."""
        self.closing = True
        for tid in self._by_tid:
            send_object([tid], Word.QUIT, None)
        for tid in self.nurseries:
            send_object([tid], Word.QUIT, None)
            if kill:
                send_object([tid], Word.KILL, None)


def _show(data: bytes) -> None:
    """Write what others have printed to the own output."""
    try:
        sys.stdout.write(data.decode(errors="replace"))
        sys.stdout.flush()
    except (OSError, ValueError):
        pass  # the own output is closed
