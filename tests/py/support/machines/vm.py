# SPDX-License-Identifier: MIT
"""A virtual machine of one host for a test: daemon, tasks, and proof that nothing is left."""

from __future__ import annotations

import contextlib
import os
import select
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import IO, Any

from support.scoped import Scoped
from support.system import (
    DEBIAN_ROOT,
    PATIENCE,
    Side,
    daemon_program,
    processor_seconds,
    pvm_root,
    require_daemon,
    resident,
)

_INHERITED = (
    *("PATH", "LANG", "ASAN_OPTIONS", "UBSAN_OPTIONS", "COVERAGE_PROCESS_START"),
    *("PVM_SHM", "PVM_SHM_AFTER", "PVM_SHM_ARENA", "PVM_SHM_PEERS", "PVM_SHM_RING"),
)

# Tasks that stand still take less of a processor than this.
_STILL = 0.002


def wait_until(
    condition: Callable[[], Any], what: str, seconds: float = PATIENCE, *, pause: float = 0.01
) -> Any:
    """Poll until `condition()` is true; return its value, or fail naming `what`."""
    deadline = time.monotonic() + seconds
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > deadline:
            raise AssertionError(f"not within {seconds} s: {what}")
        time.sleep(pause)


class Finished:
    """Result of a task that ran to its end: exit status and both outputs as text."""

    def __init__(self, argv: list[str], status: int, out: str, err: str) -> None:
        self.argv, self.status, self.out, self.err = argv, status, out, err

    def check(self, status: int | None = 0) -> Finished:
        """Assert the exit status (None: any but death by a signal), showing the outputs."""
        good = self.status >= 0 if status is None else self.status == status
        assert good, (
            f"{' '.join(self.argv)} ended with {self.status}, not {status}\n"
            f"--- stdout\n{self.out[-4000:]}\n--- stderr\n{self.err[-4000:]}"
        )
        return self


