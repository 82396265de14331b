# SPDX-License-Identifier: MIT
"""Plain arrays of numpy whose pickle is known already.

To pickle a large array apart from its items, and to unpickle it, takes as long as to copy 256 KiB
of it, and is the same each time for the same item type and shape. So both are remembered. Numpy is
recognised, never imported. Only writable arrays of numbers in this machine's form, in C order,
are plain.
"""

from __future__ import annotations

from typing import Any

# The array's class, its shape and item type, and the bytes of its items.
Maker = tuple[Any, Any, Any, int]

# Shapes that are remembered in each direction.
_MOST = 64

# By the number of the item type, and shape: the first part of the message.
_heads: dict[tuple[int, Any], bytes] = {}
# By the pickle.
_makers: dict[bytes, Maker] = {}
# numpy.ndarray, once one was sent.
kinds: set[type] = set()


def head_of(obj: Any) -> bytes | None:
    """What stands before the items of an array, of a type in `kinds`; None: that is not known."""
    return _heads.get((obj.dtype.num, obj.shape)) if _has_usual_form(obj) else None


def learn_head(obj: Any, head: bytes) -> None:
    """An object with one buffer has such a first part."""
    if is_plain(obj):
        kinds.add(type(obj))
        if len(_heads) >= _MOST:
            _heads.clear()
        _heads[obj.dtype.num, obj.shape] = head


def maker_of(data: bytes) -> Maker | None:
    """What makes the array of a pickle; None: that is not known."""
    return _makers.get(data)


def make(maker: Maker, memory: Any) -> Any:
    """An array with the bytes of its items in memory."""
    kind, shape, dtype, _ = maker
    return kind(shape, dtype, memory)


def learn_maker(data: bytes, obj: Any) -> None:
    """A plain array has such a pickle, with one buffer."""
    if len(_makers) >= _MOST:
        _makers.clear()
    _makers[data] = type(obj), obj.shape, obj.dtype, obj.nbytes


def is_plain(obj: Any) -> bool:
    """Whether an object is an array of numpy that type and shape describe."""
    kind = type(obj)
    if kind.__name__ != "ndarray" or kind.__module__ != "numpy":
        return False
    return obj.dtype.kind in "biufc" and _has_usual_form(obj)


def _has_usual_form(obj: Any) -> bool:
    """Whether an array of numbers has nothing special that its pickle tells."""
    flags, dtype = obj.flags, obj.dtype
    return bool(
        flags.c_contiguous and flags.writeable and dtype.isnative and dtype.metadata is None
    )
