# SPDX-License-Identifier: MIT
"""Have a libpvm3 read messages of other machines.

    python -m support.programs.foreign_vectors LIBRARY FILE...

Each message is delivered by a recording daemon with its body and encoding. Prints one JSON
object: by file and message what was unpacked, in the words of the recordings.
"""

from __future__ import annotations

import ctypes
import json
import re
import struct
import sys
from pathlib import Path
from typing import Any

from pvm3py.wire import constants as c
from support.impostors.fakedaemon import FakeDaemon, Request, reply
from support.impostors.rawtask import fragment
from support.programs.inprocess import enrolled
from support.programs.pack_vectors import ITEMS

# Items of a message, by its name; of one with several kinds, by their order.
COUNTS = {"byte": 4, "short": 2, "ushort": 2, "int": 3, "uint": 1, "long": 3, "ulong": 1}
COUNTS |= {"float": 2, "double": 2, "cplx": 1, "dcplx": 1}
SPECIAL_COUNTS = {"double": 5, "float": 4}
MIXED = ("int", "str", "short", "double", "long")


class OtherMachine(FakeDaemon):
    """Delivers `body` with the encoding `enc` whenever the task sends itself a message."""

    enc, body = 0, b""

    def _respond(self, message: Request) -> bytes:
        if message.dst != self.tid:
            return super()._respond(message)
        header = struct.pack("!Iii4xii8x", self.enc, message.tag, message.ctx, 0, 0)
        return fragment(self.tid, self.tid, header + self.body, c.FFSOM | c.FFEOM)


class Reader:
    """One libpvm3, enrolled with that daemon."""

    def __init__(self, library: str, daemon: OtherMachine) -> None:
        self.daemon = daemon
        self.pvm = enrolled(library, daemon)

    def read(self, name: str, item: dict[str, str]) -> str:
        """What a message holds, in the words of the recordings."""
        self.daemon.enc = int(item["wire_encoding"], 16)
        self.daemon.body = bytes.fromhex(item["hex"])
        self.pvm.pvm_initsend(0)
        self.pvm.pvm_send(self.daemon.tid, 1)
        if "psend" in name:
            return self._typed("byte" if "BYTE" in name else "int")
        self.pvm.pvm_recv(-1, 1)
        if name == "mixed":
            return " ".join(self._unpack(kind, 1) for kind in MIXED)
        if name == "str" or name in COUNTS:
            return self._unpack(name, COUNTS.get(name, 1))
        return self._special(name)

    def _special(self, name: str) -> str:
        inner = ""
        if "pkmesg" in name:
            self.pvm.pvm_setrbuf(self.pvm.pvm_upkmesg())
            info = (ctypes.c_int * 8)()
            self.pvm.pvm_getminfo(self.pvm.pvm_getrbuf(), info)
            inner = f"upkmesg ok inner enc {info[4] & 0xFFFFFFFF:#010x} "
        kinds = {"int": 2, "double": 1} if inner else {"int": 2}
        for kind in ("long", "double", "float"):
            if f"{kind} " in name.partition(",")[0] and "Trace" not in name:
                kinds = {kind: SPECIAL_COUNTS.get(kind, 2)}
        words = []
        for kind, count in kinds.items():
            text = self._unpack(kind, count, bits="specials" in name)
            words.append(f"upk{kind} rc {text}")
        return inner + " ".join(words)

    def _unpack(self, kind: str, count: int, *, bits: bool = False) -> str:
        if kind == "str":
            text = ctypes.create_string_buffer(100)
            code = self.pvm.pvm_upkstr(text)
            return f'{code} ["{text.value.decode()}"]'
        ctype, parts = ITEMS[kind]
        ctype = ctypes.c_byte if kind == "byte" else ctype
        memory = (ctype * (count * parts))()
        code = getattr(self.pvm, f"pvm_upk{kind}")(memory, count, 1)
        return f"{code} [{' '.join(_words(kind, memory, bits))}]"

    def _typed(self, kind: str) -> str:
        memory = (ITEMS[kind][0] * 3)()
        length = ctypes.c_int()
        count, number = (3, c.PVM_BYTE) if kind == "byte" else (2, c.PVM_INT)
        code = self.pvm.pvm_precv(-1, 1, memory, count, number, None, None, ctypes.byref(length))
        words = [bytes(memory).decode()] if kind == "byte" else _words(kind, memory[:2], False)
        return f"precv {kind} rc {code} [{' '.join(words)}] len {length.value}"


def _words(kind: str, memory: Any, bits: bool) -> list[str]:
    """Numbers as the recordings show them; specials of floating point as their bits."""
    real = {"float": ("f", 9), "cplx": ("f", 9), "double": ("d", 17), "dcplx": ("d", 17)}
    if kind not in real:
        return [str(value) for value in memory]
    form, digits = real[kind]
    if bits:
        size = struct.calcsize(form)
        data = bytes(memory)
        return [data[at : at + size][::-1].hex() for at in range(0, len(data), size)]
    return [f"{value:.{digits}g}" for value in memory]


def plain(text: str) -> str:
    """A recording, or what was read, without brackets and values that were not unpacked."""
    text = re.sub(r"^enc \w+ ", "", text)
    text = re.sub(r"rc (-\d+) \[[^]]*\]", r"rc \1", text)
    return re.sub(r"\[ ?|\]", "", text)


def main() -> None:
    """See the module's text."""
    with OtherMachine(reply, patient=True) as daemon:
        reader = Reader(sys.argv[1], daemon)
        results = {}
        for path in map(Path, sys.argv[2:]):
            items = json.loads(path.read_text())["items"]
            results[path.stem] = {n: plain(reader.read(n, item)) for n, item in items.items()}
        reader.pvm.pvm_exit()
    print(json.dumps(results))


if __name__ == "__main__":
    main()
