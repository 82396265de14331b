# SPDX-License-Identifier: MIT
"""Hosts files of csrc/libhpvm for Python, and the machine that they describe."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from pvm3py._hpvm_machine import ffi, lib

_ROOM = 8192


class BadHosts(Exception):
    """What is wrong with a hosts file, a line for each error."""


def _text(pointer: Any) -> str:
    return os.fsdecode(ffi.string(pointer))


@dataclass(frozen=True)
class Host:
    """A line of a hosts file. is_here: it is this machine; daemon: its daemon's tid, 0 if none."""

    name: str
    address: str
    options: str
    exports: str
    cpus: int
    line: int
    is_here: bool
    daemon: int


class Hosts:
    """A hosts file that was read and checked; it is closed when a `with` ends.

    path: the file; None for the one that HPVM finds. BadHosts: something is wrong with it, or
    there is none.
    """

    def __init__(self, path: str | None = None) -> None:
        why = ffi.new("char[]", _ROOM)
        self.path = find_hosts() if path is None else path
        if self.path is None:
            raise BadHosts("there is no hpvm_hosts.cfg, here or in the home directory")
        self._hosts = lib.hpvm_hosts_read(os.fsencode(self.path), why, _ROOM)
        if self._hosts == ffi.NULL:
            raise BadHosts(_text(why))

    def __enter__(self) -> Hosts:
        return self

    def __exit__(self, *_: object) -> None:
        lib.hpvm_hosts_free(self._hosts)

    def place(self) -> None:
        """Find out which hosts are this machine. BadHosts: no hpvm_host line is for it."""
        why = ffi.new("char[]", _ROOM)
        assert self.path is not None
        if not lib.hpvm_hosts_place(self._hosts, os.fsencode(self.path), why, _ROOM):
            raise BadHosts(_text(why))

    @property
    def callback(self) -> str:
        """The address of this machine at which clients call back, once it has its place."""
        return _text(self._hosts.callback)

    def __iter__(self) -> Iterator[Host]:
        """The hosts, in the order of the file."""
        for i in range(self._hosts.n):
            host = self._hosts.hosts[i]
            yield Host(
                name=_text(host.name),
                address=_text(host.address),
                options=_text(host.options),
                exports=_text(host.exports),
                cpus=host.cpus,
                line=host.line,
                is_here=host.is_here,
                daemon=host.daemon,
            )

    def complete(self, say: Callable[[str], None]) -> int:
        """Start the machine of these hosts, or complete it: 1, 0 or PVM's code.

        say: is given a line for each host that takes no part.
        """
        _say.append(say)
        try:
            return int(lib.hpvm_machine_complete(self._hosts, lib.hpvm_say))
        finally:
            _say.pop()


# Who is told, while hosts are added.
_say: list[Callable[[str], None]] = []


@ffi.def_extern()  # type: ignore[untyped-decorator]
def hpvm_say(line: Any) -> None:
    """Hand on a line of the library's."""
    _say[-1](_text(line))


def find_hosts() -> str | None:
    """The path of the hosts file that HPVM finds."""
    path = ffi.new("char[]", _ROOM)
    return _text(path) if lib.hpvm_hosts_find(path, _ROOM) else None


def leave() -> None:
    """This process is no task any more."""
    lib.pvm_exit()


def halt() -> bool:
    """End the machine there is; False: none is running."""
    # The daemon ends its tasks with this signal, and this process is one.
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    lib.pvm_setopt(lib.PvmAutoErr, 0)
    return int(lib.pvm_mytid()) >= 0 and int(lib.pvm_halt()) == 0
