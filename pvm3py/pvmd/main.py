# SPDX-License-Identifier: MIT
"""Start of the daemon: the command line, and a slave's greeting."""

from __future__ import annotations

import gc
import io
import os
import socket
import sys
import time

from pvm3py import __version__

from .io import greeting
from .state.config import Settings, StartError, check_root, read_settings, read_stdin_settings
from .state.log import Log, start_log


def main(args: list[str] | None = None) -> int:
    """Run a daemon; the exit status: 0 after a halt, the number of a signal, 1 after an error."""
    _open_standard_files()
    # Nothing that is loaded becomes garbage: there is no use in looking for it.
    gc.disable()
    try:
        check_root()
        read_stdin_settings()
        settings = read_settings(sys.argv[1:] if args is None else args)
        log = Log(settings.log_limit, settings.debug_mask)
        if settings.test_only:
            return _test(settings, log)
        udp = _become_slave(settings)
        # The rest of the daemon, which takes longer to load than all that was done so far.
        from .serve import serve  # noqa: PLC0415

        gc.freeze()
        gc.enable()
        return serve(settings, log, udp)
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


def _become_slave(settings: Settings) -> socket.socket | None:
    """Greet the starter of a slave and leave it; the UDP socket, None for a master."""
    start = settings.slave
    if start is None:
        return None
    sock = greeting.greet(settings, start)
    greeting.go_background(start)
    return sock


def _test(settings: Settings, log: Log) -> int:
    start_log(settings.file("pvml"), log)
    log(f"pvmd3 {__version__} {time.ctime()} {' '.join(sys.argv)}")
    return 0
