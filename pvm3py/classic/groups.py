# SPDX-License-Identifier: MIT
"""Groups of tasks: libgpvm3's functions.

Members have instance numbers, from 0 on, that are reused when members leave. In the collective
calls the members of a group take part with the same tag and root (an instance); what they
exchange are buffers (array.array, a numpy array) of the same type and length.

A signal's handler that raises, as Ctrl-C does, ends a call while it waits. A barrier that was left
counts as an arrival, and what members send for a collective call that was left stays unread. PVM
calls of such a handler are refused meanwhile (NOT_IMPL).
"""

from __future__ import annotations

import array
from collections.abc import Callable
from enum import Enum
from typing import TYPE_CHECKING, Any

from pvm3py._task import ffi, lib
from pvm3py.binding.errors import check
from pvm3py.binding.items import Item, in_memory
from pvm3py.binding.strings import c_string

if TYPE_CHECKING:
    from typing_extensions import Buffer

# Instance count of `barrier` and `freezegroup` that stands for all members.
ALL = -1


class Operation(Enum):
    """Functions of `reduce` that the library has: item by item, complex ones by modulus."""

    MAX = "PvmMax"
    MIN = "PvmMin"
    SUM = "PvmSum"
    PRODUCT = "PvmProduct"


# Formats of bytes that array.array has another name for.
_AS_BYTES = str.maketrans("c?", "BB")


# ---- membership ------------------------------------------------------------


def joingroup(group: str) -> int:
    """Become a member; return the instance number, the lowest that is free.

    The group server is started if none runs. Raises PvmError DUP_GROUP (member already),
    NOT_IN_GROUP (the group is frozen).
    """
    return check("joingroup", lib.pvm_joingroup(c_string(group)))


def lvgroup(group: str) -> None:
    """Be a member no more. Raises PvmError NOT_IN_GROUP, NO_GROUP."""
    check("lvgroup", lib.pvm_lvgroup(c_string(group)))


def getinst(group: str, tid: int) -> int:
    """Return the instance number of a member."""
    return check("getinst", lib.pvm_getinst(c_string(group), tid))


def gettid(group: str, instance: int) -> int:
    """Return the member with an instance number. Raises PvmError NO_INST."""
    return check("gettid", lib.pvm_gettid(c_string(group), instance))


def gsize(group: str) -> int:
    """Return the number of members."""
    return check("gsize", lib.pvm_gsize(c_string(group)))


def barrier(group: str, count: int = ALL) -> None:
    """Wait until `count` members have called this (ALL: as many as the first caller found).

    Raises PvmError MISMATCH if others wait for another count, NotFound if members died so
    that the count cannot be reached any more.
    """
    check("barrier", lib.pvm_barrier(c_string(group), count))


def freezegroup(group: str, size: int = ALL) -> int:
    """Wait until `size` members have called this; from then on nobody can join.

    Return the size. Questions about a frozen group need no server.
    """
    return check("freezegroup", lib.pvm_freezegroup(c_string(group), size))


# ---- messages to and from all members ----------------------------------------


def bcast(group: str, tag: int) -> None:
    """Send the message in the send buffer to all members but the caller, who need not be one.

    Raises PvmError NO_INST if there is nobody else.
    """
    check("bcast", lib.pvm_bcast(c_string(group), tag))


def gather(items: Buffer, tag: int, group: str, *, root: int = 0) -> list[array.array[Any]] | None:
    """Collect the items of all members; the root gets them by instance, the others None.

    Raises NotFound if a member ended before it called this.
    """
    item, own, number = in_memory(items)
    if item.parts != 1:
        raise TypeError("array.array has no complex numbers, which the result is made of")
    form = memoryview(items).format.lstrip("@=").translate(_AS_BYTES)
    members = gsize(group)
    room = array.array(form, bytes(members * number * item.size))
    filled = check(
        "gather",
        lib.gs_gather(
            ffi.from_buffer(room), members, own, number, item.code, tag, c_string(group), root
        ),
    )
    if filled == 0:
        return None
    return [room[i * number : (i + 1) * number] for i in range(filled)]


def scatter(
    result: Buffer, tag: int, group: str, *, root: int = 0, items: Buffer | None = None
) -> None:
    """Fill the writable buffer `result` of every member with its slice of the root's `items`.

    items  as many as all results together, by instance; only the root's count

    Raises NotFound if the root ended before it called this.
    """
    item, own, number = in_memory(result, writable=True)
    every, room = ffi.NULL, 0
    if items is not None:
        every_item, every, every_number = in_memory(items)
        if every_item != item:
            raise TypeError("items and result are of different types")
        room = every_number // number if number else 0
    check(
        "scatter", lib.gs_scatter(own, every, room, number, item.code, tag, c_string(group), root)
    )


def reduce(
    operation: Operation | Callable[[Any, Any], Any],
    items: Buffer,
    tag: int,
    group: str,
    *,
    root: int = 0,
) -> None:
    """Combine the items of all members; the root has the result in its writable `items`.

    operation  what to combine with; a Python function gets two items and returns one, and
               an exception in it ends the call. The order of the members is not fixed.

    The items of other members are undefined afterwards. Raises NotFound if a member ended
    before it called this.
    """
    item, own, number = in_memory(items, writable=True)
    failures: list[Exception] = []
    if isinstance(operation, Operation):
        function = ffi.addressof(lib, operation.value)
    else:
        if item.parts != 1:
            raise TypeError("complex numbers are combined by an Operation only")
        function = _combiner(operation, item, failures)
    result = lib.pvm_reduce(function, own, number, item.code, tag, c_string(group), root)
    if failures:
        raise failures.pop()
    check("reduce", result)


def _combiner(function: Callable[[Any, Any], Any], item: Item, failures: list[Exception]) -> Any:
    """A C function that applies a Python function to each pair of items."""

    @ffi.callback("void(int *, void *, void *, int *, int *)")  # type: ignore[untyped-decorator]
    def combine(_type: Any, x: Any, y: Any, count: Any, info: Any) -> None:
        pointer = f"{item.ctype} *"
        left, right = ffi.cast(pointer, x), ffi.cast(pointer, y)
        info[0] = 0
        try:
            for i in range(count[0]):
                left[i] = function(left[i], right[i])
        except Exception as error:
            failures.append(error)
            info[0] = lib.PvmSysErr

    return combine
