# SPDX-License-Identifier: MIT
"""What `make demo-mist` runs: tasks that wander among four hosts, one of which is killed.

    demo.py PVM_ROOT WORKDIR

The hosts are network namespaces of this machine, joined by a bridge. A fractal is drawn by workers,
programs in C that know nothing of being moved. Owners come back to their hosts and go, users move
workers, and one host dies. PVM_DEMO_SECONDS is how long that takes, 120 if it is not set.
"""

from __future__ import annotations

import json
import os
import random
import shlex
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections import deque
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import Any

HOSTS = 4
WORKERS = 8
COLOURS = (32, 36, 35, 33)
EVENTS = 8
START_SECONDS = 60.0
HOME = Path(__file__).parent

REMOTE_SHELL = """#!/bin/sh
# In place of ssh: HOST COMMAND, on one of the namespaces.
host=$1; shift
exec {bed}/on-$host sh -c "$*"
"""


def missing() -> str | None:
    """What keeps this machine from having hosts of its own; None: nothing."""
    if shutil.which("ip") is None:
        return "there is no program ip; install iproute2"
    if shutil.which("cc") is None:
        return "there is no C compiler cc"
    probe = f"pvmdemo{os.getpid()}"
    made = subprocess.run(["ip", "netns", "add", probe], capture_output=True, text=True)
    if made.returncode:
        words = made.stderr.strip() or "ip netns add fails"
        return (
            f"network namespaces cannot be made ({words}); run it as root, or in a container "
            "that may: docker run --privileged"
        )
    subprocess.run(["ip", "netns", "del", probe], check=False)
    return None


class Net:
    """Namespaces joined by a bridge; host 1 has the address 10.79.0.1."""

    def __init__(self) -> None:
        stem = f"pvmdemo{os.getpid()}-"
        self._bridge = f"{stem}br"
        self.names = [f"{stem}{n}" for n in range(1, HOSTS + 1)]
        for name in (self._bridge, *self.names):
            self._ip(f"netns add {name}")
        self._ip("link add br0 type bridge", "link set br0 up", inside=self._bridge)
        for n, name in enumerate(self.names, 1):
            self._ip(
                "link set lo up",
                f"link add eth0 type veth peer name p{n} netns {self._bridge}",
                f"addr add {address(n)}/24 dev eth0",
                "link set eth0 up",
                inside=name,
            )
            self._ip(f"link set p{n} master br0 up", inside=self._bridge)

    @staticmethod
    def _ip(*lines: str, inside: str = "") -> None:
        where = ["-n", inside] if inside else []
        subprocess.run(
            ["ip", *where, "-batch", "-"], input="\n".join(lines) + "\n", text=True, check=True
        )

    def kill(self, number: int) -> None:
        """End all that runs on a host, without a word to anybody."""
        name = self.names[number - 1]
        found = subprocess.run(["ip", "netns", "pids", name], capture_output=True, text=True)
        for pid in found.stdout.split():
            os.kill(int(pid), signal.SIGKILL)

    def remove(self) -> None:
        """End all hosts."""
        for number in range(1, HOSTS + 1):
            self.kill(number)
        for name in (self._bridge, *self.names):
            subprocess.run(["ip", "netns", "del", name], check=False)


def address(number: int) -> str:
    """The address of a host."""
    return f"10.79.0.{number}"


