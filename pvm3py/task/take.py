# SPDX-License-Identifier: MIT
"""Receiving: any message, or an object."""

from __future__ import annotations

import math
import threading
import time
from functools import partial
from typing import Any, Protocol, TypeVar

from pvm3py import classic
from pvm3py._task import ffi, lib
from pvm3py.binding import objects
from pvm3py.binding.enums import Code
from pvm3py.binding.errors import BadParam, NoTask, Timeout, check
from pvm3py.binding.items import Item
from pvm3py.binding.post import HEAD, read_into

from .members import Tid, tid_of
from .message import Message, NotAnObject, Received, receive_into

ANY = -1

_sizeof = ffi.sizeof
_FOREVER = -1.0
_BRIEFLY: int = lib.PVM_BRIEFLY
# Seconds after which a receive from one task looks whether that runs.
LOOK_SECONDS = 1.0
_Got_co = TypeVar("_Got_co", covariant=True)


class _Room(threading.local):
    """Where a thread's receives put a message's description and its first bytes."""

    def __init__(self) -> None:
        arrival, head = ffi.new("struct pvmarrival *"), ffi.new("char[]", HEAD)
        self.parts = arrival, head, ffi.buffer(head)


_room = _Room()


def described(source: int, tag: int) -> str:
    """Whom a receive waits for, in words."""
    whom = "from any task" if source == ANY else f"from t{source:x}"
    return f"{whom} ({'any tag' if tag == ANY else f'tag {tag}'})"


def require_numbers(source: object, tag: object, timeout: object) -> None:
    """Raise TypeError if that is not what a receive can wait for."""
    for what, value, wanted in (
        ("the source is a tid or ANY", source, "__index__"),
        ("the tag is a number or ANY", tag, "__index__"),
        ("the timeout is seconds or None", 0 if timeout is None else timeout, "__float__"),
    ):
        if not hasattr(value, wanted):
            raise TypeError(f"{what}, not {type(value).__name__}")


def take(
    function: str, source: int = ANY, tag: int = ANY, *, timeout: float | None = None
) -> Message:
    """Wait for a message and take it, whatever it is. Raises Timeout."""
    arrival = ffi.new("struct pvmarrival *")
    code = lib.pvmtake(source, tag, _seconds(timeout), arrival, ffi.NULL, 0, ffi.NULL)
    if code <= 0:
        _require(function, code, source, tag)
    return Message.of(arrival)


def fill(place: tuple[Item, Any, int], source: int, tag: int, *, timeout: float | None) -> Received:
    """Wait for a message, and fill a buffer, described by in_memory, with it. Raises Timeout.

    Raises Mismatch, before anything is written, if it does not fit.
    """
    arrival = _room.parts[0]
    memory = place[1]
    code = lib.pvmfill(source, tag, _seconds(timeout), arrival, memory, _sizeof(memory))
    if code <= 0:
        _require("Recv", code, source, tag)
    if arrival.id:
        return receive_into(Message.of(arrival), place)
    return Received(tid_of(arrival.tid), arrival.tag, place[2])


def look(source: int, tag: int, timeout: float | None) -> Message | None:
    """Wait for a message, and leave it where it is. None: none came."""
    arrival = ffi.new("struct pvmarrival *")
    try:
        code = lib.pvmlook(source, tag, _seconds(timeout), arrival)
    except TypeError:
        require_numbers(source, tag, timeout)
        raise
    if check("probe", code, described(source, tag)) == 0:
        return None
    return Message.of(arrival, queued=True)


def take_object(source: int = ANY, tag: int = ANY, *, timeout: float | None = None) -> Any:
    """Wait for an object. Raises Timeout, NotAnObject."""
    arrival, head, room = _room.parts
    code = lib.pvmtake(source, tag, _seconds(timeout), arrival, head, HEAD, objects.MAGIC)
    if code <= 0:
        _require("recv", code, source, tag)
    if arrival.id:
        array = _array(arrival, room)
        return _large(Message.of(arrival), arrival.length, room[:]) if array is None else array
    # A copy: unpickling may run code that receives.
    return _small(room[: arrival.length], arrival.tid, arrival.tag)


def take_packed(
    source: int = ANY, tag: int = ANY, *, timeout: float | None = None
) -> tuple[bytes | Message, int, int]:
    """Wait for a message that ought to be an object; also its sender and its tag. Raises Timeout.

    `unpacked` makes the object of the three.
    """
    came = _packed(source, tag, _seconds(timeout))
    if isinstance(came, int):
        _require("recv", came, source, tag)
        raise AssertionError
    return came


