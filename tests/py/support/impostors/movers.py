# SPDX-License-Identifier: MIT
"""Daemons that move tasks between switches, and the tasks: what docs/architecture.md has, in small.

Each daemon knows only what it was told. Of a move the daemon where the task runs decides all. A
step is one message that is handled, so that a test can have others come in between.
"""

from __future__ import annotations

import struct
from collections import defaultdict
from dataclasses import dataclass

from pvm3py.pvmd.io.switch import frame
from pvm3py.pvmd.state.events import Event, HeldEvent, MessageEvent
from pvm3py.wire import constants as c
from support.impostors.linkbed import Host, Mesh
from support.impostors.switchbed import DAEMON, Peer, cut

# Between daemons; FREEZE, THAW and GO go to tasks, FROZEN comes from them.
HOLD, HELD, FLUSH, FLUSHED, PLACE, GO, FREEZE, FROZEN, THAW = range(71, 80)
_WORDS = struct.Struct(">iii")
"""Task, epoch, host."""


class Task:
    """A task: what it has got, by sender, wherever it runs."""

    def __init__(self, tid: int, peer: Peer) -> None:
        self.tid = tid
        self.peer = peer
        self.frozen = False
        self.got: dict[int, list[bytes]] = defaultdict(list)
        self._parts: dict[int, bytes] = {}

    def read(self) -> None:
        """Take what has come; answer the order to freeze, behind what is being sent."""
        if self.peer.sock.fileno() < 0:
            return
        self.peer.drain()
        found, self.peer.stream = cut(self.peer.stream)
        for f in found:
            assert f.dst == self.tid
            data = f.payload if f.flags & c.FFSOM else self._parts.pop(f.src) + f.payload
            if not f.flags & c.FFEOM:
                self._parts[f.src] = data
            elif f.src == DAEMON:
                self._ordered(struct.unpack_from(">i", data, 4)[0], data[c.MSGHDRLEN :])
            else:
                self.got[f.src].append(data[c.MSGHDRLEN :])

    def _ordered(self, tag: int, body: bytes) -> None:
        """A word of the daemon."""
        self.frozen = tag == FREEZE
        if self.frozen:
            self.peer.start(frame(DAEMON, -1, FROZEN, 0, 0, body))


@dataclass
class Move:
    """A move as the daemon of the place knows it."""

    tid: int
    epoch: int
    goal: int
    holding: int
    flushing: int = 0
    ordered: bool = False
    frozen: bool = False

    @property
    def ready(self) -> bool:
        """Whether all that the task has sent has arrived, so that it may go."""
        return self.frozen and not self.flushing


