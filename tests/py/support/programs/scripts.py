# SPDX-License-Identifier: MIT
"""Tasks that are Python texts in a test."""

from __future__ import annotations

import shutil
import sys
import tempfile
import textwrap
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from support.machines.vm import VirtualMachine
from support.system import Side, modules_dir, spawn_dir

_PRELUDE = """#!{python}
import array, os, signal, sys, threading, time
sys.path.insert(0, {modules!r})
import pvm3py.classic
from pvm3py.classic import *
"""

# For texts that look at errors: the error, once its type and its words are right.
RAISES = """
def raises(kind, call, *words):
    try:
        call()
    except kind as error:
        assert all(word in str(error) for word in words), str(error)
        return error
    raise SystemExit(f"{kind.__name__} is not raised")
"""

# For texts that interrupt a call: it must end by that. The signal may come before it waits.
STRUCK = """
def struck(call):
    armed = [call]
    def strike(*_):
        if armed:
            armed.pop()
            raise KeyboardInterrupt
    signal.signal(signal.SIGALRM, strike)
    signal.setitimer(signal.ITIMER_REAL, 0.1)
    try:
        call()
    except KeyboardInterrupt:
        return
    raise SystemExit("not interrupted")
"""

_FACE = "from pvm3py import *\nimport pvm3py\nfrom pvm3py import classic\n"


class ScriptMachine:
    """A virtual machine whose tasks are Python texts."""

    def __init__(self, daemon: Side = "ours") -> None:
        self.programs = Path(tempfile.mkdtemp(prefix="pvpy"))
        self.vm = VirtualMachine(daemon, path=[self.programs, spawn_dir()])

    def script(self, name: str, text: str) -> Path:
        """An executable script that tasks can spawn by its name."""
        path = self.programs / name
        prelude = _PRELUDE.format(python=sys.executable, modules=str(modules_dir()))
        path.write_text(prelude + textwrap.dedent(text))
        path.chmod(0o755)
        return path

    def run(self, text: str, **children: str) -> str:
        """Run a task to its end, which must be success; return its output.

        children  texts of the tasks that it spawns, by name
        """
        for name, child in children.items():
            self.script(name, child)
        return self.vm.run(self.script("main_task", text)).check().out


@contextmanager
def script_machine(daemon: Side = "ours") -> Iterator[ScriptMachine]:
    """A machine of this daemon; its end must leave nothing."""
    started = ScriptMachine(daemon)
    try:
        with started.vm:
            yield started
    finally:
        shutil.rmtree(started.programs)


def run_face(machine: ScriptMachine, text: str, **children: str) -> str:
    """Run a task as `ScriptMachine.run` does, with the names of pvm3py, `raises` and `struck`."""

    def whole(part: str) -> str:
        return _FACE + RAISES + STRUCK + textwrap.dedent(part)

    return machine.run(whole(text), **{name: whole(child) for name, child in children.items()})
