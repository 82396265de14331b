# SPDX-License-Identifier: MIT
"""A task made of nothing but a socket: it can break every rule of the protocol.

Sockets come from a helper process, so that what the daemon does to "the task's process"
(signals) never hits the process that runs the tests.
"""

from __future__ import annotations

import contextlib
import os
import socket
import struct
import subprocess
import sys
import tempfile
from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

from pvm3py.wire import constants as c
from support.machines.vm import VirtualMachine
from support.scoped import Scoped
from support.system import PATIENCE

_CONNECTOR = """
import socket, sys
channel = socket.socket(fileno=0)
while address := channel.recv(4096):
    with socket.socket(socket.AF_UNIX) as client:
        try:
            client.connect(address.decode())
        except OSError as error:
            channel.send(b"%d" % error.errno)
        else:
            socket.send_fds(channel, [b"0"], [client.fileno()])
"""


class Connector:
    """The helper process.

    user         uid it runs as, if not ours (needs root)
    interpreter  Python that this user may run
    """

    def __init__(self, user: int | None = None, interpreter: str = sys.executable) -> None:
        self._channel, far = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        with far:
            command = [interpreter, "-I", "-S", "-c", _CONNECTOR]
            self._process: subprocess.Popen[bytes] = subprocess.Popen(
                command, stdin=far.fileno(), user=user, cwd="/"
            )

    @property
    def pid(self) -> int:
        """Process id that the daemon sees as the peer."""
        return self._process.pid

    def alive(self) -> bool:
        """Whether no signal of the daemon has ended it."""
        return self._process.poll() is None

    def connect(self, address: str) -> socket.socket:
        """A stream socket connected to the address; OSError as connect gives it."""
        self._channel.send(address.encode())
        answer, descriptors, _, _ = socket.recv_fds(self._channel, 16, 1)
        if not descriptors:
            raise OSError(int(answer), os.strerror(int(answer)))
        return socket.socket(fileno=descriptors[0])

    def close(self) -> None:
        """End the helper."""
        self._channel.close()
        self._process.kill()
        self._process.wait()


