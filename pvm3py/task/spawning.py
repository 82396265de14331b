# SPDX-License-Identifier: MIT
"""Starting tasks: Python functions, Python scripts, programs.

A function travels as module and name, in a message that the new task gets first; that task is
pvm3py.child.
"""

from __future__ import annotations

import os
import pickle
import site
import sys
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from importlib import import_module
from types import ModuleType
from typing import Any, Literal

from pvm3py import classic
from pvm3py.binding import objects
from pvm3py.binding.enums import Code, SpawnFlag
from pvm3py.binding.errors import NoHost, SpawnError, text_of
from pvm3py.binding.post import send_object, send_parts
from pvm3py.binding.start import Target, start
from pvm3py.wire.output import FORK_WANTED, REASONS_WANTED, STATUS_WANTED

from .context import within
from .members import Tid

What = Callable[..., object] | str | os.PathLike[str]

# Where a new task finds the message with what it has to do: the context, and the tags there.
CONTEXT_VARIABLE = "PVM3PY_JOB"
JOB, CALL, PARENT_ENDED = 1, 2, 3
# The name that the parent's script has when a child runs it. What it defines can be sent back.
MAIN = "__pvm_main__"
sys.modules.setdefault(MAIN, sys.modules["__main__"])
_MAINS = ("__main__", MAIN)
# A host that has no interpreter of this one's path has $PVM3PY_PYTHON in its daemon's environment,
# or python3 in its search path.
_FIND_PYTHON = (
    'for python in "$0" "$PVM3PY_PYTHON" python3; do '
    'command -v "$python" >/dev/null && exec "$python" "$@"; done; '
    'echo "no Python: set PVM3PY_PYTHON for the daemon of this host" >&2; exit 127'
)


@dataclass(frozen=True)
class Main:
    """The parent's `__main__`: a module's name, or the path of a script."""

    kind: Literal["module", "path"]
    name: str


@dataclass(frozen=True)
class Job:
    """What a child needs before it can read the call.

    path  of modules, the parent's
    main  to run first, since the call refers to it; None: it does not
    argv  the parent's
    """

    path: list[str]
    main: Main | None
    argv: list[str]


@dataclass(frozen=True)
class ByValue:
    """An object that was pickled with cloudpickle."""

    data: bytes

    def __reduce__(self) -> tuple[Any, ...]:
        return pickle.loads, (self.data,)


@dataclass
class Launch:
    """What is started, as pvm_spawn has it.

    job, call  what pvm3py.child gets as messages; the call is the parts of an object
    """

    program: str
    args: list[str]
    env: dict[str, str] = field(default_factory=dict)
    job: Job | None = None
    call: list[Any] = field(default_factory=list)

    def send(self, context: int, tids: list[int]) -> None:
        """Give the started tasks what they need."""
        if self.job is not None:
            with within(context):
                send_object(tids, JOB, self.job)
                send_parts(tids, CALL, self.call)


# Set while a child runs the script of its parent.
preparing = threading.local()


def refuse_while_imported(doing: str) -> None:
    """Raise RuntimeError in a child that runs its parent's script, which does such a thing."""
    if getattr(preparing, "script", None):
        raise RuntimeError(
            f"{preparing.script} {doing} while a child of it imports it: put what the script does "
            'behind `if __name__ == "__main__":`'
        )


# ---- what is started --------------------------------------------------------------------


def launch_of(what: What, args: Sequence[object]) -> Launch:
    """How a function, a script or a program is started.

    TypeError: it is nothing of these, or a function cannot travel.
    """
    if callable(what):
        return _function(what, args)
    try:
        name = os.fsdecode(what)
    except TypeError:
        raise TypeError(
            "what is spawned is a function, the path of a script, or a program, not "
            f"{type(what).__name__}: spawn('program', 'word', 'word')"
        ) from None
    words = [str(arg) for arg in args]
    if name.endswith(".py"):
        path = os.path.abspath(name)
        if not os.path.isfile(path):
            raise FileNotFoundError(f"no script {path}")
        return python_launch([path, *words])
    return Launch(os.path.abspath(name) if "/" in name else name, words)


def _function(function: Callable[..., object], args: Sequence[object]) -> Launch:
    refuse_while_imported("spawns")
    call, main = dump_call(function, tuple(args))
    job = Job([entry or os.getcwd() for entry in sys.path], main, list(sys.argv))
    launch = python_launch(["-P", "-m", "pvm3py.child"])
    launch.job, launch.call = job, call
    return launch


