# SPDX-License-Identifier: MIT
"""The daemon's socket and the file pvmd.UID that tells its address."""

from __future__ import annotations

import contextlib
import errno
import os
import socket
import struct
from collections.abc import Callable

from ..state import private
from ..state.config import Settings, StartError

_ANSWER_SECONDS = 2.0
_ADDRESS_MAX = 128
_TRIES = 10
_CREDENTIALS = struct.Struct("3i")


class AlreadyRuns(StartError):
    """Another daemon of this user has the sock file."""

    def __init__(self, address: str, path: str) -> None:
        super().__init__(
            f"a pvmd already runs at {address} (file {path}); "
            "use it, halt it, or set PVM_VMID=name to run another one beside it"
        )


def listen(settings: Settings) -> tuple[socket.socket, str]:
    """A listening Unix socket under a fresh temporary name, and its path."""
    sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM | socket.SOCK_NONBLOCK)
    path = ""
    for path in settings.temporaries():
        try:
            _bind(sock, path)
        except OSError as error:
            if error.errno == errno.EADDRINUSE:
                continue
            raise StartError(f"cannot create socket {path}: {error.strerror}") from error
        return sock, path
    raise StartError(f"all names like {path} are taken; remove old pvmtmp files")


def listen_again(path: str) -> socket.socket:
    """A listening Unix socket under a name that was lost. OSError: it cannot be."""
    sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM | socket.SOCK_NONBLOCK)
    try:
        _bind(sock, path)
    except OSError as error:
        sock.close()
        raise OSError(error.errno, error.strerror, path) from error
    return sock


def _bind(sock: socket.socket, path: str) -> None:
    umask = os.umask(0o177)
    try:
        sock.bind(path)
    finally:
        os.umask(umask)
    sock.listen(socket.SOMAXCONN)


def publish(settings: Settings, address: str, log: Callable[[str], None]) -> None:
    """Write the address to pvmd.UID, replacing a file that no daemon stands behind.

    The file appears with its contents in one step. AlreadyRuns: a daemon answers there.
    StartError: it cannot be written, or is not this user's.
    """
    path = settings.file("pvmd")
    try:
        fresh = _write_aside(settings, address)
        try:
            for _ in range(_TRIES):
                with contextlib.suppress(FileExistsError):
                    os.link(fresh, path)
                    return
                _remove_stale(settings, path, log)
        finally:
            private.remove(fresh)
    except OSError as error:
        raise StartError(f"cannot write {path}: {error.strerror}{_advice(error)}") from error
    raise StartError(f"{path} keeps coming back; another pvmd is starting, try again")


def _advice(error: OSError) -> str:
    if error.errno != errno.EPERM:
        return ""
    return "; have it removed, or set PVM_TMP to a directory of yours with a short path"


def _write_aside(settings: Settings, address: str) -> str:
    """A new temporary file with the address in it; its path."""
    path = ""
    for path in settings.temporaries():
        try:
            fd = private.create(path)
        except FileExistsError:
            continue
        try:
            with open(fd, "wb") as file:
                file.write(os.fsencode(address))
        except OSError:
            os.unlink(path)
            raise
        return path
    raise FileExistsError(errno.EEXIST, "all names like it are taken", path)


def withdraw(settings: Settings, address: str) -> None:
    """Remove pvmd.UID, if it still names `address`, and the socket."""
    path = settings.file("pvmd")
    with contextlib.suppress(OSError):
        if read(path) == address:
            os.unlink(path)
    private.remove(address, only_socket=True)


def _remove_stale(settings: Settings, path: str, log: Callable[[str], None]) -> None:
    """Remove the file if no daemon stands behind it; not another one that comes meanwhile."""
    try:
        address = read(path)
    except FileNotFoundError:
        return
    if answers(address):
        raise AlreadyRuns(address, path)
    aside = next(name for name in settings.temporaries() if not os.path.lexists(name))
    try:
        os.rename(path, aside)
        if read(aside) != address:
            with contextlib.suppress(FileExistsError):
                os.link(aside, path)
            return
        log(f"replaced stale {path}: no process answers at {address or '(empty)'}")
        if address.startswith("/"):
            private.remove(address, only_socket=True)
    except FileNotFoundError:
        return
    finally:
        private.remove(aside)


def read(path: str) -> str:
    """The address in a sock file; "" if others can write to it. OSError: see private.read."""
    return os.fsdecode(private.read(path, _ADDRESS_MAX))


def _internet_address(address: str) -> tuple[str, int]:
    """Host and port of "xxxxxxxx:yyyy"; ValueError, OverflowError: it is not of this form."""
    host, port = address.split(":")
    return socket.inet_ntoa(int(host, 16).to_bytes(4, "big")), int(port, 16)


def peer_is_own(sock: socket.socket) -> bool:
    """Whether a process of this user is at the other end of a Unix socket."""
    credentials = sock.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _CREDENTIALS.size)
    return bool(_CREDENTIALS.unpack(credentials)[1] == os.geteuid())


def answers(address: str) -> bool:
    """Whether a process, of this user if that can be known, accepts at an address text."""
    local = address.startswith("/")
    if local and not private.is_socket(address):
        return False
    try:
        with socket.socket(socket.AF_UNIX if local else socket.AF_INET, socket.SOCK_STREAM) as sock:
            sock.settimeout(_ANSWER_SECONDS)
            sock.connect(address if local else _internet_address(address))
            return not local or peer_is_own(sock)
    except (TimeoutError, BlockingIOError):
        return True  # it listens, but is too busy to accept now
    except (OSError, ValueError, OverflowError):
        return False
