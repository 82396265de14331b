# SPDX-License-Identifier: MIT
"""Running a script of PVM calls on one side, and writing down each answer comparably.

Tasks are tests/c/differ.c, which make a call when told, so that they take turns. They are linked
dynamically: one program, and each side's library path and daemon.
"""

from __future__ import annotations

import contextlib
import itertools
import os
import re
import signal
import socket
import subprocess
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

from support import compiler
from support.machines.vm import VirtualMachine, wait_until
from support.scoped import Scoped
from support.system import C_SOURCES, PROJECT, Side, library_dir, require_library

DEBIAN_FORTRAN = Path("/usr/lib/x86_64-linux-gnu/libfpvm3.a")
# Seconds that a call may take before it counts as one that never returns.
PATIENCE = 1.0
HANGS, DIED, GONE = "never returns", "died", "is gone"

# Calls after which the others must get what was sent before they go on.
SENDING = re.compile(
    r"(send|mcast|psend|bcast|pvmf(send|mcast|psend|bcast)|notify|exit|kill|sendsig|lvgroup)\b"
)

# Result of the round trip that follows them; what a handler did, which may come before or after.
SETTLED = re.compile(r" ?=i 0 \S+ \S+$| ?=i 0 \S+ \S+(?= printed)")
HANDLED = re.compile(r" *(\{handler\d[^{}]*\})")


@dataclass(frozen=True)
class Script:
    """Steps of tasks that take turns.

    steps       number of the task, and its step (tests/c/differ.h); in it %2 stands for the
                tid of task 2, %0 for the task's own, and ~ for a name that no other script uses;
                "& STEP" is one whose answer the task's step "await" brings
    alone       it ends its machine, or the daemon
    machine     there is a daemon
    """

    name: str
    steps: tuple[tuple[int, str], ...]
    alone: bool = False
    machine: bool = True


@dataclass
class Actor:
    """A task under test, and the connection that brings its steps."""

    link: socket.socket
    pid: int
    process: subprocess.Popen[bytes] | None
    tid: int = 0
    gone: str = ""
    rest: bytes = b""

    def tell(self, line: str) -> None:
        """Have the task make a step."""
        self.link.sendall(line.encode() + b"\n")

    def ask(self, line: str, patience: float) -> str:
        """Have the task make a step, or "await" the end of one; its answer, or how it failed to."""
        if self.gone:
            return GONE
        try:
            if line != "await":
                self.tell(line)
            answer = self.read_line(patience)
        except TimeoutError:
            self.end(HANGS)
            return HANGS
        except OSError:
            answer = None
        if answer is None:
            self.end(DIED)
            return f"{DIED} {self.status()}".strip()
        if tids := re.findall(r"=\w -?\d+ \S+ (-?\d+)", answer):
            self.tid = int(tids[-1])
        return answer

    def read_line(self, patience: float) -> str | None:
        """The next line, None at the end of the stream; TimeoutError."""
        self.link.settimeout(patience)
        while b"\n" not in self.rest:
            data = self.link.recv(65536)
            if not data:
                return None
            self.rest += data
        line, _, self.rest = self.rest.partition(b"\n")
        return line.decode(errors="replace")

    def end(self, why: str) -> None:
        """Kill what does not answer any more."""
        self.gone = why
        if why == HANGS:
            os.kill(self.pid, signal.SIGKILL)

    def status(self) -> str:
        """Signal or status that ended a task started by hand."""
        if not self.process:
            return ""
        status = self.process.wait()
        return signal.Signals(-status).name if status < 0 else f"with {status}"

    def close(self) -> None:
        """Let the task end, if it has not."""
        try:
            self.link.sendall(b"end\n")
        except OSError:
            pass
        self.link.close()
        if self.process:
            self.process.wait()


SOURCES = ("differ", "differ_calls", "differ_group")


@cache
def program() -> Path:
    """The interpreter, one program for both sides."""
    return _interpreter("differ/differ", SOURCES, [])


