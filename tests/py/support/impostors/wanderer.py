# SPDX-License-Identifier: MIT
"""Tasks made of sockets that move between real daemons, and what restarts them.

Each process of such a task, at whatever host, is one program that gives its connection to the test
and does what that says. So a task is played by the test, wherever its processes are.
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any, NamedTuple

from pvm3py.wire import constants as c
from pvm3py.wire.moves import Freeze, Frozen, Go, MoveOrder, MoveReply
from pvm3py.wire.output import STATUS_WANTED
from pvm3py.wire.task import SpawnRequest
from support.impostors.rawtask import Connector, Message, RawTask, enrolled, ints, message
from support.machines.hosts import Host
from support.machines.machine import Machine
from support.machines.vm import VirtualMachine, wait_until
from support.scoped import Scoped
from support.system import PATIENCE

SIGNAL = 62
# Signal, and version of images, that such a task announces.
ANNOUNCED = (SIGNAL, 1)
# Tag of numbered messages.
NUMBERED = 70

# As a task: DESK ADDRESS. As the restarter: IMAGE REPORT STREAM; the image is the desk's path and a
# word, each with a newline, then so many bytes. The word is what it reports, or "ask".
_PROGRAM = """#!{python} -IS
import json, os, signal, socket, subprocess, sys, threading
got = []
for number in ({signal}, signal.SIGUSR1):
    signal.signal(number, lambda signum, frame: got.append(signum))
cookie = int(os.environ.get("PVMEPID", "0"))
desk = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
if len(sys.argv) == 3:
    words = sys.argv[1:]
    stream = socket.socket(socket.AF_UNIX)
    stream.connect(words[1])
    image, report = b"", -1
else:
    image, report, stream = map(int, sys.argv[1:])
    stream = socket.socket(fileno=stream)
    with open(image, "rb") as source:
        words = [source.readline().decode().strip() for _ in range(2)]
        size = int(source.readline())
        image = source.read(size)
    if len(image) < size:
        sys.exit(1)
desk.connect(words[0])
about = dict(pid=os.getpid(), cookie=cookie, restarted=report >= 0, image=len(image))
socket.send_fds(desk, [json.dumps(about).encode()], [stream.fileno()])
stream.close()
def tell(text):
    os.write(report, text.encode() + b"\\n")
    os.close(report)
if report >= 0 and words[1] != "ask":
    tell(words[1])
while order := desk.recv(65536).decode():
    word, _, text = order.partition(" ")
    if word == "print":
        os.write(1, text.encode())
    elif word == "report":
        tell(text)
    elif word == "exit":
        os._exit(int(text))
    elif word == "thread":
        threading.Thread(target=signal.pause, daemon=True).start()
    elif word == "child":
        ends, kept = os.pipe()
        subprocess.Popen(["cat"], stdin=ends)
    elif word == "pty":
        os.dup2(os.openpty()[1], 2)
    desk.send(json.dumps(got).encode())
