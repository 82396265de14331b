# SPDX-License-Identifier: MIT
"""Item types: which of PVM's a buffer of Python's or numpy's has, and how C declares it."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

from pvm3py._task import ffi, lib

if TYPE_CHECKING:
    from typing_extensions import Buffer

Kind = Literal[
    "byte", "short", "ushort", "int", "uint", "long", "ulong", "float", "double", "cplx", "dcplx"
]


# Bytes of C types.
_BYTES: dict[str, int] = {
    name: ffi.sizeof(name)
    for whole in ("short", "int", "long")
    for name in (whole, f"unsigned {whole}")
} | {name: ffi.sizeof(name) for name in ("char", "float", "double")}


class Item(NamedTuple):
    """An item type.

    kind   PVM's name, which ends the names of pvm_pk... and pvm_upk...
    ctype  of its parts in C
    parts  of one item: 2 of a complex number
    xdr    bytes of one item in the default encoding
    """

    kind: Kind
    ctype: str
    parts: int
    xdr: int

    @property
    def code(self) -> int:
        """Number of the type, PVM_INT and so on."""
        return int(getattr(lib, f"PVM_{self.kind.upper()}"))

    @property
    def size(self) -> int:
        """Bytes of one item in memory."""
        return self.parts * _BYTES[self.ctype]

    def length(self, number: int, *, xdr: bool) -> int:
        """Bytes of `number` items in a message; XDR fills bytes up to a multiple of 4."""
        if not xdr:
            return number * self.size
        return -(-number // 4) * 4 if self.kind == "byte" else number * self.xdr


_ALL = (
    Item("byte", "char", 1, 1),
    Item("short", "short", 1, 4),
    Item("ushort", "unsigned short", 1, 4),
    Item("int", "int", 1, 4),
    Item("uint", "unsigned int", 1, 4),
    Item("long", "long", 1, 4),
    Item("ulong", "unsigned long", 1, 4),
    Item("float", "float", 1, 4),
    Item("double", "double", 1, 8),
    Item("cplx", "float", 2, 8),
    Item("dcplx", "double", 2, 16),
)
ITEMS: dict[str, Item] = {item.kind: item for item in _ALL}

# Formats of the buffer protocol. The C type long may be the same as int.
_SIXTY_FOUR = ffi.sizeof("long") == 8
_FORMATS = {
    "b": "byte", "B": "byte", "c": "byte", "?": "byte",
    "h": "short", "H": "ushort", "i": "int", "I": "uint",
    "l": "long" if _SIXTY_FOUR else "int", "L": "ulong" if _SIXTY_FOUR else "uint",
    "f": "float", "d": "double", "Zf": "cplx", "Zd": "dcplx",
}  # fmt: skip
if _SIXTY_FOUR:
    _FORMATS |= {"q": "long", "Q": "ulong"}
# Prefixes of formats in this machine's byte order.
_NATIVE = "@=<" if sys.byteorder == "little" else "@=>!"
_BY_FORMAT: dict[str, Item] = {
    prefix + form: ITEMS[kind] for form, kind in _FORMATS.items() for prefix in ("", *_NATIVE)
}
# Arrays of parts in C, by kind.
_ARRAYS: dict[str, Any] = {item.kind: ffi.typeof(f"{item.ctype}[]") for item in _ALL}


def item_of(view: memoryview) -> Item:
    """The item type of a buffer. TypeError: there is none, with what to do instead."""
    known = _BY_FORMAT.get(view.format)
    if known is not None:
        return known
    form = view.format.lstrip(_NATIVE)
    if form.rstrip("s").isdigit() or form == "s":
        return ITEMS["byte"]
    raise TypeError(f"{_why(view.format)}; or send the array as an object, with send()")


def _why(form: str) -> str:
    if form.lstrip(_NATIVE)[:1] in ("<", ">", "!"):
        return f"items of format {form!r} are in another byte order: convert them to the native one"
    return f"PVM has no item type for format {form!r}"


def in_memory(buffer: Buffer, *, writable: bool = False) -> tuple[Item, Any, int]:
    """Item type of a buffer, its memory as a C array of parts, and the number of items.

    TypeError: PVM has no such type, the buffer is not in one piece, or it is read-only.
    """
    view = memoryview(buffer)
    item = item_of(view)
    owner = whole_memory(buffer, view)
    if writable and view.readonly:
        raise TypeError("the buffer is read-only")
    memory = ffi.from_buffer(_ARRAYS[item.kind], owner, require_writable=writable)
    return item, memory, len(memory) // item.parts


def whole_memory(buffer: Buffer, view: memoryview) -> Any:
    """Whose memory a buffer, seen in a view, is: no memoryview, if it is not a part of it.

    TypeError: it is not in one piece.

    The collector crashes on a memoryview that a C array borrows if both are in a cycle, as those
    are that the frames of an exception have.
    """
    if not view.c_contiguous:
        raise TypeError("the buffer is not in one piece: make it so, with np.ascontiguousarray")
    whole = view.obj
    return whole if whole is not None and memoryview(whole).nbytes == view.nbytes else buffer
