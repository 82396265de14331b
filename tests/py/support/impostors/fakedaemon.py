# SPDX-License-Identifier: MIT
"""A daemon for one task: enrols it, records what it sends, answers as a test wants."""

from __future__ import annotations

import contextlib
import os
import socket
import struct
import tempfile
import threading
from collections.abc import Callable, Collection
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

from pvm3py.wire import constants as c
from support.impostors.rawtask import fragment
from support.scoped import Scoped
from support.vectors.task_vectors import Vector

TID = 0x40001
ENROLMENT = frozenset((c.TM_CONNECT, c.TM_CONN2))
# The connection is closed after so many requests, or when none has come for so many seconds:
# what the task may rightly wait for (an answer to its number, a child's end) never comes.
REQUESTS = 60
IDLE_SECONDS = 1.0


@dataclass
class Request:
    """A message as the task sent it, in fragments."""

    dst: int
    src: int
    enc: int
    tag: int
    ctx: int
    wid: int
    parts: list[bytes] = field(default_factory=list)  # data of each fragment
    flags: list[int] = field(default_factory=list)  # of each fragment
    stream: bytes = b""  # all fragments with their headers

    @property
    def body(self) -> bytes:
        """All data bytes."""
        return b"".join(self.parts)


class Last(bytes):
    """Bytes after which the connection is closed."""


# What the daemon sends for a request.
Answer = Callable[[Request], bytes]


@cache
def reply_bodies() -> dict[int, bytes]:
    """The recorded reply with the longest body of each tag."""
    found: dict[int, bytes] = {}
    for vector in map(Vector, Vector.names("*_rep")):
        if len(vector.body) > len(found.get(vector.tag, b"")):
            found[vector.tag] = vector.body
    assert len(found) > 15, "vectors of replies are missing"
    return found


def reply(request: Request, body: bytes | None = None, tag: int | None = None) -> bytes:
    """The reply to a request in one fragment; the recorded body unless another is given."""
    data = reply_bodies().get(request.tag, bytes(4)) if body is None else body
    header = struct.pack(
        "!iii4xii8x",
        c.WIRE_ENC_XDR,
        request.tag if tag is None else tag,
        request.ctx,
        request.wid,
        0,
    )
    return fragment(max(request.src, 0), c.TIDPVMD, header + data, c.FFSOM | c.FFEOM)


def enrolment_body(tid: int = TID) -> bytes:
    """Body of the honest TM_CONN2 reply."""
    body = Vector("enrol_conn2_rep").body
    return body[:4] + struct.pack("!i", tid) + body[8:]


class FakeDaemon(Scoped):
    """Serves one connection from a thread; use as a context manager.

    answer     called for every request, and for no other message
    also       tags of further messages that it is called for
    enrolment  body of the TM_CONN2 reply; its second word is the tid of the task
    patient    serve until the task closes, whatever it asks and how long it waits
    """

    def __init__(
        self,
        answer: Answer,
        *,
        also: Collection[int] = (),
        enrolment: bytes | None = None,
        patient: bool = False,
    ) -> None:
        self.messages: list[Request] = []
        self._answer, self._also, self._patient = answer, also, patient
        self._enrolment = enrolment or enrolment_body()
        (self.tid,) = struct.unpack_from("!i", self._enrolment, 4)
        self._directory = tempfile.TemporaryDirectory(prefix="pv")
        self.tmp = Path(self._directory.name)
        self.address = str(self.tmp / "sock")
        self._listener = socket.socket(socket.AF_UNIX)
        self._listener.bind(self.address)
        self._listener.listen()
        self._connections: list[socket.socket] = []
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()

    def env(self) -> dict[str, str]:
        """Environment of a task that is to find this daemon."""
        return {"PVMSOCK": self.address, "PVM_TMP": str(self.tmp), "PVM_ALLOW_ROOT": "1"}

    def leave(self, failed: bool) -> None:
        self._listener.shutdown(socket.SHUT_RDWR)
        for connection in self._connections:
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_RD)
        self._thread.join()
        self._listener.close()
        self._directory.cleanup()

    def _serve(self) -> None:
        """The first connection is served, later ones are closed at once."""
        served = False
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            with connection:
                if not served:
                    self._connections.append(connection)
                    with contextlib.suppress(OSError):
                        self._converse(connection)
                served = True

    def _converse(self, connection: socket.socket) -> None:
        stream = connection.makefile("rb")
        if not self._patient:
            connection.settimeout(IDLE_SECONDS)
        while self._patient or len(self.messages) < REQUESTS:
            message = read_message(stream.read)
            if message is None:
                return
            self.messages.append(message)
            data = self._respond(message)
            connection.sendall(data)
            if isinstance(data, Last):
                return

    def _respond(self, message: Request) -> bytes:
        if message.tag in self._also:
            honest = self._enrol(message) if message.tag in ENROLMENT else b""
            return self._answer(message) or honest
        if message.tag in ENROLMENT:
            return self._enrol(message)
        if message.dst == self.tid:
            return message.stream
        if message.tag in (c.TM_NOTIFY, c.TM_MCA) or not c.TM_FIRST <= message.tag <= c.TM_LAST:
            return b""
        return self._answer(message)

    def _enrol(self, request: Request) -> bytes:
        """Do what enrolment asks; the honest reply."""
        if request.tag == c.TM_CONN2:
            return reply(request, self._enrolment)
        size = struct.unpack_from("!i", request.body, 4)[0]
        with open(request.body[8 : 8 + size - 1], "wb", buffering=0) as theirs:
            theirs.write(b"/")
        own = os.fsencode(self.tmp / "auth") + b"\0"
        Path(os.fsdecode(own[:-1])).touch(0o600)
        head = struct.pack("!iii", c.TDPROTOCOL, 1, len(own))
        return reply(request, head + own + bytes(-len(own) % 4))


def read_message(read: Callable[[int], bytes]) -> Request | None:
    """The next message, fragments joined; None at the end."""
    message = None
    while True:
        start = read(c.TDFRAGHDR)
        if len(start) < c.TDFRAGHDR:
            return None
        dst, src, length, flags = struct.unpack("!iiIB3x", start)
        data = read(length)
        if flags & c.FFSOM:
            message = Request(dst, src, *struct.unpack_from("!iii4xi12x", data))
        assert message, "the task began a message in its middle"
        message.parts.append(data[c.MSGHDRLEN if flags & c.FFSOM else 0 :])
        message.flags.append(flags)
        message.stream += start + data
        if flags & c.FFEOM:
            return message