class Message(NamedTuple):
    """A message as it arrived: words signed, body bytes."""

    dst: int
    src: int
    tag: int
    ctx: int
    wid: int
    body: bytes

    def ints(self) -> tuple[int, ...]:
        """The body as ints."""
        return struct.unpack(f"!{len(self.body) // 4}i", self.body[: len(self.body) // 4 * 4])


class ClosedError(Exception):
    """The daemon has closed the connection."""


def fragment(dst: int, src: int, data: bytes, flags: int, length: int | None = None) -> bytes:
    """A fragment; `length` lies about the bytes that follow."""
    size = len(data) if length is None else length
    return struct.pack("!iiIB3x", dst, src, size & 0xFFFFFFFF, flags) + data


def message(
    tag: int,
    body: bytes = b"",
    *,
    dst: int | None = None,
    src: int = -1,
    ctx: int | None = None,
    wid: int = 0,
    length: int | None = None,
) -> bytes:
    """A message of one fragment; to the daemon in its own context unless told otherwise."""
    context = c.SYSCTX_TM if ctx is None else ctx
    header = struct.pack("!iii4xii8x", c.WIRE_ENC_XDR, tag, context, wid, 0)
    to = c.TIDPVMD if dst is None else dst
    return fragment(to, src, header + body, c.FFSOM | c.FFEOM, length)


def string(text: bytes) -> bytes:
    """A packed string."""
    data = text + b"\0"
    return struct.pack("!i", len(data)) + data + bytes(-len(data) % 4)


def ints(*values: int) -> bytes:
    """Packed ints, each taken modulo 2**32."""
    return struct.pack(f"!{len(values)}I", *(v & 0xFFFFFFFF for v in values))


def enrolled(machine: VirtualMachine, connector: Connector) -> RawTask:
    """A new task of a machine, or of one of its hosts."""
    return RawTask(machine.sock_file.read_text(), connector).enrol(machine.tmp)


class RawTask(Scoped):
    """One connection to a daemon. Closing it is all the leave it takes."""

    def __init__(self, address: str, connector: Connector) -> None:
        self._connector = connector
        self.socket = connector.connect(address)
        self.socket.settimeout(PATIENCE)
        self._partial: dict[int, tuple[bytes, bytes]] = {}
        self._wid = 0
        self.tid = -1
        self.rm = 0  # tid of the resource manager, as told at enrolment

    def leave(self, failed: bool) -> None:
        self.socket.close()

    # ---- bytes ---------------------------------------------------------------

    def send(self, data: bytes) -> None:
        """Send bytes as they are; that the daemon has closed already is no error."""
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):
            self.socket.sendall(data)

    def finish(self) -> None:
        """Send no more, and wait until the daemon closes."""
        try:
            self.socket.shutdown(socket.SHUT_WR)
        except OSError:
            return
        self.wait_closed()

    def wait_closed(self) -> None:
        """Read until the daemon closes the connection; fail if it does not."""
        try:
            while self.socket.recv(65536):
                pass
        except ConnectionResetError:
            pass
        except TimeoutError:
            raise AssertionError(f"connection still open after {PATIENCE} s") from None

    def _exactly(self, size: int) -> bytes:
        data = b""
        while len(data) < size:
            try:
                more = self.socket.recv(size - len(data))
            except ConnectionResetError:
                more = b""
            except TimeoutError:
                raise AssertionError(f"neither answer nor close in {PATIENCE} s") from None
            if not more:
                raise ClosedError
            data += more
        return data

    # ---- messages ------------------------------------------------------------

    def receive(self) -> Message:
        """The next complete message; ClosedError, or AssertionError when nothing comes."""
        while True:
            dst, src, length, flags = struct.unpack("!iiIB3x", self._exactly(16))
            data = self._exactly(length)
            if flags & c.FFSOM:
                assert length >= c.MSGHDRLEN, "first fragment without a message header"
                assert src not in self._partial, "message begins inside another one"
                header, data = data[: c.MSGHDRLEN], data[c.MSGHDRLEN :]
            else:
                assert src in self._partial, "fragment of no message"
                header, before = self._partial.pop(src)
                data = before + data
            if flags & c.FFEOM:
                _, tag, ctx, wid = struct.unpack("!iii4xi12x", header)
                return Message(dst, src, tag, ctx, wid, data)
            self._partial[src] = (header, data)

    def next_wid(self) -> int:
        """A fresh number for a request."""
        self._wid += 1
        return self._wid

    def request(self, tag: int, body: bytes = b"") -> Message:
        """Send a request and return its answer; other messages are dropped."""
        wid = self.next_wid()
        self.send(message(tag, body, src=self.tid, wid=wid))
        while (answer := self.receive()).wid != wid or answer.tag != tag:
            pass
        return answer

    def enrol(
        self,
        directory: Path | None = None,
        cookie: int = 0,
        announced: int | None = None,
        further: Iterable[int] = (),
    ) -> RawTask:
        """Become a task, as a well-behaved library does it; auth file in `directory`.

        cookie: PVMEPID of the task that this is, if the daemon has started it; announced: the
        library's capabilities, None: it is that of 3.4.6; further: what it says behind those.
        """
        handle, name = tempfile.mkstemp(prefix="auth", dir=directory)
        try:
            answer = self.request(c.TM_CONNECT, ints(c.TDPROTOCOL) + string(name.encode()))
            assert answer.ints()[1] == 1, f"refused: {answer}"
            assert len(os.read(handle, 2)) == 1, "the daemon did not write one byte"
        finally:
            os.close(handle)
            os.unlink(name)
        size = answer.ints()[2]
        with open(answer.body[12 : 12 + size - 1], "wb", buffering=0) as theirs:
            theirs.write(b"/")
        body = ints(self._connector.pid, cookie) + string(b"")
        if announced is not None:
            body += ints(c.WIRE_EXT_MAGIC, announced, c.WIRE_FRAG_LARGE, *further)
        reply = self.request(c.TM_CONN2, body)
        assert reply.ints()[0] == 1, f"refused: {reply}"
        words = reply.ints() if announced is None else reply.ints()[:-3]
        self.tid, self.rm = words[1], words[-1]
        return self

    def sync(self) -> set[tuple[int, int]]:
        """Have a request answered; (tag, wid) of everything that came before its answer."""
        wid = self.next_wid()
        self.send(message(c.TM_PSTAT, ints(self.tid), src=self.tid, wid=wid))
        seen: set[tuple[int, int]] = set()
        while (c.TM_PSTAT, wid) not in seen:
            answer = self.receive()
            seen.add((answer.tag, answer.wid))
        return seen


def code(task: RawTask, tag: int, body: bytes = b"") -> int:
    """First word of the answer to a request."""
    return task.request(tag, body).ints()[0]
