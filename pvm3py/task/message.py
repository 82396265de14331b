# SPDX-License-Identifier: MIT
"""Messages as objects: each is a buffer of its own, never the active one of the C library."""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, Self

from pvm3py import classic
from pvm3py._task import ffi, lib
from pvm3py.binding import objects
from pvm3py.binding.enums import Code
from pvm3py.binding.errors import BadMsg, Mismatch, NoSuchBuf, Overflow, check
from pvm3py.binding.items import ITEMS, Item, Kind, in_memory, item_of, whole_memory
from pvm3py.binding.post import read_into, send_bytes, send_parts
from pvm3py.binding.strings import c_string

from .html import table
from .members import Tid, tid_of

if TYPE_CHECKING:
    from typing_extensions import Buffer

Encoding = Literal["xdr", "raw", "in place"]
_ENCODINGS: dict[Encoding, int] = {
    "xdr": lib.PvmDataDefault,
    "raw": lib.PvmDataRaw,
    "in place": lib.PvmDataInPlace,
}
# Range of a long in XDR, which has 4 bytes for it.
_XDR_LONGS = {"long": (-(2**31), 2**31), "ulong": (0, 2**32)}


@dataclass(frozen=True)
class Received:
    """What came into a buffer: from whom, with which tag, how many items."""

    source: Tid
    tag: int
    count: int


class NotAnObject(BadMsg):
    """The message that was received is no object.

    message  the message itself, taken and not lost: unpack it, or handle it otherwise
    """

    def __init__(self, message: Message, text: str) -> None:
        super().__init__(Code.BAD_MSG, "recv", text, f"from {message.source} (tag {message.tag})")
        self.message = message
        self.advice = "receive() takes any message; this one is .message"

    def __reduce__(self) -> tuple[Any, ...]:
        return BadMsg, (int(self.code), self.function, self.text, self.peer)


class NoFit(Mismatch):
    """A message does not fit the buffer that it was to fill; `message` is it, not lost."""

    def __init__(self, message: Message, text: str) -> None:
        whom = f"from {message.source} (tag {message.tag})"
        super().__init__(Code.MISMATCH, "Recv", text, whom)
        self.message = message

    def __reduce__(self) -> tuple[Any, ...]:
        return Mismatch, (int(self.code), self.function, self.text, self.peer)