class Mover:
    """The daemon of a host."""

    def __init__(self, host: Host, machine: Machine) -> None:
        self.host = host
        self.switch = host.switch
        self.machine = machine
        self.epochs: dict[int, int] = defaultdict(int)
        self.asked: dict[int, tuple[int, int]] = {}
        self.moves: dict[int, Move] = {}
        host.switch.handler = self.handle

    def handle(self, event: Event) -> None:
        """An event of the switch."""
        if isinstance(event, HeldEvent):
            self._is_held(event.tid)
        elif isinstance(event, MessageEvent):
            tid, epoch, host = _WORDS.unpack(event.body)
            self._message(event.tag, event.src, tid, epoch, host)
        else:
            self.host.events.append(event)

    def begin(self, tid: int, goal: Mover) -> None:
        """Move a task of this host there."""
        self.epochs[tid] += 1
        others = [mover for mover in self.machine.movers if mover is not self]
        self.moves[tid] = Move(tid, self.epochs[tid], goal.host.tid, len(others))
        self._tell(HOLD, tid, self.host.tid)

    def abort(self, tid: int) -> None:
        """It stays, whatever has been done so far."""
        move = self.moves.pop(tid)
        if not move.holding:
            self.switch.thaw_task(tid)
        if move.ordered:
            self._order(THAW, move)
        self._tell(PLACE, tid, self.host.tid)

    def commit(self, tid: int) -> None:
        """It goes."""
        move = self.moves.pop(tid)
        task = self.machine.tasks[tid]
        task.read()
        assert task.frozen
        assert not task.peer.unsent
        self.switch.hand_over(tid, move.goal)
        self._placed(tid, move.goal)
        self.switch.close_conn(task.peer.conn, flush=False)
        task.peer.drain()
        assert not task.peer.stream, "something came behind the order to freeze"
        task.peer.sock.close()
        self.host.peers.remove(task.peer)
        for mover in self.machine.movers:
            if mover is not self and mover.host.tid != move.goal:
                self._say(mover.host.tid, PLACE, tid, move.epoch, move.goal)
        self._say(move.goal, GO, tid, move.epoch, move.goal)

    def _message(self, tag: int, src: int, tid: int, epoch: int, host: int) -> None:
        """A word of another daemon or of a task."""
        move = self.moves.get(tid)
        if tag == HOLD:
            self.epochs[tid] = epoch
            self.asked[tid] = src, epoch
            self.switch.hold_task(tid)
        elif tag == FLUSH:
            self._say(src, FLUSHED, tid, epoch, host)
        elif tag == PLACE and epoch == self.epochs[tid]:
            self._placed(tid, host)
        elif tag == GO:
            self._go(tid)
        elif not move or move.epoch != epoch:
            pass
        elif tag == HELD:
            move.holding -= 1
            if not move.holding:
                self.switch.hold_task(tid)
        elif tag == FROZEN:
            move.frozen = True
            for mover in self.machine.movers:
                if mover is not self:
                    self._flush(move, mover.host.tid)
        elif tag == FLUSHED:
            move.flushing -= 1

    def _is_held(self, tid: int) -> None:
        """Nothing more goes the old way from here."""
        move = self.moves.get(tid)
        if tid in self.asked:
            asker, epoch = self.asked.pop(tid)
            self._say(asker, HELD, tid, epoch, asker)
        elif move and not move.holding and not move.ordered:
            move.ordered = True
            self._order(FREEZE, move)

    def _placed(self, tid: int, host: int) -> None:
        """What was held here goes there: also what tasks have sent that are frozen here."""
        self.asked.pop(tid, None)
        self.switch.place_task(tid, host)
        for move in self.moves.values():
            if move.frozen:
                self._flush(move, host)

    def _flush(self, move: Move, host: int) -> None:
        """Have that host say when all has arrived that the frozen task has sent there."""
        move.flushing += 1
        self._say(host, FLUSH, move.tid, move.epoch, host)

    def _go(self, tid: int) -> None:
        """The task that has come runs on."""
        task = self.machine.tasks[tid]
        task.peer = self.host.adopt(tid)
        self.switch.send_conn(task.peer.conn, self._word(tid, DAEMON, GO, tid, 0, 0))
        self.switch.thaw_task(tid)
        self.machine.places[tid] = self
        self.machine.done += 1

    def _order(self, tag: int, move: Move) -> None:
        task = self.machine.tasks[move.tid]
        word = self._word(move.tid, DAEMON, tag, move.tid, move.epoch, move.goal)
        self.switch.send_conn(task.peer.conn, word)

    def _tell(self, tag: int, tid: int, host: int) -> None:
        """Tell all others."""
        for mover in self.machine.movers:
            if mover is not self:
                self._say(mover.host.tid, tag, tid, self.epochs[tid], host)

    def _say(self, dst: int, tag: int, tid: int, epoch: int, host: int) -> None:
        self.switch.send_frames(self._word(dst, self.host.tid, tag, tid, epoch, host))

    @staticmethod
    def _word(dst: int, src: int, tag: int, tid: int, epoch: int, host: int) -> bytes:
        return frame(dst, src, tag, 0, 0, _WORDS.pack(tid, epoch, host))


class Machine(Mesh):
    """Hosts with so many tasks each, that move."""

    def __init__(self, hosts: int, tasks: int, **options: int) -> None:
        super().__init__(hosts, **options)
        self.movers = [Mover(host, self) for host in self.hosts]
        self.done = 0
        self.tasks: dict[int, Task] = {}
        self.places: dict[int, Mover] = {}
        for mover in self.movers:
            for local in range(1, tasks + 1):
                tid = mover.host.index << 18 | local
                mover.switch.handler = mover.host.events.append
                self.tasks[tid] = Task(tid, mover.host.peer(tid))
                mover.switch.handler = mover.handle
                self.places[tid] = mover

    def turn(self) -> None:
        """Let tasks write and read, and run each switch once."""
        super().turn()
        for task in self.tasks.values():
            task.read()
