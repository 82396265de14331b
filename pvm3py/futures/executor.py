# SPDX-License-Identifier: MIT
"""The executor: concurrent.futures over the hosts of a virtual machine."""

from __future__ import annotations

import os
import sys
import time
import weakref
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Executor, Future
from typing import Any, Literal, Self, TypeVar

from pvm3py.task import VirtualMachine
from pvm3py.task.spawning import main_module

from .calls import pack_whole
from .crew import Crew
from .machine import shared
from .mapping import Mapping
from .pool import Pool, Statistics, WorkerInfo
from .progress import shown
from .words import Setup

_T = TypeVar("_T")


class PvmPoolExecutor(Executor):
    """Runs calls in worker tasks on the hosts of the machine that this process is in.

    A process that is in none gets a private machine on this host, which ends with its last pool.
    Futures are those of concurrent.futures.

    max_workers  how many workers; None: as many as the hosts have processors
    machine      of this process; None: the one that it is in, or else a private one
    where        name or architecture of the hosts that are used; None: all
    initializer  is called in each worker with `initargs`; an exception in it breaks the pool
    attempts     a call that was running in so many workers that died fails with WorkerDied; 1: no
                 call is ever run twice
    per_host     at most so many workers on a host
    prefetch     calls that a worker has at a time; more if they are very short, and only the one
                 that it runs if they are long
    name         of the pool, in `stats` and in the names of its thread

    Calls run at least once, and their results are delivered once. An exception of the function is a
    result: it is not run again. Functions and arguments travel as pickle has them, large buffers
    without a copy; arguments must not be changed until the call is done. What a function is
    imported from, a script too, is imported by the workers: what a script does itself belongs under
    `if __name__ == "__main__":`.

    Raises ValueError; ConnectionLost: there is no machine, and a private one does not start.
    """

    def __init__(
        self,
        max_workers: int | None = None,
        *,
        machine: VirtualMachine | None = None,
        where: str | None = None,
        initializer: Callable[..., object] | None = None,
        initargs: tuple[Any, ...] = (),
        attempts: int = 3,
        per_host: int | None = None,
        prefetch: int = 2,
        name: str = "pool",
    ) -> None:
        for label, number in (
            ("max_workers", max_workers),
            ("attempts", attempts),
            ("per_host", per_host),
            ("prefetch", prefetch),
        ):
            if number is not None and not isinstance(number, int):
                raise TypeError(f"{label} is a number, not {type(number).__name__}")
            if number is not None and number < 1:
                raise ValueError(f"{label} is at least 1, not {number}")
        start = None if initializer is None else pack_whole(initializer, initargs)
        if machine is not None and not machine.current:
            raise RuntimeError(f"{machine!r} is not the machine of this process")
        private = shared.join()
        try:
            setup = Setup(_path(), sys.argv[:], os.getcwd(), main_module(), start)
            self._pool = Pool(
                name,
                attempts,
                prefetch,
                lambda dead: Crew(setup, where, max_workers, per_host, dead),
                private,
            )
        except BaseException:
            shared.leave(private)
            raise
        # At the end of the interpreter, too: what was submitted is done before.
        self._finish = weakref.finalize(self, _finish, self._pool)

    def submit(self, fn: Callable[..., _T], /, *args: Any, **kwargs: Any) -> Future[_T]:
        """Have a function called in a worker.

        The future can be cancelled until a worker has the call. Raises BrokenExecutor;
        RuntimeError: it was shut down.
        """
        return self._pool.submit(fn, args, kwargs)

    def map(
        self,
        fn: Callable[..., _T],
        *iterables: Iterable[Any],
        timeout: float | None = None,
        chunksize: int | Literal["auto"] = 1,
        buffersize: int | None = None,
        ordered: bool = True,
        progress: bool = False,
    ) -> Iterator[_T]:
        """Call a function with the items of iterables, as map does; an iterator of the results.

        timeout     seconds from now until fetching a result raises TimeoutError
        chunksize   calls that travel together; "auto": as many as take 5 ms
        buffersize  calls that are submitted before their results are fetched, for iterables
                    without end; None: all of them at once
        ordered     False: results come as calls end
        progress    show it, with tqdm if that is there, else a line a second on a terminal

        An exception of a call is raised in the place of its result, and ends the iterator; calls
        that no worker has by then are cancelled.
        """
        arguments = zip(*iterables, strict=False)
        total = _total(iterables)
        return self._map(fn, arguments, total, timeout, chunksize, buffersize, ordered, progress)

    def starmap(
        self,
        fn: Callable[..., _T],
        iterable: Iterable[tuple[Any, ...]],
        *,
        timeout: float | None = None,
        chunksize: int | Literal["auto"] = 1,
        buffersize: int | None = None,
        ordered: bool = True,
        progress: bool = False,
    ) -> Iterator[_T]:
        """As map, with one iterable: each item is the arguments of a call."""
        total = _total((iterable,))
        return self._map(fn, iterable, total, timeout, chunksize, buffersize, ordered, progress)

    def _map(
        self,
        fn: Callable[..., Any],
        arguments: Iterable[tuple[Any, ...]],
        total: int | None,
        timeout: float | None,
        chunksize: int | Literal["auto"],
        buffersize: int | None,
        ordered: bool,
        progress: bool,
    ) -> Iterator[Any]:
        if chunksize != "auto" and (not isinstance(chunksize, int) or chunksize < 1):
            raise ValueError(f'chunksize is at least 1, or "auto", not {chunksize!r}')
        if buffersize is not None and buffersize < 1:
            raise ValueError(f"buffersize is at least 1, not {buffersize}")
        deadline = None if timeout is None else time.monotonic() + timeout
        mapping = Mapping(self._pool, fn, arguments, chunksize, buffersize, ordered, deadline)
        return shown(mapping.results(), total) if progress else mapping.results()

    def __repr__(self) -> str:
        stats = self._pool.statistics()
        return f"<PvmPoolExecutor {stats.name!r}, {len(stats.workers)} workers>"

    @property
    def workers(self) -> tuple[WorkerInfo, ...]:
        """The workers that are ready."""
        return self._pool.statistics().workers

    def stats(self) -> Statistics:
        """How the pool fares: its workers, what waits, how many workers have died."""
        return self._pool.statistics()

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        """Take no more calls; the workers end when the last one is done.

        wait            return when all is over
        cancel_futures  cancel calls that no worker has
        """
        self._end(wait=wait, cancel=cancel_futures, kill=False)

    def _end(self, *, wait: bool, cancel: bool, kill: bool) -> None:
        self._pool.close(cancel=cancel, kill=kill)
        if wait:
            self._pool.thread.join()
            self._finish.detach()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        """Wait for the calls; an interruption (Ctrl-C) kills the workers instead."""
        interrupted = kind is not None and not issubclass(kind, Exception)
        self._end(wait=True, cancel=interrupted, kill=interrupted)


def _finish(pool: Pool) -> None:
    pool.close(cancel=False, kill=False)
    pool.thread.join()


def _path() -> list[str]:
    """sys.path, for a process that may be in another directory."""
    return [entry or os.getcwd() for entry in sys.path]


def _total(iterables: Iterable[Any]) -> int | None:
    """How many items all have, if they know it."""
    try:
        return min(map(len, iterables), default=0)
    except TypeError:
        return None
