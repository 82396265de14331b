# SPDX-License-Identifier: MIT
"""The daemon that the console talks to, and the hosts of its machine as they come and go."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import pvm3py.classic as pvm
from pvm3py.classic import Code, Event, Option, PvmError, Route

from .mail import Mail
from .output import Output, host_line
from .tracemask import OPTIONS, XPVM, mask_of


def attach(arguments: Sequence[str]) -> bool:
    """Enrol with the daemon; start one with these arguments if none runs. Whether it was started.

    Raises PvmError CANT_START, ConnectionLost.
    """
    try:
        pvm.start_pvmd(arguments)
        started = True
    except PvmError as error:
        if error.code != Code.DUP_HOST:
            raise
        started = False
    pvm.mytid()
    _settle()
    return started


def _settle() -> None:
    """Messages go by the daemon, `reset` spares this task, its own output and trace stay here."""
    pvm.setopt(Option.ROUTE, Route.DONT)
    pvm.setopt(Option.RESV_TIDS, 1)
    pvm.setopt(Option.NO_RESET, 1)
    pvm.setopt(Option.SELF_OUTPUT_TID, -1)
    pvm.setopt(Option.SELF_TRACE_TID, -1)
    pvm.setopt(Option.TRACE_OPTIONS, OPTIONS["full"])
    pvm.settmask(mask_of(XPVM), child=True)


class Machine:
    """Hosts that are known.

    lost      called with each host that has gone
    announce  say what hosts others add and delete
    """

    def __init__(self, mail: Mail, out: Output, lost: Callable[[int], None]) -> None:
        self._mail = mail
        self._out = out
        self._lost = lost
        self._hosts: dict[int, pvm.Host] = {}
        self.announce = True
        # Deleted here; whoever does that needs no notice.
        self._expected: set[str] = set()
        self._gone_tag = mail.new_tag(self._host_gone)
        pvm.notify(Event.HOST_ADD, mail.new_tag(self._hosts_added))
        self._take(pvm.config())

    def add(self, lines: Sequence[str]) -> list[int]:
        """Add hosts, given as lines of a host file; tid or code of each."""
        results = pvm.addhosts(lines)
        if any(result > 0 for result in results):
            # The notice of these hosts will bring nothing new.
            self._take(pvm.config())
        return results

    def delete(self, names: Sequence[str], *, at_once: bool = False) -> list[int]:
        """Delete hosts; 0 or code of each. at_once: no task is moved away before."""
        self._expected.update(names)
        results = pvm.delhosts(names if at_once else [f"{name} -m" for name in names])
        if not at_once and set(results) == {Code.NO_HOST}:
            # A master of 3.4.6 takes the option for a part of the name, and moves no task anyway.
            results = pvm.delhosts(names)
        self._expected.difference_update(
            name for name, code in zip(names, results, strict=True) if code < 0
        )
        return results

    def _take(self, hosts: list[pvm.Host]) -> list[pvm.Host]:
        """Remember hosts, and ask for notices of their end; those that are new."""
        new = [host for host in hosts if host.tid not in self._hosts]
        here = pvm.tidtohost(pvm.mytid())
        for host in new:
            self._hosts[host.tid] = host
        watched = [host.tid for host in new if host.tid != here]
        if watched:
            pvm.notify(Event.HOST_DELETE, self._gone_tag, watched)
        return new

    def _hosts_added(self, message: pvm.MessageInfo) -> None:
        count = pvm.upkint()
        if not 0 < count <= message.length // 4:
            return
        tids = pvm.upkint(count)
        if set(tids) <= set(self._hosts):
            return
        new = self._take(pvm.config())
        if new:
            self._announce(new, "new host", "added", "ARCH", "SPEED")

    def _host_gone(self, message: pvm.MessageInfo) -> None:
        del message
        host = self._hosts.pop(pvm.tidtohost(pvm.upkint()), None)
        if host is None:
            return
        self._lost(host.tid)
        if host.name in self._expected:
            self._expected.discard(host.name)
        else:
            self._announce([host], "host", "deleted or failed")

    def _announce(self, hosts: list[pvm.Host], noun: str, what: str, *fields: str) -> None:
        """Print a table of hosts between prompts."""
        if not self.announce:
            return
        plural = "s" if len(hosts) > 1 else ""
        self._out.line(f"\nConsole: {len(hosts)} {noun}{plural} {what}")
        self._out.line(host_line("HOST", "DTID", *fields))
        for host in hosts:
            known = (host.arch, host.speed)[: len(fields)]
            self._out.line(host_line(host.name, host.tid, *known))
