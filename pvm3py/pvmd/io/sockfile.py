# SPDX-License-Identifier: MIT
"""The daemon's socket and the file pvmd.UID that tells its address."""

from __future__ import annotations

import contextlib
import errno
import os
import socket
import stat
from collections.abc import Callable

from ..state.config import Settings, StartError

_ANSWER_SECONDS = 2.0
_ADDRESS_MAX = 128


class AlreadyRuns(StartError):
    """Another daemon of this user has the sock file."""


def listen(settings: Settings) -> tuple[socket.socket, str]:
    """A listening Unix socket under a fresh temporary name, and its path."""
    sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM | socket.SOCK_NONBLOCK)
    umask = os.umask(0o177)
    try:
        for number in range(100):
            path = settings.temporary(number)
            try:
                sock.bind(path)
            except OSError as error:
                if error.errno == errno.EADDRINUSE:
                    continue
                raise StartError(f"cannot create socket {path}: {error.strerror}") from error
            sock.listen(socket.SOMAXCONN)
            return sock, path
    finally:
        os.umask(umask)
    raise StartError(f"all names like {path} are taken; remove old pvmtmp files")


def publish(settings: Settings, address: str, log: Callable[[str], None]) -> None:
    """Write the address to pvmd.UID, replacing a file that no daemon stands behind.

    The file appears with its contents in one step. AlreadyRuns: a daemon answers there.
    """
    path = settings.file("pvmd")
    fresh = f"{path}.{os.getpid()}"
    with contextlib.suppress(FileNotFoundError):
        os.unlink(fresh)
    try:
        fd = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        with open(fd, "wb") as file:
            file.write(os.fsencode(address))
        for _ in range(10):
            with contextlib.suppress(FileExistsError):
                os.link(fresh, path)
                return
            _remove_stale(path, log)
    except OSError as error:
        raise StartError(f"cannot write {path}: {error.strerror}") from error
    finally:
        with contextlib.suppress(FileNotFoundError):
            os.unlink(fresh)
    raise StartError(f"{path} keeps coming back; another pvmd is starting, try again")


def withdraw(settings: Settings, address: str) -> None:
    """Remove pvmd.UID, if it still names `address`, and the socket."""
    path = settings.file("pvmd")
    with contextlib.suppress(OSError):
        if _read(path) == address:
            os.unlink(path)
    with contextlib.suppress(OSError):
        os.unlink(address)


def _remove_stale(path: str, log: Callable[[str], None]) -> None:
    try:
        address = _read(path)
    except FileNotFoundError:
        return
    if answers(address):
        raise AlreadyRuns(
            f"a pvmd already runs at {address} (file {path}); "
            "use it, halt it, or set PVM_VMID=name to run another one beside it"
        )
    aside = f"{path}.{os.getpid()}.stale"
    try:
        os.rename(path, aside)
        if _read(aside) != address:
            with contextlib.suppress(FileExistsError):
                os.link(aside, path)
            return
        log(f"replaced stale {path}: no process answers at {address or '(empty)'}")
        _remove_socket(address)
    except FileNotFoundError:
        return
    finally:
        with contextlib.suppress(FileNotFoundError):
            os.unlink(aside)


def _read(path: str) -> str:
    fd = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    try:
        return os.fsdecode(os.read(fd, _ADDRESS_MAX))
    finally:
        os.close(fd)


def _remove_socket(address: str) -> None:
    with contextlib.suppress(OSError):
        if address.startswith("/") and stat.S_ISSOCK(os.lstat(address).st_mode):
            os.unlink(address)


def _internet_address(address: str) -> tuple[str, int]:
    """Host and port of "xxxxxxxx:yyyy"; ValueError, OverflowError: it is not of this form."""
    host, port = address.split(":")
    return socket.inet_ntoa(int(host, 16).to_bytes(4, "big")), int(port, 16)


def answers(address: str) -> bool:
    """Whether a process accepts connections at an address text."""
    try:
        family = socket.AF_UNIX if address.startswith("/") else socket.AF_INET
        with socket.socket(family, socket.SOCK_STREAM) as sock:
            sock.settimeout(_ANSWER_SECONDS)
            sock.connect(address if family == socket.AF_UNIX else _internet_address(address))
    except (TimeoutError, BlockingIOError):
        return True  # it listens, but is too busy to accept now
    except (OSError, ValueError, OverflowError):
        return False
    return True
