# SPDX-License-Identifier: MIT
"""What a task says of links to peers that are not as they should be; the death of its daemon."""

from __future__ import annotations

import contextlib
import fcntl
import mmap
import os
import signal
import socket
import struct
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from support.compiler import compile_program
from support.impostors.rawtask import Connector, RawTask, ints, message
from support.machines.sharing import ON, counters, piece
from support.machines.vm import VirtualMachine, wait_until
from support.system import ARCH, C_SOURCES, PATIENCE, PROJECT, pvm_root, require_library

from pvm3py.wire import constants as c

ECHO, END, LEAVE = 1, 2, 3  # tags of tests/c/shared_words.c
RING = 4096
# struct share_home up to its rings; struct share_record but for its body.
HOME, RECORD = struct.Struct("=6I"), struct.Struct("=IHHIIQIIII")
SLOT_BYTES = 384
LINE = 64  # bytes of a cache line, which a short record fills
FLAGS_AT = 68


def words_program() -> Path:
    """tests/c/shared_words.c with the libraries in it, whose sendmsg it stands in for."""
    require_library("ours")
    folder = pvm_root() / "lib" / ARCH
    libraries = [str(folder / "libgpvm3.a"), str(folder / "libpvm3.a")]
    flags = ["-std=gnu11", "-O1", "-Wall", "-Wextra", "-Werror", "-Wl,--wrap=sendmsg"]
    flags.append(f"-I{PROJECT / 'csrc/wire'}")
    source = C_SOURCES / "shared_words.c"
    return compile_program("shared_words", [source], "ours", flags, libraries=libraries)


@pytest.fixture
def vm() -> Iterator[VirtualMachine]:
    # The tasks ask for no link so soon.
    env = ON | {"PVM_SHM_AFTER": "100", "PVM_SHM_PEERS": "1"}
    with VirtualMachine("ours", path=[words_program().parent], env=env) as machine:
        yield machine


class Task:
    """A task of tests/c/shared_words.c."""

    def __init__(self, vm: VirtualMachine, role: str) -> None:
        self.process = vm.start(words_program(), role, stdin=subprocess.PIPE)
        assert self.process.stdout
        self.tid = int(self.process.stdout.readline())

    def is_stopped(self) -> bool:
        stat = Path(f"/proc/{self.process.pid}/stat").read_text(encoding="ascii")
        return stat.rpartition(")")[2].split()[0] == "T"

    def stop(self) -> None:
        self.process.send_signal(signal.SIGSTOP)
        wait_until(self.is_stopped, "the task stops")

    def finish(self, line: bytes = b"") -> None:
        """Wait for its end, which must be a good one."""
        out, err = self.process.communicate(line, timeout=PATIENCE)
        assert (self.process.returncode, b"FAIL" in out) == (0, False), (out, err)


