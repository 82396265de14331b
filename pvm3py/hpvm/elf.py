# SPDX-License-Identifier: MIT
"""What a shared object says of itself, of whatever machine it is: names that it has and wants."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass

_CLASS, _ORDER = 4, 5
_DYNSYM, _VERSIONS = 11, 0x6FFFFFFF
_WEAK, _LOAD = 2, 1


@dataclass(frozen=True)
class Symbol:
    """A name in the dynamic table. value: its address, or 0 if another object has it."""

    name: str
    value: int
    defined: bool
    weak: bool
    versioned: bool


class BadElf(ValueError):
    """The file is no whole shared object."""


class Elf:
    """A shared object in memory. BadElf: it is none, or cut off."""

    def __init__(self, data: bytes) -> None:
        if data[:4] != b"\x7fELF" or len(data) < 52:
            raise BadElf("no ELF file")
        self.data = data
        self._wide = data[_CLASS] == 2
        self._order = "<" if data[_ORDER] == 1 else ">"
        try:
            self.symbols = list(self._symbols())
        except (struct.error, IndexError, ValueError) as error:
            raise BadElf(f"damaged ELF file: {error}") from None

    def symbol(self, name: str) -> Symbol | None:
        """The symbol that this object defines under a name."""
        return next((s for s in self.symbols if s.name == name and s.defined), None)

    def integer(self, symbol: Symbol) -> int:
        """The int that lies where a symbol is."""
        for kind, offset, address, size in self._segments():
            if kind == _LOAD and address <= symbol.value <= address + size - 4:
                return self._read("i", offset + symbol.value - address)[0]
        raise BadElf(f"{symbol.name} has no value")

    def wanted(self) -> list[str]:
        """Names that must be found elsewhere and that no library with versions has."""
        loose = (s for s in self.symbols if not (s.defined or s.weak or s.versioned))
        return sorted(s.name for s in loose if s.name)

    def _read(self, form: str, offset: int) -> tuple[int, ...]:
        return struct.unpack_from(self._order + form, self.data, offset)

    def _segments(self) -> Iterator[tuple[int, int, int, int]]:
        """Kind, offset, address and size in the file of each segment."""
        (at,) = self._read("Q", 32) if self._wide else self._read("I", 28)
        step, count = self._read("HH", 54 if self._wide else 42)
        for i in range(count):
            if self._wide:
                kind, _, offset, address, _, size = self._read("IIQQQQ", at + i * step)
            else:
                kind, offset, address, _, size = self._read("IIIII", at + i * step)
            yield kind, offset, address, size

    def _sections(self) -> list[tuple[int, int, int, int]]:
        """Kind, offset, size and link of each section."""
        (at,) = self._read("Q", 40) if self._wide else self._read("I", 32)
        step, count = self._read("HH", 58 if self._wide else 46)
        form = "IIQQQQI" if self._wide else "IIIIIII"
        rows = (self._read(form, at + i * step) for i in range(count))
        return [(kind, offset, size, link) for _, kind, _, _, offset, size, link in rows]

    def _symbols(self) -> Iterator[Symbol]:
        sections = self._sections()
        versions = next((offset for kind, offset, _, _ in sections if kind == _VERSIONS), None)
        step = 24 if self._wide else 16
        for kind, offset, size, link in sections:
            if kind != _DYNSYM:
                continue
            for i in range(1, size // step):
                version = self._read("H", versions + 2 * i)[0] & 0x7FFF if versions else 0
                yield self._symbol(offset + i * step, sections[link][1], version)

    def _symbol(self, at: int, names: int, version: int) -> Symbol:
        if self._wide:
            name, info, _, section, value, _ = self._read("IBBHQQ", at)
        else:
            name, value, _, info, _, section = self._read("IIIBBH", at)
        begin = names + name
        text = self.data[begin : self.data.index(b"\0", begin)].decode("utf-8", "replace")
        return Symbol(text, value, section != 0, info >> 4 == _WEAK, version > 1)
