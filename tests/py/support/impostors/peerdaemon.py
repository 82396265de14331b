# SPDX-License-Identifier: MIT
"""A daemon made of nothing but a UDP socket: it can break every rule between daemons.

It speaks the packets of 3.4.6: one at a time, each acknowledged. As a slave it is found by our
master through a remote shell that prints its greeting; as a master it starts our daemon itself.
"""

from __future__ import annotations

import select
import socket
import struct
import subprocess
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path

from pvm3py.wire import constants as c
from pvm3py.wire.hosts import Greeting, TableEntry, TableUpdate, address_text
from support.impostors.packets import Packet, daemon, head, packet, parse
from support.impostors.rawtask import Connector, Message, RawTask, ints, message, string
from support.machines.net import Loopback
from support.machines.vm import VirtualMachine, read_line, wait_until
from support.system import PATIENCE, Side

RESEND = 0.3
ARCH, SIGNATURE = "LINUX64", 0x00408C41


class PeerDaemon:
    """One daemon. `index` is its host's, `other` the index of the daemon it talks to.

    capabilities: what its greeting says that it can; updates: the tables announced to it.
    """

    def __init__(self, address: str, index: int, other: int) -> None:
        self.index, self.tid, self.other = index, daemon(index), daemon(other)
        self.address = address
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.bind((address, 0))
        self.port: int = self.socket.getsockname()[1]
        self.there = ("", 0)
        self.capabilities = 0
        self.updates: list[TableUpdate] = []
        self.messages: list[Message] = []
        self.packets: list[Packet] = []
        self._seq = 0
        self._expected = 1
        self._early: dict[int, Packet] = {}
        self._acknowledged: set[int] = set()
        self._open: list[Packet] = []

    def close(self) -> None:
        """Vanish without a word."""
        self.socket.close()

    def greeting(self) -> str:
        """The line that a starter reads."""
        where, can = (self.address, self.port), self.capabilities
        return Greeting(c.DDPROTOCOL, ARCH, *where, 4080, SIGNATURE, can).line()

    def entry(self, name: str) -> TableEntry:
        """Its line of the host table."""
        where = address_text(self.address, self.port)
        return TableEntry(self.index, name, ARCH, where, 4080, 1000, SIGNATURE)

    # ---- sending -------------------------------------------------------------

    def emit(self, data: bytes, sock: socket.socket | None = None) -> None:
        """Send bytes as they are, from another socket if one is given."""
        (sock or self.socket).sendto(data, self.there)

    def next_seq(self) -> int:
        """Use up a sequence number."""
        self._seq += 1
        return self._seq

    def deliver(self, seq: int, data: bytes) -> None:
        """Send a packet until it is acknowledged."""
        self._acknowledged.discard(seq & 0xFFFF)
        deadline = time.monotonic() + PATIENCE
        while seq & 0xFFFF not in self._acknowledged:
            assert time.monotonic() < deadline, f"packet {seq} is not acknowledged"
            self.emit(data)
            self.pump(lambda: seq & 0xFFFF in self._acknowledged, RESEND)

    def send(
        self,
        tag: int,
        body: bytes = b"",
        *,
        wid: int = 0,
        ctx: int = 0,
        src: int | None = None,
        dst: int | None = None,
    ) -> None:
        """Send a message, in as many packets as it takes, and wait until it has been taken."""
        data = head(tag, wid, ctx) + body
        pieces = [data[at : at + 4064] for at in range(0, len(data), 4064)]
        for number, piece in enumerate(pieces):
            flags = c.FFDAT | (c.FFSOM if number == 0 else 0)
            flags |= c.FFEOM if number == len(pieces) - 1 else 0
            seq = self.next_seq()
            to = self.other if dst is None else dst
            self.deliver(seq, packet(to, self.tid if src is None else src, seq, flags, piece))

    def leave(self) -> None:
        """Say that this daemon ends."""
        self.emit(packet(self.other, self.tid, 0, c.FFFIN | c.FFACK))

    # ---- receiving -----------------------------------------------------------

    def pump(self, done: Callable[[], object], seconds: float = PATIENCE) -> None:
        """Take packets until a condition holds or the time is over."""
        deadline = time.monotonic() + seconds
        while not done():
            left = deadline - time.monotonic()
            if left <= 0 or not select.select([self.socket], [], [], left)[0]:
                return
            data, _ = self.socket.recvfrom(65536)
            self._take(parse(data))

    def _take(self, arrived: Packet) -> None:
        self.packets.append(arrived)
        if arrived.flags & c.FFACK:
            self._acknowledged.add(arrived.ack)
        if not arrived.flags & (c.FFDAT | c.FFFIN):
            return
        sender = arrived.src & ~c.TIDLOCAL | c.TIDPVMD
        self.emit(packet(sender, self.tid, 0, c.FFACK, ack=arrived.seq))
        if arrived.flags & c.FFDAT and (arrived.seq - self._expected) & 0x8000 == 0:
            self._early[arrived.seq] = arrived
        while self._expected in self._early:
            self._assemble(self._early.pop(self._expected))
            self._expected = self._expected + 1 & 0xFFFF

    def _assemble(self, part: Packet) -> None:
        self._open.append(part)
        if not part.flags & c.FFEOM:
            return
        data = b"".join(piece.data for piece in self._open)
        _, tag, ctx, wid = struct.unpack_from("!iii4xi", data)
        self._open.clear()
        self.messages.append(Message(part.dst, part.src, tag, ctx, wid, data[c.MSGHDRLEN :]))

    def expect(self, tag: int, wid: int | None = None) -> Message:
        """The next message with this tag (and wait id); those before it are dropped."""

        def found() -> Message | None:
            return next((m for m in self.messages if m.tag == tag and wid in (None, m.wid)), None)

        self.pump(found)
        first = found()
        seen = [f"{m.tag & 0xFFFFFFFF:x}" for m in self.messages]
        assert first is not None, f"no message {tag & 0xFFFFFFFF:x}; seen {seen}"
        del self.messages[: self.messages.index(first) + 1]
        return first

    def sync(self) -> list[Message]:
        """Have a request answered; what came before the answer."""
        wid = 0x1000000 + self._seq
        self.send(c.DM_HOSTSYNC, wid=wid)
        before: list[Message] = []

        def answered() -> bool:
            before.extend(self.messages)
            self.messages.clear()
            return any((m.tag, m.wid) == (c.DM_HOSTSYNCACK, wid) for m in before)

        self.pump(answered)
        assert before and (before[-1].tag, before[-1].wid) == (c.DM_HOSTSYNCACK, wid)
        return before[:-1]


