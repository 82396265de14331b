# SPDX-License-Identifier: MIT
"""The built-in hoster: starts daemons on other hosts through a remote shell, many at a time.

The remote shell gets the command of the slave as one argument. The slave prints its greeting, which
may stand anywhere in what comes; the rest, on either output, goes to the log. Why a start failed is
told from the exit status and the words of the remote shell.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import re
import signal

from pvm3py.wire import constants as c
from pvm3py.wire.hosts import Start

from ..core import Pvmd, Table
from ..io.shell_output import GreetingFinder, Lines
from ..occasions import CHILD_ENDED, on
from ..state.config import ANSWER_FACTOR, JOIN_TIMEOUT, PASSED_ON
from ..state.log import printable
from ..state.plain import Plain, field
from ..state.tree import tree

# Starts that run at a time.
PARALLEL = 32
# Seconds that a slave waits longer for its table than the master for the answer.
_JOIN_SPARE = 5.0
# Seconds for the last words of a remote shell that has closed its standard output.
_LAST_WORDS = 2.0
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
    (
        ("error while loading shared libraries", "symbol lookup error"),
        "a library that the daemon there needs is missing or another one: install it, or correct "
        "LD_LIBRARY_PATH there",
        "",
    ),
    (("connection refused",), "connection refused: no remote shell server answers there", ""),
    (("timed out",), "the host does not answer (connection timed out)", ""),
    (
        ("run as user \"root\"", "pvm_allow_root"),
        "pvmd refuses to run as root there: set PVM_ALLOW_ROOT",
        "",
    ),
)  # fmt: skip
_NOT_FOUND_WORDS = ("not found", "no such file", "does not exist", "unknown command")
_NOT_EXECUTABLE = (
    "the daemon there cannot be executed: correct its permissions, or name another with dx="
)
# What our own programs say, and not the shell about them.
_OWN_WORDS = re.compile(
    r"pvmd3?: (?!(command )?not found\.?$|permission denied\.?$|no such file)(.+)", re.IGNORECASE
)


class Outcome(Plain):
    """How a start ended: the greeting of the slave or the name of an error, and why."""

    text: str
    why: str = ""


class _Launch(Plain):
    """One start that is under way.

    line: for its standard input; greeting: what the slave said; status: exit status of the remote
    shell; words: the last lines of its standard error; wrote: whether it wrote anything; out, err:
    its outputs until both have ended; decided: it has greeted or the shell has ended; silent:
    nothing more comes of it.
    """

    start: Start
    name: str
    line: str
    greeting: str = ""
    wrote: bool = False
    out: Lines | None = None
    err: Lines | None = None
    status: int = 0
    words: list[str] = field(factory=list)
    decided: asyncio.Event = field(factory=asyncio.Event)
    silent: asyncio.Event = field(factory=asyncio.Event)

    def greet(self, greeting: str) -> None:
        """The slave has greeted, or the name of an error was said; later ones do not count."""
        if greeting and not self.greeting:
            self.greeting = greeting
            self.decided.set()

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
    limit = _join_limit(pvmd, starts)

    async def run(start: Start) -> Outcome:
        name, line = names[start.tid], input_line(start.vmid, limit)
        if start.so == "ms":
            async with by_hand:
                return Outcome(*await handstart.manual(pvmd, start, name))
        async with gate:
            if start.so == "pw":
                return Outcome(*await handstart.password(pvmd, start, name, patience))
            outcome = await _run(pvmd, _Launch(start, name, line), start.command)
            if start.windows and outcome.text == "PvmCantStart":
                outcome = await _run(pvmd, _Launch(start, name, line), start.windows)
            return outcome

    outcomes = await asyncio.gather(*map(run, starts))
    return {start.tid: outcome for start, outcome in zip(starts, outcomes, strict=True)}


def _chosen_shell() -> str | None:
    """Another remote shell than ssh: PVM_RSH, or what Debian's alternative pvm-rsh names."""
    alternative = os.path.join(tree(), "bin", "rsh")
    named = os.path.exists(alternative) and os.path.basename(os.path.realpath(alternative)) != "ssh"
    return os.environ.get("PVM_RSH") or (alternative if named else None)


def shell_command(login: str, command: str, patience: float) -> list[str]:
    """The words of the remote shell: a chosen one as the original calls it, else ssh.

    login: [name@]host; ssh has most of the `patience` in seconds to connect, to say why not.
    """
    user, _, host = login.rpartition("@")
    shell = _chosen_shell()
    seconds = max(int(patience * 5 / 6), 1)
    ssh = ["ssh", "-o", "BatchMode=yes", "-o", f"ConnectTimeout={seconds}"]
    return [*([shell] if shell else ssh), host, *(["-l", user] if user else []), command]


async def _run(pvmd: Pvmd, launch: _Launch, command: str) -> Outcome:
    """Run one remote shell until the slave has greeted, or cannot any more."""
    words = shell_command(launch.start.login, command, pvmd.settings.patience)
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
        return explain(launch.status, launch.words, command.partition(" ")[0])
    except TimeoutError:
        return Outcome("PvmCantStart", _no_answer(launch, pvmd.settings.patience))
    finally:
        os.close(stdin)
        if not launch.greeting and pid in Launches.of(pvmd).running:
            os.kill(pid, signal.SIGTERM)


