# SPDX-License-Identifier: MIT
"""How the image of a task comes to this host: the socket that takes it, and the restarter."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import io
import os
import signal
import socket
import struct
from collections.abc import Sequence

from pvm3py.wire import constants as c

# Connections that may wait to be accepted; those that may be saying their tokens at a time, and
# seconds that each has for that.
_BACKLOG = 8
_SAYING_MAX = 16
_TOKEN_SECONDS = 2.0
# Bytes received so far, in the kernel's struct tcp_info.
_TCP_INFO_BYTES = 192
_RECEIVED = struct.Struct("=Q")
_RECEIVED_AT = 128
# What a new program is not to ignore; to ask for all signals takes 0.1 ms.
_CATCHABLE = signal.valid_signals() - {signal.SIGKILL, signal.SIGSTOP}


def listen(address: str, ports: tuple[int, int] | None) -> socket.socket:
    """A TCP socket that listens on this address, on a free port of a range if one is given.

    Raises OSError.
    """
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM | socket.SOCK_NONBLOCK)
    try:
        _bind(listener, address, ports)
        listener.listen(_BACKLOG)
    except OSError:
        listener.close()
        raise
    return listener


def _bind(listener: socket.socket, address: str, ports: tuple[int, int] | None) -> None:
    for port in range(ports[0], ports[1] + 1) if ports else (0,):
        try:
            listener.bind((address, port))
            return
        except OSError as error:
            if error.errno != errno.EADDRINUSE:
                raise
    limits = "{}-{}".format(*ports) if ports else "any"
    raise OSError(errno.EADDRINUSE, f"no free TCP port in {limits} (see PVM_PORT_RANGE)")


async def accept(listener: socket.socket, token: str) -> socket.socket:
    """The first connection that begins with the token, as a blocking socket.

    Nothing behind the token is read. Several may be saying theirs. Each is closed after some time,
    when it has said something else, or when too many have come after it. Raises OSError.
    """
    loop = asyncio.get_running_loop()
    saying: dict[asyncio.Task[bool], socket.socket] = {}
    coming = loop.create_task(loop.sock_accept(listener))
    try:
        while True:
            await asyncio.wait({coming, *saying}, return_when=asyncio.FIRST_COMPLETED)
            for said in [said for said in saying if said.done()]:
                sock = saying.pop(said)
                if said.result():
                    sock.setblocking(True)
                    return sock
                sock.close()
            if coming.done():
                sock, _ = coming.result()
                saying[loop.create_task(_says(sock, token.encode()))] = sock
                coming = loop.create_task(loop.sock_accept(listener))
            if len(saying) > _SAYING_MAX:
                _turn_away(saying, next(iter(saying)))
    finally:
        coming.cancel()
        for said in list(saying):
            _turn_away(saying, said)


def _turn_away(saying: dict[asyncio.Task[bool], socket.socket], said: asyncio.Task[bool]) -> None:
    """Close a connection that has yet to say its token."""
    sock = saying.pop(said)
    # Until then the event loop watches it.
    said.add_done_callback(lambda _: sock.close())
    said.cancel()


async def _says(sock: socket.socket, token: bytes) -> bool:
    """Whether a connection begins with the token, and soon."""
    sock.setblocking(False)
    said = b""
    with contextlib.suppress(OSError, TimeoutError):
        async with asyncio.timeout(_TOKEN_SECONDS):
            while len(said) < len(token) and token.startswith(said):
                more = await asyncio.get_running_loop().sock_recv(sock, len(token) - len(said))
                if not more:
                    break
                said += more
    return said == token


def received(image: socket.socket | io.FileIO, bases: list[io.FileIO]) -> tuple[int, int]:
    """Bytes that a connection has brought, and those that nobody has read; (0, 0): not known.

    Of a file, and of those on which it builds, where who reads them is.
    """
    if isinstance(image, io.FileIO):
        return sum(file.tell() for file in (image, *bases)), 0
    sock = image
    import fcntl  # noqa: PLC0415
    import termios  # noqa: PLC0415

    try:
        info = sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, _TCP_INFO_BYTES)
        unread = fcntl.ioctl(sock, termios.FIONREAD, bytes(4))
        return _RECEIVED.unpack_from(info, _RECEIVED_AT)[0], int.from_bytes(unread, "little")
    except (OSError, struct.error):
        return 0, 0


def start_restarter(
    path: str, image: int, report: int, stream: int, out_fd: int, bases: Sequence[int] = ()
) -> int:
    """Start the restarter (csrc/restart/restart.h) on these descriptors; its process id.

    Standard input is /dev/null, out_fd becomes standard output and error. It leads a process group
    of its own. Raises OSError.
    """
    passed = (image, report, stream, *bases)
    words = [word for base in bases for word in ("-b", str(base))]
    for fd in passed:
        os.set_inheritable(fd, True)
    try:
        return os.posix_spawn(
            path,
            [path, *words, str(image), str(report), str(stream)],
            os.environ,
            file_actions=[
                (os.POSIX_SPAWN_OPEN, 0, "/dev/null", os.O_RDONLY, 0),
                (os.POSIX_SPAWN_DUP2, out_fd, 1),
                (os.POSIX_SPAWN_DUP2, out_fd, 2),
            ],
            setpgroup=0,
            setsigmask=(),
            setsigdef=_CATCHABLE,
        )
    finally:
        for fd in passed:
            os.set_inheritable(fd, False)


def new_token() -> str:
    """What the image's connection begins with, in a form that fits TM_FREEZE."""
    return os.urandom(c.WIRE_TOKEN // 2).hex()