def dump_call(
    function: Callable[..., object], args: tuple[object, ...]
) -> tuple[list[Any], Main | None]:
    """Function and arguments as the parts of an object, and the script that these refer to."""
    try:
        if _importable(function):
            parts = objects.dump((function, args))
            head = bytes(parts[0])
            return parts, main_module() if any(name.encode() in head for name in _MAINS) else None
        problem = "a child cannot import it"
    except (pickle.PicklingError, AttributeError, TypeError) as error:
        problem = str(error)
    try:
        cloudpickle = import_module("cloudpickle")
    except ImportError:
        name = getattr(function, "__qualname__", repr(function))
        raise TypeError(
            f"{name} cannot be spawned with these arguments: {problem}; use a function at the "
            "top level of a module or script, or install cloudpickle"
        ) from None
    return objects.dump(ByValue(cloudpickle.dumps((function, args)))), None


def _importable(function: Callable[..., object]) -> bool:
    """Whether a child can find the function by name: not if there is no script to run again."""
    return getattr(function, "__module__", None) not in _MAINS or main_module() is not None


def main_module() -> Main | None:
    """The module `__main__` as a child can have it, None if it was typed or read from a pipe."""
    return _as_main(sys.modules["__main__"])


@cache
def _as_main(module: ModuleType) -> Main | None:
    spec = getattr(module, "__spec__", None)
    if spec is not None and spec.name != "pvm3py.child":
        return Main("module", spec.name)
    path = getattr(module, "__file__", None)
    return Main("path", os.path.abspath(path)) if path and os.path.exists(path) else None


def python_launch(args: list[str]) -> Launch:
    """The Python interpreter with arguments: this one, on other hosts perhaps another one."""
    env = python_environment()
    if len(classic.config()) == 1:
        return Launch(sys.executable, args, env)
    return Launch("/bin/sh", ["-c", _FIND_PYTHON, sys.executable, *args], env)


def python_environment() -> dict[str, str]:
    """Variables of a task in Python: it finds this package, and its lines come at once."""
    env = {"PYTHONUNBUFFERED": "1"}
    package = os.path.dirname(os.path.dirname(os.path.dirname(os.path.realpath(__file__))))
    if package not in [*site.getsitepackages(), site.getusersitepackages()]:
        path = os.environ.get("PYTHONPATH")
        env["PYTHONPATH"] = f"{package}{os.pathsep}{path}" if path else package
    return env


# ---- where --------------------------------------------------------------------------------


def place(where: str | None, cwd: str | os.PathLike[str] | None) -> tuple[SpawnFlag, str]:
    """Flags and place of a spawn. Raises NoHost, which names what there is."""
    name, colon, directory = (where or "").partition(":")
    if colon and cwd is not None:
        raise ValueError(f"two directories: where={where!r} and cwd={os.fspath(cwd)!r}")
    if not colon:
        directory = os.getcwd() if cwd is None else os.path.abspath(cwd)
    return _kind(name), f"{name}:{directory}"


def _kind(name: str) -> SpawnFlag:
    """What a name is: of a host, or of an architecture."""
    if not name:
        return SpawnFlag.DEFAULT
    hosts = classic.config()
    if name == "." or name in {host.name for host in hosts}:
        return SpawnFlag.HOST
    if name in {host.arch for host in hosts}:
        return SpawnFlag.ARCH
    known = ", ".join(f"{host.name} ({host.arch})" for host in hosts)
    raise NoHost(
        Code.NO_HOST, "spawn", f"no host or architecture {name!r}; there are {known}", None
    )


# ---- the start ------------------------------------------------------------------------------


def spawn(
    launch: Launch,
    *,
    count: int,
    place: tuple[SpawnFlag, str],
    env: Mapping[str, str],
    output: Target | None,
    context: int,
    exact: bool,
) -> list[Tid]:
    """Start tasks; Task.spawn says how. Raises SpawnError.

    context  of the messages with what they have to do
    """
    flags, where = place
    wanted = {REASONS_WANTED: "1"}
    if output is not None:
        wanted[STATUS_WANTED] = "1"
    if launch.job is not None:
        wanted |= {CONTEXT_VARIABLE: str(context), FORK_WANTED: "1"}
    outcome = start(
        launch.program,
        launch.args,
        count=count,
        flags=int(flags),
        where=where,
        env={**launch.env, **wanted, **env},
        output=output,
    )
    tids = [Tid(tid) for tid in outcome.tids]
    if tids:
        launch.send(context, outcome.tids)
    if outcome.codes and exact:
        code = outcome.codes[0]
        errors = outcome.reasons or _unexplained(where, code)
        text = "; ".join(f"{host}: {why}" for host, why in errors.items()) or text_of(code)
        started = f"{len(tids)} of {count} started; " if tids else ""
        raise SpawnError(code, started + text, list(tids), outcome.codes, launch.program, errors)
    return tids


def _unexplained(where: str, code: int) -> dict[str, str]:
    """The error by host if the daemon gave no reason: only where one host was asked."""
    hosts = [host.name for host in classic.config()]
    name = where.partition(":")[0]
    asked = [name] if name in hosts else hosts
    return {asked[0]: text_of(code)} if len(asked) == 1 else {}
