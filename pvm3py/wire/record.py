# SPDX-License-Identifier: MIT
"""Record: a message body declared once as typed fields, from which packing and unpacking follow.

    class SpawnReply(Record):
        tids: Ints

Each annotation is `Annotated[type, codec]` (the usual ones have short names here). A field with a
default value may be left out by the caller; to leave it out of the wire use a Trailing codec.
Bytes behind the last declared field are ignored, as 3.4.6 does (see Rest and ToEnd for the others).
"""

import struct
from typing import Annotated, Any, ClassVar, Self, dataclass_transform

from .codec import BYTES, INT, REST, STRING, Codec, Counted, Int, Trailing, WireError

I32 = Annotated[int, INT]
Str = Annotated[str, STRING]
Blob = Annotated[bytes, BYTES]
RestBytes = Annotated[bytes, REST]
Ints = Annotated[list[int], Counted(INT)]
Strs = Annotated[list[str], Counted(STRING)]
OptionalStr = Annotated[str | None, Trailing(STRING)]

_Step = tuple[tuple[str, ...], struct.Struct | Codec]


@dataclass_transform()
class Record:
    """Base of declared bodies and of the records inside them."""

    smallest: ClassVar[int] = 0
    _names: ClassVar[tuple[str, ...]] = ()
    _defaults: ClassVar[dict[str, Any]] = {}
    _steps: ClassVar[tuple[_Step, ...]] = ()
    _fixed: ClassVar[struct.Struct | None] = None

    def __init_subclass__(cls) -> None:
        codecs: dict[str, Codec] = {
            name: hint.__metadata__[0]
            for name, hint in cls.__annotations__.items()
            if hasattr(hint, "__metadata__")
        }
        cls._names = tuple(codecs)
        cls._defaults = {name: cls.__dict__[name] for name in codecs if name in cls.__dict__}
        cls._steps = _compile(codecs)
        if len(cls._steps) == 1 and isinstance(cls._steps[0][1], struct.Struct):
            cls._fixed = cls._steps[0][1]
        cls.smallest = sum(codec.smallest for codec in codecs.values())

    def __init__(self, *values: Any, **named: Any) -> None:
        fields = self.__dict__
        fields.update(zip(self._names, values, strict=False))
        if named or len(values) != len(self._names):
            given = self._defaults | fields | named
            if len(values) > len(self._names) or given.keys() != set(self._names):
                raise TypeError(f"{type(self).__name__} takes the fields {', '.join(self._names)}")
            fields.clear()
            fields.update((name, given[name]) for name in self._names)

    def __eq__(self, other: object) -> bool:
        return type(self) is type(other) and self.__dict__ == other.__dict__

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        fields = ", ".join(f"{name}={getattr(self, name)!r}" for name in self._names)
        return f"{type(self).__name__}({fields})"

    def encode(self) -> bytes:
        """The body on the wire. WireError: a value does not fit its field."""
        fields = self.__dict__
        try:
            if self._fixed is not None:
                return self._fixed.pack(*fields.values())
            return b"".join(
                codec.pack(*[fields[name] for name in names]) for names, codec in self._steps
            )
        except struct.error as error:
            raise WireError(f"{self!r}: {error}") from error

    @classmethod
    def decode(cls, body: bytes) -> Self:
        """The record that `body` starts with. WireError: it does not."""
        if cls._fixed is None:
            return cls.unpack(body, 0)[0]
        record = cls.__new__(cls)
        try:
            record.__dict__.update(zip(cls._names, cls._fixed.unpack_from(body), strict=True))
        except struct.error as error:
            raise WireError(f"{cls.__name__}: {error}") from error
        return record

    @classmethod
    def pack(cls, value: Self) -> bytes:
        """As a codec: the bytes of a record inside another."""
        return value.encode()

    @classmethod
    def unpack(cls, body: bytes, at: int) -> tuple[Self, int]:
        """As a codec: the record at offset `at`, and the offset behind it."""
        record = cls.__new__(cls)
        fields = record.__dict__
        for names, codec in cls._steps:
            if isinstance(codec, struct.Struct):
                try:
                    fields.update(zip(names, codec.unpack_from(body, at), strict=True))
                except struct.error as error:
                    what = f"{cls.__name__}.{names[0]} at {at} in a body of {len(body)}"
                    raise WireError(what) from error
                at += codec.size
            else:
                fields[names[0]], at = codec.unpack(body, at)
        return record, at


def _compile(codecs: dict[str, Codec]) -> tuple[_Step, ...]:
    """One step a field, but runs of integers as one precompiled structure."""
    steps: list[_Step] = []
    run: list[str] = []
    for name, codec in [*codecs.items(), ("", None)]:
        if isinstance(codec, Int):
            run.append(name)
            continue
        if run:
            steps.append((tuple(run), struct.Struct(f">{len(run)}i")))
            run = []
        if codec is not None:
            steps.append(((name,), codec))
    return tuple(steps)
