# SPDX-License-Identifier: MIT
"""Message buffers, packing and unpacking.

Packing functions take one number, an iterable of numbers, or an object with the buffer
protocol (array.array, a numpy array) whose items have exactly that C type; its memory is read
in place. Unpacking functions return one item, or a list of `count` items if a count is given.
`pkarray` and `upkarray` choose the type from the buffer's format.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, NamedTuple, TypeAlias

from pvm3py._task import ffi, lib
from pvm3py.binding.enums import Encoding
from pvm3py.binding.errors import check
from pvm3py.binding.items import ITEMS, in_memory
from pvm3py.binding.strings import c_string

if TYPE_CHECKING:
    from typing_extensions import Buffer

    Ints: TypeAlias = int | Iterable[int] | Buffer
    Floats: TypeAlias = float | Iterable[float] | Buffer


class Header(NamedTuple):
    """Header of a message.

    wid  wait id, pairs reply and request
    enc  encoding word
    crc  not used
    """

    len: int
    ctx: int
    tag: int
    wid: int
    enc: int
    crc: int
    src: int
    dst: int


class MessageInfo(NamedTuple):
    """A received message: id of its buffer, bytes of its body, tag, and who sent it."""

    bufid: int
    length: int
    tag: int
    tid: int


# ---- buffers ---------------------------------------------------------------


def initsend(encoding: Encoding = Encoding.DEFAULT) -> int:
    """Begin a new message in the send buffer; return the buffer's id."""
    return check("initsend", lib.pvm_initsend(Encoding(encoding)))


def mkbuf(encoding: Encoding = Encoding.DEFAULT) -> int:
    """Return the id of a new empty buffer, which freebuf releases."""
    return check("mkbuf", lib.pvm_mkbuf(Encoding(encoding)))


def freebuf(bufid: int) -> None:
    """Release a buffer."""
    check("freebuf", lib.pvm_freebuf(bufid))


def getsbuf() -> int:
    """Return the id of the send buffer, 0 if there is none."""
    return check("getsbuf", lib.pvm_getsbuf())


def setsbuf(bufid: int) -> int:
    """Make a buffer the send buffer (0: none); return the one before."""
    return check("setsbuf", lib.pvm_setsbuf(bufid))


def getrbuf() -> int:
    """Return the id of the receive buffer, 0 if there is none."""
    return check("getrbuf", lib.pvm_getrbuf())


def setrbuf(bufid: int) -> int:
    """Make a buffer the receive buffer (0: none); return the one before, which stays."""
    return check("setrbuf", lib.pvm_setrbuf(bufid))


def bufinfo(bufid: int) -> MessageInfo:
    """Describe the message in a buffer."""
    out = ffi.new("int[3]")
    check("bufinfo", lib.pvm_bufinfo(bufid, out, out + 1, out + 2))
    return MessageInfo(bufid, out[0], out[1], out[2])


def getminfo(bufid: int) -> Header:
    """Return the header of the message in a buffer."""
    info = ffi.new("struct pvmminfo *")
    check("getminfo", lib.pvm_getminfo(bufid, info))
    return Header(*(getattr(info, field) for field in Header._fields))


def setminfo(bufid: int, header: Header) -> None:
    """Set context, tag, wait id, source and destination of a message; the rest is its own."""
    info = ffi.new("struct pvmminfo *", header._asdict())
    check("setminfo", lib.pvm_setminfo(bufid, info))


# ---- items -----------------------------------------------------------------


def _is_buffer(values: object) -> bool:
    try:
        memoryview(values)  # type: ignore[arg-type]
    except TypeError:
        return False
    return True


def _pack(kind: str, values: Any) -> None:
    if _is_buffer(values):
        item, items, _ = in_memory(values)
        if item.kind != kind:
            raise TypeError(f"pk{kind} cannot pack items of type {item.kind}")
    else:
        numbers = list(values) if isinstance(values, Iterable) else [values]
        items = ffi.new(f"{ITEMS[kind].ctype}[]", numbers)
    check(f"pk{kind}", getattr(lib, f"pvm_pk{kind}")(items, len(items), 1))


def _unpack(kind: str, count: int | None) -> Any:
    if count is not None and count < 0:
        raise ValueError("count is negative")
    items = ffi.new(f"{ITEMS[kind].ctype}[]", 1 if count is None else count)
    check(f"upk{kind}", getattr(lib, f"pvm_upk{kind}")(items, len(items), 1))
    return items[0] if count is None else list(items)


