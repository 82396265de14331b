# SPDX-License-Identifier: MIT
"""Tasks that make one library call per command, and the proof of what waits in their sockets."""

from __future__ import annotations

import contextlib
import subprocess
from collections.abc import Iterable, Iterator, Sequence
from enum import Enum
from pathlib import Path
from typing import IO, NamedTuple

import pytest

from pvm3py.pvmd.io.figures import Sharing
from support.compiler import compile_program, script
from support.machines.sharing import WAYS, counters, has_left
from support.machines.vm import VirtualMachine, read_line, wait_until
from support.scoped import Scoped
from support.system import (
    C_SOURCES,
    PATIENCE,
    SIDES,
    Side,
    debian_library,
    library_dir,
    require_library,
)

PVM_ROUTE, PVM_DONT_ROUTE, PVM_ROUTE_DIRECT = 1, 1, 3
ENOUGH_POLLS = 4
MESSAGE_BYTES = 52  # of a message of one int: two headers and the int
OPENING = 900  # tag of the message that opens a route
# Sources of the programs in tests/c.
PARTS = {
    "intake": ("intake", "intake_calls", "intake_receive", "intake_send", "intake_sockets"),
    "intake_programs": ("intake_programs",),
}


# The libraries, ours also as long as nobody asks for descriptors.
each_task = pytest.mark.parametrize(
    ("library", "unasked"),
    [
        *(pytest.param(side, False, id=side) for side in SIDES),
        pytest.param("ours", True, id="ahead"),
    ],
)


class Way(Enum):
    """How a child's messages come to the task; the value is its place in what "waiting" tells.

    What waits in memory is not told there. The counters of the tasks say how much that is.
    """

    DAEMON = 0
    ROUTE = 1
    MEMORY = 2


# Those of every library.
SOCKETS = (Way.DAEMON, Way.ROUTE)


def group_server_dir(daemon: Side) -> Path:
    """Where a daemon is to look for the group server."""
    return library_dir() if daemon == "ours" else Path("/usr/bin")


def program(name: str = "intake") -> Path:
    """A program of PARTS, the same file for both libraries: the loader chooses."""
    side: Side = "debian" if debian_library() else "ours"
    flags = ["-std=gnu11", "-O2", "-g", "-Wall", "-Wextra", "-Werror"]
    places = [f"-L{library_dir()}"] if side == "ours" else []
    sources = [C_SOURCES / f"{name}.c" for name in PARTS[name]]
    return compile_program(name, sources, side, flags, libraries=[*places, "-lgpvm3"])


def library_env(library: Side) -> dict[str, str]:
    """The environment with which the program takes the library of a side."""
    require_library(library)
    return {"LD_LIBRARY_PATH": str(library_dir())} if library == "ours" else {}


def spawnable(library: Side) -> Path:
    """A starter for the program as a task that the daemon starts."""
    setting = "".join(f"{name}={value} " for name, value in library_env(library).items())
    return script(f"intake-{library}", f'#!/bin/sh\n{setting}exec {program()} "$@"\n')


class Told(NamedTuple):
    """What a call did: events in it, and its answer, whose first number is tag or code."""

    events: list[str]
    words: list[str]

    @property
    def code(self) -> int:
        """First number of the answer."""
        return int(self.words[0])

    @property
    def tags(self) -> list[int]:
        """All numbers of the answer."""
        return [int(word) for word in self.words]