class VirtualMachine(Scoped):
    """One daemon in a private PVM_TMP; tasks are started by `run` and `start`.

    daemon  whose daemon: "ours" or "debian"
    path    directories of the programs that tasks spawn
    env     further environment of the daemon, and so of every spawned task
    """

    def __init__(
        self,
        daemon: Side = "ours",
        *,
        path: Iterable[Path | str] = (),
        env: Mapping[str, str] | None = None,
        arguments: Iterable[str] = (),
    ) -> None:
        require_daemon(daemon)
        self._prepare(daemon, Path(tempfile.mkdtemp(prefix="pv")), path, env)
        self._start([str(daemon_program(daemon)), *arguments])

    # First words of every command; for daemons and tasks in another network namespace.
    enter: tuple[str, ...] = ()

    def _prepare(
        self, daemon: Side, tmp: Path, path: Iterable[Path | str], env: Mapping[str, str] | None
    ) -> None:
        """Make home and environment in the directory `tmp`."""
        self.side = daemon
        self.tmp = tmp
        self.home = self.tmp / "home"
        self.home.mkdir()
        self.env = {name: os.environ[name] for name in _INHERITED if name in os.environ}
        self.env |= {
            "HOME": str(self.home),
            "PVM_TMP": str(self.tmp),
            "PVM_ROOT": str(pvm_root() if daemon == "ours" else DEBIAN_ROOT),
            "PVM_ALLOW_ROOT": "1",
            "PVM_PATH": ":".join(str(p) for p in path),
        }
        self.env |= env or {}
        self.tasks: list[subprocess.Popen[bytes]] = []
        self.address = ""

    # ---- the daemon ---------------------------------------------------------

    def start_again(self) -> None:
        """Start another daemon after the end of the first one."""
        self._start([str(daemon_program(self.side))])

    def _start(self, command: list[str]) -> None:
        """Start the daemon, and wait until it serves."""
        with open(self.tmp / "home" / "daemon.err", "wb") as errors:
            self.process = subprocess.Popen(
                [*self.enter, *command],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=errors,
                env=self.env,
                start_new_session=True,
            )
        assert self.process.stdout
        try:
            self.address = read_line(self.process.stdout, PATIENCE)
        except AssertionError:
            problem = self._diagnosis()
            self.process.kill()
            self.process.wait()
            shutil.rmtree(self.tmp, ignore_errors=True)
            raise AssertionError(f"{command[0]} printed no PVMSOCK line\n{problem}") from None
        self.tasks.append(self.process)

    @property
    def pid(self) -> int:
        """Process id of the daemon."""
        return self.process.pid

    @property
    def suffix(self) -> str:
        """End of the names of sock file and log: user, and PVM_VMID if set."""
        vmid = self.env.get("PVM_VMID")
        return f"{os.geteuid()}" + (f".{vmid}" if vmid is not None else "")

    @property
    def sock_file(self) -> Path:
        """The file that holds the daemon's address."""
        return self.tmp / f"pvmd.{self.suffix}"

    def log(self) -> str:
        """What the daemon has written to its log file."""
        path = self.tmp / f"pvml.{self.suffix}"
        return path.read_text(errors="replace") if path.exists() else ""

    def rss(self) -> int:
        """Resident memory of the daemon in bytes."""
        return resident(self.pid)

    def descriptors(self) -> int:
        """Number of open descriptors of the daemon."""
        return len(os.listdir(f"/proc/{self.pid}/fd"))

    # ---- tasks --------------------------------------------------------------

    def task_env(self, env: Mapping[str, str] | None = None) -> dict[str, str]:
        """Environment of a task started by hand."""
        return self.env | dict(env or {})

    def start(
        self,
        program: Path | str,
        *args: object,
        stdin: Any = subprocess.DEVNULL,
        stdout: Any = subprocess.PIPE,
        stderr: Any = subprocess.PIPE,
        env: Mapping[str, str] | None = None,
    ) -> subprocess.Popen[bytes]:
        """Start a task by hand and do not wait for it."""
        process = subprocess.Popen(
            [*self.enter, str(program), *map(str, args)],
            stdin=stdin,
            stdout=stdout,
            stderr=stderr,
            env=self.task_env(env),
            cwd=self.home,
        )
        self.tasks.append(process)
        return process

    def run(
        self,
        program: Path | str,
        *args: object,
        stdin: str = "",
        timeout: float = PATIENCE,
        merged: bool = False,
        env: Mapping[str, str] | None = None,
    ) -> Finished:
        """Run a task by hand to its end; `merged`: both outputs in `out`, as they came.

        timeout     seconds in which the tasks may stand still
        """
        task = self.start(
            program,
            *args,
            stdin=subprocess.PIPE,
            stderr=subprocess.STDOUT if merged else subprocess.PIPE,
            env=env,
        )
        argv = [str(program), *map(str, args)]
        try:
            out, err = self._outputs(task, stdin.encode(), timeout)
        except subprocess.TimeoutExpired:
            task.kill()
            out, err = task.communicate()
            raise AssertionError(
                f"{' '.join(argv)} stood still for {timeout} s\n--- stdout\n"
                f"{_text(out)[-4000:]}\n--- stderr\n{_text(err)[-4000:]}\n{self._diagnosis()}"
            ) from None
        self.tasks.remove(task)
        return Finished(argv, task.returncode, _text(out), _text(err))

    def _outputs(
        self, task: subprocess.Popen[bytes], stdin: bytes, timeout: float
    ) -> tuple[bytes, bytes]:
        """What a task prints up to its end. TimeoutExpired: the tasks stood still for so long.

        Where many share the processors, a program takes many times as long as on a quiet machine.
        """
        data: bytes | None = stdin
        before = self._worked()
        while True:
            try:
                return task.communicate(data, timeout)
            except subprocess.TimeoutExpired:
                data, now = None, self._worked()
                if sum(now[pid] - before.get(pid, 0) for pid in now) < timeout * _STILL:
                    raise
                before = now

    def _worked(self) -> dict[int, float]:
        """Processor time of each task so far, seconds."""
        found = {}
        for pid in self.processes():
            with contextlib.suppress(OSError):
                found[pid] = processor_seconds(pid)
        return found

    def processes(self) -> list[int]:
        """Processes that belong to this machine, the daemon included."""
        return processes_of(self.tmp)

    def running(self, name: str) -> list[int]:
        """Those whose program has this file name: what is still being started is not there."""
        return [pid for pid in self.processes() if _program(pid) == name]

    # ---- the end ------------------------------------------------------------

    def stop(self, *, check: bool = True) -> None:
        """Halt by SIGTERM to the daemon; with `check` assert that nothing is left."""
        problems: list[str] = []
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        try:
            self.process.wait(PATIENCE)
        except subprocess.TimeoutExpired:
            problems.append(f"daemon still running {PATIENCE} s after SIGTERM")
            self.process.kill()
            self.process.wait()
        problems += self._leftovers()
        if problems:
            problems.append(self._diagnosis())
        self._clean_up()
        assert not (check and problems), "\n".join(problems)

    def _leftovers(self) -> list[str]:
        """Wait for the tasks' end; what is left then, a line each."""
        problems = []
        try:
            wait_until(lambda: not self._running(), "all processes gone")
        except AssertionError:
            problems += [f"process left: {_describe(pid)}" for pid in self._running()]
        if self.sock_file.exists():
            problems.append(f"sock file left: {self.sock_file}")
        # PVM 3.4.6 forgets the sockets of killed tasks that had direct routes.
        if self.side == "ours":
            problems += [f"file left: {p}" for p in self.tmp.glob("pvmtmp*")]
        return problems

    def _running(self) -> list[int]:
        for task in self.tasks:
            task.poll()
        return self.processes()

    def _clean_up(self) -> None:
        for pid in self.processes():
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                pass
        for task in self.tasks:
            task.kill()
            task.wait()
            for stream in (task.stdin, task.stdout, task.stderr):
                if stream:
                    # What could not be written to a task that has ended is of no interest.
                    with contextlib.suppress(BrokenPipeError):
                        stream.close()
        shutil.rmtree(self.tmp, ignore_errors=True)

    def _diagnosis(self) -> str:
        errors = (self.home / "daemon.err").read_text(errors="replace")
        status = self.process.poll()
        return (
            f"--- daemon {'runs' if status is None else f'ended with {status}'}; its stderr\n"
            f"{errors[-4000:]}\n--- daemon's log\n{self.log()[-4000:]}"
        )

    def leave(self, failed: bool) -> None:
        self.stop(check=not failed)


