# SPDX-License-Identifier: MIT
"""Start of the daemon after a slave's greeting, up to the first served task, and its end."""

from __future__ import annotations

import fcntl
import os
import signal
import socket
import time
import traceback

from pvm3py import __version__
from pvm3py.places import host_tid

from . import serving
from .core import Pvmd
from .io.door import Door
from .io.process import one_arena, raise_file_limit
from .io.sockfile import AlreadyRuns
from .state.config import (
    DEFAULT_SPEED,
    JOIN_TIMEOUT,
    Settings,
    SlaveStart,
    StartError,
    data_signature,
    expand,
    speed_of,
    split_number,
)
from .state.hostfile import HostFile, HostLine, read_host_file
from .state.hosts import FIRST_HOST, LOOPBACK, Host
from .state.log import Log, start_log
from .topics import addhost, keeping, lifeline, network, slave

# Seconds that a name server has to tell the addresses that the start needs.
_RESOLVE_SECONDS = 0.5


def serve(settings: Settings, log: Log, udp: socket.socket | None) -> int:
    """Serve until the end; the exit status. udp: a slave's socket. StartError: it cannot be."""
    # A signal must not leave a sock file behind; serving.run() lets it in.
    signal.pthread_sigmask(signal.SIG_BLOCK, serving.ENDING)
    one_arena()
    door = Door(settings)
    try:
        log_path = settings.file("pvml")
        try:
            door.tell(log)
        except AlreadyRuns as error:
            if settings.slave is None:
                raise
            # As 3.4.6: tasks started by hand stay with the daemon that was here before.
            log(f"{error.args[0]}; this slave serves only the tasks that it starts")
            log_path += f".host{settings.slave.index}"
        start_log(log_path, log)
        return _run(settings, log, door, udp)
    finally:
        door.close()
        log.close()
        lifeline.clean_up(settings)


def _run(settings: Settings, log: Log, door: Door, udp: socket.socket | None) -> int:
    if settings.slave is None:
        own, host_file = _master_host(settings, log)
    else:
        own, host_file = _slave_host(settings, settings.slave), HostFile()
    log.tid = own.tid - (1 << 31)
    _prepare_process(settings, log, door.address)
    raise_file_limit()
    pvmd = serving.make(settings, log, own, door.listener)
    if settings.slave is not None:
        _give_up_files(log)
    if settings.restart:
        _reserve(pvmd)
    log.note(f"{own.name} ({own.address}) {own.arch} pvm3py {__version__}")
    if settings.slave is not None and udp is not None:
        slave.join(pvmd, settings.slave, udp)
    log.note(f"ready {time.ctime()}")
    if settings.slave is None:
        pvmd.terminal = _keep_terminal()
        _give_up_files(log, os.fsencode(door.address) + b"\n")
        addhost.add_from_file(pvmd, host_file)
    keeping.keep(pvmd, door)
    status = serving.run(pvmd)
    try:
        pvmd.close()
    except Exception:
        log(traceback.format_exc())
        status = 1
    log(f"pvmd ends, status {status}")
    return status


def _reserve(pvmd: Pvmd) -> None:
    """Keep the tids of a checkpoint free for its restart. StartError: there is none."""
    from pvm3py.vault.store import VaultError  # noqa: PLC0415

    from .topics import restarting  # noqa: PLC0415

    directory, number = split_number(pvmd.settings.restart)
    try:
        pvmd.reserved = frozenset(restarting.tids(directory, number))
    except VaultError as error:
        raise StartError(f"PVM_RESTART: {error}") from error


def _prepare_process(settings: Settings, log: Log, address: str) -> None:
    """Environment, directory and signals, as tasks and the daemon need them."""
    os.environ["PVMSOCK"] = address
    for name in ("PVMEPID", "PVMSPAWNWD", JOIN_TIMEOUT):
        os.environ.pop(name, None)
    try:
        os.chdir(settings.work_dir)
    except OSError as error:
        log(f"working directory {settings.work_dir}: {error.strerror}")
    for signum in (signal.SIGHUP, signal.SIGPIPE):
        signal.signal(signum, signal.SIG_IGN)


def _keep_terminal() -> tuple[int, int] | None:
    """Standard input and error, kept for starts by hand if somebody is there to ask."""
    if os.fstat(0).st_rdev == os.stat(os.devnull).st_rdev:
        return None
    return fcntl.fcntl(0, fcntl.F_DUPFD_CLOEXEC, 3), fcntl.fcntl(2, fcntl.F_DUPFD_CLOEXEC, 3)


def _give_up_files(log: Log, last: bytes = b"") -> None:
    """Give up the standard files; the log stands for standard error. last: to be printed before."""
    log.quiet()
    null = os.open(os.devnull, os.O_RDWR)
    os.write(1, last)
    for fd in range(3):
        os.dup2(null, fd)
    if null > 2:
        os.close(null)
    log.take_last_words()


def _slave_host(settings: Settings, start: SlaveStart) -> Host:
    """This host, as the master numbers it."""
    name = settings.name or socket.gethostname()
    tid = host_tid(start.index)
    return Host(tid, name, settings.arch, start.address, DEFAULT_SPEED, data_signature())


def _master_host(settings: Settings, log: Log) -> tuple[Host, HostFile]:
    """This host, with what the host file says of it, and the other hosts of that file."""
    name = settings.name or socket.gethostname()
    host_file = read_host_file(settings.host_file, log)
    lines = host_file.hosts
    names = [name, *(line.options.get("ip", line.name) for line in lines)]
    addresses = network.resolve_in_time(names, _RESOLVE_SECONDS)
    address = _own_address(name, addresses.get(name), log)
    host = Host(FIRST_HOST, name, settings.arch, address, DEFAULT_SPEED, data_signature())
    mine = HostLine(name, host_file.defaults)
    local = {host.address, addresses.get(name), *network.local_addresses()}
    for line in reversed(lines):
        there = addresses.get(line.options.get("ip", line.name))
        if line.name == name or (there == host.address and not line.overload):
            mine = line
        if line.name == name or (there in local and not line.overload):
            line.start = False
    _apply_options(settings, host, mine.options)
    return host, host_file


def _own_address(name: str, found: str | None, log: Log) -> str:
    """This host's address, which is the name's unless that does not do for other hosts.

    Many systems give their own name an address like 127.0.1.1, or one that no interface has at
    the moment. Another name that has such an address is meant so.
    """
    own = name == socket.gethostname()
    usable = found is not None and network.usable(found)
    if found is not None and usable and not (own and network.is_loopback(found)):
        return found
    address = network.reachable_address() if own else None
    if found is None:
        log(f"host name {name} has no address, using {address or LOOPBACK}")
    elif address is not None:
        log.note(f"host name {name} has address {found}, other hosts know this one as {address}")
    elif not usable:
        log(network.address_advice(name, found))
    return address or found or LOOPBACK


def _apply_options(settings: Settings, host: Host, options: dict[str, str]) -> None:
    if "ep" in options:
        settings.search_path = expand(options["ep"]).split(":")
    if "wd" in options:
        settings.work_dir = expand(options["wd"])
    if "bx" in options and not settings.debugger:
        settings.debugger = expand(options["bx"])
    if "ow" in options:
        settings.owner = options["ow"]
    host.speed = speed_of(options)