class Bed:
    """A directory with a PVM_TMP for each host, and a script that runs a command there."""

    def __init__(self, net: Net, root: Path, work: Path) -> None:
        self.directory = Path(tempfile.mkdtemp(prefix="pvmdemo"))
        self._root = root
        for number, name in enumerate(net.names, 1):
            (self.directory / str(number)).mkdir()
            env = {
                "PATH": os.environ["PATH"],
                "HOME": str(work),
                "PVM_ROOT": str(root),
                "PVM_TMP": str(self.directory / str(number)),
                "PVM_PATH": f"{work}:$PVM_ROOT/bin/$PVM_ARCH",
                "PVM_RSH": str(self.directory / "rsh"),
                "PVM_OWNER": "file:$PVM_TMP/owner",
                "PVM_ALLOW_ROOT": "1",
            }
            words = ["ip", "netns", "exec", name, "env", "-i"]
            words += [f"{key}={value}" for key, value in env.items()]
            self._script(f"on-{address(number)}", f'#!/bin/sh\nexec {shlex.join(words)} "$@"\n')
        self._script("rsh", REMOTE_SHELL.format(bed=self.directory))

    def _script(self, name: str, text: str) -> None:
        path = self.directory / name
        path.write_text(text)
        path.chmod(0o755)

    def on(self, number: int, *command: str) -> list[str]:
        """A command that runs another one on a host."""
        return [str(self.directory / f"on-{address(number)}"), *command]

    def console(self, line: str) -> str:
        """What the console on the first host says."""
        words = self.on(1, str(self._root / "lib" / "pvm"), f"-n{address(1)}", "-c", line)
        return subprocess.run(words, capture_output=True, text=True).stdout

    def tasks(self) -> list[dict[str, Any]]:
        """The workers, as the console lists them."""
        found = json.loads(self.console("ps -a --json") or "[]")
        return [task for task in found if task["parent"] and task["program"].endswith("/fractal")]

    def await_scheduler(self) -> None:
        """Wait until the daemons of all hosts know a scheduler that wants to hear of owners."""
        words = "; ".join(f"owner {address(n)} auto" for n in range(1, HOSTS + 1))
        until = time.monotonic() + START_SECONDS
        while said := self.console(words):
            if time.monotonic() > until:
                sys.exit(f"demo-mist: there is no scheduler\n{said}\n{self.log()}")
            time.sleep(0.1)

    def owner(self, number: int) -> Path:
        """The file that is there while the owner of a host is."""
        return self.directory / str(number) / "owner"

    def log(self) -> str:
        """What the first host's daemon has logged."""
        return (self.directory / "1" / f"pvml.{os.geteuid()}").read_text(errors="replace")

    def remove(self) -> None:
        """Remove the directory."""
        shutil.rmtree(self.directory)


class Show:
    """What is seen: on a terminal the picture, rows in colours of hosts, and the last events."""

    def __init__(self) -> None:
        self._began = time.monotonic()
        self._events: deque[str] = deque(maxlen=EVENTS)
        self._picture: list[str] = []
        self._terminal = sys.stdout.isatty()
        self._lock = threading.Lock()

    def event(self, text: str) -> None:
        """Something has happened."""
        line = f"{time.monotonic() - self._began:5.0f} s  {text}"
        with self._lock:
            self._events.append(line)
            if self._terminal:
                self._draw()
            else:
                print(line, flush=True)

    def picture(self, lines: list[str]) -> None:
        """A picture is complete."""
        with self._lock:
            first, self._picture = not self._picture, lines
            if self._terminal:
                self._draw()
            elif first:
                print("\n".join(line.partition(" ")[2] for line in lines), flush=True)

    def _draw(self) -> None:
        rows = [self._coloured(line) for line in self._picture]
        hosts = "  ".join(
            f"\033[{colour}m{address(n)}\033[0m" for n, colour in enumerate(COLOURS, 1)
        )
        text = "\033[K\n".join([*rows, f"rows by host: {hosts}", *self._events])
        print(f"\033[H{text}\033[J", end="", flush=True)

    @staticmethod
    def _coloured(line: str) -> str:
        host, _, text = line.partition(" ")
        return f"\033[{COLOURS[(int(host, 16) >> 18) % HOSTS - 1]}m{text}\033[0m"


