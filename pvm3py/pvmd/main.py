# SPDX-License-Identifier: MIT
"""Start of the daemon: the command line, and a slave's greeting."""

from __future__ import annotations

import errno
import gc
import io
import os
import socket
import sys
import time

from pvm3py import __version__

from .io import greeting
from .state.config import (
    USAGE,
    Settings,
    StartError,
    check_root,
    read_settings,
    read_stdin_settings,
)
from .state.log import Log, start_log

HELP = f"""\
{USAGE}
Start the daemon of a virtual machine on this host, and print the address of its socket.

  -dMASK      debug mask; 2 logs messages
  -nNAME      name or address of this host, under which other hosts reach it
  -t          write the log file and end
  hostfile    options of this host, and hosts to add; also in PVMHOSTFILE
  -h, --help  print this; --version prints the version

The log is pvml.UID in PVM_TMP (/tmp). PVM_PATH names the directories of programs to spawn. The
exit status is 0 after a halt, 1 if the start failed, and the number of the signal that ended it.
"""


# Open files that a daemon needs for itself, and for its first task and its first other host.
_FILES_LEAST = 24


def _is_slave(words: list[str]) -> bool:
    """Whether a master has started this daemon: it asks nothing of the command line."""
    return words[:1] in (["-s"], ["-S"])


def main(args: list[str] | None = None) -> int:
    """Run a daemon; the exit status: 0 after a halt, the number of a signal, 1 after an error."""
    _open_standard_files()
    words = sys.argv[1:] if args is None else args
    asked = set() if _is_slave(words) else set(words)
    if asked & {"-h", "--help"}:
        return _answer(HELP)
    if "--version" in asked:
        return _answer(f"pvmd3 (pvm3py {__version__})\n")
    # Nothing that is loaded becomes garbage: there is no use in looking for it.
    gc.disable()
    try:
        check_root()
        _check_files()
        read_stdin_settings()
        settings = read_settings(words)
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
        few = _few_files() if error.errno == errno.EMFILE else ""
        sys.stderr.write(f"pvmd: cannot start: {error}{few}\n")
    return 1


def _answer(text: str) -> int:
    """Print what was asked for; the exit status."""
    try:
        os.write(1, text.encode())
    except OSError as error:
        sys.stderr.write(f"pvmd: standard output: {error.strerror}\n")
        return 1
    return 0


def _open_standard_files() -> None:
    """Whoever started the daemon may have closed them, and no socket must take their numbers."""
    while (fd := os.open(os.devnull, os.O_RDWR)) <= 2:
        pass
    os.close(fd)
    sys.stderr = sys.stderr or io.StringIO()


def _check_files() -> None:
    """StartError if so few files may be open that no task could be served."""
    if 0 <= os.sysconf("SC_OPEN_MAX") < _FILES_LEAST:
        # Rarely needed. The daemon raises the limit that it has as far as it may.
        import resource  # noqa: PLC0415

        most = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
        if most < _FILES_LEAST:
            raise StartError(
                f"at most {most} files may be open, and a daemon needs {_FILES_LEAST}: "
                "raise the limit with `ulimit -n`"
            )


def _few_files() -> str:
    """What to do when no further file can be opened."""
    most = os.sysconf("SC_OPEN_MAX")
    return f"; {most} may be open, those of its starter included: raise the limit with `ulimit -n`"


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