def processes_of(tmp: Path | str) -> list[int]:
    """Processes of the machine with this PVM_TMP."""
    mark = f"PVM_TMP={tmp}".encode()
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit() and mark in _environment(entry).split(b"\0"):
            found.append(int(entry.name))
    return found


def sleeping(pid: int) -> bool:
    """Whether a process waits for something."""
    text = Path(f"/proc/{pid}/stat").read_text(encoding="ascii")
    return text.rpartition(")")[2].split()[0] == "S"


def _program(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/exe").resolve().name
    except OSError:
        return ""


def read_line(stream: IO[bytes], seconds: float) -> str:
    """One line from a pipe, without its end; fail at end of file or after `seconds`."""
    deadline = time.monotonic() + seconds
    line = b""
    while not line.endswith(b"\n"):
        left = deadline - time.monotonic()
        ready = left > 0 and select.select([stream], [], [], left)[0]
        byte = os.read(stream.fileno(), 1) if ready else b""
        if not byte:
            raise AssertionError("no line")
        line += byte
    return line.decode(errors="replace").removesuffix("\n")


def _text(data: bytes | None) -> str:
    return (data or b"").decode(errors="replace")


def _environment(entry: Path) -> bytes:
    try:
        return (entry / "environ").read_bytes()
    except OSError:
        return b""


def _describe(pid: int) -> str:
    try:
        command = (Path("/proc") / str(pid) / "cmdline").read_bytes().replace(b"\0", b" ")
    except OSError:
        return f"{pid} (gone meanwhile)"
    return f"{pid} {command.decode(errors='replace')}"
