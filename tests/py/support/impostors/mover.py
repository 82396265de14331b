# SPDX-License-Identifier: MIT
"""A daemon that moves its one task: by the contract of csrc/wire/moves.h, a step a method.

What a test has the daemon send goes to the task wherever that runs; what the task has sent before,
while and after it moved is in one list.
"""

from __future__ import annotations

import os
import secrets
import select
import signal
import socket
import struct
import subprocess
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from pvm3py.wire import constants as c
from support.images.restarts import require_restarter
from support.impostors.fakedaemon import TID, Request
from support.impostors.rawtask import fragment, ints, string
from support.scoped import Scoped
from support.system import PATIENCE

PEER = TID + 1
ENROL_HEAD = ints(c.TDPROTOCOL, 1)


def order(tag: int, body: bytes) -> bytes:
    """A message of the daemon's to the task, in one fragment."""
    head = struct.pack("!iii4xii8x", c.WIRE_ENC_XDR, tag, c.SYSCTX_TM, 0, 0)
    return fragment(TID, c.TIDPVMD, head + body, c.FFSOM | c.FFEOM)


def from_peer(tag: int, body: bytes, *, cut: int = 0, ctx: int = 0) -> bytes:
    """A message of another task's, in fragments of `cut` bytes (0: one)."""
    head = struct.pack("!iii4xii8x", c.WIRE_ENC_XDR, tag, ctx, 0, 0)
    step = cut or len(body) or 1
    parts = [body[at : at + step] for at in range(0, len(body), step)] or [b""]
    stream = b""
    for n, part in enumerate(parts):
        flags = (c.FFSOM if n == 0 else 0) | (c.FFEOM if n == len(parts) - 1 else 0)
        stream += fragment(TID, PEER, (head if n == 0 else b"") + part, flags)
    return stream


class Frozen(Exception):
    """The task has refused: code, reason, words."""

    def __init__(self, code: int, reason: int, text: str) -> None:
        super().__init__(code, reason, text)
        self.code, self.reason, self.text = code, reason, text