@cache
def fortran_program(side: Side) -> Path:
    """The interpreter that also knows a side's libfpvm3, which 3.4.6 has only as an archive."""
    directory = library_dir() if side == "ours" else DEBIAN_FORTRAN.parent
    library = str(directory / DEBIAN_FORTRAN.name)
    return _interpreter(f"differ-{side}/differ", (*SOURCES, "differ_fortran"), [library])


def _interpreter(name: str, sources: Iterable[str], libraries: list[str]) -> Path:
    """Compile it; whoever runs it chooses libpvm3 and libgpvm3."""
    require_library("ours")
    require_library("debian")
    return compiler.compiled(
        name,
        ["cc", "-std=gnu11", "-O1", "-g", "-Wall", "-Wextra", "-Werror"]
        + [f"-I{PROJECT / 'include'}", *(str(C_SOURCES / f"{source}.c") for source in sources)]
        + [*libraries, "-l:libgpvm3.so.3", "-l:libpvm3.so.3"],
    )


@dataclass
class Stage:
    """A run of one script: its tasks, what they have answered, whether the daemon lives."""

    actors: dict[int, Actor] = field(default_factory=dict)
    answers: list[str] = field(default_factory=list)
    daemon: bool = True


class Bed(Scoped):
    """A machine of one side on which scripts run, one after the other.

    program     what interprets the steps: this side's build of it
    """

    def __init__(self, side: Side, interpreter: Path) -> None:
        self.side, self.program = side, interpreter
        self.vm: VirtualMachine | None = None
        self.count = itertools.count(1)

    def machine(self) -> VirtualMachine:
        """The machine, which is made when it is needed first or has ended."""
        if self.vm and self.vm.process.poll() is not None:
            self.drop()
        if not self.vm:
            setting = {"LD_LIBRARY_PATH": str(library_dir())} if self.side == "ours" else {}
            path = library_dir().parent.parent / "bin" / library_dir().name
            server = path if self.side == "ours" else Path("/usr/bin")
            self.vm = VirtualMachine(self.side, path=[server], env=setting)
            (self.vm.tmp / "none").mkdir()
        return self.vm

    def drop(self) -> None:
        """End the machine at once; the next script gets a new one."""
        if self.vm:
            for pid in self.vm.processes():
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
            self.vm.process.wait()
            self.vm.stop(check=False)
        self.vm = None

    def leave(self, failed: bool) -> None:
        self.drop()

    def run(self, script: Script, patience: float = PATIENCE) -> list[str]:
        """The answer to each step, with names that are the same on every run."""
        if script.alone:
            self.drop()
        vm = self.machine()
        unique = f"x{next(self.count)}x"
        stage = Stage()
        path = str(vm.tmp / "stage")
        listener = socket.socket(socket.AF_UNIX)
        listener.bind(path)
        listener.listen()
        environment = {} if script.machine else {"PVM_TMP": str(vm.tmp / "none")}
        try:
            for number in self.by_hand(script):
                stage.actors[number] = self.start(listener, path, environment)
            for number, line in script.steps:
                self.step(stage, listener, number, line.replace("~", unique), patience)
        finally:
            for actor in stage.actors.values():
                actor.close()
            listener.close()
            os.unlink(path)
        answers = [text.replace(unique, "~") for text in stage.answers]
        tasks = [number for number, _ in script.steps]
        answers = normalised(answers, tasks, str(vm.tmp), str(self.program))
        if script.alone or any(a.gone for a in stage.actors.values()):
            self.drop()
        else:
            # The next script lists tasks, and wants to see its own.
            wait_until(lambda: not vm.running("true"), "what was spawned has ended")
        return answers

    @staticmethod
    def by_hand(script: Script) -> Iterable[int]:
        """Tasks that have a step before any is spawned are started by hand."""
        steps = itertools.takewhile(lambda step: "spawn 'self" not in step[1], script.steps)
        return sorted({number for number, _ in steps} | {1})

    def start(self, listener: socket.socket, path: str, env: Mapping[str, str]) -> Actor:
        """Start a task by hand."""
        task = self.machine().start(
            self.program, path, env=env, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        return self.welcome(listener, task)

    def welcome(self, listener: socket.socket, process: subprocess.Popen[bytes] | None) -> Actor:
        """The task that connects next."""
        listener.settimeout(20)
        link, _ = listener.accept()
        actor = Actor(link, 0, process)
        actor.pid = int(actor.read_line(20) or 0)
        return actor

    def step(
        self, stage: Stage, listener: socket.socket, number: int, line: str, patience: float
    ) -> None:
        """Have a task make a step, and let what it sent arrive."""
        line = re.sub(r"%(\d)", lambda m: str(tid_of(stage, int(m[1]) or number)), line)
        if line == "daemon dies":
            daemon = self.machine().process
            daemon.kill()
            daemon.wait()
            stage.daemon = False
            stage.answers.append("")
            return
        if line.startswith("& "):
            stage.actors[number].tell(line[2:])
            stage.answers.append("")
            return
        answer = stage.actors[number].ask(line, patience)
        if "spawn 'self" in line and (found := re.search(r"=i (\d+)", answer)):
            children = [self.welcome(listener, None) for _ in range(int(found[1]))]
            # They connect in any order, and are numbered in the one in which they were started.
            for actor in sorted(children, key=lambda actor: actor.pid):
                stage.actors[max(stage.actors) + 1] = actor
        if stage.daemon and SENDING.search(line) and not line.startswith("on "):
            answer = self.settled(stage, number, answer, patience)
        stage.answers.append(answer)

    @staticmethod
    def settled(stage: Stage, number: int, answer: str, patience: float) -> str:
        """An answer when what was sent has arrived: sender first, each task asks its daemon."""
        first = stage.actors[number]
        for actor in [first, *(a for a in stage.actors.values() if a is not first)]:
            if actor.tid > 0 and not actor.gone:
                answer = joined(answer, actor.ask("settle", patience))
        return answer


def joined(answer: str, told: str) -> str:
    """The answer to a step, with what happened meanwhile until everything had arrived."""
    if told.startswith((HANGS, DIED)):
        return told
    handled = HANDLED.findall(told)
    return " ".join([answer, *handled, SETTLED.sub("", HANDLED.sub("", told))]).strip()


def tid_of(stage: Stage, number: int) -> int:
    """Tid of a task, or one that nobody has."""
    tid = stage.actors[number].tid if number in stage.actors else 0
    return tid if tid > 0 else 0x40FFF


def normalised(answers: list[str], tasks: list[int], tmp: str, interpreter: str) -> list[str]:
    """Answers with tids, contexts and each task's buffers in the order in which they appear."""
    seen: dict[str, dict[int, str]] = {}

    def name(kind: str, number: int, owner: int = 0) -> str:
        if kind != "B" and not 0x40000 < number < 0x7FFF0:
            return str(number)
        names = seen.setdefault(f"{kind}{owner}", {})
        return names.setdefault(number, f"{kind}{len(names) + 1}")

    def one(answer: str, task: int) -> str:
        answer = answer.replace(interpreter, "PROGRAM").replace(tmp, "TMP")
        answer = re.sub(r"pid\d+", "pid", handled_last(answer))
        answer = re.sub(r"(?<==b )[1-9]\d*", lambda m: name("B", int(m[0]), task), answer)
        answer = re.sub(r"(?<==c )\d+", lambda m: name("C", int(m[0])), answer)
        answer = re.sub(r"(?<=\bt)4[0-9a-f]{4}\b", lambda m: name("T", int(m[0], 16)), answer)
        return re.sub(r"(?<![\w-])26\d{4}\b", lambda m: name("T", int(m[0])), answer)

    return [one(answer, task).strip() for answer, task in zip(answers, tasks, strict=True)]


def handled_last(answer: str) -> str:
    """An answer in which what handlers did stands behind the result of the call.

    They may run in the call itself, and then pvm_errno is theirs, or when the message has come.
    """
    handled = HANDLED.findall(answer)
    if not handled:
        return answer
    rest = re.sub(r"^(=\w \S+) \S+", r"\1 ?", HANDLED.sub("", answer).strip())
    return " ".join([rest, *handled])
