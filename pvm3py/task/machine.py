# SPDX-License-Identifier: MIT
"""The virtual machine: a private one, which this process makes and ends, or the user's own."""

from __future__ import annotations

import atexit
import os
from collections.abc import Iterable, Mapping
from typing import ClassVar, Self

from pvm3py import classic

from .hosts import Hosts, HostsNotAdded, Tasks
from .html import table
from .mailbox import Mailbox
from .notices import Notices
from .private import Private, halt_from_outside, start_own
from .spawning import refuse_while_imported
from .task import Task


class VirtualMachine:
    """A private machine: a daemon of its own, which ends with the `with` block or this process.

    hosts  to add to this one, as Hosts.add; HostsNotAdded: the machine ends again
    ssh    the remote shell that starts daemons there
    env    further variables of the daemon, and so of all tasks
    keep   it goes on when this process ends; only `halt` ends it

    A process has one machine at a time. `attach` is for the one that runs anyway. `hosts`, `tasks`
    and `mailbox` ask the daemon at each access; `snapshot()` of each is a dict. The first of these
    makes this process a task.
    """

    _one: ClassVar[VirtualMachine | None] = None
    _private: Private | None

    def __init__(
        self,
        hosts: Iterable[str] = (),
        *,
        ssh: str | None = None,
        env: Mapping[str, str] | None = None,
        keep: bool = False,
    ) -> None:
        refuse_while_imported("starts a machine")
        self._begin()
        if Task().enrolled:
            raise RuntimeError("this process is a task of a machine: leave that before")
        self._keep = keep
        shell = {} if ssh is None else {"PVM_RSH": ssh}
        self._private = Private({**shell, **(env or {})}, kept=keep)
        VirtualMachine._one = self
        try:
            self.hosts.add(*hosts)
        except HostsNotAdded:
            self.halt()
            raise
        self._enrol_later()

    @classmethod
    def attach(cls, *, start: bool = False) -> Self:
        """The machine that runs, which stays as it is when this lets go of it.

        start  start it if there is none

        Raises ConnectionLost if there is none; CantStart.
        """
        self = cls.__new__(cls)
        self._begin()
        self._keep = True
        self._private = None
        if not Task().enrolled:
            if start:
                start_own()
            classic.mytid()
            self._enrol_later()
        VirtualMachine._one = self
        return self

    @classmethod
    def present(cls) -> VirtualMachine | None:
        """The machine of this process, if it has made one or attached to one."""
        return VirtualMachine._one

    def _enrol_later(self) -> None:
        """This process is no task until it needs to be, so that it can have a name then."""
        Task().leave(wait=False)

    def _begin(self) -> None:
        """Raises RuntimeError: this process has a machine."""
        if VirtualMachine._one is not None:
            raise RuntimeError(f"this process has {VirtualMachine._one!r}: close it before")
        self.process = os.getpid()
        self.hosts = Hosts()
        self.tasks = Tasks()
        self.mailbox = Mailbox()

    # ---- the end --------------------------------------------------------------------------

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Let go of it: a private machine ends, unless it is kept; others go on."""
        if not self.current:
            return
        if self._private is not None and not self._keep:
            self.halt()
        else:
            self._leave()

    def halt(self) -> None:
        """End the machine with all its tasks but this process, which is none of them any more."""
        if not self.current:
            raise RuntimeError("the machine has ended, or was left")
        self._leave()
        if self._private is None:
            halt_from_outside()
        else:
            self._private.end()

    def _leave(self) -> None:
        VirtualMachine._one = None
        Task().leave(wait=False)

    def reset(self) -> None:
        """End all tasks but this one, and delete what ended ones have left in the mailbox."""
        classic.reset()

    # ---- what is in it -------------------------------------------------------------------------

    @property
    def task(self) -> Task:
        """This process as a task."""
        return Task(machine=self)

    def events(self) -> Notices:
        """Notices of hosts that come and go, and of the ends of the tasks that there are now."""
        notices = self.task.notify_hosts()
        notices.watch_exit(*(tid for tid in self.tasks if tid != self.task.tid))
        return notices

    @property
    def current(self) -> bool:
        """Whether this is the machine of this process: neither ended nor left."""
        return VirtualMachine._one is self

    def __repr__(self) -> str:
        kind = "attached" if self._private is None else "private"
        if not self.current:
            return f"<VirtualMachine, {kind}, ended or left>"
        return f"<VirtualMachine, {kind}, hosts {', '.join(self.hosts)}>"

    def _repr_html_(self) -> str:
        if not self.current:
            return table(repr(self)[1:-1], [], [])
        counts = dict.fromkeys((host.tid for host in self.hosts.snapshot().values()), 0)
        for info in self.tasks.snapshot().values():
            counts[info.host] = counts.get(info.host, 0) + 1
        rows = [
            (host.name, host.tid, host.arch, host.speed, counts[host.tid])
            for host in self.hosts.snapshot().values()
        ]
        return table("Virtual machine", ("host", "daemon", "architecture", "speed", "tasks"), rows)


@atexit.register
def _close_at_exit() -> None:
    """End what nobody has ended; a forked child leaves it alone."""
    machine = VirtualMachine._one
    if machine is not None and machine.process == os.getpid():
        machine.close()