class Message:
    """A message to fill and send, or one that was received.

    It can be sent many times, to tasks in C, Fortran and Python. Items are unpacked in the order
    in which they were packed. A message may be used by one thread at a time.

    encoding  "xdr" is understood by every architecture; "raw" by those with the same data
              signature, and costs nothing; "in place" is raw, and reads the memory of buffers
              only when the message is sent

    source, tag, context  of one that was received; source 0: it was not
    """

    def __init__(self, encoding: Encoding = "xdr") -> None:
        self._id = 0
        if encoding not in _ENCODINGS:
            raise ValueError(f"encoding {encoding!r}: there are {', '.join(map(repr, _ENCODINGS))}")
        self.source, self.tag, self.context = Tid(0), 0, 0
        self._kept: list[Any] = []
        self._in_place = encoding == "in place"
        self._xdr = encoding == "xdr"
        self._queued = self._borrowed = False
        self._received: int | None = None
        self._id = check("mkbuf", lib.pvm_mkbuf(_ENCODINGS[encoding]))

    @classmethod
    def of(cls, arrival: Any, *, queued: bool = False) -> Self:
        """The message that a call of the library describes; queued: it has not been taken."""
        self = cls.__new__(cls)
        self._id = arrival.id
        self.source, self.tag, self.context = tid_of(arrival.tid), arrival.tag, arrival.ctx
        self._kept = []
        self._in_place = False
        self._xdr = arrival.encoding == lib.PvmDataDefault
        self._queued = queued
        self._borrowed = queued
        self._received = None if queued else arrival.length
        return self

    @classmethod
    def of_handler(cls, number: int) -> Self:
        """The message of a handler, which the library frees when the handler returns."""
        arrival = ffi.new("struct pvmarrival *")
        check("bufinfo", lib.pvmdescribe(number, arrival))
        self = cls.of(arrival)
        self._borrowed = True
        return self

    @classmethod
    def remade(cls, body: bytes, source: Tid, tag: int) -> Message:
        """A message that was received and freed; its body was read."""
        message = Message("raw").pack(body)
        message.source, message.tag, message.context = source, tag, lib.pvm_getcontext()
        with message._receiving():
            return message

    # ---- what is known of it --------------------------------------------------

    @property
    def id(self) -> int:
        """The buffer's id, for pvm3py.classic. Raises NoSuchBuf once it is released."""
        check("message", self._id or Code.NO_SUCH_BUF)
        return self._id

    @property
    def length(self) -> int:
        """Bytes of its body. Raises NoSuchBuf: it was looked at only, and is gone."""
        if self._received is not None and self._id:
            return self._received
        return int(self._described().length)

    @property
    def encoding(self) -> Encoding:
        """Form of its data."""
        return "in place" if self._in_place else "xdr" if self._xdr else "raw"

    @property
    def is_object(self) -> bool:
        """Whether the body is a Python object."""
        self._described()
        start = ffi.new("char[]", len(objects.MAGIC))
        code = lib.pvmread(self.id, 0, start, len(start))
        return code == 0 and bytes(ffi.buffer(start)) == objects.MAGIC

    def _described(self) -> Any:
        """What the library knows of it."""
        arrival = ffi.new("struct pvmarrival *")
        check("bufinfo", lib.pvmdescribe(self.id, arrival))
        same = (arrival.tid, arrival.tag, arrival.ctx) == (self.source, self.tag, self.context)
        # One that was looked at may have been taken and freed since; others get its id.
        check("bufinfo", 0 if same or not self._queued else Code.NO_SUCH_BUF)
        return arrival

    def __repr__(self) -> str:
        place = f"{self.tag} from {self.source}" if self.source else "to be sent"
        try:
            return f"<Message {place}, {self.length} bytes, {self.encoding}>"
        except NoSuchBuf:
            return "<Message, released>"

    def _repr_html_(self) -> str:
        try:
            row = (self.source or "-", self.tag, self.context, self.length, self.encoding)
            return table("Message", ("from", "tag", "context", "bytes", "encoding"), [row])
        except NoSuchBuf:
            return table(repr(self)[1:-1], [], [])

    # ---- packing ---------------------------------------------------------------

    def pack(
        self, values: Any, kind: Kind | None = None, *, count: int | None = None, stride: int = 1
    ) -> Self:
        """Append items.

        values  a number, an iterable of numbers, or a buffer (bytes, array, a numpy array)
        kind    PVM's name of the item type; None: the buffer's, or int, double, dcplx for numbers
        count   how many items; None: all
        stride  take every stride-th of `values`

        TypeError: no item type fits, or the buffer is not in one piece. Raises Overflow with the
        index of an integer that does not fit: the default encoding has 4 bytes for a long.
        """
        item, memory, number = _packed(values, kind, count, stride)
        with self._sending():
            code = getattr(lib, f"pvm_pk{item.kind}")(memory, number, 1)
        if code == Code.OVERFLOW:
            raise _overflow(item, memory)
        check(f"pk{item.kind}", code)
        if self._in_place:
            self._kept.append(memory)
        return self

    def pack_str(self, text: str, encoding: str = "utf-8") -> Self:
        """Append a string, as C has them. ValueError: it contains a NUL."""
        if not isinstance(text, str):
            raise TypeError(f"a string is wanted, not {type(text).__name__}")
        memory = c_string(text.encode(encoding))
        with self._sending():
            check("pkstr", lib.pvm_pkstr(memory))
        if self._in_place:
            self._kept.append(memory)
        return self

    def packf(self, format: str, *values: Any) -> Self:
        """Append items as the format says; see pvm3py.classic.packf."""
        if format.startswith("%+"):
            raise ValueError("%+ begins a new message: this one has its encoding already")
        with self._sending():
            classic.packf(format, *values)
        return self

    def pack_object(self, obj: object) -> Self:
        """Append a Python object, for `object`."""
        at = 0
        for part in objects.dump(obj):
            self.pack(bytes(-at % objects.ALIGN) if at else b"")
            self.pack(part)
            at += memoryview(part).nbytes
        return self

    def pack_message(self, message: Message) -> Self:
        """Append another message whole, for unpack_message."""
        with self._sending():
            check("pkmesg", lib.pvm_pkmesg(message.id))
        return self

    # ---- unpacking ---------------------------------------------------------------

    def unpack(self, kind: Kind, count: int | None = None, *, stride: int = 1) -> Any:
        """Take the next items: one if count is None, else a list (bytes if they are bytes).

        stride  between the items in the list, which is filled up with zeroes

        Raises NoData if there are fewer.
        """
        item = _item_named(kind)
        if (count is not None and count < 0) or stride < 1:
            raise ValueError(f"{count} items, stride {stride}")
        number = 1 if count is None else count
        memory = ffi.new(
            f"{item.ctype}[]", item.parts * (stride * (number - 1) + 1 if number else 0)
        )
        with self._receiving():
            check(f"upk{kind}", getattr(lib, f"pvm_upk{kind}")(memory, number, stride))
        values = _values(item, memory)
        return values if count is not None else values[0]

    def unpack_into(self, buffer: Buffer) -> int:
        """Fill a writable buffer with the next items, of its item type; return their number.

        Raises NoData if the message has fewer.
        """
        return self.unpack_items(in_memory(buffer, writable=True))

    def unpack_items(self, place: tuple[Item, Any, int]) -> int:
        """The same of a buffer that in_memory has described."""
        item, memory, number = place
        with self._receiving():
            check(f"upk{item.kind}", getattr(lib, f"pvm_upk{item.kind}")(memory, number, 1))
        return number

    def unpack_str(self, encoding: str = "utf-8") -> str:
        """Take the next string. Raises NoData; UnicodeDecodeError: it is in another encoding."""
        with self._receiving():
            data = classic.upkstr().encode(errors="surrogateescape")
        return data.decode(encoding)

    def unpackf(self, format: str, *numbers: int) -> tuple[Any, ...]:
        """Take the next items as the format says; see pvm3py.classic.unpackf."""
        with self._receiving():
            return classic.unpackf(format, *numbers)

    def unpack_message(self) -> Message:
        """Take the next message that was packed with pack_message."""
        with self._receiving():
            number = check("upkmesg", lib.pvm_upkmesg())
        return message_of(number)

    def object(self) -> Any:
        """Take the next object: of pack_object, or the whole message that Task.send has sent.

        Raises NotAnObject if there is something else; nothing is unpickled then.
        """
        with self._receiving():
            return _Unpacker(self).load()

    def rewind(self) -> None:
        """Unpack from the begin again."""
        check("setrbuf", lib.pvmrewind(self.id))

    # ---- the buffer -------------------------------------------------------------------

    def deliver(self, tids: Sequence[int], tag: int) -> None:
        """Send it to tasks, also to this one; it stays as it is, and can be sent again."""
        with self._sending():
            if len(tids) == 1:
                check("send", lib.pvm_send(tids[0], tag), f"to t{tids[0]:x} (tag {tag})")
            else:
                check("mcast", lib.pvm_mcast(list(tids), len(tids), tag), f"(tag {tag})")
                if lib.pvmmytid in tids:  # which a multicast leaves out
                    check("send", lib.pvm_send(lib.pvmmytid, tag))

    def copy(self) -> Message:
        """A message to be sent with the same body; what is in place stays shared with it."""
        other = Message(self.encoding)
        with other._sending():
            check("pkmesgbody", lib.pvm_pkmesgbody(self.id))
        other._kept = [*self._kept, self]
        return other

    def release(self) -> None:
        """Free the buffer now; without this it goes with the object."""
        number, self._id = self._id, 0
        self._kept = []
        if number and not self._borrowed:
            lib.pvm_freebuf(number)

    def __del__(self) -> None:
        # Freeing a buffer enrols: an object that outlives the task's leaving must not.
        if getattr(self, "_id", False) and lib.pvmmytid != -1:
            self.release()

    @contextlib.contextmanager
    def _sending(self) -> Iterator[None]:
        """It is the active send buffer meanwhile."""
        before = check("setsbuf", lib.pvm_setsbuf(self._mine()))
        try:
            yield
        finally:
            lib.pvm_setsbuf(before)

    @contextlib.contextmanager
    def _receiving(self) -> Iterator[None]:
        """It is the active receive buffer meanwhile."""
        before = check("setrbuf", lib.pvm_setrbuf(self._mine()))
        try:
            yield
        finally:
            lib.pvm_setrbuf(before)

    def _mine(self) -> int:
        """The id, if the message has been taken."""
        if self._queued:
            raise BadMsg(
                Code.BAD_MSG, "probe", "the message has not been taken: receive() takes it"
            )
        return self.id


