# SPDX-License-Identifier: MIT
"""A worker: it runs the calls that its pool sends in their order, and sends each result at once."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from typing import Any

from pvm3py._task import lib
from pvm3py.binding import objects
from pvm3py.binding.errors import ConnectionLost
from pvm3py.binding.post import send_object
from pvm3py.task.message import Message
from pvm3py.task.take import take_packed, unpacked

from .calls import MainLoader, traceback_text
from .words import Setup, Word

_PROGRAM = 0  # the context in which called functions send and receive


class Worker:
    """The loop of one worker.

    pool     tid of the pool's task
    context  in which pool and workers speak
    serial   by which the nursery knows this worker
    """

    def __init__(self, pool: int, context: int, serial: int, setup: Setup) -> None:
        self._pool = [pool]
        self._context = context
        self._serial = serial
        self._setup = setup
        self._main = MainLoader(setup.main)

    def run(self) -> None:
        """Serve until the pool says that it is over, or the machine ends."""
        lib.pvm_setcontext(self._context)
        try:
            if self._is_fit():
                self._say(Word.READY, (self._serial, os.getpid()))
                self._serve()
        except ConnectionLost:
            pass  # nobody is there to work for

    def _serve(self) -> None:
        (pool,) = self._pool
        while True:
            packed, sender, word = take_packed(pool)
            if word == Word.CALL:
                self._answer(packed)
            elif word == Word.CALLS:
                for data in unpacked(packed, sender, word):
                    self._answer(data)
            elif word == Word.QUIT:
                return

    def _is_fit(self) -> bool:
        """Call the initializer. False: it raised, which the pool knows now."""
        data = self._setup.initializer
        try:
            if data is not None:
                self._in_program(*self._call_of(data))
        except BaseException as error:
            self._say(Word.UNFIT, traceback_text(error))
            return False
        return True

    # ---- one call ----------------------------------------------------------------

    def _answer(self, packed: bytes | Message) -> None:
        """Run a call and send what became of it."""
        start = time.perf_counter()
        try:
            value = self._in_program(*self._call_of(packed))
        except BaseException as error:
            self._fail(error, start)
            return
        try:
            self._say(Word.RESULT, (time.perf_counter() - start, value))
        except ConnectionLost:
            raise
        except Exception as error:  # whatever pickling may raise
            error.add_note("the result could not be sent")
            self._fail(error, start)

    def _call_of(self, packed: bytes | Message) -> tuple[Callable[..., Any], tuple[Any, ...]]:
        if isinstance(packed, bytes):
            self._main.prepare(packed)
            return objects.load_small(packed)  # type: ignore[no-any-return]
        self._main.prepare(None)
        return unpacked(packed, 0, 0)  # type: ignore[no-any-return]

    def _in_program(self, function: Callable[..., Any], args: tuple[Any, ...]) -> Any:
        lib.pvm_setcontext(_PROGRAM)
        try:
            return function(*args)
        finally:
            lib.pvm_setcontext(self._context)

    # ---- answers --------------------------------------------------------------------

    def _fail(self, error: BaseException, start: float) -> None:
        """Send an exception; one that cannot be pickled as text."""
        seconds = time.perf_counter() - start
        text = traceback_text(error)
        try:
            objects.load_small(b"".join(objects.dump(error)))
        except Exception:  # whatever pickling may raise
            error = RuntimeError(f"{type(error).__name__}: {error}")
        self._say(Word.FAILED, (seconds, error, text))

    def _say(self, word: Word, obj: object) -> None:
        send_object(self._pool, word, obj)