class Task:
    """A running tests/c/intake.c; a call may be left unanswered while a test does more."""

    def __init__(self, commands: IO[bytes], answers: IO[bytes]) -> None:
        self._input, self._output = commands, answers
        self._tid = 0

    @staticmethod
    @contextlib.contextmanager
    def on_pipes(commands: Path, answers: Path) -> Iterator[Task]:
        """A spawned one that has been given two named pipes; it ends with the `with` block."""
        with commands.open("wb", buffering=0) as theirs, answers.open("rb") as ours:
            yield Task(theirs, ours)

    def begin(self, *words: object) -> None:
        """Let it make a call; do not wait for the answer."""
        self._input.write((" ".join(map(str, words)) + "\n").encode())
        self._input.flush()

    def end(self, seconds: float = PATIENCE) -> Told:
        """Events and answer of the call that was begun."""
        events: list[str] = []
        while not (line := read_line(self._output, seconds)).startswith("="):
            events.append(line)
        return Told(events, line[1:].split())

    def call(self, *words: object) -> Told:
        """Let it make a call."""
        self.begin(*words)
        try:
            return self.end()
        except AssertionError as error:
            error.add_note(f"no answer to {words}")
            raise

    @property
    def tid(self) -> int:
        """Its tid."""
        if not self._tid:
            self._tid = self.call("mytid").code
        return self._tid

    def waiting(self, way: Way) -> list[int]:
        """Tags of the new whole messages that wait in its sockets; nothing is taken in.

        What library and daemon say to each other is left out.
        """
        words = self.call("waiting").words
        parts = " ".join(words).split("|")
        return [tag for word in parts[way.value].split() if (tag := int(word)) >= 0]

    def left(self, way: Way) -> int:
        """How many messages of one int wait, those of which only a part has been read included."""
        return -(-self.call("bytes").tags[way.value] // MESSAGE_BYTES)

    def list(self) -> list[int]:
        """Tags of the messages taken in and not received, in order; nothing is taken in."""
        return self.call("list").tags


class LocalTask(Task):
    """One that the test has started by hand, with the library of a side."""

    def __init__(self, process: subprocess.Popen[bytes], library: Side) -> None:
        assert process.stdin and process.stdout
        super().__init__(process.stdin, process.stdout)
        self.process = process
        assert self.tid > 0
        loaded = Path(f"/proc/{process.pid}/maps").read_text()
        if debian_library():
            assert (str(library_dir() / "libpvm3.so.3") in loaded) == (library == "ours")

    @property
    def counted(self) -> Sharing:
        """Its counters of messages through memory."""
        return counters(self.process.pid, self.tid)

    @property
    def has_left(self) -> bool:
        """Whether it takes nothing more out of memory."""
        return has_left(self.process.pid, self.tid)

    def close(self) -> None:
        """End it; it does not leave the machine before."""
        with contextlib.suppress(BrokenPipeError):
            self._input.close()
        self.process.wait(PATIENCE)
        self._output.close()


class Bed(Scoped):
    """The task under test in a running machine, and children that send to it.

    library   of the task and its children
    children  how many; their tids ascend
    unasked   the library is not asked for descriptors to see what waits, so that it reads ahead
    memory    messages may go by memory; unasked is needed then, since who asks leaves it
    streaming so many of the last children send nothing by memory
    """

    def __init__(
        self,
        machine: VirtualMachine,
        library: Side,
        children: int = 1,
        unasked: bool = False,
        memory: bool = False,
        streaming: int = 0,
    ) -> None:
        assert unasked or not memory
        self.machine, self.library = machine, library
        self._env = library_env(library) | ({"INTAKE_UNASKED": "1"} if unasked else {})
        self._env |= WAYS["memory" if memory else "daemon"]
        self._started: list[LocalTask] = []
        try:
            self.task = self._start()
            if not unasked:
                # Before anything can come: what has been read ahead is in no socket.
                self.task.waiting(Way.DAEMON)
            self.children = [self._start() for _ in range(children - streaming)]
            self._env |= WAYS["daemon"]
            self.children += [self._start() for _ in range(streaming)]
        except BaseException:
            self.leave(True)
            raise

    def _start(self) -> LocalTask:
        process = self.machine.start(program(), stdin=subprocess.PIPE, stderr=None, env=self._env)
        self._started.append(LocalTask(process, self.library))
        return self._started[-1]

    def leave(self, failed: bool) -> None:
        for task in self._started:
            if failed:
                task.process.kill()
            task.close()
            self.machine.tasks.remove(task.process)

    @property
    def nobody(self) -> int:
        """First of some tids of this host that no task has."""
        return self.task.tid + 0x10000

    def open(self, way: Way, child: int = 0) -> None:
        """Make a child's messages take a way from now on; none is left over."""
        sender = self.children[child]
        if way is Way.DAEMON:
            sender.call("setopt", PVM_ROUTE, PVM_DONT_ROUTE)
            return
        if way is Way.MEMORY:
            wait_until(lambda: self._exchange(sender), "messages by memory")
            return
        sender.call("setopt", PVM_ROUTE, PVM_ROUTE_DIRECT)
        sender.begin("send", self.task.tid, OPENING, 0)
        assert self.task.call("recv", -1, OPENING).code == OPENING
        assert sender.end().code == 0

    def _exchange(self, sender: LocalTask) -> bool:
        """Send a message each way; whether both have gone by memory."""
        before = (sender.counted.messages, sender.counted.received)
        for one, other in ((sender, self.task), (self.task, sender)):
            one.call("send", other.tid, OPENING, 0)
            assert other.call("recv", one.tid, OPENING).code == OPENING
        return (sender.counted.messages, sender.counted.received) == (before[0] + 1, before[1] + 1)

    def in_memory(self) -> int:
        """How many messages of the children wait in memory; they send to nobody else by it."""
        sent = sum(child.counted.messages for child in self.children)
        return sent - self.task.counted.received

    def deliver(self, way: Way, sends: Iterable[Sequence[object]], child: int = 0) -> None:
        """Let a child make its sends; all of them wait for the task then.

        What is sent by memory waits in the task's socket if the task has left the memory.

        sends  commands of the child without the receiver: ("send", tag, number) and others that
               send, and ("setcontext", context)
        """
        self.task.call("mark")
        expected, before = [], self.in_memory() if way is Way.MEMORY else 0
        for name, *words in sends:
            receiver = [] if name == "setcontext" else [self.task.tid]
            assert self.children[child].call(name, *receiver, *words).code >= 0
            expected += [] if name == "setcontext" else [words[0]]
        if way is Way.MEMORY and not self.task.has_left:
            assert self.in_memory() == before + len(expected)
            return
        socket = Way.DAEMON if way is Way.MEMORY else way
        wait_until(
            lambda: self.task.waiting(socket) == expected,
            f"{expected} waiting on {socket.name.lower()}",
        )

    def deliver_tags(self, way: Way, tags: Iterable[int], child: int = 0) -> None:
        """The same for messages of one int with these tags."""
        self.deliver(way, [("send", tag, number) for number, tag in enumerate(tags)], child)

    def drain(self) -> list[int]:
        """Receive everything that waits or is listed, in messages of one fragment; the tags.

        A poll reads at least a part of a fragment, so several that find nothing tell the end.
        """
        found = [1]
        while any(found[-ENOUGH_POLLS:]):
            found.append(self.task.call("nrecv", -1, -1).code)
        return [tag for tag in found[1:] if tag]
