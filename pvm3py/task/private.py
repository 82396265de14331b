# SPDX-License-Identifier: MIT
"""Daemons that this process starts: one that ends with it, or the user's own.

What takes long to load is loaded when it is needed, as most tasks never start a daemon.
"""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from pvm3py import classic
from pvm3py.binding.errors import ConnectionLost, DupHost

# A socket's path has at most 107 bytes, and the daemon's file name about 20.
_DIRECTORY_MAX = 80
# Seconds that the end of a daemon may take: its tasks have one second to end.
_END_SECONDS = 30.0
_LOOK_SECONDS = 0.01
# What the library and the daemon read of the environment to find each other.
_WHERE = ("PVM_TMP", "PVM_VMID", "PVMSOCK")


class Private:
    """A daemon with a directory and a name of its own.

    It ends when `end` is called or this process ends, in whatever way; if it is kept, only with
    `end`.
    """

    def __init__(self, env: Mapping[str, str], *, kept: bool) -> None:
        import socket  # noqa: PLC0415

        self._kept = kept
        self._before = {name: os.environ.get(name) for name in _WHERE}
        self._tmp = _make_directory()
        self._line, theirs = socket.socketpair()
        self._shut = socket.SHUT_WR
        os.environ["PVM_TMP"] = self._tmp
        os.environ["PVM_VMID"] = os.path.basename(self._tmp)
        # Nobody else gets at a private machine, so root may have one without ado. The library asks
        # for this also after the machine's end, when what was left of its messages is freed.
        os.environ.setdefault("PVM_ALLOW_ROOT", "1")
        forget_socket()
        line = {}
        if not kept:
            theirs.set_inheritable(True)
            line["PVM_LIFELINE"] = str(theirs.fileno())
        try:
            with variables(_starting() | dict(env) | line):
                classic.start_pvmd()
        except BaseException:
            self._forget()
            raise
        finally:
            theirs.close()

    def end(self) -> None:
        """End it and all tasks, and wait for that. This process is no task of it any more.

        Raises TimeoutError.
        """
        try:
            if not self._kept:
                # Not only closed: a forked child may have the same end.
                self._line.shutdown(self._shut)
                self._line.settimeout(_END_SECONDS)
                # The daemon says nothing; the end of its process ends the line.
                self._line.recv(1)
            elif os.path.exists(sock_file()):
                halt_from_outside()
        finally:
            self._forget()

    def _forget(self) -> None:
        """Remove the directory; the environment is as it was before."""
        import shutil  # noqa: PLC0415

        self._line.close()
        shutil.rmtree(self._tmp, ignore_errors=True)
        forget_socket()
        for name, value in self._before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value


def _make_directory() -> str:
    """A directory of this user alone. Its name is that of the machine as well, on all hosts."""
    import tempfile  # noqa: PLC0415

    parent = tempfile.gettempdir()
    if len(os.fsencode(parent)) > _DIRECTORY_MAX:
        parent = "/tmp"
    return tempfile.mkdtemp(prefix=f"pvm-{os.getpid()}-", dir=parent)


def start_own() -> None:
    """Start the user's own daemon, if none runs."""
    with variables(_starting()):
        try:
            classic.start_pvmd()
        except DupHost:
            pass


def _starting() -> dict[str, str]:
    """What a daemon of this package's tree needs in its environment."""
    from pvm3py.root import pvm_root  # noqa: PLC0415

    return {
        "PVM_ROOT": os.environ.get("PVM_ROOT", str(pvm_root())),
        "PVM3PY_PYTHON": os.environ.get("PVM3PY_PYTHON", sys.executable),
    }


@contextmanager
def variables(wanted: Mapping[str, str]) -> Iterator[None]:
    """The environment has these variables meanwhile."""
    before = {name: os.environ.get(name) for name in wanted}
    os.environ |= wanted
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value


def forget_socket() -> None:
    """Forget the address that the library has put into the environment behind Python's back."""
    os.environ.pop("PVMSOCK", None)
    os.unsetenv("PVMSOCK")


def halt_from_outside() -> None:
    """End the machine without being killed as one of its tasks, which this process is no more."""
    import subprocess  # noqa: PLC0415

    path = sock_file()
    words = "from pvm3py import classic; classic.halt()"
    package = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
    paths = [package, *filter(None, [os.environ.get("PYTHONPATH")])]
    done = subprocess.run(
        [sys.executable, "-P", "-c", words],
        env=os.environ | {"PYTHONPATH": os.pathsep.join(paths)},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
    )
    # The daemon may end it with all other tasks.
    if done.returncode > 0 and os.path.exists(path):
        raise ConnectionLost(classic.Code.SYS_ERR, "halt", done.stderr.strip()[-500:])
    wait_for_end()
    forget_socket()


def wait_for_end() -> None:
    """Wait until the daemon of this host has ended. Raises TimeoutError."""
    path, until = sock_file(), time.monotonic() + _END_SECONDS
    while os.path.exists(path):
        if time.monotonic() > until:
            raise TimeoutError(f"the daemon has not ended within {_END_SECONDS:g} s: see {path}")
        time.sleep(_LOOK_SECONDS)


def sock_file() -> str:
    """The file that the daemon of this host removes at its end."""
    vmid = os.environ.get("PVM_VMID")
    suffix = "" if vmid is None else f".{vmid}"
    return f"{classic.pvmgettmp()}/pvmd.{os.geteuid()}{suffix}"