class _Unpacker:
    """Reads an object from where a message is unpacked, which is its active receive buffer."""

    def __init__(self, message: Message) -> None:
        self._message = message
        self._at = 0

    def load(self) -> Any:
        try:
            return objects.load(self._message.length, self._read, exact=False)
        except (objects.Malformed, classic.NoData) as error:
            raise NotAnObject(self._message, f"no object: {error}") from None

    def _read(self, offset: int, memory: Any) -> None:
        gap = ffi.new("char[]", offset - self._at)
        check("upkbyte", lib.pvm_upkbyte(gap, len(gap), 1))
        check("upkbyte", lib.pvm_upkbyte(memory, len(memory), 1))
        self._at = offset + len(memory)


def send_buffer(tids: Sequence[int], tag: int, view: memoryview) -> None:
    """Send the items of a buffer as they are in memory."""
    if view.ndim == 1 and not view.c_contiguous:
        memory = ffi.buffer(_packed(view, None, None, 1)[1])
    else:
        item_of(view)
        memory = whole_memory(view, view)
    if len(tids) == 1:
        send_bytes(tids[0], tag, ffi.from_buffer(memory))
    else:
        send_parts(tids, tag, [memory])


def receive_into(message: Message, place: tuple[Item, Any, int]) -> Received:
    """Fill a buffer, described by in_memory, with a message that must fit it; free the message.

    Raises Mismatch, before anything is written: the item's type or their number differ.
    """
    item, memory, wanted = place
    xdr = message.encoding == "xdr"
    length = item.length(wanted, xdr=xdr)
    if message.length != length:
        fit = f"{wanted} items of type {item.kind} have {length}"
        raise NoFit(message, f"{message.length} bytes came, and {fit}")
    if xdr:
        message.unpack_items(place)
    else:
        read_into(message.id, 0, ffi.cast("char *", memory), length)
    message.release()
    return Received(message.source, message.tag, wanted)