# ---- our daemon in a machine of such peers ------------------------------------------------

_LONG_LOG = {"PVMDLOGMAX": "100000000"}
_SHELL = """#!/bin/sh
cat {directory}/greeting-$1
cat >/dev/null
"""


class MasterTarget(VirtualMachine):
    """Our daemon as the master; `peers` are its slaves, each on an address of its own."""

    def __init__(self, peers: int) -> None:
        self.network = Loopback(peers + 1)
        self.own = self.network.address(0)
        self.connector = Connector()
        super().__init__("ours", arguments=[f"-n{self.own}"], env=_LONG_LOG)
        self.peers: list[PeerDaemon] = []
        try:
            for number in range(peers):
                self.join(self.make_peer(number + 2))
        except BaseException:
            self.stop(check=False)
            raise

    def _prepare(
        self, daemon: Side, tmp: Path, path: Iterable[Path | str], env: Mapping[str, str] | None
    ) -> None:
        script = tmp / "shell"
        script.write_text(_SHELL.format(directory=tmp))
        script.chmod(0o755)
        super()._prepare(daemon, tmp, path, {**(env or {}), "PVM_RSH": str(script)})

    def make_peer(self, index: int) -> PeerDaemon:
        """A slave that is to get this index."""
        return PeerDaemon(self.network.address(index - 1), index, 1)

    def greet(self, address: str, text: bytes) -> None:
        """What the remote shell prints for this host."""
        (self.tmp / f"greeting-{address}").write_bytes(text)

    def task(self) -> RawTask:
        """An enrolled task."""
        return RawTask(self.address, self.connector).enrol(self.tmp)

    def join(self, peer: PeerDaemon, options: str = "") -> None:
        """Add the peer, with options as in a host file."""
        self.greet(peer.address, peer.greeting().encode() + b"\n")
        with self.task() as task:
            body = ints(1) + string(f"{peer.address}{options}".encode())
            task.send(message(c.TM_ADDHOST, body, src=task.tid, wid=1))
            wait_until(lambda: "talks to other hosts" in self.log(), "the master's UDP socket")
            line = next(li for li in self.log().splitlines() if "talks to other hosts" in li)
            port = int(line.split(")")[0].rpartition(":")[2])
            peer.there = (self.own, port)
            for host in (peer, *self.peers):
                update = host.expect(c.DM_HTUPD)
                host.updates.append(TableUpdate.decode(update.body))
                host.send(c.DM_HTUPDACK, wid=update.wid)
            for host in (peer, *self.peers):
                host.expect(c.DM_HTCOMMIT)
            assert task.receive().ints()[2] == peer.index << 18
        self.peers.append(peer)

    def stop(self, *, check: bool = True) -> None:
        """Halt; the peers vanish."""
        super().stop(check=check)
        for peer in self.peers:
            peer.close()
        self.connector.close()


