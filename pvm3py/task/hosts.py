# SPDX-License-Identifier: MIT
"""The hosts and the tasks of the machine as mappings. Each access asks the daemon."""

from __future__ import annotations

from typing import Any

from pvm3py import classic
from pvm3py.binding.errors import NoHost, NoTask, PvmError, check, text_of

from .asked import Asked
from .html import table
from .members import HostInfo, TaskInfo, Tid


class HostsNotAdded(PvmError):
    """Not all hosts could be added.

    added   those that are in the machine now
    errors  why the others are not, by name
    """

    def __init__(self, code: int, added: list[HostInfo], errors: dict[str, str]) -> None:
        text = "; ".join(f"{name}: {why}" for name, why in errors.items())
        super().__init__(code, "addhosts", text)
        self.added = added
        self.errors = errors
        self.advice = "the daemon's log has more (`pvm -c log`)"

    def __reduce__(self) -> tuple[Any, ...]:
        return HostsNotAdded, (int(self.code), self.added, self.errors)


class Hosts(Asked[str, HostInfo]):
    """The hosts by name, in the order of their tids."""

    def snapshot(self) -> dict[str, HostInfo]:
        """All of them as they are now."""
        return {host.name: HostInfo(Tid(host.tid), *host[1:]) for host in classic.config()}

    def add(self, *names: str) -> list[HostInfo]:
        """Add hosts; what a host file may have behind a name may stand here, too.

        Returns those that are new. Raises HostsNotAdded, with a reason for each that is not added;
        what came up stays.
        """
        if not names:
            return []
        codes = classic.addhosts(names)
        by_tid = {host.tid: host for host in self.snapshot().values()}
        added = [by_tid[Tid(code)] for code in codes if code in by_tid]
        failed = {
            name.split()[0]: code for name, code in zip(names, codes, strict=True) if code < 0
        }
        if failed:
            errors = {name: text_of(code) for name, code in failed.items()}
            raise HostsNotAdded(next(iter(failed.values())), added, errors)
        return added

    def remove(self, *names: str) -> None:
        """Take hosts out of the machine; their tasks end. Raises NoHost, BadParam: this host."""
        for name, code in zip(names, classic.delhosts(names), strict=True) if names else ():
            if code < 0:
                check("delhosts", code, name)

    def __getitem__(self, name: str) -> HostInfo:
        return self.snapshot()[name]

    def __len__(self) -> int:
        return len(classic.config())

    def __repr__(self) -> str:
        return f"<Hosts {', '.join(self)}>"

    def _repr_html_(self) -> str:
        head = ("host", "daemon", "architecture", "speed")
        hosts = self.snapshot().values()
        return table("Hosts", head, [(h.name, h.tid, h.arch, h.speed) for h in hosts])


class Tasks(Asked[Tid, TaskInfo]):
    """The tasks by tid."""

    def snapshot(self) -> dict[Tid, TaskInfo]:
        """All of them as they are now."""
        return {info.tid: info for info in map(_task, classic.tasks())}

    def __getitem__(self, tid: int) -> TaskInfo:
        try:
            found = classic.tasks(tid)
        except (NoTask, NoHost, classic.BadParam):
            raise KeyError(tid) from None
        if len(found) != 1 or found[0].tid != tid:
            raise KeyError(tid)
        return _task(found[0])

    def __len__(self) -> int:
        return len(classic.tasks())

    def __repr__(self) -> str:
        return f"<Tasks {', '.join(map(str, self))}>"

    def _repr_html_(self) -> str:
        tasks = self.snapshot().values()
        rows = [(t.tid, t.host, t.parent or "-", t.pid, t.program or "-") for t in tasks]
        return table("Tasks", ("task", "daemon", "parent", "process", "program"), rows)


def _task(info: classic.TaskInfo) -> TaskInfo:
    parent = Tid(info.parent) if info.parent else None
    return TaskInfo(Tid(info.tid), parent, Tid(info.host), info.flags, info.program, info.pid)
