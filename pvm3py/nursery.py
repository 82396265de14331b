# SPDX-License-Identifier: MIT
"""`python -m pvm3py.nursery CONTEXT`: a task that forks functions which its parent spawns here.

It has loaded Python, this package and what the parent has of the standard library, so a function
costs a fork. A module of others is never loaded before: what it does when it is loaded, it does in
each task. The daemon asks for each task, and is the parent of its process. What cannot begin as a
copy of this process, for its environment, executes the interpreter as the daemon would have done.
"""

from __future__ import annotations

import atexit
import contextlib
import ctypes
import gc
import importlib
import io
import os
import re
import sys
import threading
import weakref
from collections.abc import Mapping
from types import ModuleType
from typing import NoReturn

from pvm3py import child, classic
from pvm3py._task import ffi, lib
from pvm3py.binding.enums import Event, Option
from pvm3py.binding.errors import ConnectionLost
from pvm3py.binding.post import read_into, send_bytes, send_object
from pvm3py.task.context import within
from pvm3py.task.message import Message
from pvm3py.task.spawning import MAIN
from pvm3py.task.take import take, take_object
from pvm3py.task.warm import FIT, MODULES, UNFIT
from pvm3py.wire import constants as c
from pvm3py.wire.output import NURSERY
from pvm3py.wire.system import Forked, ForkTask

_PARENT_ENDED = 1
_NO_PARENT = 1
# Variables that Python, the C library or libpvm3 has looked at before a function runs.
_EARLY = re.compile(r"PYTHON|PVM|LD_|LC_|LANG|MALLOC_|GLIBC_|TZ|HOME")
# The same names, but looked at only when a task enrols, or by it.
_LATE = re.compile(r"PVM(EPID|SPAWNWD|CTX|TMASK|TRCBUF|TRCOPT|3PY_)")


def main() -> int:
    """Serve until the parent has ended; in each process that is forked, run its function."""
    parent = classic.parent() if NURSERY in os.environ else None
    if parent is None:
        print("pvm3py.nursery is started by Task.spawn", file=sys.stderr)
        return _NO_PARENT
    context = int(sys.argv[1])
    lib.pvm_setcontext(c.BASECONTEXT)
    classic.notify(Event.TASK_EXIT, _PARENT_ENDED, [parent])
    # The daemon is spoken to.
    classic.setopt(Option.RESV_TIDS, 1)
    try:
        with within(context):
            fit = _load(take_object(parent, MODULES))
            send_object([parent], FIT if fit else UNFIT, None)
        born = fit and _serve()
    except ConnectionLost:
        return 0  # the machine has ended
    if born:
        _run(set(map(id, sys.modules.values())))
    return 0


def _load(modules: list[str]) -> bool:
    """Load modules. False: this process has threads, which a fork would not copy."""
    for name in modules:
        try:
            importlib.import_module(name)
        except ImportError:
            pass  # another version of Python does without
    gc.collect()
    gc.freeze()
    return len(os.listdir("/proc/self/task")) == 1


def _serve() -> bool:
    """Fork what the daemon asks for, until the parent has ended. True: this is a child."""
    while (message := take("nursery")).tag != _PARENT_ENDED:
        body = body_of(message) if message.tag == c.SM_STTASK else None
        message.release()
        if body is not None and _fork(ForkTask.decode(body)):
            return True
    return False


def body_of(message: Message) -> bytes:
    """The body of a message as it came."""
    memory = ffi.new("char[]", message.length)
    read_into(message.id, 0, memory)
    return bytes(ffi.buffer(memory))


def _fork(order: ForkTask) -> bool:
    """Fork a task, and tell the daemon. True: this is the child."""
    try:
        output = os.open(f"/proc/{os.getppid()}/fd/{order.output}", os.O_WRONLY | os.O_CLOEXEC)
    except OSError:
        _tell(order.tid, -1)
        return False
    pid = _fork_sibling()
    if pid == 0:
        _become(order, output)
        return True
    os.close(output)
    _tell(order.tid, pid)
    return False


def _tell(tid: int, pid: int) -> None:
    send_bytes(c.TIDPVMD, c.TM_FORKED, Forked(tid, pid).encode())


def _fork_sibling() -> int:
    """Fork as os.fork, but the child's parent is that of this process. Negative: an error."""
    python = ctypes.pythonapi
    python.PyOS_BeforeFork()
    pid = int(lib.pvmforksibling())
    if pid == 0:
        python.PyOS_AfterFork_Child()
    else:
        python.PyOS_AfterFork_Parent()
    return pid


# ---- in the child ---------------------------------------------------------------------------


def _become(order: ForkTask, output: int) -> None:
    """Be as a process that the daemon has started for the task."""
    os.setpgid(0, 0)
    os.dup2(output, 1)
    os.dup2(output, 2)
    os.close(output)
    os.chdir(order.directory)
    env = dict(text.split("=", 1) for text in order.env)
    if _early(env) != _early(os.environ):
        os.execve(order.path, order.argv, env)
    os.environ.clear()
    os.environ.update(env)
    classic.setopt(Option.RESV_TIDS, 0)
    sys.modules["__main__"] = sys.modules[MAIN] = child


def _run(known: set[int]) -> None:
    """Do what the parent has sent, and end. Other exits than by a number are the interpreter's."""
    try:
        status = child.main()
    except SystemExit as end:
        if not isinstance(end.code, int | None):
            raise
        status = end.code or 0
    _end(status, known)


def _end(status: int, known: set[int]) -> NoReturn:
    """End as the interpreter does, but leave what was there before the fork.

    Freeing that would copy all its memory, which takes longer than all else that a task does.

    known  ids of the modules that were there
    """
    threading._shutdown()  # type: ignore[attr-defined]
    atexit._run_exitfuncs()
    new = {name: module for name, module in sys.modules.items() if id(module) not in known}
    left = [weakref.ref(module) for module in new.values() if isinstance(module, ModuleType)]
    for name in new:
        del sys.modules[name]
    new.clear()
    _flush(gc.get_objects())
    gc.collect()
    for module in filter(None, (ref() for ref in left)):
        vars(module).clear()
    gc.collect()
    _flush([sys.stdout, sys.stderr])
    ctypes.PyDLL(None).exit(status)
    raise AssertionError


def _flush(objects: list[object]) -> None:
    """Write what files have. The collector may close the one below a file before that."""
    for kind in (io.TextIOWrapper, io.BufferedWriter, io.BufferedRandom):
        for obj in objects:
            if issubclass(type(obj), kind):
                with contextlib.suppress(Exception):  # as one that was closed
                    obj.flush()  # type: ignore[attr-defined]


def _early(env: Mapping[str, str]) -> dict[str, str]:
    """What was looked at before."""
    return {k: v for k, v in env.items() if _EARLY.match(k) and not _LATE.match(k)}


if __name__ == "__main__":
    sys.exit(main())
