# SPDX-License-Identifier: MIT
"""The built-in hoster: starts daemons on other hosts through a remote shell, many at a time.

The remote shell gets the command of the slave as one argument. What the slave prints first is its
greeting; everything else that comes, on either output, goes to the log. Why a start failed is told
from the exit status and the words of the remote shell.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import re
import signal
from collections.abc import Callable

from pvm3py.wire.hosts import Start

from ..core import Pvmd, Table
from ..occasions import CHILD_ENDED, on
from ..state.config import PASSED_ON
from ..state.plain import Plain, field

# Starts that run at a time.
PARALLEL = 32
# Seconds for the last words of a remote shell that has closed its standard output.
_LAST_WORDS = 2.0
_LINE_MAX = 1000
_WORDS_KEPT = 20
_ERROR_NAME = r"Pvm[A-Z]\w+"

# What remote shells say (in lower case), what it means, and the error code of the host.
_REASONS = (
    (
        ("could not resolve", "unknown host", "name or service not known", "not known"),
        "the remote shell does not know the name",
        "PvmNoHost",
    ),
    (("no route to host", "network is unreachable"), "no route to host", ""),
    (
        ("host key verification failed",),
        "the host's key is not known or has changed: log in once by hand, or correct "
        "~/.ssh/known_hosts",
        "",
    ),
    (
        ("permission denied (", "permission denied, please", "authentication fail",
         "login incorrect", "permission denied."),
        "authentication failed: it must be possible to log in without a password",
        "",
    ),
    (("connection refused",), "connection refused: no remote shell server answers there", ""),
    (("timed out",), "the host does not answer (connection timed out)", ""),
    (
        ("run as user \"root\"", "pvm_allow_root"),
        "pvmd refuses to run as root there: set PVM_ALLOW_ROOT",
        "",
    ),
    (
        ("command not found", "not found", "no such file", "does not exist"),
        "command not found: name the daemon there with dx= or PVM_DPATH",
        "",
    ),
)  # fmt: skip


class Outcome(Plain):
    """How a start ended: the greeting of the slave or the name of an error, and why."""

    text: str
    why: str = ""


class _Launch(Plain):
    """One start that is under way.

    greeting: what the slave said; status: exit status of the remote shell; words: the last lines
    of its standard error; decided: it has greeted or the shell has ended; silent: nothing more
    comes of it.
    """

    start: Start
    name: str
    greeting: str = ""
    status: int = 0
    words: list[str] = field(factory=list)
    decided: asyncio.Event = field(factory=asyncio.Event)
    silent: asyncio.Event = field(factory=asyncio.Event)

    def exited(self, status: int) -> None:
        """The remote shell has ended with this wait(2) status."""
        self.status = os.waitstatus_to_exitcode(status)
        self.decided.set()


class Launches(Table):
    """The remote shells that run, by process id."""

    def __init__(self) -> None:
        self.running: dict[int, _Launch] = {}


@on(CHILD_ENDED)
def child_ended(pvmd: Pvmd, pid: int, status: int, _user: float, _system: float) -> None:
    """A child has ended, which may have been a remote shell."""
    launch = Launches.of(pvmd).running.pop(pid, None)
    if launch is not None:
        launch.exited(status)


async def start_all(pvmd: Pvmd, starts: list[Start], names: dict[int, str]) -> dict[int, Outcome]:
    """Start all these daemons; the outcome of each by its tid. names: what the log calls them."""
    # Only a master that is asked to needs this.
    from . import handstart  # noqa: PLC0415

    gate = asyncio.Semaphore(PARALLEL)
    by_hand = asyncio.Lock()
    patience = pvmd.settings.patience

    async def run(start: Start) -> Outcome:
        name = names[start.tid]
        if start.so == "ms":
            async with by_hand:
                return Outcome(*await handstart.manual(pvmd, start, name))
        async with gate:
            if start.so == "pw":
                return Outcome(*await handstart.password(pvmd, start, name, patience))
            outcome = await _run(pvmd, start, start.command, name)
            if start.windows and outcome.text == "PvmCantStart":
                outcome = await _run(pvmd, start, start.windows, name)
            return outcome

    outcomes = await asyncio.gather(*map(run, starts))
    return {start.tid: outcome for start, outcome in zip(starts, outcomes, strict=True)}


def shell_command(login: str, command: str, patience: float) -> list[str]:
    """The words of the remote shell: PVM_RSH as the original calls it, else ssh.

    login: [name@]host; ssh has most of the `patience` in seconds to connect, to say why not.
    """
    user, _, host = login.rpartition("@")
    shell = os.environ.get("PVM_RSH")
    seconds = max(int(patience * 5 / 6), 1)
    ssh = ["ssh", "-o", "BatchMode=yes", "-o", f"ConnectTimeout={seconds}"]
    return [*([shell] if shell else ssh), host, *(["-l", user] if user else []), command]


async def _run(pvmd: Pvmd, start: Start, command: str, name: str) -> Outcome:
    """Run one remote shell until the slave has greeted, or cannot any more."""
    launch = _Launch(start, name)
    words = shell_command(start.login, command, pvmd.settings.patience)
    path = _find(words[0])
    if path is None:
        why = f"remote shell {words[0]} not found: install it or set PVM_RSH to another"
        return Outcome("PvmCantStart", why)
    try:
        pid, stdin = _spawn(pvmd, launch, path, words)
    except OSError as error:
        return Outcome("PvmCantStart", f"remote shell {path}: {error.strerror}")
    try:
        async with asyncio.timeout(pvmd.settings.patience):
            await launch.decided.wait()
            if not launch.greeting:
                await _last_words(launch)
        if launch.greeting:
            return Outcome(launch.greeting)
        return explain(launch.status, launch.words)
    except TimeoutError:
        return Outcome("PvmCantStart", f"no answer within {pvmd.settings.patience:g} s")
    finally:
        os.close(stdin)
        if not launch.greeting and pid in Launches.of(pvmd).running:
            os.kill(pid, signal.SIGTERM)


async def _last_words(launch: _Launch) -> None:
    """The remote shell ended: what it wrote before may still have to be read."""
    try:
        async with asyncio.timeout(_LAST_WORDS):
            await launch.silent.wait()
    except TimeoutError:
        pass


def _find(program: str) -> str | None:
    """Path of a program, which is sought along PATH."""
    if "/" in program:
        return program if os.access(program, os.X_OK) else None
    paths = (os.path.join(directory, program) for directory in os.get_exec_path())
    return next((path for path in paths if os.access(path, os.X_OK)), None)


def _spawn(pvmd: Pvmd, launch: _Launch, path: str, words: list[str]) -> tuple[int, int]:
    """Start the remote shell: its process id, and the descriptor of its standard input."""
    pipes = [os.pipe2(os.O_CLOEXEC) for _ in range(3)]
    (child_in, stdin), (stdout, child_out), (stderr, child_err) = pipes
    inner = (child_in, child_out, child_err)
    try:
        pid = os.posix_spawn(
            path,
            words,
            os.environ,
            file_actions=[(os.POSIX_SPAWN_DUP2, fd, number) for number, fd in enumerate(inner)],
            setsigmask=[],
            setsigdef=[signal.SIGHUP, signal.SIGPIPE, signal.SIGTERM, signal.SIGINT],
        )
    except OSError:
        for fd in (stdin, stdout, stderr):
            os.close(fd)
        raise
    finally:
        for fd in inner:
            os.close(fd)
    line = input_line(launch.start.vmid)
    if line:
        # A shell that has ended already is reported as any other that ends.
        with contextlib.suppress(BrokenPipeError):
            os.write(stdin, line.encode())
    Launches.of(pvmd).running[pid] = launch
    _listen(pvmd, launch, stdout, stderr)
    return pid, stdin


def _listen(pvmd: Pvmd, launch: _Launch, stdout: int, stderr: int) -> None:
    """Take in what the remote shell writes, and notice that both outputs have ended."""
    open_pipes = 2

    def end() -> None:
        nonlocal open_pipes
        open_pipes -= 1
        if open_pipes == 0:
            launch.silent.set()

    def out(line: str) -> None:
        if not launch.greeting and (line.startswith("ddpro") or re.fullmatch(_ERROR_NAME, line)):
            launch.greeting = line
            launch.decided.set()
        elif not line.startswith("ddpro"):
            pvmd.log.quote(f"the shell of {launch.name}", f"stdout@{launch.name}: {line}")

    def err(line: str) -> None:
        pvmd.log.quote(f"the shell of {launch.name}", f"stderr@{launch.name}: {line}")
        launch.words.append(line)
        del launch.words[:-_WORDS_KEPT]

    _Lines(pvmd.loop, stdout, out, end)
    _Lines(pvmd.loop, stderr, err, end)


def input_line(vmid: str) -> str:
    """What a slave is to find on its standard input: 3.4.6 looks at PVM_VMID only."""
    words = [f"PVM_VMID={vmid}"] if vmid else []
    for name in PASSED_ON:
        if os.environ.get(name):
            words.append(f"{name}={os.environ[name]}")
    return " ".join(words) + "\n" if words else ""


class _Lines:
    """Reads a pipe to its end, and closes it; each line goes to a function."""

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        fd: int,
        line: Callable[[str], None],
        end: Callable[[], None],
    ) -> None:
        self._loop, self._fd, self._line, self._end = loop, fd, line, end
        self._rest = b""
        os.set_blocking(fd, False)
        loop.add_reader(fd, self._read)

    def _read(self) -> None:
        try:
            data = os.read(self._fd, 4096)
        except BlockingIOError:
            return
        except OSError:
            data = b""
        *lines, self._rest = (self._rest + data).split(b"\n")
        if len(self._rest) > _LINE_MAX or (not data and self._rest):
            lines.append(self._rest)
            self._rest = b""
        for line in lines:
            self._line(line.decode("utf-8", "replace").rstrip("\r"))
        if not data:
            self._loop.remove_reader(self._fd)
            os.close(self._fd)
            self._end()


def explain(status: int, words: list[str]) -> Outcome:
    """Why a remote shell with this exit status and these last words started no daemon."""
    said = "\n".join(words).lower()
    for patterns, why, code in _REASONS:
        if any(pattern in said for pattern in patterns):
            return Outcome(code or "PvmCantStart", why)
    if status == 127:
        return Outcome("PvmCantStart", _REASONS[-1][1])
    if status < 0:
        return Outcome("PvmCantStart", f"the remote shell was killed by signal {-status}")
    last = f": {words[-1]}" if words else ""
    return Outcome("PvmCantStart", f"the remote shell ended with status {status}{last}")