class Peer:
    """A raw task with a segment, and a ring in it for its only peer."""

    def __init__(self, vm: VirtualMachine, connector: Connector, stack: ExitStack) -> None:
        task = RawTask(vm.address, connector).enrol(vm.tmp, announced=c.WIRE_EXT_MEMORY)
        self.raw = stack.enter_context(task)
        self.tid = task.tid
        size = c.SHARE_ARENA_AT + c.SHARE_BLOCK
        segment, bell = os.memfd_create("segment", os.MFD_ALLOW_SEALING), os.eventfd(0)
        os.set_blocking(bell, False)
        os.truncate(segment, size)
        fcntl.fcntl(segment, fcntl.F_ADD_SEALS, fcntl.F_SEAL_SHRINK | fcntl.F_SEAL_GROW)
        self.memory = stack.enter_context(mmap.mmap(segment, size))
        begin = c.SHARE_MAGIC, c.SHARE_VERSION, self.tid, 1, size, RING
        HOME.pack_into(self.memory, 0, *begin)
        socket.send_fds(self.raw.socket, [self.word(c.SHARE_OFFER, 0)], [segment, bell])
        os.close(segment)
        os.close(bell)

    @staticmethod
    def word(what: int, peer: int, number: int = 0) -> bytes:
        return message(c.TM_SHARE, ints(what, peer, number))

    def say(self, what: int, peer: int, number: int = 0) -> None:
        self.raw.send(self.word(what, peer, number))

    def heard(self) -> tuple[int, ...]:
        """The next word about links; other messages are dropped."""
        while (found := self.raw.receive()).tag != c.TC_SHARE:
            pass
        return found.ints()

    def send(self, dst: int, tag: int, *, ctx: int = 0, body: bytes = b"") -> None:
        self.raw.send(message(tag, body, dst=dst, src=self.tid, ctx=ctx))

    def echo(self, dst: int) -> None:
        """Have a message sent back by the stream; what comes before is dropped."""
        self.send(dst, ECHO)
        while self.raw.receive().tag != ECHO:
            pass

    def ask(self, dst: int) -> None:
        """Ask for a link; the daemon has passed it on at the return."""
        self.say(c.SHARE_LINK, dst)
        self.raw.sync()

    def link(self, dst: int) -> None:
        """Be linked, by slot 0."""
        self.say(c.SHARE_LINK, dst)
        assert self.heard()[:2] == (c.SHARE_ACCEPT, dst)
        self.send(dst, c.TC_MARK, ctx=c.SYSCTX_TC)

    def put(self, tag: int, mark: int) -> int:
        """Put an empty message, the first one, into the ring; where it ends."""
        record = RECORD.size, 1, 0, mark, 0, 1, c.WIRE_ENC_XDR, tag, 0, 0
        RECORD.pack_into(self.memory, c.SHARE_RINGS_AT, *record)
        struct.pack_into("=I", self.memory, c.SHARE_SLOTS_AT, RECORD.size)
        return RECORD.size

    def send_again(self, dst: int, end: int, tag: int) -> None:
        """Send a copy of the record that ends there."""
        word = message(c.TC_AGAIN, dst=dst, src=self.tid, ctx=c.SYSCTX_TC, wid=end)
        self.raw.send(word + message(tag, dst=dst, src=self.tid, ctx=0))

    def begin_to_leave(self) -> None:
        """Say so, but not how far the ring is read."""
        struct.pack_into("=I", self.memory, FLAGS_AT, c.SHARE_LEFT)


@contextlib.contextmanager
def peers(vm: VirtualMachine, connector: Connector, number: int) -> Iterator[list[Peer]]:
    with ExitStack() as stack:
        yield [Peer(vm, connector, stack) for _ in range(number)]


def refusals(peer: Peer) -> int:
    """How often a peer has been refused by now."""
    found = 0
    for tag, _ in peer.raw.sync():
        found += tag == c.TC_SHARE
    return found


def test_each_refusal_is_said_once_while_others_come(
    vm: VirtualMachine, connector: Connector
) -> None:
    """Another one would end what its peer has asked for after the first."""
    task = Task(vm, "stop")
    with peers(vm, connector, 6) as (linked, asker, *others):
        linked.link(task.tid)
        task.stop()
        early, late = others[:2], others[2:]
        for peer in early:
            peer.ask(task.tid)
        task.process.send_signal(signal.SIGCONT)
        assert task.process.stdout
        assert task.process.stdout.readline() == b"refuses\n"
        wait_until(task.is_stopped, "the task stops before its first refusal")
        for peer in late:
            peer.ask(task.tid)
        task.process.send_signal(signal.SIGCONT)
        # What is left to be said is said in the next calls.
        for _ in range(2):
            asker.echo(task.tid)
        for peer in early + late:
            assert peer.heard() == (c.SHARE_REFUSE, task.tid, c.SHARE_LATER)
            assert not refusals(peer)
        asker.send(task.tid, END)
        task.finish()
    assert "ignored" not in vm.log()


def test_many_are_refused_at_once(vm: VirtualMachine, connector: Connector) -> None:
    task = Task(vm, "echo")
    with peers(vm, connector, 41) as (linked, *others):
        linked.link(task.tid)
        task.stop()
        for peer in others:
            peer.ask(task.tid)
        task.process.send_signal(signal.SIGCONT)
        for peer in others:
            assert peer.heard() == (c.SHARE_REFUSE, task.tid, c.SHARE_LATER)
        linked.send(task.tid, END)
        task.finish()


def test_record_that_waits_for_a_mark_keeps_no_slot_when_its_writer_is_gone(
    vm: VirtualMachine, connector: Connector
) -> None:
    task = Task(vm, "echo")
    with peers(vm, connector, 1) as (gone,):
        gone.link(task.tid)
        gone.put(ECHO, mark=99)
    with peers(vm, connector, 1) as (next_one,):
        # It has heard of the end when it answers.
        next_one.echo(task.tid)
        next_one.link(task.tid)
        next_one.send(task.tid, END)
        task.finish()