class SlaveTarget(VirtualMachine):
    """Our daemon as slave 2 of a peer that is the master."""

    def __init__(self) -> None:
        self.network = Loopback(4)
        self.own = self.network.address(1)
        self.connector = Connector()
        self.master = PeerDaemon(self.network.address(0), 1, 2)
        super().__init__("ours", arguments=self.arguments(), env=_LONG_LOG)
        self.serial = 1
        self.table = [self.master.entry("master"), self._entry()]
        try:
            self.address = wait_until(
                lambda: self.sock_file.read_text() if self.sock_file.exists() else "", "sock file"
            )
            self.master.send(c.DM_SLCONF)
            self.update(self.table)
        except BaseException:
            self.stop(check=False)
            raise

    def arguments(self) -> Sequence[str]:
        """Command line of the slave."""
        there = address_text(self.master.address, self.master.port)
        return ["-s", "-d0x0", "-nslave", "1", there, "4080", "2", address_text(self.own, 0)]

    def _start(self, command: list[str]) -> None:
        with (self.home / "daemon.err").open("wb") as errors:
            self.process = subprocess.Popen(
                command,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=errors,
                env=self.env,
                start_new_session=True,
            )
        assert self.process.stdin and self.process.stdout
        greeting = Greeting.parse(read_line(self.process.stdout, PATIENCE))
        self.process.stdin.close()
        self.greeting = greeting
        self.master.there = (greeting.address, greeting.port)
        assert self.process.wait(PATIENCE) == 0

    def _entry(self) -> TableEntry:
        where = address_text(self.own, self.greeting.port)
        return TableEntry(2, "slave", ARCH, where, 4080, 1000, SIGNATURE)

    def update(self, entries: list[TableEntry]) -> Message:
        """Announce hosts and commit; the slave's answer."""
        self.serial += 1
        wid = 0x2000000 + self.serial
        self.master.send(c.DM_HTUPD, TableUpdate(self.serial, 1, 1, entries).encode(), wid=wid)
        answer = self.master.expect(c.DM_HTUPDACK, wid)
        self.master.send(c.DM_HTCOMMIT)
        return answer

    def task(self) -> RawTask:
        """An enrolled task."""
        return RawTask(self.address, self.connector).enrol(self.tmp)

    def stop(self, *, check: bool = True) -> None:
        """The master leaves, and so the slave ends."""
        self.master.leave()
        self.master.close()
        super().stop(check=check)
        self.connector.close()
