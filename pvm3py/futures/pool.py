# SPDX-License-Identifier: MIT
"""The engine of an executor: one thread receives what workers say, and hands out the items.

The thread is the only one that receives, in a message context of the pool's own. Items are handed
out by it, and by the thread that submits one while a worker is free. One lock guards the schedule,
and what is sent because of it, so that a worker gets its items in the schedule's order. Futures are
set without it: what waits for them may submit more. As a thread that waits is woken by each, those
that are there together are set together.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass
from typing import Any

from pvm3py import classic
from pvm3py._task import lib
from pvm3py.binding.errors import ConnectionLost, check
from pvm3py.binding.post import send_object, send_parts
from pvm3py.task import Tid
from pvm3py.task.message import Message
from pvm3py.task.take import packed_there, take_packed, unpacked

from .calls import chained, describe, pack_call
from .crew import Crew, Nursery, Worker
from .errors import PoolBroken, RemoteTraceback, WorkerDied, ended
from .machine import shared
from .schedule import Hand, Item, Schedule
from .words import Word

# Workers that may die one after the other without a finished item between them.
DEATHS_IN_A_ROW = 5
# An item of more bytes is a message of its own.
_SMALL = 4096
# Results that are set together, if they are there together: each may wake a thread.
_TOGETHER = 32

Came = tuple[bytes | Message, int, int]


@dataclass(frozen=True)
class WorkerInfo:
    """One worker.

    done     calls that it has finished
    waiting  calls that it has, the running one included
    busy     seconds that it has spent in calls
    """

    tid: Tid
    host: str
    pid: int
    done: int
    waiting: int
    busy: float


@dataclass(frozen=True)
class Statistics:
    """How a pool fares.

    waiting  calls that no worker has yet
    deaths   of workers, since the pool began
    mean     seconds that a call takes, None: nothing has finished
    """

    name: str
    workers: tuple[WorkerInfo, ...]
    waiting: int
    deaths: int
    mean: float | None


class Pool:
    """What an executor works with; it lives until its last item is done.

    attempts  deaths of workers that an item may cause
    private   whether the machine is the private one
    """

    def __init__(
        self,
        name: str,
        attempts: int,
        prefetch: int,
        make_crew: Callable[[Callable[[Worker], None]], Crew],
        private: bool,
    ) -> None:
        self._name = name
        self._attempts = attempts
        self._lock = threading.RLock()
        self._schedule = Schedule(prefetch)
        self._crew = make_crew(self._worker_dead)
        self._private = private
        self._deaths = 0
        self._in_a_row = 0
        self._lost_nursery: Nursery | None = None
        self._closing = False
        self._quitting = False
        self._ended = self._lost = False
        self._broken: BaseException | None = None
        # Results that have come and are not set yet.
        self._results: list[tuple[Item, Any, BaseException | None]] = []
        self._context = classic.newcontext()
        self._me = classic.mytid()
        self._words: dict[int, Callable[[int, Any], None]] = {
            Word.HELLO: self._hello,
            Word.READY: self._ready,
            Word.UNFIT: self._unfit,
            Word.PRINTED: lambda _, obj: self._crew.printed(*obj),
            Word.ENDED: lambda _, obj: self._crew.ended(*obj),
        }
        self.thread = threading.Thread(target=self._run, name=f"pvm3py-{name}", daemon=True)
        self.thread.start()

    # ---- for the executor ---------------------------------------------------------------

    def submit(self, function: Callable[..., Any], args: Any, kwargs: Any) -> Future[Any]:
        """Queue a call. Raises PoolBroken; RuntimeError: the pool is closed."""
        future: Future[Any] = Future()
        self._check_open()
        try:
            item = Item(future, function, pack_call(function, args, kwargs))
        except Exception as error:  # whatever pickling may raise
            future.set_exception(error)
            return future
        with self._lock:
            self._check_open()
            self._schedule.queue.append(item)
            if self._schedule.has_room:
                self._hand_out_from_here()
        return future

    def _check_open(self) -> None:
        if self._broken is not None:
            raise self._broken
        if self._closing:
            raise RuntimeError("cannot schedule new futures after shutdown")

    def _hand_out_from_here(self) -> None:
        """Hand out in a thread of the program, which is in another context."""
        before = lib.pvm_setcontext(self._context)
        try:
            self._hand_out()
        except ConnectionLost:
            pass  # the pool's thread sees that as well
        finally:
            lib.pvm_setcontext(before)

    def close(self, *, cancel: bool, kill: bool) -> None:
        """Take no more items, and end when the last one is done.

        cancel  those that no worker has yet are cancelled
        kill    workers end now; what they were running fails
        """
        with self._lock:
            if self._ended:
                return
            self._closing = True
            if cancel or kill:
                for item in self._schedule.queue:
                    item.future.cancel()
            if kill:
                self._attempts = 0
            self._wake(kill=kill)

    def _wake(self, *, kill: bool = False) -> None:
        """Have the pool's thread look whether it is over."""
        before = lib.pvm_setcontext(self._context)
        try:
            send_object([self._me], Word.KILL if kill else Word.QUIT, None)
        except ConnectionLost:
            pass  # that ends the thread's wait, too
        finally:
            lib.pvm_setcontext(before)

    @property
    def mean(self) -> float | None:
        """Seconds that a call takes, None: nothing has finished."""
        return self._schedule.mean

    def statistics(self) -> Statistics:
        """How it fares now."""
        with self._lock:
            workers = tuple(
                self._info(worker, hand)
                for worker in self._crew.workers.values()
                if worker.tid is not None and (hand := self._schedule.hands.get(worker.tid))
            )
            waiting = len(self._schedule.queue)
            return Statistics(self._name, workers, waiting, self._deaths, self._schedule.mean)

    @staticmethod
    def _info(worker: Worker, hand: Hand) -> WorkerInfo:
        return WorkerInfo(
            Tid(hand.tid), worker.nursery.host, worker.pid, hand.done, len(hand.items), hand.busy
        )

    # ---- the thread --------------------------------------------------------------------------

    def _run(self) -> None:
        lib.pvm_setcontext(self._context)
        try:
            self._crew.start()
            self._serve()
        except BaseException as error:
            self._break(error)
        finally:
            self._end()

    def _serve(self) -> None:
        while not self._over:
            came: Came | None = take_packed()
            try:
                while came is not None:
                    self._take(*came)
                    came = packed_there() if len(self._results) < _TOGETHER else None
            finally:
                self._settle()

    def _take(self, packed: bytes | Message, source: int, word: int) -> None:
        if word == Word.RESULT:
            self._result(source, packed)
        elif word == Word.FAILED:
            self._failure(source, packed)
        else:
            self._hear(source, word, packed)

    def _settle(self) -> None:
        """Set the futures of the results that have come, which wakes who waits for them."""
        results, self._results = self._results, []
        for item, value, error in results:
            if error is None:
                item.future.set_result(value)
            else:
                item.future.set_exception(error)

    @property
    def _over(self) -> bool:
        """Whether there is nothing to do any more, and nobody to do it."""
        if not self._closing:
            return False
        with self._lock:
            if not self._quitting and not self._schedule.busy:
                self._quitting = True
                self._crew.quit(kill=False)
        return self._quitting and not self._crew.nurseries

    def _hear(self, source: int, word: int, packed: bytes | Message) -> None:
        """See to anything but results."""
        if word == Word.GONE and isinstance(packed, Message):
            with self._lock:
                self._crew.gone(packed.unpack("int"))
        elif word == Word.OUTPUT and isinstance(packed, Message):
            self._output(packed)
        elif word == Word.KILL:
            with self._lock:
                self._quitting = True
                self._crew.quit(kill=True)
        elif word in self._words:
            self._words[word](source, unpacked(packed, source, word))

    def _output(self, message: Message) -> None:
        """A nursery has printed something; negative numbers tell begin and end of its output."""
        tid, length = message.unpack("int", 2)
        if length > 0:
            self._crew.nursery_printed(tid, message.unpack("byte", length))

    def _hello(self, source: int, processors: int) -> None:
        with self._lock:
            self._crew.hello(source, processors)

    def _ready(self, source: int, about: tuple[int, int]) -> None:
        with self._lock:
            if self._crew.ready(source, *about):
                self._schedule.join(source)
                self._hand_out()
                if self._quitting:
                    send_object([source], Word.QUIT, None)

    def _unfit(self, _: int, text: str) -> None:
        error = PoolBroken("the initializer of a worker raised an exception")
        error.__cause__ = RemoteTraceback(text)
        raise error

    # ---- items -----------------------------------------------------------------------------

    def _hand_out(self) -> None:
        """Send workers what the schedule has for them."""
        for hand, items in self._schedule.assign():
            if len(items) > 1 and all(map(_is_small, items)):
                send_object([hand.tid], Word.CALLS, [item.parts[0] for item in items])
            else:
                for item in items:
                    _send(hand.tid, item)

    def _result(self, source: int, packed: bytes | Message) -> None:
        try:
            seconds, value = unpacked(packed, source, Word.RESULT)
        except Exception as error:  # whatever unpickling may raise
            self._failed(source, error, None)
            return
        item = self._done(source, seconds)
        if item is not None:
            self._results.append((item, value, None))

    def _failure(self, source: int, packed: bytes | Message) -> None:
        seconds, error, text = unpacked(packed, source, Word.FAILED)
        self._failed(source, chained(error, text), seconds)

    def _failed(self, source: int, error: BaseException, seconds: float | None) -> None:
        item = self._done(source, seconds)
        if item is not None:
            self._results.append((item, None, error))

    def _done(self, source: int, seconds: float | None) -> Item | None:
        """A worker has finished its first item: give it others."""
        with self._lock:
            self._in_a_row = 0
            item = self._schedule.done(source, seconds)
            if self._schedule.queue:
                self._hand_out()
        return item

    # ---- deaths ----------------------------------------------------------------------------

    def _worker_dead(self, worker: Worker) -> None:
        """Run again elsewhere what a dead worker had. The lock is held."""
        item = None
        if worker.tid in self._schedule.hands:
            item = self._schedule.leave(worker.tid)
        if item is not None:
            self._blame(item, worker)
        if self._quitting:
            return
        self._deaths += 1
        self._count(worker)
        if self._in_a_row >= DEATHS_IN_A_ROW:
            raise PoolBroken(
                f"{self._in_a_row} workers died one after the other; the last one, on "
                f"{worker.nursery.host}, {ended(worker.status)}\n"
                + worker.printed.decode(errors="replace")
            )
        self._crew.renew(worker)
        self._hand_out()

    def _count(self, worker: Worker) -> None:
        """Count deaths in a row; those of a lost nursery's workers are one."""
        if worker.status is not None or worker.nursery is not self._lost_nursery:
            self._in_a_row += 1
        if worker.status is None:
            self._lost_nursery = worker.nursery

    def _blame(self, item: Item, worker: Worker) -> None:
        """An item was running when its worker died."""
        item.deaths += 1
        if item.deaths < self._attempts:
            self._schedule.again(item)
            return
        text = worker.printed.decode(errors="replace")
        what = describe(item.function, item.parts)
        item.future.set_exception(
            WorkerDied(what, worker.tid or 0, worker.nursery.host, worker.status, text)
        )

    # ---- the end ---------------------------------------------------------------------------

    def _break(self, error: BaseException) -> None:
        """Nothing can be run any more: every item fails, and the workers end."""
        broken = error if isinstance(error, PoolBroken) else PoolBroken(f"the pool ended: {error}")
        if broken is not error:
            broken.__cause__ = error
        with self._lock:
            self._broken = broken
            self._quitting = self._closing = True
        self._fail_all(broken)
        if isinstance(error, ConnectionLost):
            self._lost = True
        else:
            self._end_workers()

    def _fail_all(self, error: BaseException) -> None:
        """Fail every item that is not done."""
        with self._lock:
            items = self._schedule.clear()
        for item in items:
            if item.start():
                item.future.set_exception(error)

    def _end_workers(self) -> None:
        """Kill what is there, and wait until it has gone."""
        try:
            self._crew.quit(kill=True)
            while self._crew.nurseries:
                packed, source, word = take_packed()
                if word not in (Word.RESULT, Word.FAILED, Word.UNFIT, Word.READY):
                    self._hear(source, word, packed)
        except ConnectionLost:
            self._lost = True

    def _end(self) -> None:
        """Give back the context, and leave the private machine."""
        self._fail_all(PoolBroken("the pool was ended"))
        with self._lock:
            self._ended = True
        lib.pvm_setcontext(0)
        if not self._lost:
            classic.freecontext(self._context)
        shared.leave(self._private)


def _is_small(item: Item) -> bool:
    return len(item.parts) == 1 and item.size <= _SMALL


def _send(tid: int, item: Item) -> None:
    """Send an item as a message of its own."""
    parts = item.parts
    if len(parts) == 1:
        check("send", lib.pvmsendbytes(tid, Word.CALL, parts[0], len(parts[0])))
    else:
        send_parts([tid], Word.CALL, parts)
