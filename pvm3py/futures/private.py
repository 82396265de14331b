# SPDX-License-Identifier: MIT
"""A machine of one host for pools of a program that is in none."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
import threading

from pvm3py import classic
from pvm3py._task import lib
from pvm3py.root import launcher
from pvm3py.task import Task

_VARIABLES = ("PVM_TMP", "PVM_VMID", "PVMSOCK", "PVM_ALLOW_ROOT")
# Seconds that a daemon has to end in.
_PATIENCE = 30.0


class PrivateMachine:
    """A daemon with a directory of its own, in which this process is a task.

    directory  where its sockets and its log are
    """

    def __init__(self) -> None:
        self.directory = tempfile.mkdtemp(prefix="pvm3py-")
        self._before = {name: os.environ.get(name) for name in _VARIABLES}
        os.environ.update(PVM_TMP=self.directory, PVM_VMID=f"pool{os.getpid()}", PVM_ALLOW_ROOT="1")
        os.environ.pop("PVMSOCK", None)
        try:
            self._start()
        except BaseException:
            self._restore()
            raise

    def _start(self) -> None:
        self._daemon = subprocess.Popen(
            [str(launcher())],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            start_new_session=True,
        )
        assert self._daemon.stdout
        with self._daemon.stdout as output:
            output.readline()  # its address: it serves
        try:
            Task().__enter__()
        except BaseException:
            self._end_daemon()
            raise

    def end(self) -> None:
        """End the daemon and all its tasks; this process leaves it. Nothing stays."""
        Task().__exit__()
        self._end_daemon()
        self._restore()

    def _end_daemon(self) -> None:
        self._daemon.terminate()
        try:
            self._daemon.wait(_PATIENCE)
        except subprocess.TimeoutExpired:
            self._daemon.kill()
            self._daemon.wait()

    def _restore(self) -> None:
        for name, value in self._before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value
        shutil.rmtree(self.directory, ignore_errors=True)


class _Shared:
    """The private machine that all pools of this process use, as long as there is one."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._users = 0
        self._machine: PrivateMachine | None = None

    def join(self) -> str | None:
        """Be in a machine: that of this process, or else a private one, whose directory it is."""
        with self._lock:
            if self._machine is None and not _is_task():
                self._machine = PrivateMachine()
            if self._machine is None:
                classic.mytid()
                return None
            self._users += 1
            return self._machine.directory

    def leave(self, directory: str | None) -> None:
        """Use it no more; `directory` is what join has returned."""
        if directory is None:
            return
        with self._lock:
            self._users -= 1
            if self._users == 0 and self._machine is not None:
                machine, self._machine = self._machine, None
                machine.end()


def _is_task() -> bool:
    """Whether this process is in a machine, or was spawned by one."""
    return int(lib.pvmmytid) != -1 or "PVMEPID" in os.environ


shared = _Shared()
