# SPDX-License-Identifier: MIT
"""The tasks of a run: what they print, how they end, and who ends with them."""

from __future__ import annotations

import signal
import sys
import threading
from collections.abc import Sequence

from pvm3py.binding.errors import SpawnError
from pvm3py.task import Task, Tid
from pvm3py.task.spawning import place, python_launch

from .member import label_of

# Seconds that tasks have to end after SIGTERM.
_GRACE = 5.0
_FAILED = 1


class Runner:
    """A run. It takes the tasks' lines and their ends, as Taker.

    labelled  every line has its task in front, not only those of tracebacks
    """

    def __init__(self, *, labelled: bool) -> None:
        self._labelled = labelled
        self._labels: dict[int, str] = {}
        self._tids: list[Tid] = []
        self._ended: dict[Tid, int] = {}
        self._status = 0
        self._ending = False
        self._task = Task()
        self._collector = self._task.collecting()
        self._killer: threading.Timer | None = None

    def run(self, words: Sequence[str], count: int) -> int:
        """Run `count` tasks to their end; the exit status: that of the first one that failed.

        Raises SpawnError, KeyboardInterrupt; all tasks have ended then, too.
        """
        launch = python_launch(["-P", "-m", "pvm3py.run.member", *words])
        try:
            self._tids = self._task.start(launch, self, n=count, place=place(None, None))
            self._wait()
        except BaseException as error:
            if isinstance(error, SpawnError):
                self._tids = [Tid(tid) for tid in error.tids]
            self._end_all()
            self._wait()
            raise
        finally:
            if self._killer is not None:
                self._killer.cancel()
        return self._status

    def _wait(self) -> None:
        if self._ending:
            self._end_all()  # also those that were not known yet
        self._collector.wait([self])

    # ---- what tasks do ------------------------------------------------------------

    def line(self, tid: Tid, text: str) -> None:
        """A line of a task; those of a traceback go to standard error."""
        label = self._label(tid)
        if text.startswith(label):
            print(text, file=sys.stderr, flush=True)
        else:
            print(label + text if self._labelled else text, flush=True)

    def ended(self, tid: Tid, status: int | None) -> None:
        """A task has ended. The first one that has failed ends the others."""
        if status is None:
            status = 0 if self._lives(tid) else _FAILED
        self._ended[tid] = status
        if self._ending or not status:
            return
        self._status = status if status > 0 else 128 - status
        if status < 0:
            name = signal.Signals(-status).name
            print(f"{self._label(tid)}ended by {name}", file=sys.stderr, flush=True)
        self._end_all()

    def _label(self, tid: Tid) -> str:
        if tid not in self._labels:
            self._labels[tid] = label_of(tid)
        return self._labels[tid]

    def _lives(self, tid: Tid) -> bool:
        """Whether the task's host is there; a daemon of 3.4.6 does not tell the status."""
        try:
            return bool(tid.host)
        except LookupError:
            print(f"{self._label(tid)}its host is gone", file=sys.stderr, flush=True)
            return False

    # ---- the end -------------------------------------------------------------------

    def _end_all(self) -> None:
        """SIGTERM to the tasks that run, and SIGKILL to those that do not heed it."""
        self._ending = True
        self._signal(signal.SIGTERM)
        if self._killer is None:
            self._killer = threading.Timer(_GRACE, self._signal, [signal.SIGKILL])
            self._killer.daemon = True
            self._killer.start()

    def _signal(self, number: signal.Signals) -> None:
        for tid in self._tids:
            if tid not in self._ended:
                tid.signal(number)
