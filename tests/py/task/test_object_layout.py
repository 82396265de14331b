# SPDX-License-Identifier: MIT
"""How objects lie in messages: round trips, and what a hostile sender may put there."""

from __future__ import annotations

import pickle
import struct
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pvm3py._task import ffi
from pvm3py.binding import objects


class Fatal:
    """Unpickling one of these must never happen."""

    def __reduce__(self) -> Any:
        return pytest.fail, ("it was unpickled",)


def body(obj: object) -> bytes:
    """The whole body, as the library joins the parts."""
    data = b""
    for part in objects.dump(obj):
        data += bytes(-len(data) % objects.ALIGN) if data else b""
        data += part
    return data


def load(data: bytes, **given: Any) -> Any:
    def read(offset: int, memory: Any) -> None:
        assert offset + len(memory) <= len(data)
        ffi.buffer(memory)[:] = data[offset : offset + len(memory)]

    return objects.load(len(data), read, **given)


def apart(*sizes: int) -> list[pickle.PickleBuffer]:
    return [pickle.PickleBuffer(bytearray(bytes([i + 1]) * size)) for i, size in enumerate(sizes)]


@pytest.mark.parametrize(
    "obj", [None, 0, "grüß", [1, (2, {"a": {3}})], b"x" * 100_000, 2.5 + 1j, list(range(10_000))]
)
def test_object_without_buffers_comes_back(obj: object) -> None:
    assert load(body(obj)) == obj
    assert objects.load_small(body(obj)) == obj


@pytest.mark.parametrize("sizes", [(4096,), (5000, 4097), (1 << 20, 4096, 64 * 100), (100,)])
def test_buffers_lie_apart_and_come_back_writable(sizes: tuple[int, ...]) -> None:
    data = body(apart(*sizes))
    for again in (load(data), objects.load_small(data)):
        assert [bytes(b) for b in again] == [bytes([i + 1]) * n for i, n in enumerate(sizes)]
        assert all(not memoryview(b).readonly for b in again)


def test_small_buffers_stay_in_the_pickle() -> None:
    assert len(objects.dump(apart(objects.APART_FROM - 1))) == 1
    assert len(objects.dump(apart(objects.APART_FROM))) == 2


def test_body_begins_as_it_is_documented() -> None:
    data = body(apart(5000))
    magic, count, length, first = struct.unpack_from("<8sQQQ", data)
    assert (magic, count, first) == (objects.MAGIC, 1, 5000)
    at = -(-(32 + length) // 64) * 64
    assert data[at:] == b"\1" * 5000


def test_object_may_stand_in_front_of_something_else() -> None:
    assert load(body([1, 2]) + b"rest", exact=False) == [1, 2]
    with pytest.raises(objects.Malformed):
        load(body([1, 2]) + b"rest")


@pytest.mark.parametrize("cut", [0, 1, 7, 8, 23, 24, 30, 31, 40, -1])
def test_object_that_is_cut_is_not_unpickled(cut: int) -> None:
    data = body([Fatal(), *apart(5000)])
    with pytest.raises(objects.Malformed):
        load(data[:cut])
    with pytest.raises(objects.Malformed):
        objects.load_small(data[:cut])


@pytest.mark.parametrize(
    "head",
    [
        (b"PVM3PY\0\1", 0, 10),
        (b"pvm3py\0\2", 0, 10),
        (objects.MAGIC, 0, 11),
        (objects.MAGIC, 0, 9),
        (objects.MAGIC, 0, 2**64 - 1),
        (objects.MAGIC, 1, 10),
        (objects.MAGIC, 2**61, 10),
        (objects.MAGIC, 2**64 - 1, 0),
    ],
)
def test_wrong_head_is_refused_before_memory_is_asked_for(head: tuple[bytes, int, int]) -> None:
    data = struct.pack("<8sQQ", *head) + pickle.dumps(Fatal())[:10].ljust(10)
    with pytest.raises(objects.Malformed):
        load(data)
    with pytest.raises(objects.Malformed):
        objects.load_small(data)


@given(st.binary(max_size=200), st.booleans())
def test_random_bytes_are_no_object(data: bytes, with_magic: bool) -> None:
    whole = (objects.MAGIC if with_magic else b"") + data
    try:
        load(whole)
    except objects.Malformed:
        return
    except Exception as error:  # a pickle of random bytes
        assert with_magic, error