def _pack_complex(kind: str, part: str, values: complex | Iterable[complex]) -> None:
    numbers = values if isinstance(values, Iterable) else [values]
    parts = [half for number in numbers for half in (number.real, number.imag)]
    items = ffi.new(f"{part}[]", parts)
    check(f"pk{kind}", getattr(lib, f"pvm_pk{kind}")(items, len(parts) // 2, 1))


def _unpack_complex(kind: str, part: str, count: int | None) -> Any:
    if count is not None and count < 0:
        raise ValueError("count is negative")
    number = 1 if count is None else count
    parts = ffi.new(f"{part}[]", 2 * number)
    check(f"upk{kind}", getattr(lib, f"pvm_upk{kind}")(parts, number, 1))
    numbers = [complex(parts[i], parts[i + 1]) for i in range(0, 2 * number, 2)]
    return numbers[0] if count is None else numbers


def pkbytes(data: Buffer) -> None:
    """Pack the bytes of any buffer, as pvm_pkbyte does; their number is not packed."""
    view = memoryview(data).cast("B")
    check("pkbyte", lib.pvm_pkbyte(ffi.from_buffer("char[]", view), len(view), 1))


def upkbytes(count: int) -> bytes:
    """Unpack `count` bytes."""
    if count < 0:
        raise ValueError("count is negative")
    items = ffi.new("char[]", count)
    check("upkbyte", lib.pvm_upkbyte(items, count, 1))
    return bytes(ffi.buffer(items))


def pkshort(values: Ints) -> None:
    """Pack shorts."""
    _pack("short", values)


def pkushort(values: Ints) -> None:
    """Pack unsigned shorts."""
    _pack("ushort", values)


def pkint(values: Ints) -> None:
    """Pack ints; OverflowError if one does not fit."""
    _pack("int", values)


def pkuint(values: Ints) -> None:
    """Pack unsigned ints."""
    _pack("uint", values)


def pklong(values: Ints) -> None:
    """Pack longs; in the default encoding PvmError OVERFLOW if one needs over 32 bits."""
    _pack("long", values)


def pkulong(values: Ints) -> None:
    """Pack unsigned longs, with the limit of pklong."""
    _pack("ulong", values)


def pkfloat(values: Floats) -> None:
    """Pack floats."""
    _pack("float", values)


def pkdouble(values: Floats) -> None:
    """Pack doubles."""
    _pack("double", values)


def pkcplx(values: complex | Iterable[complex]) -> None:
    """Pack complex numbers of two floats each."""
    _pack_complex("cplx", "float", values)


def pkdcplx(values: complex | Iterable[complex]) -> None:
    """Pack complex numbers of two doubles each."""
    _pack_complex("dcplx", "double", values)


def pkstr(text: str) -> None:
    """Pack a string, in UTF-8. ValueError if it contains a NUL, which would end it early."""
    check("pkstr", lib.pvm_pkstr(c_string(text)))


def pkarray(array: Buffer) -> None:
    """Pack the items of a buffer in the type that its format names."""
    item, items, number = in_memory(array)
    check(f"pk{item.kind}", getattr(lib, f"pvm_pk{item.kind}")(items, number, 1))


def upkshort(count: int | None = None) -> Any:
    """Unpack one short, or a list."""
    return _unpack("short", count)


def upkushort(count: int | None = None) -> Any:
    """Unpack one unsigned short, or a list."""
    return _unpack("ushort", count)


def upkint(count: int | None = None) -> Any:
    """Unpack one int, or a list. Raises NoData at the end of the message."""
    return _unpack("int", count)


def upkuint(count: int | None = None) -> Any:
    """Unpack one unsigned int, or a list."""
    return _unpack("uint", count)


def upklong(count: int | None = None) -> Any:
    """Unpack one long, or a list."""
    return _unpack("long", count)


def upkulong(count: int | None = None) -> Any:
    """Unpack one unsigned long, or a list."""
    return _unpack("ulong", count)


def upkfloat(count: int | None = None) -> Any:
    """Unpack one float, or a list."""
    return _unpack("float", count)


def upkdouble(count: int | None = None) -> Any:
    """Unpack one double, or a list."""
    return _unpack("double", count)


def upkcplx(count: int | None = None) -> Any:
    """Unpack one complex number of two floats, or a list."""
    return _unpack_complex("cplx", "float", count)


def upkdcplx(count: int | None = None) -> Any:
    """Unpack one complex number of two doubles, or a list."""
    return _unpack_complex("dcplx", "double", count)


def upkstr() -> str:
    """Unpack a string; bytes that are not UTF-8 become surrogate escapes."""
    room = bufinfo(getrbuf()).length + 1
    text = ffi.new("char[]", room)
    check("upkstr", lib.pvm_upkstr(text))
    string: bytes = ffi.string(text)
    return string.decode(errors="surrogateescape")


def upkarray(array: Buffer) -> None:
    """Fill a writable buffer with items of the type that its format names."""
    item, items, number = in_memory(array, writable=True)
    check(f"upk{item.kind}", getattr(lib, f"pvm_upk{item.kind}")(items, number, 1))


def pkmesg(bufid: int) -> None:
    """Pack another message with its header."""
    check("pkmesg", lib.pvm_pkmesg(bufid))


def pkmesgbody(bufid: int) -> None:
    """Append the body of another message of the same encoding."""
    check("pkmesgbody", lib.pvm_pkmesgbody(bufid))


def upkmesg() -> int:
    """Unpack a message that pkmesg packed; return the id of its buffer."""
    return check("upkmesg", lib.pvm_upkmesg())