class Mover(Scoped):
    """Starts a program as the task that it serves; use as a context manager.

    command  the program, which enrols
    env      more of its environment
    memory   the daemon says that tasks may share memory
    moves    it says that it moves tasks if it is asked to
    tid      of the task
    place    the host where it is after its next move; 0: it is not told
    """

    def __init__(
        self,
        command: Sequence[object],
        env: dict[str, str] | None = None,
        *,
        memory: bool = False,
        moves: bool = False,
        tid: int = TID,
    ) -> None:
        self._directory = tempfile.TemporaryDirectory(prefix="pv")
        self.tmp = Path(self._directory.name)
        self.tid = tid
        self._capabilities = (c.WIRE_EXT_MEMORY if memory else 0) | (
            c.WIRE_EXT_MOVES if moves else 0
        )
        self.fds: list[int] = []  # that have come
        self.messages: list[Request] = []
        self.announced: tuple[int, int] = (0, 0)
        self.epoch = self.place = 0
        self._buffer = bytearray()
        self._image: socket.socket | None = None
        self._restarter: subprocess.Popen[bytes] | None = None
        self._pair: socket.socket | None = None
        self.output = self.tmp / "output"
        address = str(self.tmp / "sock")
        settings = {"PVMSOCK": address, "PVM_TMP": str(self.tmp), "PVM_ALLOW_ROOT": "1"}
        self._takes = socket.create_server(("127.0.0.1", 0))
        with socket.socket(socket.AF_UNIX) as listener, self.output.open("wb") as output:
            listener.bind(address)
            listener.listen()
            listener.settimeout(PATIENCE)
            self.process = subprocess.Popen(
                [str(word) for word in command],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                env=os.environ | {"PVM_SHM": "on" if memory else "off"} | settings | (env or {}),
            )
            self._stream, _ = listener.accept()
        self._stream.settimeout(PATIENCE)
        self._enrol()

    def leave(self, failed: bool) -> None:
        for process in filter(None, (self.process, self._restarter)):
            process.kill()
            process.wait()
        for end in filter(None, (self._stream, self._takes, self._image, self._pair)):
            end.close()
        for fd in self.fds:
            os.close(fd)
        self._directory.cleanup()

    def story(self) -> str:
        return f"output of the task: {self.output.read_text()!r}"

    # ---- the stream ----------------------------------------------------------------

    def send(self, data: bytes, fds: Sequence[int] = ()) -> None:
        """Write to the task, which may read late; descriptors go with the first byte."""
        self._stream.settimeout(PATIENCE)
        if fds:
            sent = socket.send_fds(self._stream, [data], fds)
            data = data[sent:]
        self._stream.sendall(data)

    def fileno(self) -> int:
        """Where what the task says can be read."""
        return self._stream.fileno()

    def take(self, patience: float = PATIENCE) -> None:
        """Read once."""
        self._stream.settimeout(patience)
        try:
            data, fds, _, _ = socket.recv_fds(self._stream, 1 << 18, 16)
        except ConnectionResetError:
            data, fds = b"", []
        self.fds += fds
        if not data:
            raise EOFError(f"the task has closed; it said {self.output.read_text()!r}")
        self._buffer += data

    def taken(self) -> bytes | None:
        """The next fragment of what was read, if it is whole."""
        if len(self._buffer) < c.TDFRAGHDR:
            return None
        whole = c.TDFRAGHDR + struct.unpack_from("!8xi", self._buffer)[0]
        if len(self._buffer) < whole:
            return None
        frame = bytes(self._buffer[:whole])
        del self._buffer[:whole]
        return frame

    def _fragment(self, deadline: float) -> tuple[bytes, bytes]:
        """Header and body of the next fragment of the task's."""
        while not (frame := self.taken()):
            self.take(max(deadline - time.monotonic(), 0.001))
        return frame[: c.TDFRAGHDR], frame[c.TDFRAGHDR :]

    def read(self, patience: float = PATIENCE) -> Request:
        """The next message of the task's; it is in the list, too."""
        deadline = time.monotonic() + patience
        found: Request | None = None
        while True:
            start, data = self._fragment(deadline)
            dst, src, _, flags = struct.unpack("!iiIB3x", start)
            if flags & c.FFSOM:
                found = Request(dst, src, *struct.unpack_from("!iii4xi12x", data))
                data = data[c.MSGHDRLEN :]
            assert found, "the task began a message in its middle"
            found.parts.append(data)
            if flags & c.FFEOM:
                self.messages.append(found)
                return found

    def until(self, wanted: Callable[[Request], bool]) -> Request:
        """The first message from now on that is wanted."""
        while not wanted(found := self.read()):
            pass
        return found

    def answer(self, request: Request, body: bytes) -> None:
        """Answer a request of the task's."""
        head = struct.pack("!iii4xii8x", c.WIRE_ENC_XDR, request.tag, request.ctx, request.wid, 0)
        self.send(fragment(self.tid, c.TIDPVMD, head + body, c.FFSOM | c.FFEOM))

    def _enrol(self) -> None:
        first = self.read()
        assert first.tag == c.TM_CONNECT
        size = struct.unpack_from("!i", first.body, 4)[0]
        Path(os.fsdecode(first.body[8 : 8 + size - 1])).write_bytes(b"/")
        self.answer(first, ENROL_HEAD + string(b""))
        second = self.read()
        assert second.tag == c.TM_CONN2
        self.announced = struct.unpack("!ii", second.body[-8:])
        extension = ints(c.WIRE_EXT_MAGIC, self._capabilities, c.WIRE_FRAG_LARGE)
        self.answer(second, self._settings(1) + extension)

    def _settings(self, first: int) -> bytes:
        """A word, then the settings of a task."""
        tids = ints(first, self.tid, 0, 0, 0, 0, 0, 0, 0, 4080, 0x12345)
        return tids + string(b"7f000001:4000") + ints(0)

    # ---- the steps of a move ---------------------------------------------------------

    def signal(self) -> None:
        """Have the task's signal come."""
        if self.announced[0]:
            os.kill(self.process.pid, self.announced[0])

    def freeze_order(self) -> bytes:
        """TM_FREEZE of a new epoch."""
        self.epoch += 1
        self.token = secrets.token_hex(c.WIRE_TOKEN // 2)
        host, port = self._takes.getsockname()
        where = string(f"{host}:{port}".encode())
        return order(c.TM_FREEZE, ints(self.epoch, 0) + where + string(self.token.encode()))

    def order_freeze(self, *, before: bytes = b"", signalled: bool = True) -> None:
        """The signal, then what is ahead of it, then TM_FREEZE."""
        if signalled:
            self.signal()
        self.send(before + self.freeze_order())

    def await_frozen(self) -> None:
        """Until the task has said that its image is under way; Frozen if it says something else."""
        self.check_frozen(self.until(lambda m: m.tag == c.TM_FROZEN).body)

    def check_frozen(self, body: bytes) -> None:
        """TM_FROZEN has come with this body: Frozen if it is a refusal."""
        epoch, code, reason, size = struct.unpack_from("!iiii", body)
        assert epoch == self.epoch
        text = body[16 : 16 + size - 1].decode()
        if code:
            raise Frozen(code, reason, text)

    def take_image(self) -> None:
        """Accept the connection by which the image comes, and check the token."""
        self._takes.settimeout(PATIENCE)
        self._image, _ = self._takes.accept()
        token = self._image.recv(c.WIRE_TOKEN, socket.MSG_WAITALL)
        assert token == self.token.encode()

    def swallow_image(self) -> None:
        """Take all of the image, which nothing is made of."""
        assert self._image
        self._image.settimeout(PATIENCE)
        last = b""
        while data := self._image.recv(1 << 20):
            last = data
        assert last

    def stop_taking(self) -> None:
        """Nobody accepts the connection of an image any more."""
        address = self._takes.getsockname()
        self._takes.close()
        self._takes = socket.socket()
        self._takes.bind(address)

    def start_restarter(self) -> None:
        """Have a process made of what comes by the connection, until it waits for TM_GO."""
        assert self._image
        self._pair, far = socket.socketpair()
        reading, writing = os.pipe()
        with far, self._image, self.output.open("ab") as output:
            fds = [self._image.fileno(), writing, far.fileno()]
            self._restarter = subprocess.Popen(
                [str(require_restarter()), *map(str, fds)],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                pass_fds=fds,
            )
            os.close(writing)
        self._image = None
        with open(reading) as report:
            assert select.select([report], [], [], PATIENCE)[0]
            line = report.readline()
        assert line == "ready\n", line

    def give_up_image(self) -> None:
        """Nobody takes the image any more."""
        if self._image:
            self._image.close()
        if self._restarter:
            self._restarter.kill()
            self._restarter.wait()
        if self._pair:
            self._pair.close()
        self._image = self._restarter = self._pair = None

    def thaw(self) -> None:
        """The move is off."""
        self.send(order(c.TM_THAW, ints(self.epoch)))

    def wake(self) -> None:
        """Let a task that sleeps go on."""
        os.kill(self.process.pid, signal.SIGUSR1)

    def commit(self, *, signalled: bool = False) -> None:
        """End the old process, have the new one run, which has its signal then if `signalled`."""
        assert self._restarter and self._pair
        assert not self._buffer, "the task has said something behind TM_FROZEN"
        self.process.kill()
        self.process.wait()
        self._stream.close()
        self.process, self._restarter = self._restarter, None
        self._stream, self._pair = self._pair, None
        if signalled:
            self.signal()
        place = ints(self.place) if self.place else b""
        self.send(order(c.TM_GO, self._settings(self.epoch) + place))

    def move(self, *, before: bytes = b"", held: bytes = b"", signalled: bool = True) -> None:
        """All steps. What comes ahead of TM_FREEZE, and what is held until the end."""
        self.order_freeze(before=before, signalled=signalled)
        self.finish(held)

    def finish(self, held: bytes = b"") -> None:
        """All steps behind the order."""
        self.await_frozen()
        self.take_image()
        self.start_restarter()
        self.commit()
        self.send(held)
