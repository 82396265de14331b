# SPDX-License-Identifier: MIT
"""How a Python object lies in a message.

The body is bytes (PvmByte items), so tasks on any architecture can read it:

    8 bytes   magic, with the version of this layout
    u64       n, the number of buffers
    u64       length of the pickle
    n x u64   lengths of the buffers
    ...       the pickle (protocol 5)
    ...       the buffers, each at a multiple of 64

Numbers are little-endian. Nothing is unpickled that does not begin with the magic: a message of a
C task is never taken for an object by chance.

Unpickling runs code that the sender chooses. All tasks of a machine belong to one user, so this
gives a sender nothing that it did not have.
"""

from __future__ import annotations

import pickle
import struct
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

from pvm3py._task import ffi, lib

from . import arrays

MAGIC = b"pvm3py\x00\x01"
ALIGN: int = lib.PVM_PART_ALIGN
# A buffer of fewer bytes stays in the pickle.
APART_FROM = 4096

_HEAD = struct.Struct("<8sQQ")
_HEAD_SIZE = _HEAD.size
# Of an object with one buffer.
_ARRAY_HEAD = struct.Struct("<8sQQQ")
# What small objects need, without a look into another namespace.
_pack_head, _unpack_head, _dumps, _loads, _unpack_array_head = (
    _HEAD.pack, _HEAD.unpack_from, pickle.dumps, pickle.loads, _ARRAY_HEAD.unpack_from,
)  # fmt: skip
_allocate = ffi.new_allocator(should_clear_after_alloc=False)
_CHARS = ffi.typeof("char[]")

_array_kinds = arrays.kinds

# Fill memory (a C array) with the body's bytes from an offset on.
Reader = Callable[[int, Any], None]


class Malformed(ValueError):
    """The message begins as an object does, but is none."""


def dump(obj: object) -> list[Any]:
    """The object as parts of a message: head and pickle, then each buffer, to be aligned."""
    if type(obj) in _array_kinds and (known := arrays.head_of(obj)) is not None:
        return [known, pickle.PickleBuffer(obj).raw()]  # type: ignore[arg-type]
    buffers: list[pickle.PickleBuffer] = []
    data = _dumps(obj, 5, buffer_callback=buffers.append)
    if not buffers:
        return [_pack_head(MAGIC, 0, len(data)) + data]
    try:
        apart = [buffer.raw() for buffer in buffers]
    except BufferError:  # one is not in one piece
        return _dump_apart(obj)
    if any(view.nbytes < APART_FROM for view in apart):
        return _dump_apart(obj)
    parts = _joined(data, apart)
    if len(apart) == 1:
        arrays.learn_head(obj, parts[0])
    return parts


def _dump_apart(obj: object) -> list[Any]:
    """The same of one with buffers of which some are no parts: these stay in the pickle."""
    apart: list[memoryview] = []

    def stays(buffer: pickle.PickleBuffer) -> bool:
        try:
            view = buffer.raw()
        except BufferError:  # not in one piece
            return True
        if view.nbytes >= APART_FROM:
            apart.append(view)
        return view.nbytes < APART_FROM

    return _joined(pickle.dumps(obj, 5, buffer_callback=stays), apart)


def _joined(data: bytes, apart: list[memoryview]) -> list[Any]:
    """The parts: head and pickle, then the buffers."""
    lengths = struct.pack(f"<{len(apart)}Q", *(view.nbytes for view in apart))
    return [_HEAD.pack(MAGIC, len(apart), len(data)) + lengths + data, *apart]


def load_small(body: bytes | memoryview) -> Any:
    """The object of a whole body in memory. Raises Malformed."""
    count, length = _head(body)
    if count == 0 and _HEAD_SIZE + length == len(body):
        return _loads(body[_HEAD_SIZE:])
    view = memoryview(body)

    def read(offset: int, memory: Any) -> None:
        ffi.buffer(memory)[:] = view[offset : offset + len(memory)]

    return load(len(body), read)


def load(total: int, read: Reader, *, start: bytes = b"", exact: bool = True) -> Any:
    """The object of a body of `total` bytes. Raises Malformed.

    start  first bytes of the body, as far as they are known; they are not read again
    exact  the object ends where the body ends

    Lengths are checked against the body's before memory is asked for.
    """

    def some(at: int, length: int) -> bytes | memoryview:
        return start[at : at + length] if at + length <= len(start) else _part(read, at, length)

    if total < _HEAD.size:
        raise Malformed("the object's head is cut")
    count, length = _head(some(0, _HEAD.size))
    if count > (total - _HEAD.size) // 8:
        raise Malformed(f"an object of {count} buffers in a message of {total} bytes")
    lengths = struct.unpack(f"<{count}Q", some(_HEAD.size, 8 * count))
    places = _places(_HEAD.size + 8 * count, [length, *lengths], total)
    if exact and sum(places[-1]) != total:
        raise Malformed(f"the object ends at byte {sum(places[-1])} of {total}")
    data = some(*places[0])
    buffers = [_part(read, at, size) for at, size in places[1:]]
    return _made(bytes(data), buffers[0]) if count == 1 else pickle.loads(data, buffers=buffers)


def find_array(total: int, start: Any) -> tuple[int, Any, Callable[[], Any]] | None:
    """The array in a body of `total` bytes, if one with the same pickle has come before.

    start  first bytes of the body, and of more memory if it has fewer

    Returns where in the body its items begin, memory that these are to be read into, and what
    makes the array then. None: it is none, or is not known.
    """
    magic, count, length, size = _unpack_array_head(start)
    if count != 1 or magic != MAGIC:
        return None
    end = _ARRAY_HEAD.size + length
    maker = arrays.maker_of(start[_ARRAY_HEAD.size : end])
    at = -(-end // ALIGN) * ALIGN
    if maker is None or maker[-1] != size or at + size != total:
        return None
    memory = _allocate(_CHARS, size)
    return at, memory, partial(arrays.make, maker, ffi.buffer(memory))


def _made(data: bytes, buffer: memoryview) -> Any:
    """The object of a pickle with one buffer, often an array."""
    maker = arrays.maker_of(data)
    if maker is not None and maker[-1] == buffer.nbytes:
        return arrays.make(maker, buffer)
    obj = pickle.loads(data, buffers=[buffer])
    # What is no plain array's pickle may do anything.
    if arrays.is_plain(obj) and _dumps(obj, 5, buffer_callback=lambda _: None) == data:
        arrays.learn_maker(data, obj)
    return obj


def _head(body: Any) -> tuple[int, int]:
    try:
        magic, count, length = _unpack_head(body)
    except struct.error:
        raise Malformed("the object's head is cut") from None
    if magic != MAGIC:
        raise Malformed("no object")
    return count, length


def _places(first: int, lengths: Sequence[int], total: int) -> list[tuple[int, int]]:
    """Offset and length of each part, which must lie in the body."""
    places = []
    at = first
    for number, length in enumerate(lengths):
        at = at if number == 0 else -(-at // ALIGN) * ALIGN
        places.append((at, length))
        at += length
        if at > total:
            raise Malformed(f"the object needs {at} bytes and more, the message has {total}")
    return places


def _part(read: Reader, at: int, length: int) -> memoryview:
    memory = _allocate(_CHARS, length)
    read(at, memory)
    return memoryview(ffi.buffer(memory))