def packed_there() -> tuple[bytes | Message, int, int] | None:
    """As take_packed of any message that is there; None: there is none."""
    return _came(_packed(ANY, ANY, 0))


def packed_soon(source: int, tag: int) -> tuple[bytes | Message, int, int] | None:
    """As take_packed, but wait only as long as a wait looks before it sleeps; None: none came."""
    return _came(_packed(source, tag, _BRIEFLY))


def _came(
    came: int | tuple[bytes | Message, int, int],
) -> tuple[bytes | Message, int, int] | None:
    """What was taken; None: nothing. Raises what the code says."""
    if isinstance(came, int):
        check("recv", came)
        return None
    return came


def _packed(source: int, tag: int, seconds: float) -> int | tuple[bytes | Message, int, int]:
    """What was taken; the code of a receive that brought no message."""
    arrival, head, room = _room.parts
    code: int = lib.pvmtake(source, tag, seconds, arrival, head, HEAD, objects.MAGIC)
    if code <= 0:
        return code
    if arrival.id:
        return Message.of(arrival), arrival.tid, arrival.tag
    return room[: arrival.length], arrival.tid, arrival.tag


class Receive(Protocol[_Got_co]):
    """A receive of so many seconds; raises Timeout."""

    def __call__(self, source: int, tag: int, *, timeout: float | None) -> _Got_co: ...


def from_living(
    receive: Receive[_Got_co], function: str, source: int, tag: int, timeout: float | None
) -> _Got_co:
    """What a receive gives, which does not wait for a task that has ended.

    Raises Timeout; NoTask if the source has ended, and nothing is there of it; TypeError: what it
    is to wait for are no numbers.
    """
    try:
        return _from_living(receive, function, source, tag, timeout)
    except TypeError:
        require_numbers(source, tag, timeout)
        raise


def _from_living(
    receive: Receive[_Got_co], function: str, source: int, tag: int, timeout: float | None
) -> _Got_co:
    if source == ANY or (timeout is not None and timeout <= LOOK_SECONDS):
        return receive(source, tag, timeout=timeout)
    end = math.inf if timeout is None else time.monotonic() + timeout
    seconds = LOOK_SECONDS
    while True:
        try:
            return receive(source, tag, timeout=seconds)
        except Timeout:
            if has_ended(source):
                break
            seconds = min(LOOK_SECONDS, end - time.monotonic())
            if seconds <= 0:
                raise
    try:
        return receive(source, tag, timeout=0)
    except Timeout:
        raise ended(function, source, tag) from None


def has_ended(source: int) -> bool:
    """Whether a source is a task that runs no more; all that it has sent is there then."""
    try:
        return not classic.pstat(source)
    except BadParam:
        return False  # a daemon


def ended(function: str, source: int, tag: int) -> NoTask:
    """The error of a receive from a task that has ended."""
    return NoTask(
        Code.NO_TASK, function, "it has ended, and nothing is there of it", described(source, tag)
    )


def unpacked(packed: bytes | Message, sender: int, tag: int) -> Any:
    """The object of what take_packed has taken. Raises NotAnObject."""
    if isinstance(packed, bytes):
        return _small(packed, sender, tag)
    return _large(packed, packed.length, b"")


def _small(body: bytes, sender: int, tag: int) -> Any:
    """The object of a body that was read as it came. Raises NotAnObject."""
    try:
        return objects.load_small(body)
    except objects.Malformed as error:
        raise NotAnObject(Message.remade(body, Tid(sender), tag), str(error)) from None


def _array(arrival: Any, start: Any) -> Any:
    """The array that a large message is, of which only `start` was read.

    None: it is none, or none like it has come before.
    """
    found = objects.find_array(arrival.length, start)
    if found is None:
        return None
    offset, memory, make = found
    check("upkbyte", lib.pvmdrain(arrival.id, offset, memory, len(memory)))
    return make()


def _large(message: Message, length: int, start: bytes) -> Any:
    """The object of a message of which only the first bytes were read. Raises NotAnObject."""
    try:
        obj = objects.load(length, partial(read_into, message.id), start=start[:length])
    except objects.Malformed as error:
        raise NotAnObject(message, str(error)) from None
    message.release()
    return obj


def _seconds(timeout: float | None) -> float:
    return _FOREVER if timeout is None else timeout if timeout > 0 else 0.0


def _require(function: str, code: int, source: int, tag: int) -> None:
    """Raise what the code of a receive says that brought no message."""
    check(function, code, described(source, tag))
    raise Timeout(0, function, "", described(source, tag))
