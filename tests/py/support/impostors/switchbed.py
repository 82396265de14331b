# SPDX-License-Identifier: MIT
"""A switch in the test's own process, with plain sockets as its tasks."""

from __future__ import annotations

import shutil
import socket
import struct
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

from pvm3py.pvmd.io import switch as sw
from pvm3py.pvmd.io.figures import Limits
from pvm3py.pvmd.state.events import Event, OpenEvent
from pvm3py.wire import constants as c
from support.scoped import Scoped
from support.system import PATIENCE

OWN_TID = c.TIDPVMD | 0x40000


def tid(local: int) -> int:
    """The tid of a task of the switch's host."""
    return 0x40000 | local


# Three tasks, the daemon as its own tasks call it, and the size of a receive chunk.
A, B, C = tid(1), tid(2), tid(3)
DAEMON = c.TIDPVMD
CHUNK = 262144


def fragment(dst: int, payload: bytes, flags: int = 0, src: int = -1) -> bytes:
    """One fragment; the payload includes the message header where there is one."""
    return struct.pack(">iiiB3x", dst, src, len(payload), flags) + payload


class Fragment(NamedTuple):
    """A fragment as it arrived."""

    dst: int
    src: int
    flags: int
    payload: bytes


def message(dst: int, body: bytes, tag: int = 1) -> bytes:
    """A message as a task sends it."""
    return sw.frame(dst, -1, tag, 0, 0, body)


def multicast_list(*tids: int) -> bytes:
    """TM_MCA: who gets the sender's next multicast message."""
    return message(DAEMON, struct.pack(f">{len(tids) + 1}i", len(tids), *tids), c.TM_MCA)


def cut(stream: bytearray) -> tuple[list[Fragment], bytearray]:
    """The complete fragments of a stream, and the rest."""
    found = []
    at = 0
    while len(stream) - at >= c.TDFRAGHDR:
        dst, src, length = struct.unpack_from(">iii", stream, at)
        assert stream[at + 13 : at + 16] == bytes(3)
        end = at + c.TDFRAGHDR + length
        if end > len(stream):
            break
        payload = bytes(stream[at + c.TDFRAGHDR : end])
        found.append(Fragment(dst, src, stream[at + 12], payload))
        at = end
    return found, stream[at:]


class Peer:
    """A connection to the switch, seen from the task."""

    def __init__(self, bed: Bed, sock: socket.socket, conn: int) -> None:
        self.bed = bed
        self.sock = sock
        self.conn = conn
        self.unsent = bytearray()
        self.stream = bytearray()

    def send(self, data: bytes) -> None:
        """Write all, letting the switch run."""
        self.start(data)
        self.bed.until(lambda: not self.unsent)

    def start(self, data: bytes) -> None:
        """Write as much as goes; `pump` writes the rest."""
        self.unsent += data
        self.pump()

    def pump(self) -> None:
        """Write as much as goes of what has been started."""
        while self.unsent:
            try:
                n = self.sock.send(bytes(self.unsent[: 1 << 18]))
            except BlockingIOError:
                return
            except (BrokenPipeError, ConnectionResetError):
                self.unsent.clear()
                return
            del self.unsent[:n]

    def drain(self) -> bool:
        """Read what is there; whether it was something."""
        size = len(self.stream)
        try:
            while data := self.sock.recv(1 << 20):
                self.stream += data
        except (BlockingIOError, ConnectionResetError):
            pass
        return len(self.stream) > size

    def fragments(self, count: int) -> list[Fragment]:
        """Wait for so many fragments, and take them; fails if there are more."""

        def arrived() -> bool:
            self.drain()
            return len(cut(self.stream)[0]) >= count

        self.bed.until(arrived)
        found, self.stream = cut(self.stream)
        assert len(found) == count
        return found

    def messages_here(self) -> int:
        """How many messages have arrived completely."""
        self.drain()
        return sum(bool(f.flags & c.FFEOM) for f in cut(self.stream)[0])

    def message(self) -> tuple[int, bytes]:
        """Wait for one message, of any number of fragments: its sender and body."""
        self.bed.until(self.messages_here)
        found, self.stream = cut(self.stream)
        assert [f.flags & 2 for f in found] == [0] * (len(found) - 1) + [2]
        return found[0].src, b"".join(f.payload for f in found)[c.MSGHDRLEN :]

    def ended(self) -> bool:
        """Whether the switch has closed the connection and all it sent was read."""
        try:
            return self.sock.recv(1, socket.MSG_PEEK) == b""
        except BlockingIOError:
            return False
        except ConnectionResetError:
            return True


class Bed(Scoped):
    """A switch and its events so far."""

    def __init__(self, **options: Any) -> None:
        self.dir = Path(tempfile.mkdtemp(prefix="pv"))
        self.listener = socket.socket(socket.AF_UNIX)
        self.listener.bind(str(self.dir / "s"))
        self.listener.listen(128)
        self.listener.setblocking(False)
        uid = options.pop("uid", None)
        own_tid = options.pop("own_tid", OWN_TID)
        self.switch = sw.Switch(self.listener.fileno(), own_tid, limits=Limits(**options), uid=uid)
        self.events: list[Event] = []
        self.switch.handler = self.events.append
        self.peers: list[Peer] = []

    def leave(self, failed: bool) -> None:
        for peer in self.peers:
            peer.sock.close()
        self.switch.close()
        self.listener.close()
        shutil.rmtree(self.dir)

    def run(self, timeout: float = 0) -> None:
        """One turn of the switch."""
        self.switch.run(timeout)
        self.switch.dispatch()

    def until(self, condition: Callable[[], Any]) -> None:
        """Run the switch, and the writers, until the condition holds."""
        end = time.monotonic() + PATIENCE
        while not condition():
            assert time.monotonic() < end, "condition never held"
            for peer in self.peers:
                peer.pump()
            self.run(0.002)

    def wait(self, kind: type[Any], count: int = 1) -> list[Any]:
        """Wait for so many events of a kind, and take all of that kind."""

        def found() -> list[Any]:
            return [e for e in self.events if isinstance(e, kind)]

        self.until(lambda: len(found()) >= count)
        result = found()
        self.events[:] = [e for e in self.events if not isinstance(e, kind)]
        return result

    def socket(self) -> socket.socket:
        """A socket connected to the switch."""
        sock = socket.socket(socket.AF_UNIX)
        sock.connect(str(self.dir / "s"))
        sock.setblocking(False)
        return sock

    def adopt(self, task: int) -> Peer:
        """The connection of a task that is held: one end of a socket pair."""
        ours, theirs = socket.socketpair()
        ours.setblocking(False)
        peer = Peer(self, ours, self.switch.adopt_task(theirs.detach(), task))
        self.peers.append(peer)
        return peer

    def peer(self, task: int = 0) -> Peer:
        """A new connection, bound to the tid if one is given."""
        sock = self.socket()
        (event,) = self.wait(OpenEvent)
        peer = Peer(self, sock, event.conn)
        self.peers.append(peer)
        if task:
            self.switch.bind(peer.conn, task)
        return peer