class Story:
    """What happens in the demonstration."""

    def __init__(self, net: Net, bed: Bed, show: Show, seconds: float) -> None:
        self._net, self._bed, self._show, self._seconds = net, bed, show, seconds
        self._told = 0
        self._began = time.monotonic()

    def run(self, ended: Callable[[], bool]) -> None:
        """Have it all happen, each at its part of the time."""
        acts: list[tuple[float, Callable[[], None]]] = [
            (0.10, lambda: self._come(2)),
            (0.25, lambda: self._go(2, ended)),
            (0.30, lambda: self._come(3)),
            (0.45, lambda: self._go(3, ended)),
            (0.50, lambda: self._wander(0.7 * self._seconds)),
            (0.72, self._die),
        ]
        for part, act in acts:
            self._wait(lambda part=part: self._time() >= part * self._seconds or ended())
            act()
        self._wait(ended)

    def _time(self) -> float:
        return time.monotonic() - self._began

    def _wait(self, condition: Callable[[], bool]) -> None:
        """Wait, and tell what happens meanwhile."""
        while not condition():
            self._retell()
            time.sleep(0.2)
        self._retell()

    def _come(self, number: int) -> None:
        self._show.event(f"the owner of {address(number)} is back")
        self._bed.owner(number).touch()

    def _go(self, number: int, ended: Callable[[], bool]) -> None:
        """An owner goes, but not before the tasks have."""
        self._wait(lambda: ended() or address(number) not in {t["host"] for t in self._bed.tasks()})
        self._show.event(f"the owner of {address(number)} goes; to wait 300 s takes too long here:")
        self._show.event(f"pvm> owner {address(number)} gone")
        self._bed.owner(number).unlink()
        self._bed.console(f"owner {address(number)} gone")

    def _wander(self, until: float) -> None:
        """Move workers until so many seconds have passed."""
        while self._time() < until:
            workers = self._bed.tasks()
            if workers:
                self._move(random.choice(workers))
            pause = self._time() + 1.0
            self._wait(lambda pause=pause: self._time() >= pause)

    def _move(self, task: dict[str, Any]) -> None:
        """Move a worker to another host."""
        others = [address(n) for n in range(1, HOSTS + 1) if address(n) != task["host"]]
        line = f"migrate t{task['tid']:x} {random.choice(others)}"
        self._show.event(f"pvm> {line}")
        said = self._bed.console(line).strip()
        if ": on " not in said:
            self._show.event(said)

    def _die(self) -> None:
        self._show.event(f"{address(HOSTS)} is killed, with all that runs there")
        self._net.kill(HOSTS)

    def _retell(self) -> None:
        """What the scheduler has said since."""
        lines = [line for line in self._bed.log().splitlines() if "mist: " in line]
        for line in lines[self._told :]:
            self._show.event(line.partition("mist: ")[2])
        self._told = len(lines)


def read_pictures(process: subprocess.Popen[str], show: Show, end: list[str]) -> None:
    """Show each picture that the fractal prints; its last line goes to `end`."""
    assert process.stdout is not None
    for line in process.stdout:
        words = line.split()
        if words[:1] == ["picture"]:
            show.picture([process.stdout.readline().rstrip("\n") for _ in range(int(words[3]))])
        elif words:
            end.append(line.strip())


def compiled(root: Path, work: Path) -> Path:
    """The fractal, compiled as any program is."""
    work.mkdir(parents=True, exist_ok=True)
    program = work / "fractal"
    arch = subprocess.run([root / "lib" / "pvmgetarch"], capture_output=True, text=True, check=True)
    subprocess.run(
        [
            *("cc", "-O2", f"-I{root}/include", str(HOME / "fractal.c"), "-o", str(program)),
            *(f"-L{root}/lib/{arch.stdout.strip()}", "-lpvm3"),
        ],
        check=True,
    )
    return program


def perform(root: Path, work: Path, seconds: int) -> int:
    """Set up, have it happen, and clean up; 0: all rows were right."""
    program = compiled(root, work)
    end: list[str] = []
    with ExitStack() as stack:
        net = Net()
        stack.callback(net.remove)
        bed = Bed(net, root, work)
        stack.callback(bed.remove)
        stack.callback(bed.console, "halt")
        others = " ".join(address(n) for n in range(2, HOSTS + 1))
        print(bed.console(f"add {others}; spawn --host={address(1)} pvmrm mist; conf"), flush=True)
        bed.await_scheduler()
        show = Show()
        process = subprocess.Popen(
            bed.on(1, str(program), str(seconds), str(WORKERS)), stdout=subprocess.PIPE, text=True
        )
        reader = threading.Thread(target=read_pictures, args=(process, show, end))
        reader.start()
        Story(net, bed, show, seconds).run(lambda: process.poll() is not None)
        reader.join()
    print("\n".join(["", *end]), flush=True)
    return process.returncode


def main() -> int:
    """The whole; the exit status."""
    why = missing()
    if why is not None:
        print(f"demo-mist: {why}", file=sys.stderr)
        return 1
    root, work = (Path(word).resolve() for word in sys.argv[1:3])
    return perform(root, work, int(os.environ.get("PVM_DEMO_SECONDS", "120")))


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    sys.exit(main())
