# SPDX-License-Identifier: MIT
"""Many calls of one function: in chunks, in order or as they come, with a limit to what is out."""

from __future__ import annotations

import itertools
import threading
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future
from typing import Any, Literal

from .calls import chained, traceback_text
from .pool import Pool

Arguments = tuple[Any, ...]
# Seconds that a chunk of chunksize "auto" is to take.
_CHUNK_SECONDS = 0.005
# Chunks of one call that are sent before it is known how long one takes.
_PROBES = 16
# Chunks that each worker gets at least, if there are as many calls.
_SHARES = 4


# What became of a chunk: the results, the seconds that it took, and the exception that ended it,
# with its traceback.
Outcome = tuple[list[Any], float, tuple[BaseException, str] | None]


def run_chunk(function: Callable[..., Any], chunk: tuple[Arguments, ...]) -> Outcome:
    """In a worker: call a function with each of these arguments."""
    start = time.perf_counter()
    values: list[Any] = []
    failure = None
    try:
        for args in chunk:
            values.append(function(*args))
    except Exception as error:
        failure = (error, traceback_text(error))
    return values, time.perf_counter() - start, failure


def _values(outcome: Outcome) -> Iterator[Any]:
    """The results of a chunk; then the exception that ended it is raised."""
    values, _, failure = outcome
    yield from values
    if failure is not None:
        raise chained(*failure)


class Mapping:
    """Calls of one function with many arguments, and their results.

    size      calls in a chunk; "auto": as many as take 5 ms
    limit     calls that are submitted before their results are fetched, None: all, at once
    ordered   results come in the order of the arguments, not as calls end
    deadline  time.monotonic() at which fetching fails, None: never
    """

    def __init__(
        self,
        pool: Pool,
        function: Callable[..., Any],
        arguments: Iterable[Arguments],
        size: int | Literal["auto"],
        limit: int | None,
        ordered: bool,
        deadline: float | None,
    ) -> None:
        self._pool = pool
        self._function = function
        self._rest: Iterator[Arguments] = iter(arguments)
        self._size = 1 if size == "auto" else size
        # Calls that travel alone are sent as they are, not as a chunk of one.
        self._alone = size == 1
        self._probing = size == "auto"
        self._limit = limit
        self._deadline = deadline
        self._changed = threading.Condition(threading.RLock())
        # Chunks that are out in the order in which they are to be fetched, with their calls.
        self._fetchable: deque[Future[Any]] = deque()
        self._calls: dict[Future[Any], int] = {}
        self._ordered = ordered
        self._exhausted = False
        self._out = 0
        with self._changed:
            self._submit_probes() if self._probing else self._submit_more()

    # ---- submitting ---------------------------------------------------------------

    def _submit_probes(self) -> None:
        """Find by some calls how long one takes; the first result has the others submitted."""
        probes = list(itertools.islice(self._rest, min(_PROBES, self._limit or _PROBES)))
        if len(probes) == 0:
            self._exhausted = True
        for number, args in enumerate(probes):
            future = self._submit_chunk((args,))
            if number == 0:
                future.add_done_callback(self._probed)

    def _probed(self, future: Future[Any]) -> None:
        """A call has been timed: submit the others."""
        seconds = _CHUNK_SECONDS
        if not future.cancelled() and future.exception() is None:
            seconds = max(future.result()[1], 1e-7)
        with self._changed:
            self._size = max(1, int(_CHUNK_SECONDS / seconds))
            if self._limit is None:
                rest = list(self._rest)
                self._rest = iter(rest)
                workers = max(1, len(self._pool.statistics().workers))
                self._size = max(1, min(self._size, len(rest) // (workers * _SHARES)))
            self._probing = False
            try:
                self._submit_more()
            except RuntimeError:
                self._exhausted = True  # the pool was closed meanwhile
            self._changed.notify_all()

    def _submit_more(self) -> None:
        """Submit as much as may be out."""
        while not self._exhausted and not self._probing:
            room = self._size if self._limit is None else self._limit - self._out
            if room <= 0:
                return
            self._submit_next(min(room, self._size))

    def _submit_next(self, size: int) -> None:
        chunk = tuple(itertools.islice(self._rest, size))
        if not chunk:
            self._exhausted = True
        else:
            self._submit_chunk(chunk)

    def _submit_chunk(self, chunk: tuple[Arguments, ...]) -> Future[Any]:
        if self._alone:
            future = self._pool.submit(self._function, chunk[0], {})
        else:
            future = self._pool.submit(run_chunk, (self._function, chunk), {})
        self._calls[future] = len(chunk)
        self._out += len(chunk)
        if self._ordered:
            self._fetchable.append(future)
        else:
            future.add_done_callback(self._ended)
        return future

    def _ended(self, future: Future[Any]) -> None:
        with self._changed:
            self._fetchable.append(future)
            self._changed.notify_all()

    # ---- fetching ---------------------------------------------------------------------

    def results(self) -> Iterator[Any]:
        """The results; what is not fetched is cancelled when the iterator is closed.

        Raises TimeoutError, and what calls have raised.
        """
        try:
            while (future := self._next()) is not None:
                result = future.result(self._left())
                if self._alone:
                    yield result
                else:
                    yield from _values(result)
                self._fetched(future)
        finally:
            for future in self._calls:
                future.cancel()

    def _next(self) -> Future[Any] | None:
        """The next chunk to fetch, None: there are no more."""
        with self._changed:
            while not self._fetchable:
                if self._exhausted and not self._calls:
                    return None
                if not self._changed.wait(self._left()):
                    raise TimeoutError
            return self._fetchable.popleft()

    def _fetched(self, future: Future[Any]) -> None:
        """A chunk's results have been used: others may be submitted."""
        with self._changed:
            self._out -= self._calls.pop(future)
            self._submit_more()

    def _left(self) -> float | None:
        return None if self._deadline is None else max(self._deadline - time.monotonic(), 0)
