# SPDX-License-Identifier: MIT
"""How much memory the daemon may use: the machine's, its control group's, or its own limits'."""

from __future__ import annotations

import os
from collections.abc import Iterator

# Limits of a process, as /proc calls them, and which number of statm says what is in use of it.
_OWN = {"Max address space": 0, "Max data size": 5}
# Where the hierarchies of control groups are mounted: that of version 2, and the one of version 1
# for memory; each with the file that has a group's limit.
_CGROUP2 = ("sys/fs/cgroup", "memory.max")
_CGROUP1 = ("sys/fs/cgroup/memory", "memory.limit_in_bytes")


def available(root: str = "/") -> int:
    """Bytes that this process may use, at least one page: the least of all limits.

    root: below which proc and sys are mounted.
    """
    page = os.sysconf("SC_PAGE_SIZE")
    limits = [os.sysconf("SC_PHYS_PAGES") * page, *_group_limits(root), *_own_limits(root, page)]
    return max(min(limits), page)


def _own_limits(root: str, page: int) -> Iterator[int]:
    """What RLIMIT_AS and RLIMIT_DATA leave beside what is in use."""
    used = _read(f"{root}/proc/self/statm").split()
    for line in _read(f"{root}/proc/self/limits").splitlines():
        name, soft = line[:25].strip(), line[25:].split()[:1]
        if name in _OWN and soft[0].isdigit() and used:
            yield int(soft[0]) - int(used[_OWN[name]]) * page


def _group_limits(root: str) -> Iterator[int]:
    """The limits of this process's control group and of those around it."""
    for line in _read(f"{root}/proc/self/cgroup").splitlines():
        _, _, rest = line.partition(":")
        controllers, _, group = rest.partition(":")
        if not controllers:
            yield from _limits_upwards(root, group, *_CGROUP2)
        elif "memory" in controllers.split(","):
            yield from _limits_upwards(root, group, *_CGROUP1)


def _limits_upwards(root: str, group: str, mount: str, name: str) -> Iterator[int]:
    """The limits of a group and of those around it; in a container the outer ones are not seen."""
    path = group.strip("/")
    while True:
        text = _read(f"{root}/{mount}/{path}/{name}").strip()
        if text.isdigit():
            yield int(text)
        if not path:
            return
        path = path.rpartition("/")[0]


def _read(path: str) -> str:
    """A short file of the system; "" if there is none."""
    try:
        with open(path, encoding="ascii", errors="replace") as file:
            return file.read()
    except OSError:
        return ""
