# SPDX-License-Identifier: MIT
"""What spawned tasks print, line by line, and how they end.

The daemons send it in a message context of its own. It is passed on inside any PVM call that takes
in messages.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Protocol, TextIO

from pvm3py import classic
from pvm3py.binding.enums import Event
from pvm3py.binding.start import Target
from pvm3py.wire import constants as c

from .context import within
from .members import Tid
from .message import Message
from .take import take

# A line that gets longer is passed on in pieces.
_LINE_MAX = 65536
# The tag of notices that a task has ended; spawns have those above.
_ENDED = 1


class Taker(Protocol):
    """Who takes what the tasks of a spawn print."""

    def line(self, tid: Tid, text: str) -> None:
        """A line, without its end."""

    def ended(self, tid: Tid, status: int | None) -> None:
        """A task prints nothing more; the exit status, negative: a signal, None: not known."""


@dataclass(frozen=True)
class Lines:
    """Gives each line to a function."""

    function: Callable[[Tid, str], object]

    def line(self, tid: Tid, text: str) -> None:
        """As Taker."""
        self.function(tid, text)

    def ended(self, tid: Tid, status: int | None) -> None:
        """As Taker."""


@dataclass(frozen=True)
class Written:
    """Writes lines to a file, each with its task in front. None: to what sys.stdout is then."""

    file: TextIO | None

    def line(self, tid: Tid, text: str) -> None:
        """As Taker. It needs no descriptor: notebooks have none."""
        file = self.file or sys.stdout
        file.write(f"[{tid}] {text}\n")
        file.flush()

    def ended(self, tid: Tid, status: int | None) -> None:
        """As Taker."""


@dataclass
class _Stream:
    """What is known of a task.

    taker    who takes its lines
    partial  the begin of its next one
    told     the taker knows that it has ended
    gone     the notice of its end has come, the last message but for that of its spawn
    """

    taker: Taker
    partial: bytes = b""
    told: bool = False
    spawned: bool = False
    gone: bool = False


class Collector:
    """The tasks whose output comes to this one, as long as it does not leave the machine."""

    def __init__(self) -> None:
        self.context = classic.newcontext()
        self._takers: dict[int, Taker] = {}
        self._tags: dict[Taker, int] = {}
        self._streams: dict[int, _Stream] = {}
        self._handler: int | None = classic.addmhf(self._handle, context=self.context)

    def target(self, taker: Taker) -> Target:
        """Where tasks are to send what they print."""
        tag = self._tags.setdefault(taker, _ENDED + 1 + len(self._tags))
        self._takers[tag] = taker
        return Target(classic.mytid(), self.context, tag)

    def _stream(self, tid: int, taker: Taker) -> _Stream:
        """What is known of a task, which is watched from the first news of it on."""
        if tid not in self._streams:
            self._streams[tid] = _Stream(taker)
            with within(self.context):
                classic.notify(Event.TASK_EXIT, _ENDED, [tid])
        return self._streams[tid]

    # ---- messages ----------------------------------------------------------------------

    def _handle(self, info: classic.MessageInfo) -> None:
        self._take(Message.of_handler(info.bufid))

    def _take(self, message: Message) -> None:
        """A message of a daemon: text of a task, news about it, or its end."""
        tid = message.unpack("int")
        if message.tag == _ENDED:
            stream = self._streams[tid]
            stream.gone = True
            self._end(tid, stream, None)
        elif message.tag in self._takers:
            stream = self._stream(tid, self._takers[message.tag])
            self._news(tid, stream, message.unpack("int"), message)
        else:
            return
        if stream.gone and stream.spawned:
            del self._streams[tid]

    def _news(self, tid: int, stream: _Stream, kind: int, message: Message) -> None:
        if kind > 0:
            self._text(tid, stream, message.unpack("byte", kind))
        elif kind == c.TO_EOF:
            self._flush(tid, stream)
        elif kind == c.WIRE_TO_STATUS:
            self._end(tid, stream, os.waitstatus_to_exitcode(message.unpack("int")))
        stream.spawned |= kind == c.TO_SPAWN

    def _text(self, tid: int, stream: _Stream, text: bytes) -> None:
        *lines, stream.partial = (stream.partial + text).split(b"\n")
        if len(stream.partial) > _LINE_MAX:
            lines.append(stream.partial)
            stream.partial = b""
        for line in lines:
            stream.taker.line(Tid(tid), line.decode(errors="backslashreplace"))

    def _flush(self, tid: int, stream: _Stream) -> None:
        """The last line ends although no end of line came."""
        if stream.partial:
            self._text(tid, stream, b"\n")

    def _end(self, tid: int, stream: _Stream, status: int | None) -> None:
        """A task has ended. The notice of that comes behind its status, if both come."""
        if not stream.told:
            stream.told = True
            self._flush(tid, stream)
            stream.taker.ended(Tid(tid), status)

    # ---- the end ------------------------------------------------------------------------

    def running(self, takers: Iterable[Taker]) -> bool:
        """Whether tasks of one of these takers have not ended."""
        chosen = list(takers)
        return any(stream.taker in chosen and not stream.told for stream in self._streams.values())

    def wait(self, takers: Iterable[Taker]) -> None:
        """Pass on what tasks of these takers print until all of them have ended."""
        chosen = list(takers)
        self._release()
        with within(self.context):
            while self.running(chosen):
                message = take("output")
                try:
                    self._take(message)
                finally:
                    message.release()

    def _release(self) -> None:
        """No call but `wait` takes in the messages from now on."""
        number, self._handler = self._handler, None
        if number is not None:
            classic.delmhf(number)

    def forget(self) -> None:
        """The daemon has gone, and all tasks with it."""
        self._release()

    def close(self) -> None:
        """Take no more messages."""
        self._release()
        classic.freecontext(self.context)
