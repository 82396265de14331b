# SPDX-License-Identifier: MIT
"""Commands about hosts."""

from __future__ import annotations

import pvm3py.classic as pvm
from pvm3py.binding.errors import text_of
from pvm3py.classic import Code

from ..output import DTID, HOST, STATUS, Column
from ..session import Session
from ..table import JSON, Given, Option, command

_CONF = (HOST, DTID, Column("ARCH", 8), Column("SPEED", 7), Column("DSIG", 10))
# Hosts that are started at the same time where progress is shown.
_PART = 16


@command(
    "conf",
    summary="list the hosts of the virtual machine",
    options=(JSON,),
    notes=(
        "Output:",
        "  HOST   name",
        "  DTID   tid of its daemon",
        "  ARCH   architecture, as PVM names it",
        "  SPEED  relative speed, of the host file",
        "  DSIG   data formats; hosts with the same exchange messages unchanged",
    ),
)
def conf(session: Session, given: Given) -> None:
    """Hosts with daemon, architecture, speed, data signature."""
    hosts = pvm.config()
    if "--json" in given:
        session.out.json([host._asdict() for host in hosts])
        return
    formats = len({host.dsig for host in hosts})
    session.out.line(f"{_counted(len(hosts), 'host')}, {_counted(formats, 'data format')}")
    session.out.table(_CONF, map(_row, hosts))


def _row(host: pvm.Host) -> list[str]:
    """What `conf` says about a host."""
    dsig = f"0x{host.dsig & 0xFFFFFFFF:08x}"
    return [host.name, f"{host.tid:x}", host.arch, str(host.speed), dsig]


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
    results = _add(session, names)
    session.out.line(f"{sum(result > 0 for result in results)} successful")
    texts = [f"{result:x}" if result > 0 else text_of(result) for result in results]
    session.out.table((HOST, DTID), zip(names, texts, strict=True))
    session.fail_if(any(result < 0 for result in results))
    unstarted = [n for n, code in zip(names, results, strict=True) if code == Code.CANT_START]
    if unstarted:
        from ..diagnosis import diagnose  # noqa: PLC0415

        diagnose(session, unstarted)


def _add(session: Session, names: list[str]) -> list[int]:
    """Add hosts, in parts if there is somebody who looks how far it is; tid or code of each."""
    part = _PART if session.out.live else len(names)
    results: list[int] = []
    with session.out.progress("adding hosts", len(names)) as advance:
        for begin in range(0, len(names), part):
            results += session.machine.add(names[begin : begin + part])
            advance(part)
    return results


@command(
    "delete",
    "host...",
    "delete hosts from the virtual machine",
    least=1,
    most=None,
    options=(Option("-f", "at once: tasks end that could be moved away"),),
)
def delete(session: Session, given: Given) -> None:
    """Delete hosts, with the tasks that cannot be moved away."""
    names = given.operands
    results = session.machine.delete(names, at_once="-f" in given)
    session.out.line(f"{sum(result == 0 for result in results)} successful")
    texts = [text_of(result) if result < 0 else "deleted" for result in results]
    session.out.table((HOST, STATUS), zip(names, texts, strict=True))
    session.fail_if(any(result < 0 for result in results))


@command("mstat", "host...", "show whether hosts are alive", least=1, most=None, options=(JSON,))
def mstat(session: Session, given: Given) -> None:
    """Status of hosts by name."""
    status = {name: _status(name) for name in given.operands}
    session.fail_if(any(text != "ok" for text in status.values()))
    if "--json" in given:
        session.out.json(status)
        return
    rows = [(name, status[name]) for name in given.operands]
    session.out.table((HOST, STATUS), rows, titles=False)


def _status(name: str) -> str:
    """Whether a host is alive, in words."""
    if pvm.mstat(name):
        return "ok"
    known = any(host.name == name for host in pvm.config())
    return text_of(Code.HOST_FAIL if known else Code.NO_HOST)
