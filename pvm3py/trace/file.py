# SPDX-License-Identifier: MIT
"""Trace files: the text form that the programs `tracer` and `pvm` write and `trcsort` sorts.

A file has a head, and then descriptors and records, each ending with `;;`. A descriptor says once
what an event consists of; events of one name that differ in that are variants of it.
"""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Protocol

from pvm3py.wire import constants as c

from . import values
from .message import Event, Item
from .names import DESCRIPTIONS, file_number

_PVM = f"{c.PVM_MAJOR_VERSION}.{c.PVM_MINOR_VERSION}.{c.PVM_PATCH_VERSION}"
_TRACER = f"Tracer 1.0.0 (PVM {_PVM})"
_HALF_DIGITS = {"entry": "0.", "exit": "1.", "": ""}
_Form = tuple[str, tuple[tuple[str, int], ...]]


class Sink(Protocol):
    """What a trace can be written to: a binary file, for one."""

    def write(self, data: bytes, /) -> object:
        """Take all the bytes."""


class Writer:
    """Writes events to a file, with a descriptor before the first event of each form.

    machine  the program that writes it, for the head
    head     the head of another file, in place of creation and machine
    """

    def __init__(
        self,
        out: Sink,
        creation: float | None = None,
        machine: str = _TRACER,
        *,
        head: bytes | None = None,
    ) -> None:
        self._out = out
        self._variants: dict[str, list[_Form]] = {}
        if head is not None:
            self._put(f"{values.to_text(head)}\n\n")
            return
        date = time.strftime("%a %b %d %H:%M:%S %Y", time.localtime(creation))
        self._put(f'/*\n * "Creation Date" "{date}"\n * "Machine" "{machine}"\n */ ;;\n\n')

    def write(self, event: Event) -> None:
        """Append an event."""
        forms = self._variants.setdefault(event.name, [])
        form = event.half, tuple((item.name, item.kind) for item in event.items)
        known = form in forms
        if not known:
            forms.append(form)
        variant = forms.index(form)
        label = f'"{event.name}({_HALF_DIGITS[event.half]}{variant})"'
        if not known:
            self._put(f"\n#{file_number(event.name, event.half, variant)}: {label}\n")
            self._put("{\n" + "".join(map(_declaration, event.items)) + "};;\n\n")
        shown = ", ".join(values.text(item.kind, item.value) for item in event.items)
        self._put(f"{label} {{ {shown} }};;\n")

    def _put(self, text: str) -> None:
        self._out.write(values.to_bytes(text))


def _declaration(item: Item) -> str:
    description = DESCRIPTIONS.get(item.name)
    if description is None:
        description = f"User Defined Value #{item.name.removeprefix('USR')}"
    declared = values.declaration(item.kind, item.name)
    return f'\t// "{item.name}" "{description}"\n\t{declared}\n'


# ---- reading ------------------------------------------------------------------------

_HEAD = re.compile(r"\s*/\*.*?\*/\s*;;", re.DOTALL)
_NUMBER = re.compile(r'\s*#\d+:\s*"([^"]*)"')
_LABEL = re.compile(r'\s*"([^"]*)"')
_PARTS = re.compile(r"(\w+)\((?:([01])\.)?\d+\)")
_DECLARED = re.compile(r'\s*(?://[^\n]*\n\s*)?(char|int|float|double)\s+"(\w+)"((?:\[\])*)\s*;')
_KINDS = {
    "int": c.TEV_DATA_INT,
    "float": c.TEV_DATA_FLOAT,
    "double": c.TEV_DATA_DOUBLE,
    "char": c.TEV_DATA_BYTE,
}


def head_of(data: bytes) -> bytes:
    """The head of a trace file's contents: what says who wrote it and when; empty if none."""
    head = _HEAD.match(data.decode("latin-1"))
    return data[: head.end()] if head else b""


def read(path: Path | str, data: bytes | None = None) -> Iterator[Event]:
    """The events of a file, in its order. OSError; ValueError: it is not in the form.

    data  its contents, if they have been read
    """
    text = (Path(path).read_bytes() if data is None else data).decode("latin-1")
    head = _HEAD.match(text)
    if head is None:
        raise ValueError(f"{path}: not a trace file")
    scanner = values.Scanner(text, head.end())
    forms: dict[str, list[tuple[str, str, int]]] = {}
    while not scanner.at_end():
        number = _NUMBER.match(text, scanner.at)
        if number is not None:
            scanner.at = number.end()
            forms[number[1]] = _read_declarations(scanner)
        else:
            yield _read_record(scanner, forms)


def _read_declarations(scanner: values.Scanner) -> list[tuple[str, str, int]]:
    """Type, name and number of dimensions of each item."""
    scanner.expect("{")
    items = []
    while match := _DECLARED.match(scanner.source, scanner.at):
        scanner.at = match.end()
        items.append((match[1], match[2], len(match[3]) // 2))
    scanner.expect("};;")
    return items


def _read_record(scanner: values.Scanner, forms: dict[str, list[tuple[str, str, int]]]) -> Event:
    label = _LABEL.match(scanner.source, scanner.at)
    parts = _PARTS.fullmatch(label[1]) if label else None
    if label is None or parts is None or label[1] not in forms:
        raise scanner.fail("a descriptor or the record of a described event")
    scanner.at = label.end()
    scanner.expect("{")
    items = []
    for i, (kind, name, dimensions) in enumerate(forms[label[1]]):
        if i:
            scanner.expect(",")
        items.append(Item(name, _kind(kind, dimensions), scanner.value(kind, dimensions)))
    scanner.expect("};;")
    half = {"0": "entry", "1": "exit"}.get(parts[2], "")
    return Event(parts[1], half, tuple(items))


def _kind(declared: str, dimensions: int) -> int:
    """The type code of a declared type. Files do not tell arrays of bytes from strings."""
    if declared == "char" and dimensions:
        return c.TEV_DATA_STRING | c.TEV_DATA_ARRAY * (dimensions == 2)
    return _KINDS[declared] | c.TEV_DATA_ARRAY * bool(dimensions)
