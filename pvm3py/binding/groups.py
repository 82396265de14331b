# SPDX-License-Identifier: MIT
"""What libgpvm3 does with groups, in the types of Python."""

from __future__ import annotations

from typing import Any

from pvm3py._task import ffi, lib
from pvm3py.binding.errors import check
from pvm3py.binding.strings import c_string

from .items import Item, in_memory

# Members for which there is room in the first question.
_ROOM = 64
# Item types that groups have.
_CODES = {
    "byte": lib.PVM_BYTE,
    "short": lib.PVM_SHORT,
    "int": lib.PVM_INT,
    "long": lib.PVM_LONG,
    "float": lib.PVM_FLOAT,
    "double": lib.PVM_DOUBLE,
    "cplx": lib.PVM_CPLX,
    "dcplx": lib.PVM_DCPLX,
}


def name_of(group: str) -> Any:
    """The name as C has it."""
    return c_string(group)


def members(group: str) -> list[int]:
    """The tids of all members, by instance. Raises NoGroup."""
    room = _ROOM
    while True:
        tids = ffi.new("int[]", room)
        count = check("gsize", lib.gs_members(name_of(group), tids, room))
        if count <= room:
            return list(tids[0:count])
        room = count


def deaths(group: str) -> int:
    """How many members have died, as far as the server tells. Raises NoGroup."""
    return check("gsize", lib.gs_deaths(name_of(group)))


class Items:
    """A buffer as the collective calls take it. TypeError: they have no such item type."""

    def __init__(self, buffer: Any, *, writable: bool = False) -> None:
        self.item: Item
        self.item, self.memory, self.count = in_memory(buffer, writable=writable)
        if self.item.kind not in _CODES:
            raise TypeError(f"groups exchange no items of type {self.item.kind}: convert them")
        self.code: int = _CODES[self.item.kind]


def gather(group: str, own: Items, every: Items | None, root: int, tag: int) -> None:
    """Collect the own items of all members in `every` of the root."""
    memory, room = _shares(own, every)
    check(
        "gather",
        lib.gs_gather(memory, room, own.memory, own.count, own.code, tag, name_of(group), root),
    )


def scatter(group: str, every: Items | None, own: Items, root: int, tag: int) -> None:
    """Fill the own items of all members from `every` of the root."""
    memory, room = _shares(own, every)
    check(
        "scatter",
        lib.gs_scatter(own.memory, memory, room, own.count, own.code, tag, name_of(group), root),
    )


def _shares(own: Items, every: Items | None) -> tuple[Any, int]:
    """The root's memory, and how many members' shares it has room for."""
    if every is None:
        return ffi.NULL, 0
    if every.code != own.code:
        raise TypeError(f"items of type {own.item.kind} and of type {every.item.kind}")
    return every.memory, every.count // own.count if own.count else 0


def reduce(group: str, operation: Any, own: Items, root: int, tag: int) -> None:
    """Combine the items of all members in those of the root; the operation is a C function."""
    code = lib.pvm_reduce(operation, own.memory, own.count, own.code, tag, name_of(group), root)
    check("reduce", code)
