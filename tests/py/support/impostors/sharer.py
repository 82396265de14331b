# SPDX-License-Identifier: MIT
"""A task of a switch bed that may share memory: it sends descriptors and sees where they arrive."""

from __future__ import annotations

import os
import select
import socket
import struct
from collections.abc import Callable, Sequence
from typing import NamedTuple

from pvm3py.pvmd.io.switch import frame
from pvm3py.pvmd.state.events import OpenEvent
from pvm3py.wire import constants as c
from support.impostors.switchbed import Bed, Peer

# Descriptors that one read takes in; more than the switch ever sends at once.
_SETS = 8


class Word(NamedTuple):
    """TC_SHARE as it arrived; segment: the inode of the one that came along, 0: none."""

    what: int
    peer: int
    number: int = 0
    segment: int = 0


class Text(NamedTuple):
    """Any other message as it arrived."""

    src: int
    body: bytes


def talk(what: int, peer: int = 0, number: int = 0) -> bytes:
    """TM_SHARE as a task sends it."""
    body = struct.pack("!iii", what, peer, number)
    return frame(c.TIDPVMD, -1, c.TM_SHARE, c.SYSCTX_TM, 0, body)


def descriptors() -> int:
    """How many this process has open."""
    return len(os.listdir("/proc/self/fd"))


class Sharer(Peer):
    """A connection whose task may share memory (but for `shares`), with a segment and a bell."""

    def __init__(self, bed: Bed, tid: int, *, shares: bool = True) -> None:
        sock = bed.socket()
        (event,) = bed.wait(OpenEvent)
        super().__init__(bed, sock, event.conn)
        bed.peers.append(self)
        self.tid = tid
        self.segment = os.memfd_create("segment")
        self.bell = os.eventfd(0)
        self.inode = os.fstat(self.segment).st_ino
        self._arrived: list[int] = []
        if tid:
            bed.switch.bind(self.conn, tid, shares=shares)

    def enclose(self, data: bytes, fds: Sequence[int] | None = None) -> None:
        """Write bytes with descriptors, segment and bell if none are given."""
        sent = socket.send_fds(self.sock, [data], [self.segment, self.bell] if fds is None else fds)
        assert sent == len(data)

    def offer(self) -> Sharer:
        """Offer the segment."""
        before = self.bed.switch.statistics().offers
        self.enclose(talk(c.SHARE_OFFER))
        self.bed.until(lambda: self.bed.switch.statistics().offers > before)
        return self

    def say(self, what: int, peer: int = 0, number: int = 0) -> None:
        """Send TM_SHARE, and let the switch serve it."""
        self.send(talk(what, peer, number))
        self.bed.run()

    def heard(self) -> Word | Text:
        """The next message. Descriptors must come with its first byte, and be a set."""
        while not self._complete():
            self.bed.until(self._read)
        head, body = self.stream[c.TDFRAGHDR : 48], bytes(self.stream[48:])
        src, tag = struct.unpack_from("!i", self.stream, 4)[0], struct.unpack_from("!i", head, 4)[0]
        self.stream.clear()
        segment = self._segment()
        if tag != c.TC_SHARE:
            assert not segment
            return Text(src, body)
        assert (src, struct.unpack_from("!i", head, 8)[0]) == (c.TIDPVMD, c.SYSCTX_TC)
        what, peer, number = struct.unpack("!iii", body)
        return Word(what, peer, number, segment)

    def readable(self) -> bool:
        """Whether something is there to read."""
        return bool(select.select([self.sock], [], [], 0)[0])

    def hears_nothing(self) -> bool:
        """Whether nothing has arrived after all that the switch had to do."""
        for _ in range(3):
            self.bed.run()
        return not self.readable()

    def _complete(self) -> bool:
        return len(self.stream) >= c.TDFRAGHDR and not self._missing()

    def _missing(self) -> int:
        """Bytes until the end of what is read next: a header, or what follows it."""
        if len(self.stream) < c.TDFRAGHDR:
            return c.TDFRAGHDR - len(self.stream)
        length = int.from_bytes(self.stream[8:12], "big")
        return c.TDFRAGHDR + length - len(self.stream)

    def _read(self) -> bool:
        """Read once; whether something was there."""
        try:
            data, fds, flags, _ = socket.recv_fds(self.sock, self._missing(), 2 * _SETS)
        except BlockingIOError:
            return False
        assert not flags & socket.MSG_CTRUNC
        assert not fds or not self.stream, "descriptors within a message"
        assert data, "the switch has closed the connection"
        self.stream += data
        self._arrived += fds
        return True

    def _segment(self) -> int:
        """The inode of the segment that has arrived; 0: none has."""
        fds, self._arrived = self._arrived, []
        if not fds:
            return 0
        assert len(fds) == 2
        assert os.readlink(f"/proc/self/fd/{fds[1]}") == "anon_inode:[eventfd]"
        inode = os.fstat(fds[0]).st_ino
        for fd in fds:
            os.close(fd)
        return inode

    def close(self) -> None:
        """End the connection; segment and bell stay."""
        self.sock.close()
        self.bed.peers.remove(self)

    def release(self) -> None:
        """Close segment and bell, and whatever has arrived."""
        for fd in (self.segment, self.bell, *self._arrived):
            os.close(fd)


# Makes a task of a bed with this tid; shares=False: one that cannot share memory.
Make = Callable[..., Sharer]


def ask(asker: Sharer, asked: Sharer, slot: int = 3) -> None:
    """A request that arrives."""
    asker.say(c.SHARE_LINK, asked.tid, slot)
    assert asked.heard() == Word(c.SHARE_LINK, asker.tid, slot, asker.inode)


def link(asker: Sharer, asked: Sharer) -> None:
    """A link that comes about."""
    ask(asker, asked)
    asked.say(c.SHARE_ACCEPT, asker.tid, 4)
    assert asker.heard() == Word(c.SHARE_ACCEPT, asked.tid, 4, asked.inode)