def _no_answer(launch: _Launch, seconds: float) -> str:
    """Why a remote shell is given up that still runs."""
    rests = [lines.rest for lines in (launch.out, launch.err) if lines is not None and lines.rest]
    last = next(iter(rests or launch.words[-1:]), "")
    said = (
        f"the last that its remote shell wrote is {printable(last)!r}"
        if last
        else (
            "its remote shell wrote nothing, does it wait for a password or a start file there?"
            if not launch.wrote
            else "no line of what its remote shell wrote is a daemon's"
        )
    )
    return f"no answer within {seconds:g} s (PVM_START_TIMEOUT): {said}"


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
    if launch.line:
        # A shell that has ended already is reported as any other that ends.
        with contextlib.suppress(BrokenPipeError):
            os.write(stdin, launch.line.encode())
    Launches.of(pvmd).running[pid] = launch
    _listen(pvmd, launch, stdout, stderr)
    return pid, stdin


def _listen(pvmd: Pvmd, launch: _Launch, stdout: int, stderr: int) -> None:
    """Take in what the remote shell writes, and notice that both outputs have ended."""
    open_pipes = 2
    finder = GreetingFinder()

    def end() -> None:
        nonlocal open_pipes
        open_pipes -= 1
        if open_pipes == 0:
            # Both lead back to the launch: in a circle all would stay until a collection.
            launch.out = launch.err = None
            launch.silent.set()

    def data(part: bytes) -> None:
        # At its end the last line has one, too.
        launch.greet(finder.feed(part or b"\n"))

    def out(line: str) -> None:
        if _is_error(line):
            launch.greet(line)
        elif "ddpro<" not in line:
            _log_output(pvmd, launch, "stdout", line)

    def err(line: str) -> None:
        _log_output(pvmd, launch, "stderr", line)
        launch.words.append(line)
        del launch.words[:-_WORDS_KEPT]

    launch.out = Lines(pvmd.loop, stdout, data, out, end)
    launch.err = Lines(pvmd.loop, stderr, lambda _part: None, err, end)


def _is_error(line: str) -> bool:
    """Whether a line is nothing but the name of an error code."""
    code = getattr(c, line, 0) if re.fullmatch(_ERROR_NAME, line) else 0
    return isinstance(code, int) and code < 0


def _log_output(pvmd: Pvmd, launch: _Launch, stream: str, line: str) -> None:
    """A line goes to the log, as far as that takes what others write."""
    launch.wrote = True
    pvmd.log.quote(f"the shell of {launch.name}", f"{stream}@{launch.name}: {line}")


def _join_limit(pvmd: Pvmd, starts: list[Start]) -> float:
    """Seconds after which a slave that has greeted and got no table ends; 0: it knows better.

    It waits until the others have been started, which takes no known time with a person's help.
    """
    if any(start.so in ("ms", "pw") for start in starts):
        return 0.0
    tries = 2 if any(start.windows for start in starts) else 1
    rounds = -(-len(starts) // PARALLEL) if len(starts) > 1 else 0
    return pvmd.settings.patience * (rounds * tries + ANSWER_FACTOR) + _JOIN_SPARE


def input_line(vmid: str, limit: float = 0.0) -> str:
    """What a slave is to find on its standard input: 3.4.6 looks at PVM_VMID only.

    limit: seconds for which it waits for its first table, 0: as long as it does by itself.
    """
    words = [f"PVM_VMID={vmid}"] if vmid else []
    words += [f"{JOIN_TIMEOUT}={limit:g}"] if limit else []
    for name in PASSED_ON:
        if os.environ.get(name):
            words.append(f"{name}={os.environ[name]}")
    return " ".join(words) + "\n" if words else ""


def explain(status: int, words: list[str], program: str) -> Outcome:
    """Why a remote shell with this exit status and these last words started no daemon.

    What was said last is nearest to the end; start files may have complained before.
    program: path of the daemon as it was given to the remote shell.
    """
    for line in reversed(words):
        outcome = _explain_line(line.strip(), program)
        if outcome is not None:
            return outcome
    if status == 127:
        return Outcome("PvmCantStart", _not_found(program))
    if status == 126:
        return Outcome("PvmCantStart", _NOT_EXECUTABLE)
    if status < 0:
        return Outcome("PvmCantStart", f"the remote shell was killed by signal {-status}")
    last = f": {printable(words[-1])}" if words else ""
    return Outcome("PvmCantStart", f"the remote shell ended with status {status}{last}")


def _explain_line(line: str, program: str) -> Outcome | None:
    """What a line of a remote shell means, if that is known."""
    said = line.lower()
    for patterns, why, code in _REASONS:
        if any(pattern in said for pattern in patterns):
            return Outcome(code or "PvmCantStart", why)
    own = _OWN_WORDS.match(line)
    if own is not None:
        return Outcome("PvmCantStart", f"the daemon there says: {printable(own[2])}")
    if any(words in said for words in _NOT_FOUND_WORDS):
        return Outcome("PvmCantStart", _not_found(program))
    return None


def _not_found(program: str) -> str:
    """What to do about a daemon that the remote shell does not find."""
    named = re.search(r"\$\{?(\w+)", program)
    cure = f"set {named[1]} there as it should be, or " if named else ""
    return f"command not found: {program}: {cure}name the daemon there with dx= or PVM_DPATH"
