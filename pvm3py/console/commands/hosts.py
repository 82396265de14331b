# SPDX-License-Identifier: MIT
"""Commands about hosts."""

from __future__ import annotations

import pvm3py.task as pvm
from pvm3py.task import Code
from pvm3py.task.errors import text_of

from ..output import host_line, status_line
from ..session import Session
from ..table import JSON, Given, command


@command("conf", summary="list the hosts of the virtual machine", options=(JSON,))
def conf(session: Session, given: Given) -> None:
    """Hosts with daemon, architecture, speed, data signature."""
    hosts = pvm.config()
    if "--json" in given:
        session.out.json([host._asdict() for host in hosts])
        return
    formats = len({host.dsig for host in hosts})
    session.out.line(f"{_counted(len(hosts), 'host')}, {_counted(formats, 'data format')}")
    session.out.line(host_line("HOST", "DTID", "ARCH", "SPEED", "DSIG"))
    for h in hosts:
        dsig = f"0x{h.dsig & 0xFFFFFFFF:08x}"
        session.out.line(host_line(h.name, h.tid, h.arch, h.speed, dsig))


def _counted(count: int, noun: str) -> str:
    return f"{count} {noun}" + ("s" if count != 1 else "")


@command(
    "add",
    "host...",
    "add hosts to the virtual machine",
    least=1,
    most=None,
    raw=True,
    notes=(
        "Each operand is a line of a host file: quote one that has options, as in",
        "  add 'beta lo=joe wd=/scratch'",
    ),
)
def add(session: Session, given: Given) -> None:
    """Add hosts, and look for the reason where a daemon could not be started."""
    names = given.operands
    results = session.machine.add(names)
    session.out.line(f"{sum(result > 0 for result in results)} successful")
    session.out.line(host_line("HOST", "DTID"))
    for name, result in zip(names, results, strict=True):
        session.out.line(host_line(name, result if result > 0 else text_of(result)))
    session.fail_if(any(result < 0 for result in results))
    unstarted = [n for n, code in zip(names, results, strict=True) if code == Code.CANT_START]
    if unstarted:
        from ..diagnosis import diagnose  # noqa: PLC0415

        diagnose(session, unstarted)


@command("delete", "host...", "delete hosts from the virtual machine", least=1, most=None, raw=True)
def delete(session: Session, given: Given) -> None:
    """Delete hosts with their tasks."""
    names = given.operands
    results = session.machine.delete(names)
    session.out.line(f"{sum(result == 0 for result in results)} successful")
    session.out.line(f"{'HOST':>24}  STATUS")
    for name, result in zip(names, results, strict=True):
        session.out.line(status_line(name, text_of(result) if result < 0 else "deleted"))
    session.fail_if(any(result < 0 for result in results))


@command("mstat", "host...", "show whether hosts are alive", least=1, most=None, options=(JSON,))
def mstat(session: Session, given: Given) -> None:
    """Status of hosts by name."""
    status = {name: _status(name) for name in given.operands}
    session.fail_if(any(text != "ok" for text in status.values()))
    if "--json" in given:
        session.out.json(status)
        return
    for name in given.operands:
        session.out.line(status_line(name, status[name]))


def _status(name: str) -> str:
    """Whether a host is alive, in words."""
    if pvm.mstat(name):
        return "ok"
    known = any(host.name == name for host in pvm.config())
    return text_of(Code.HOST_FAIL if known else Code.NO_HOST)