def test_task_that_has_left_sleeps_whatever_lies_in_a_ring(
    vm: VirtualMachine, connector: Connector
) -> None:
    task = Task(vm, "leave")
    with peers(vm, connector, 1) as (peer,):
        peer.link(task.tid)
        peer.send(task.tid, ECHO)
        assert task.process.stdout
        assert task.process.stdout.readline() == b"left\n"
        peer.put(END, mark=0)
        task.finish(b"\n")


def test_messages_in_memory_stay_right_when_the_daemon_dies(vm: VirtualMachine) -> None:
    task = Task(vm, "keep")
    assert counters(task.process.pid, task.tid).received > 0
    os.kill(vm.pid, signal.SIGKILL)
    task.finish(b"\n")
    vm.stop(check=False)


def test_daemon_lost_behind_a_message_is_told_once(
    vm: VirtualMachine, connector: Connector
) -> None:
    """The answer to a request for a link, which fails, is written behind the message."""
    task = Task(vm, "lose")
    with peers(vm, connector, 1) as (peer,):
        task.stop()
        peer.say(c.SHARE_LINK, task.tid)
        peer.send(task.tid, ECHO)
        peer.raw.sync()
        task.process.send_signal(signal.SIGCONT)
        task.finish()


def test_daemon_lost_behind_its_answer_is_told_once(
    vm: VirtualMachine, connector: Connector
) -> None:
    task = Task(vm, "ask")
    with peers(vm, connector, 1) as (peer,):
        assert task.process.stdin
        assert task.process.stdout
        task.stop()
        peer.ask(task.tid)
        task.process.stdin.write(b"\n")
        task.process.stdin.flush()
        task.process.send_signal(signal.SIGCONT)
        assert task.process.stdout.readline() == b"asks\n"
        wait_until(task.is_stopped, "the task stops for the answer")
        peer.raw.sync()
        task.process.send_signal(signal.SIGCONT)
        task.finish()


def first_record(task: Task) -> tuple[int, int, int]:
    """How much a task has written to its first ring; kind and tag of the record there."""
    tail = piece(task.process.pid, task.tid, c.SHARE_SLOTS_AT, 4)
    record = piece(task.process.pid, task.tid, c.SHARE_RINGS_AT, RECORD.size)
    assert tail
    assert record
    _, kind, _, _, _, _, _, tag, _, _ = RECORD.unpack(record)
    return int.from_bytes(tail, sys.byteorder), kind, tag


def test_record_that_a_leaver_may_take_stays_and_a_copy_follows(
    vm: VirtualMachine, connector: Connector
) -> None:
    """The sender cannot know which of them counts; the receiver can."""
    task = Task(vm, "echo")
    with peers(vm, connector, 1) as (peer,):
        peer.link(task.tid)
        peer.begin_to_leave()
        peer.send(task.tid, ECHO)
        while (word := peer.raw.receive()).tag != c.TC_AGAIN:
            assert word.tag != ECHO, "the copy is not announced"
        assert peer.raw.receive().tag == ECHO
        written = first_record(task)
        assert written == (LINE, c.SHARE_INLINE, ECHO)
        # By the stream alone from now on.
        peer.echo(task.tid)
        assert first_record(task) == written
        peer.send(task.tid, END)
        task.finish()


@pytest.mark.parametrize("covered", [True, False], ids=["covered", "late"])
def test_leaver_has_a_record_or_its_copy_but_not_both(
    vm: VirtualMachine, connector: Connector, covered: bool
) -> None:
    task = Task(vm, "once")
    with peers(vm, connector, 1) as (peer,):
        assert task.process.stdout
        peer.link(task.tid)
        end = peer.put(ECHO, mark=0) if covered else 0
        peer.send(task.tid, LEAVE)
        assert task.process.stdout.readline() == b"left\n"
        end = end or peer.put(ECHO, mark=0)
        peer.send_again(task.tid, end, ECHO)
        # Another message is none of them.
        peer.send(task.tid, LEAVE)
        peer.send(task.tid, END)
        task.finish()
