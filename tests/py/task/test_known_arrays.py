# SPDX-License-Identifier: MIT
"""Arrays of numpy in objects: what is remembered of their pickles changes no array."""

from __future__ import annotations

import importlib.util
import pickle
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import pytest
from support.system import missing

from pvm3py._task import ffi
from pvm3py.binding import arrays, objects

if TYPE_CHECKING:
    import numpy as np
elif importlib.util.find_spec("numpy") is None:
    np = None
else:
    import numpy as np

ROUNDS = 3  # the second one finds what the first one has left


@pytest.fixture(autouse=True)
def forgotten() -> Iterator[None]:
    """Nothing is remembered before a test, and after it."""
    if np is None:
        missing("numpy: `make build/stamps/venv-test` brings it")
    for table in (arrays._heads, arrays._makers):
        table.clear()
    yield
    for table in (arrays._heads, arrays._makers):
        table.clear()


def there(obj: object) -> Any:
    """The object as its receiver gets it."""
    data = b""
    for part in objects.dump(obj):
        data += bytes(-len(data) % objects.ALIGN) if data else b""
        data += bytes(part)

    def read(offset: int, memory: Any) -> None:
        assert offset + len(memory) <= len(data)
        ffi.buffer(memory)[:] = data[offset : offset + len(memory)]

    return objects.load(len(data), read)


def remembered() -> tuple[int, int]:
    """Pickles that are known to the sender, and to the receiver."""
    return len(arrays._heads), len(arrays._makers)


@pytest.mark.parametrize("kind", ["f8", "f4", "f2", "i8", "u1", "?", "c8", "c16", "g"])
@pytest.mark.parametrize("shape", [(8192,), (64, 128), (2, 4, 1024), (8192, 1)])
def test_plain_arrays_come_with_their_own_items(kind: str, shape: tuple[int, ...]) -> None:
    chance = np.random.default_rng(5)
    for _ in range(ROUNDS):
        array = (chance.random(shape) * 100).astype(kind)
        again = there(array)
        assert type(again) is np.ndarray
        assert (again.dtype, again.shape) == (array.dtype, array.shape)
        assert (again == array).all() and again.flags.writeable
        again[0] = 1
        assert (there(again) == again).all()
    assert remembered() == (1, 1)


def test_each_array_has_memory_of_its_own() -> None:
    first, second = there(np.zeros(1024)), there(np.zeros(1024))
    first += 1
    assert second.sum() == 0


class Sub(np.ndarray if np is not None else object):  # type: ignore[misc]
    """No plain array."""


def special() -> dict[str, Any]:
    """Arrays that shape and item type do not describe, as large as a plain one."""
    plain = np.arange(8192.0)
    read_only = plain.copy()
    read_only.flags.writeable = False
    return {
        "other byte order": plain.astype(">f8"),
        "metadata": plain.astype(np.dtype("f8", metadata={"unit": "m"})),
        "columns": np.asfortranarray(plain.reshape(64, 128)),
        "a part": np.arange(16384.0)[::2],
        "read-only": read_only,
        "subclass": plain.view(Sub),
        "fields": plain.view([("a", "f4"), ("b", "i4")]),
        "times": plain.astype("i8").view("m8[s]"),
        "texts": np.array(["abc", "d"] * 4096),
        "objects": np.array([None, 1] * 4096, dtype=object),
    }


@pytest.mark.parametrize(
    "name",
    ["other byte order", "metadata", "columns", "a part", "read-only", "subclass", "fields"]
    + ["times", "texts", "objects"],
)
def test_special_arrays_stay_what_they_are_beside_plain_ones(name: str) -> None:
    array = special()[name]
    plain = np.arange(8192.0).reshape(array.shape)
    for _ in range(ROUNDS):
        assert (there(plain) == plain).all()
        again = there(array)
        assert type(again) is type(array) and again.dtype == array.dtype
        assert again.dtype.metadata == array.dtype.metadata
        assert (again == array).all()
        assert again.flags.writeable == array.flags.writeable
        assert again.flags.f_contiguous == array.flags.f_contiguous or name == "a part"
    assert remembered() == (1, 1)


calls: list[int] = []


def counted(buffer: Any) -> Any:
    """An array that a function makes of a buffer."""
    calls.append(len(calls))
    return np.frombuffer(buffer) + len(calls)


class Made:
    """Unpickled it is an array, another one each time."""

    def __reduce__(self) -> Any:
        return counted, (pickle.PickleBuffer(bytearray(8192)),)


def test_function_that_makes_an_array_is_called_each_time() -> None:
    calls.clear()
    got = [there(Made())[0] for _ in range(ROUNDS)]
    assert got == [1.0, 2.0, 3.0] and len(calls) == ROUNDS
    assert remembered() == (0, 0)


def test_pickle_of_an_array_with_a_buffer_that_does_not_fit_is_refused() -> None:
    head, items = objects.dump(np.zeros(1024))
    there(np.zeros(1024))
    data = head[24 + 8 :]
    for size in (8192 - 8, 8192 + 8):
        with pytest.raises(ValueError, match="reshape"):
            objects._made(data, memoryview(bytearray(size)))
    assert len(items) == 8192


def test_array_like_one_before_is_found_in_the_first_bytes_of_a_whole_body() -> None:
    array = np.arange(1024.0)
    head = objects.dump(array)[0]
    total = -(-len(head) // objects.ALIGN) * objects.ALIGN + array.nbytes
    start = head.ljust(4096, b"?")
    assert objects.find_array(total, start) is None  # none has come
    there(array)
    found = objects.find_array(total, start)
    assert found is not None
    offset, memory, make = found
    assert offset == total - array.nbytes
    ffi.buffer(memory)[:] = array.tobytes()
    assert (make() == array).all() and make().flags.writeable
    wrong = {
        "magic": b"?" + start[1:],
        "number of buffers": start[:8] + bytes([2]) + start[9:],
        "length of the pickle": start[:16] + bytes([255, 255]) + start[18:],
        "length of the items": start[:24] + bytes([8]) + start[25:],
        "pickle": start[: len(head) - 2] + b"?" + start[len(head) - 1 :],
    }
    for what, begin in wrong.items():
        assert objects.find_array(total, begin) is None, what
    for length in (total - 1, total + 1):
        assert objects.find_array(length, start) is None


def test_what_is_remembered_is_bounded() -> None:
    for number in range(200):
        there(np.zeros(1024 + number))
        assert max(remembered()) <= arrays._MOST