signal.pause()
"""


class About(NamedTuple):
    """What a process says of itself: cookie is its PVMEPID, image the length of that."""

    pid: int
    cookie: int
    restarted: bool
    image: int


class Body(Connector):
    """A process of a task; its connection is there already."""

    def __init__(self, desk: socket.socket, stream: socket.socket, about: About) -> None:
        self._desk, self._stream, self._about = desk, stream, about

    @property
    def pid(self) -> int:
        return self._about.pid

    @property
    def about(self) -> About:
        """What it says of itself."""
        return self._about

    def alive(self) -> bool:
        try:
            state = Path(f"/proc/{self.pid}/stat").read_text(encoding="ascii")
        except OSError:
            return False
        return state.rpartition(")")[2].split()[0] != "Z"

    def connect(self, address: str) -> socket.socket:
        del address
        return self._stream

    def order(self, word: str, text: str = "") -> list[int]:
        """Have it print, report or do nothing ("signals"): the signals that it has got."""
        self._desk.send(f"{word} {text}".encode())
        return list(json.loads(self._desk.recv(65536)))

    def exit(self, status: int) -> None:
        """Have it end with this status."""
        self._desk.send(f"exit {status}".encode())

    def close(self) -> None:
        self._desk.close()
        self._stream.close()


class Desk(Scoped):
    """Where processes of such tasks give in their connections. `program` is what they execute."""

    def __init__(self, directory: Path) -> None:
        self.path = directory / "desk"
        self.program = directory / "wanderer"
        self.program.write_text(_PROGRAM.format(python=sys.executable, signal=SIGNAL))
        self.program.chmod(0o755)
        self._listener = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self._listener.bind(str(self.path))
        self._listener.listen()
        self._listener.settimeout(PATIENCE)
        self._bodies: list[Body] = []

    def body(self) -> Body:
        """The next process that comes."""
        desk, _ = self._listener.accept()
        desk.settimeout(PATIENCE)
        text, descriptors, _, _ = socket.recv_fds(desk, 4096, 1)
        body = Body(desk, socket.socket(fileno=descriptors[0]), About(**json.loads(text)))
        self._bodies.append(body)
        return body

    def by_hand(self, host: VirtualMachine) -> Wanderer:
        """A task that is started by hand on a host."""
        quiet = subprocess.DEVNULL
        address = host.sock_file.read_text()
        host.start(self.program, self.path, address, stdout=quiet, stderr=quiet)
        return Wanderer(self, self.body(), host)

    def spawned(self, host: VirtualMachine, name: str, parent: RawTask) -> Wanderer:
        """A task that another one spawns on a host of this name, and whose output that collects."""
        words = [str(self.path), host.sock_file.read_text()]
        mine = (parent.tid, c.SYSCTX_TC, c.TC_OUTPUT)
        wanted = [f"{STATUS_WANTED}=1"]
        order = SpawnRequest(
            str(self.program), c.PvmTaskHost, name, 1, words, *mine, 0, 0, 0, wanted
        )
        parent.send(message(c.TM_SPAWN, order.encode(), src=parent.tid, wid=parent.next_wid()))
        return Wanderer(self, self.body(), host)

    def end_all(self) -> None:
        """End the processes that are left, and wait for that."""
        for body in self._bodies:
            if body.alive():
                with contextlib.suppress(ProcessLookupError):
                    os.kill(body.pid, signal.SIGKILL)
        wait_until(lambda: not any(b.alive() for b in self._bodies), "the processes are gone")
        for body in self._bodies:
            body.close()
        self._bodies.clear()

    def leave(self, failed: bool) -> None:
        self.end_all()
        self._listener.close()


class Wanderer:
    """A task that can move, played by the test.

    body    its process, wherever that is
    raw     its connection
    """

    def __init__(self, desk: Desk, body: Body, host: VirtualMachine) -> None:
        self._desk = desk
        self.body = body
        self.raw = RawTask("", body)
        self.raw.enrol(host.tmp, body.about.cookie, c.WIRE_EXT_MANAGER, ANNOUNCED)
        self.tid = self.raw.tid
        self.got: list[Message] = []
        self._image: socket.socket | None = None
        self.order: Freeze | None = None

    # ---- at the origin -------------------------------------------------------

    def await_freeze(self) -> Freeze:
        """Take what comes up to the order to stop."""
        while (came := self.raw.receive()).tag != c.TM_FREEZE:
            self.got.append(came)
        self.order = Freeze.decode(came.body)
        return self.order

    def freeze(self, report: str = "ready", size: int = 1000) -> None:
        """Obey: send the image, then say so."""
        order = self.await_freeze()
        self.send_image(report, size)
        self.say_frozen(order.epoch)

    def connect(self) -> socket.socket:
        """A connection to where the image is to go."""
        assert self.order is not None
        address, _, port = self.order.address.rpartition(":")
        return socket.create_connection((address, int(port)), PATIENCE)

    def send_image(self, report: str = "ready", size: int = 1000, missing: int = 0) -> None:
        """Send the image, the last bytes of which may be missing. report: see the program."""
        assert self.order is not None
        self._image = self.connect()
        head = f"{self._desk.path}\n{report}\n{size}\n".encode()
        self._image.sendall(self.order.token.encode() + head + bytes(size - missing))
        if missing:
            self.drop_image()

    def drop_image(self) -> None:
        """End the connection that takes the image, if there is one."""
        if self._image is not None:
            self._image.close()

    def say_frozen(self, epoch: int, code: int = 0, reason: int = 0, text: str = "") -> None:
        """Tell the daemon that the task has stopped, or not."""
        body = Frozen(epoch, code, reason, text).encode()
        self.raw.send(message(c.TM_FROZEN, body, src=self.tid))

    def await_thaw(self) -> None:
        """Take what comes up to the word that the move is off."""
        while (came := self.raw.receive()).tag != c.TM_THAW:
            self.got.append(came)
        self.drop_image()

    def end(self) -> None:
        """End without a word."""
        self.raw.socket.close()
        self.body.exit(0)

    # ---- at the goal ---------------------------------------------------------

    def arrive_to_fail(self) -> Body:
        """The process that is restarted, which will not be the task."""
        return self._desk.body()

    def arrive(self) -> Body:
        """Be the process that has been restarted; it has not been told to go on."""
        if self._image is not None:
            self._image.close()
        old, self.body = self.body, self._desk.body()
        assert self.body.about.restarted
        self.old = old, self.raw
        self.raw = RawTask("", self.body)
        self.raw.tid = self.tid
        return self.body

    def go_on(self) -> Go:
        """Take the word that it runs, which comes first."""
        came = self.raw.receive()
        assert came.tag == c.TM_GO, came
        body, raw = self.old
        wait_until(lambda: not body.alive(), "the process at the origin is gone")
        raw.socket.close()
        return Go.decode(came.body)

    def move(self) -> Go:
        """All that the task does in a move."""
        self.freeze()
        self.arrive()
        return self.go_on()

    # ---- anywhere ------------------------------------------------------------

    def send(self, dst: int, tag: int, body: bytes = b"") -> None:
        """Send a message to another task."""
        self.raw.send(message(tag, body, dst=dst, src=self.tid, ctx=0))

    def receive(self) -> Message:
        """The next message, of those taken before first."""
        return self.got.pop(0) if self.got else self.raw.receive()

    def request(self, tag: int, body: bytes = b"") -> Any:
        """Ask the daemon, and return the answer."""
        return self.raw.request(tag, body)


def environment(directory: Path) -> dict[str, str]:
    """What daemons need in their environment that restart such tasks."""
    return {"PVM_TEST_RESTARTER": str(directory / "wanderer")}


class Roads(Scoped):
    """A machine, and raw tasks on its hosts, some of which move."""

    def __init__(self, machine: Machine, desk: Desk, connector: Connector) -> None:
        self.machine, self.desk, self._connector = machine, desk, connector
        self.hosts = machine.hosts
        self.home, self.away = self.hosts[:2]
        self.last = self.hosts[-1]
        self._tasks: list[RawTask] = []

    def task(self, host: Host) -> RawTask:
        """A task that does not move."""
        task = enrolled(host, self._connector)
        self._tasks.append(task)
        return task

    def everywhere(self) -> list[RawTask]:
        """Such a task on each host."""
        return [self.task(host) for host in self.hosts]

    def wanderer(self, host: Host | None = None) -> Wanderer:
        """A task that may move, started by hand; on the master unless told."""
        return self.desk.by_hand(host or self.home)

    def spawned(self, host: Host, parent: RawTask) -> Wanderer:
        """A task that may move, spawned on a host."""
        return self.desk.spawned(host, host.name, parent)

    def leave(self, failed: bool) -> None:
        if failed:
            print(self.machine.everything())
        for task in self._tasks:
            task.socket.close()
        self.desk.end_all()
        assert failed or "Traceback" not in self.machine.everything(), self.machine.everything()


def ask(asker: RawTask, tid: int, host: str, flags: int = 0) -> int:
    """Ask for a move without waiting; the wait id of the answer."""
    wid = asker.next_wid()
    asker.send(message(c.TM_MIGRATE, MoveOrder(tid, host, flags).encode(), src=asker.tid, wid=wid))
    return wid


def answer(asker: RawTask, wid: int) -> MoveReply:
    """The answer to that; what comes before is dropped."""
    while (came := asker.receive()).wid != wid or came.tag != c.TM_MIGRATE:
        pass
    return MoveReply.decode(came.body)


def move(task: Wanderer, asker: RawTask, host: Host) -> Go:
    """Have a task move as it should."""
    wid = ask(asker, task.tid, host.name)
    go = task.move()
    assert answer(asker, wid) == MoveReply(0)
    return go


def number(sender: RawTask, dst: int, numbers: range) -> None:
    """Send numbered messages to a task."""
    for n in numbers:
        sender.send(message(NUMBERED, ints(n), dst=dst, src=sender.tid, ctx=0))


def numbers(task: Wanderer, senders: list[RawTask], count: int) -> dict[int, list[int]]:
    """The numbers that a task gets of senders, `count` of each, in their order."""
    got: dict[int, list[int]] = {sender.tid: [] for sender in senders}
    while any(len(mine) < count for mine in got.values()):
        came = task.receive()
        if came.tag == NUMBERED:
            got[came.src] += came.ints()
    return got
