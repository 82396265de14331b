# SPDX-License-Identifier: MIT
"""Record: a message body declared once as typed fields, from which packing and unpacking follow.

    class SpawnReply(Record):
        tids: Ints

Each annotation is `Annotated[type, codec]` (the usual ones have short names here). A field with a
default value may be left out by the caller; to leave it out of the wire use a Trailing codec.
Bytes behind the last declared field are ignored, as 3.4.6 does (see Rest and ToEnd for the others).

A class gets its __init__, encode() and unpack() written for its fields when each is first called:
they are a third of what the daemon does for a small request otherwise.
"""

import struct
from collections.abc import Callable
from typing import Annotated, Any, ClassVar, NoReturn, Self, dataclass_transform

from .codec import BYTES, INT, REST, STRING, Codec, Counted, Int, Trailing, WireError

I32 = Annotated[int, INT]
Str = Annotated[str, STRING]
Blob = Annotated[bytes, BYTES]
RestBytes = Annotated[bytes, REST]
Ints = Annotated[list[int], Counted(INT)]
Strs = Annotated[list[str], Counted(STRING)]
OptionalI32 = Annotated[int | None, Trailing(INT)]
OptionalStr = Annotated[str | None, Trailing(STRING)]

_Step = tuple[tuple[str, ...], struct.Struct | Codec]


@dataclass_transform()
class Record:
    """Base of declared bodies and of the records inside them; derive from Record itself only."""

    smallest: ClassVar[int] = 0
    _names: ClassVar[tuple[str, ...]] = ()
    _defaults: ClassVar[dict[str, Any]] = {}
    _steps: ClassVar[tuple[_Step, ...]] = ()

    def __init_subclass__(cls) -> None:
        codecs: dict[str, Codec] = {
            name: hint.__metadata__[0]
            for name, hint in cls.__annotations__.items()
            if hasattr(hint, "__metadata__")
        }
        cls._names = tuple(codecs)
        cls._defaults = {name: cls.__dict__[name] for name in codecs if name in cls.__dict__}
        cls._steps = _compile(codecs)
        cls.smallest = sum(codec.smallest for codec in codecs.values())

    def __init__(self, *values: Any, **named: Any) -> None:
        cls = type(self)
        cls.__init__ = _initialiser(cls._names, cls._defaults)  # type: ignore[method-assign]
        cls.__init__(self, *values, **named)

    def __eq__(self, other: object) -> bool:
        return type(self) is type(other) and self.__dict__ == other.__dict__

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        fields = ", ".join(f"{name}={getattr(self, name)!r}" for name in self._names)
        return f"{type(self).__name__}({fields})"

    def encode(self) -> bytes:
        """The body on the wire. WireError: a value does not fit its field."""
        cls = type(self)
        encode = _encoder(cls._steps)
        cls.encode = encode  # type: ignore[method-assign,assignment]
        return encode(self)

    @classmethod
    def decode(cls, body: bytes) -> Self:
        """The record that `body` starts with. WireError: it does not."""
        return cls.unpack(body, 0)[0]

    @classmethod
    def pack(cls, value: Self) -> bytes:
        """As a codec: the bytes of a record inside another."""
        return value.encode()

    @classmethod
    def unpack(cls, body: bytes, at: int) -> tuple[Self, int]:
        """As a codec: the record at offset `at`, and the offset behind it."""
        cls.unpack = classmethod(_decoder(cls._steps))  # type: ignore
        return cls.unpack(body, at)


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


def _written(head: str, lines: list[str], scope: dict[str, Any]) -> Callable[..., Any]:
    """The function `f` of this head and these lines, which use the names of the scope."""
    exec("\n    ".join([head, *lines]), scope)
    made: Callable[..., Any] = scope["f"]
    return made


def _initialiser(names: tuple[str, ...], defaults: dict[str, Any]) -> Callable[..., Any]:
    """The __init__ of a class, with its fields as parameters."""
    scope = {f"_{name}": value for name, value in defaults.items()}
    parameters = [f"{name}=_{name}" if name in defaults else name for name in names]
    lines = [f"self.{name} = {name}" for name in names]
    return _written(f"def f({', '.join(['self', *parameters])}):", [*lines, "return"], scope)


def _encoder(steps: tuple[_Step, ...]) -> Callable[[Any], bytes]:
    """The encode() of a class with these steps."""
    scope: dict[str, Any] = {"refused": _refused, "error": struct.error}
    parts = []
    for number, (names, codec) in enumerate(steps):
        scope[f"pack{number}"] = codec.pack
        parts.append(f"pack{number}({', '.join(f'self.{name}' for name in names)})")
    whole = parts[0] if len(parts) == 1 else f'b"".join(({"".join(f"{part}, " for part in parts)}))'
    lines = ["try:", f"    return {whole}", "except error as why:", "    refused(self, why)"]
    return _written("def f(self):", lines, scope)


def _decoder(steps: tuple[_Step, ...]) -> Callable[..., Any]:
    """The unpack() of a class with these steps."""
    scope: dict[str, Any] = {"malformed": _malformed, "error": struct.error, "new": object.__new__}
    lines = ["self = new(cls)", "try:"]
    for number, (names, codec) in enumerate(steps):
        if isinstance(codec, struct.Struct):
            scope[f"unpack{number}"] = codec.unpack_from
            fields = "".join(f"self.{name}, " for name in names)
            lines += [f"    {fields}= unpack{number}(body, at)", f"    at += {codec.size}"]
        else:
            scope[f"unpack{number}"] = codec.unpack
            lines.append(f"    self.{names[0]}, at = unpack{number}(body, at)")
    lines += ["    return self, at", "except error as why:", "    malformed(cls, body, at, why)"]
    return _written("def f(cls, body, at):", lines, scope)


def _refused(record: Record, why: struct.error) -> NoReturn:
    """A value of a record is no integer that fits."""
    raise WireError(f"{record!r}: {why}") from why


def _malformed(cls: type[Record], body: bytes, at: int, why: struct.error) -> NoReturn:
    """A body ends in integers of a record."""
    raise WireError(f"{cls.__name__}: integers at {at} in a body of {len(body)}") from why
