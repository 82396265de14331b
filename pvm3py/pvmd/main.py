# SPDX-License-Identifier: MIT
"""Start of the daemon, from the command line to the first served task."""

from __future__ import annotations

import io
import os
import signal
import socket
import sys
import time
import traceback

from pvm3py import __version__

from . import sockfile
from .config import (
    DEFAULT_SPEED,
    Settings,
    StartError,
    c_number,
    check_root,
    data_signature,
    expand,
    read_settings,
    read_stdin_settings,
)
from .daemon import Pvmd
from .hostfile import HostLine, read_host_file
from .hosts import FIRST_HOST, LOOPBACK, Host, resolve_in_time
from .log import Log, mask_text
from .switch import raise_file_limit

# Seconds that a name server has to tell the addresses that the start needs.
_RESOLVE_SECONDS = 0.5


def main(args: list[str] | None = None) -> int:
    """Run a daemon; the exit status: 0 after a halt, the number of a signal, 1 after an error."""
    _open_standard_files()
    try:
        check_root()
        read_stdin_settings()
        settings = read_settings(sys.argv[1:] if args is None else args)
        log = Log(settings.log_limit, settings.debug_mask)
        return _test(settings, log) if settings.test_only else _serve(settings, log)
    except StartError as error:
        sys.stderr.write(f"pvmd: {error}\n")
    except OSError as error:
        sys.stderr.write(f"pvmd: cannot start: {error}\n")
    return 1


def _open_standard_files() -> None:
    """Whoever started the daemon may have closed them, and no socket must take their numbers."""
    while (fd := os.open(os.devnull, os.O_RDWR)) <= 2:
        pass
    os.close(fd)
    sys.stderr = sys.stderr or io.StringIO()


def _serve(settings: Settings, log: Log) -> int:
    # A signal must not leave a sock file behind; Pvmd.run() lets it in.
    signal.pthread_sigmask(signal.SIG_BLOCK, (signal.SIGTERM, signal.SIGINT))
    listener, address = sockfile.listen(settings)
    try:
        sockfile.publish(settings, address, log)
        _start_log(settings, log)
        return _run(settings, log, listener, address)
    finally:
        sockfile.withdraw(settings, address)
        listener.close()
        log.close()


def _start_log(settings: Settings, log: Log) -> None:
    path = settings.file("pvml")
    try:
        log.open(path)
    except OSError as error:
        log(f"no log file: {path}: {error.strerror}")
    if log.mask:
        log(f"version {__version__}, debug mask is {mask_text(log.mask)}")


def _test(settings: Settings, log: Log) -> int:
    _start_log(settings, log)
    log(f"pvmd3 {__version__} {time.ctime()} {' '.join(sys.argv)}")
    return 0


def _run(settings: Settings, log: Log, listener: socket.socket, address: str) -> int:
    own = _own_host(settings, log)
    log.tid = own.tid - (1 << 31)
    _prepare_process(settings, log, address)
    raise_file_limit()
    pvmd = Pvmd(settings, log, own, listener)
    log(f"{own.name} ({own.address}) {own.arch} pvm3py {__version__}")
    log(f"ready {time.ctime()}")
    _detach(log, address)
    status = pvmd.run()
    try:
        pvmd.close()
    except Exception:
        log(traceback.format_exc())
        status = 1
    log(f"pvmd ends, status {status}")
    return status


def _prepare_process(settings: Settings, log: Log, address: str) -> None:
    """Environment, directory and signals, as tasks and the daemon need them."""
    os.environ["PVMSOCK"] = address
    for name in ("PVMEPID", "PVMSPAWNWD"):
        os.environ.pop(name, None)
    if "PVMNETSOCKPORT" in os.environ:
        log("PVMNETSOCKPORT is not used: no network port is open while the machine has one host")
    try:
        os.chdir(settings.work_dir)
    except OSError as error:
        log(f"working directory {settings.work_dir}: {error.strerror}")
    for signum in (signal.SIGHUP, signal.SIGPIPE):
        signal.signal(signum, signal.SIG_IGN)


def _detach(log: Log, address: str) -> None:
    """Say where tasks connect, then give up the standard files."""
    os.write(1, os.fsencode(address) + b"\n")
    log.quiet()
    null = os.open(os.devnull, os.O_RDWR)
    for fd in range(3):
        os.dup2(null, fd)
    if null > 2:
        os.close(null)


def _own_host(settings: Settings, log: Log) -> Host:
    """This host, with what the host file says of it."""
    name = settings.name or socket.gethostname()
    hosts, defaults = read_host_file(settings.host_file, log)
    names = [name, *(line.options.get("ip", line.name) for line in hosts)]
    addresses = resolve_in_time(names, _RESOLVE_SECONDS)
    address = addresses.get(name)
    if address is None:
        log(f"host name {name} has no address, using {LOOPBACK}: no other host can be added")
    host = Host(
        FIRST_HOST, name, settings.arch, address or LOOPBACK, DEFAULT_SPEED, data_signature()
    )
    mine = HostLine(name, defaults)
    for line in reversed(hosts):
        if line.name == name or addresses.get(line.options.get("ip", line.name)) == host.address:
            mine = line
        elif line.start:
            log(f"host file: {line.name} not started, this machine has one host")
    _apply_options(settings, host, mine.options)
    return host


def _apply_options(settings: Settings, host: Host, options: dict[str, str]) -> None:
    if "ep" in options:
        settings.search_path = expand(options["ep"]).split(":")
    if "wd" in options:
        settings.work_dir = expand(options["wd"])
    if "bx" in options and not settings.debugger:
        settings.debugger = expand(options["bx"])
    if "sp" in options:
        host.speed = min(max(c_number(options["sp"]), 1), 1000000)