def message_of(number: int) -> Message:
    """The message of a buffer that has been received."""
    arrival = ffi.new("struct pvmarrival *")
    check("bufinfo", lib.pvmdescribe(number, arrival))
    return Message.of(arrival)


# ---- items --------------------------------------------------------------------------


def _packed(
    values: Any, kind: Kind | None, count: int | None, stride: int
) -> tuple[Item, Any, int]:
    """Item type, memory and number of what is to be packed."""
    if stride < 1 or (count is not None and count < 0):
        raise ValueError(f"{count} items, stride {stride}")
    view = _view(values)
    if view is None:
        return _from_numbers(values, kind, count, stride)
    item = item_of(view)
    if kind is not None and kind != item.kind:
        raise TypeError(f"items of format {view.format!r} are {item.kind}, not {kind}")
    if view.ndim == 1 and (count is not None or stride != 1 or not view.c_contiguous):
        return _chosen(view, item, count, stride)
    if count is not None or stride != 1:
        raise TypeError("count and stride are for buffers of one dimension")
    return in_memory(view)


def _view(values: Any) -> memoryview | None:
    try:
        return memoryview(values)
    except TypeError:
        return None


def _chosen(view: memoryview, item: Item, count: int | None, stride: int) -> tuple[Item, Any, int]:
    """Some of a buffer's items, copied into one piece."""
    data = view[::stride][:count].tobytes()
    number = len(data) // item.size
    if count is not None and number < count:
        raise ValueError(f"{len(view)} items, and {count} are wanted at a stride of {stride}")
    memory = ffi.new(f"{item.ctype}[]", number * item.parts)
    ffi.buffer(memory)[:] = data
    return item, memory, number


def _from_numbers(
    values: Any, kind: Kind | None, count: int | None, stride: int
) -> tuple[Item, Any, int]:
    several = isinstance(values, Iterable) and not isinstance(values, str)
    numbers = list(values) if several else [values]
    chosen = numbers[::stride][:count]
    if count is not None and len(chosen) < count:
        raise ValueError(f"{len(numbers)} items, and {count} are wanted at a stride of {stride}")
    item = _item_named(kind or _kind_of(chosen))
    parts = chosen if item.parts == 1 else [half for z in chosen for half in (z.real, z.imag)]
    return item, ffi.new(f"{item.ctype}[]", parts), len(chosen)


def _item_named(kind: str) -> Item:
    """The item type of that name. ValueError: there is none."""
    if kind not in ITEMS:
        raise ValueError(f"kind {kind!r}: there are {', '.join(ITEMS)}")
    return ITEMS[kind]


def _kind_of(numbers: list[Any]) -> Kind:
    """The item type of Python numbers."""
    kinds: list[tuple[type, Kind]] = [(int, "int"), (float, "double"), (complex, "dcplx")]
    for known, kind in kinds:
        wider = tuple(other for other, _ in kinds[: kinds.index((known, kind)) + 1])
        if all(isinstance(number, wider) for number in numbers):
            return kind
    raise TypeError(f"no item type for {numbers[0]!r}: name a kind, or use pack_object or pack_str")


def _values(item: Item, memory: Any) -> Any:
    if item.kind == "byte":
        return bytes(ffi.buffer(memory))
    if item.parts == 1:
        return list(memory)
    return [complex(memory[i], memory[i + 1]) for i in range(0, len(memory), 2)]


def _overflow(item: Item, memory: Any) -> Overflow:
    """The error for a long that does not fit the default encoding; it names the first one."""
    low, high = _XDR_LONGS.get(item.kind, (0, 0))
    index = next((i for i, number in enumerate(memory) if not low <= number < high), 0)
    text = f"item {index}, {memory[index]}, does not fit the 4 bytes that XDR has for a long"
    return Overflow(Code.OVERFLOW, f"pk{item.kind}", text)
