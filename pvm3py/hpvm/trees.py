# SPDX-License-Identifier: MIT
"""Kernel trees of csrc/libhpvm for Python, and what hosts are."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from pvm3py._hpvm import ffi, lib

_ROOM = 4096


class HpvmError(Exception):
    """What libhpvm says of an error, in a sentence or a line for each."""


def _text(pointer: Any) -> str:
    return os.fsdecode(ffi.string(pointer))


@dataclass(frozen=True)
class Traits:
    """A host: architecture, system, levels of its processor, the best one first."""

    arch: str
    system: str
    levels: tuple[str, ...]

    @classmethod
    def here(cls) -> Traits:
        """Those of this host."""
        traits = ffi.new("struct hpvm_traits *")
        lib.hpvmc_traits(traits)
        levels = tuple(_text(traits.levels[i]) for i in range(traits.n_levels))
        return cls(_text(traits.arch), _text(traits.os), levels)

    @classmethod
    def of_line(cls, line: str) -> Traits:
        """As `hpvmc traits` prints them. ValueError: it is no such line."""
        arch, system, *levels = line.split()
        return cls(arch, system, tuple(levels))

    def __str__(self) -> str:
        """As `hpvmc traits` prints them."""
        return " ".join([self.arch, self.system, *self.levels])

    def struct(self) -> Any:
        """The same for C. ValueError: a name is too long, or there are too many levels."""
        traits = ffi.new("struct hpvm_traits *")
        try:
            traits.arch, traits.os = os.fsencode(self.arch), os.fsencode(self.system)
            traits.n_levels = len(self.levels)
            for i, level in enumerate(self.levels):
                traits.levels[i] = os.fsencode(level)
        except IndexError as error:
            raise ValueError(str(error)) from None
        return traits


@dataclass(frozen=True)
class Kernel:
    """A file of a tree."""

    path: str
    arch: str
    system: str
    level: str
    hash: str
    size: int
    argtype: int
    data: bytes


class Tree:
    """A kernel tree that was read and checked; it is closed when a `with` ends.

    name: directory or file, empty for that of the running program. HpvmError: it is none, or bad.
    """

    def __init__(self, name: str) -> None:
        why = ffi.new("char[]", _ROOM)
        self._tree = lib.hpvm_tree_open(os.fsencode(name), why, _ROOM)
        if self._tree == ffi.NULL:
            raise HpvmError(_text(why))

    def __enter__(self) -> Tree:
        return self

    def __exit__(self, *_: object) -> None:
        lib.hpvm_tree_close(self._tree)

    @property
    def name(self) -> str:
        """The path at which it was found."""
        return _text(lib.hpvm_tree_name(self._tree))

    def is_current(self) -> bool:
        """Is it still the one on the disk?"""
        return bool(lib.hpvm_tree_is_current(self._tree))

    def __iter__(self) -> Iterator[Kernel]:
        """The kernels, as hpvm.tree lists them."""
        for i in range(lib.hpvm_tree_count(self._tree)):
            yield self._kernel(lib.hpvm_tree_kernel(self._tree, i))

    def select(self, traits: Traits, nth: int = 0) -> Kernel | None:
        """The choice number nth for a host."""
        kernel = lib.hpvm_select(self._tree, traits.struct(), nth)
        return None if kernel == ffi.NULL else self._kernel(kernel)

    def why(self, traits: Traits, nth: int = 0) -> str:
        """Why this choice."""
        text = ffi.new("char[]", _ROOM)
        lib.hpvm_select_why(self._tree, traits.struct(), nth, text, _ROOM)
        return _text(text)

    @staticmethod
    def _kernel(kernel: Any) -> Kernel:
        return Kernel(
            path=_text(kernel.path),
            arch=_text(kernel.arch),
            system=_text(kernel.os),
            level=_text(kernel.level),
            hash=bytes(ffi.buffer(kernel.hash)).hex(),
            size=kernel.size,
            argtype=kernel.argtype,
            data=bytes(ffi.buffer(kernel.bytes, kernel.size)),
        )
