# SPDX-License-Identifier: MIT
"""A library alone: a daemon and peers made by hand write its bytes when a test says so."""

from __future__ import annotations

import contextlib
import fcntl
import os
import select
import socket
import struct
import subprocess
import termios
import threading
from collections.abc import Callable, Iterator

from pvm3py.wire import constants as c
from pvm3py.wire.output import RouteReply, RouteRequest
from support.impostors.fakedaemon import FakeDaemon, Request, read_message, reply
from support.impostors.rawtask import fragment, ints, message
from support.intake.bed import LocalTask, library_env, program
from support.machines.vm import wait_until
from support.scoped import Scoped
from support.system import PATIENCE, Side

CHILD = 0x40002  # sender of what comes through the daemon
NOT_FOUND = -32
ROUTE_CONTEXT = 0x7FFFF  # of the messages that open routes
ABSENT = 9999  # a tag that no message has


def receive(connection: socket.socket) -> Request:
    """The next message of a connection; not a byte more is read."""

    def read(size: int) -> bytes:
        data = bytearray()
        while len(data) < size and (more := connection.recv(size - len(data))):
            data += more
        return bytes(data)

    found = read_message(read)
    assert found, "the task has closed the connection"
    return found


class HandDaemon(FakeDaemon):
    """Enrols a task; then its connection is the test's."""

    connection: socket.socket

    def __init__(self) -> None:
        self._asked, self._ask = os.pipe()
        self._handed, self._over = threading.Event(), threading.Event()
        self._gone = False
        super().__init__(lambda request: reply(request, ints(NOT_FOUND)))

    def _converse(self, connection: socket.socket) -> None:
        connection.settimeout(PATIENCE)
        while self._asked not in select.select([connection.fileno(), self._asked], [], [])[0]:
            request = receive(connection)
            self.messages.append(request)
            connection.sendall(self._respond(request))
        self.connection = connection
        self._handed.set()
        self._over.wait()

    def take_over(self) -> None:
        """From now on the test reads and writes; the task makes no call meanwhile."""
        os.write(self._ask, b"!")
        assert self._handed.wait(PATIENCE)

    def leave(self, failed: bool) -> None:
        """Close the connection, and listen no more."""
        if self._gone:
            return
        self._gone = True
        with contextlib.suppress(OSError):
            os.write(self._ask, b"!")
        self._over.set()
        super().leave(failed)
        os.close(self._asked)
        os.close(self._ask)


class WireBed(Scoped):
    """A task with the library of a side, and its daemon made by hand."""

    def __init__(self, library: Side) -> None:
        self.library = library
        self.daemon = HandDaemon()
        process = subprocess.Popen(
            [program()],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env=os.environ | self.daemon.env() | library_env(library),
        )
        try:
            self.task = LocalTask(process, library)
            self.daemon.take_over()
        except BaseException:
            process.kill()
            process.wait()
            self.daemon.leave(True)
            raise

    def leave(self, failed: bool) -> None:
        if failed:
            self.task.process.kill()
        self.task.close()
        self.daemon.leave(failed)

    # ---- the daemon's side -------------------------------------------------------

    def put(self, data: bytes) -> None:
        """Write bytes to the task."""
        self.daemon.connection.sendall(data)

    def expect(self, tag: int) -> Request:
        """The next message of the task to the daemon with this tag; others are dropped."""
        while (request := receive(self.daemon.connection)).tag != tag:
            pass
        return request

    def discard(self, size: int) -> None:
        """Read so many bytes of the task, and what else is there by then."""
        while size > 0:
            size -= len(self.daemon.connection.recv(1 << 20))

    def text(self, *tags: int) -> bytes:
        """Messages of one fragment with these tags for the task."""
        return b"".join(one(self.task.tid, tag) for tag in tags)

    def send(self, *tags: int) -> None:
        """Let messages with these tags wait."""
        self.put(self.text(*tags))

    # ---- what the task has taken in ----------------------------------------------

    def poll(self, times: int = 1) -> None:
        """Polls that find nothing."""
        for _ in range(times):
            assert self.task.call("nrecv", -1, ABSENT).code == 0

    def rest(self) -> list[int]:
        """Receive what is listed or waits on the daemon's socket; the tags in order."""
        found = []
        while tag := self.task.call("nrecv", -1, -1).code:
            found.append(tag)
        return found

    def wait_until_read(self) -> None:
        """Wait until the task has read every byte of the daemon."""
        wait_until(lambda: unread(self.daemon.connection) == 0, "everything read")

    # ---- routes ------------------------------------------------------------------

    def ask_for_route(self, peer: int) -> str:
        """Let a task of that tid ask for a route; the address that the task answers with."""
        body = RouteRequest(c.TDPROTOCOL, str(self.daemon.tmp / f"{peer:x}")).encode()
        self.put(message(c.TC_CONREQ, body, dst=self.task.tid, src=peer, ctx=ROUTE_CONTEXT))
        self.poll()
        answer = RouteReply.decode(self.expect(c.TC_CONACK).body)
        assert answer.ack == 0
        return str(answer.address)

    @contextlib.contextmanager
    def connected(self, peer: int, address: str) -> Iterator[Route]:
        """The route from the peer that has asked for it, to the address answered."""
        with socket.socket(socket.AF_UNIX) as connection:
            connection.connect(address)
            self.poll(2)
            yield Route(self.task.tid, peer, connection)

    @contextlib.contextmanager
    def route(self, peer: int) -> Iterator[Route]:
        """An open route from a task of that tid."""
        with self.connected(peer, self.ask_for_route(peer)) as route:
            yield route

    @contextlib.contextmanager
    def accepting(self, peer: int) -> Iterator[Callable[[bytes, bytes], None]]:
        """A task that lets itself be asked for a route; what answers, between other bytes."""
        address = str(self.daemon.tmp / f"{peer:x}")
        with socket.socket(socket.AF_UNIX) as listener, contextlib.ExitStack() as stack:
            listener.bind(address)
            listener.listen()

            def accept(before: bytes, behind: bytes) -> None:
                self.expect(c.TC_CONREQ)
                body = RouteReply(c.TDPROTOCOL, 0, address).encode()
                answer = message(c.TC_CONACK, body, dst=self.task.tid, src=peer, ctx=ROUTE_CONTEXT)
                self.put(before + answer + behind)
                stack.enter_context(listener.accept()[0])

            yield accept


class Route:
    """The far end of a direct route."""

    def __init__(self, tid: int, peer: int, connection: socket.socket) -> None:
        self._tid, self._peer, self.connection = tid, peer, connection

    def put(self, data: bytes) -> None:
        """Write bytes to the task."""
        self.connection.sendall(data)

    def send(self, *tags: int) -> None:
        """Let messages with these tags wait."""
        self.put(b"".join(one(self._tid, tag, self._peer) for tag in tags))


def one(tid: int, tag: int, source: int = CHILD, body: bytes = bytes(4)) -> bytes:
    """A message of one fragment."""
    return message(tag, body, dst=tid, src=source, ctx=0)


def fragments(tid: int, tag: int, count: int, source: int = CHILD) -> list[bytes]:
    """The fragments of a message, 100 bytes of data in each."""
    flags = [0] * count
    flags[0] |= c.FFSOM
    flags[-1] |= c.FFEOM
    head = one(tid, tag, source, b"")[c.TDFRAGHDR :]
    return [
        fragment(tid, source, (head if number == 0 else b"") + bytes(100), flag)
        for number, flag in enumerate(flags)
    ]


def unread(connection: socket.socket) -> int:
    """How much of what was written to a socket the other side has not read."""
    return int(struct.unpack("i", fcntl.ioctl(connection, termios.TIOCOUTQ, bytes(4)))[0])
