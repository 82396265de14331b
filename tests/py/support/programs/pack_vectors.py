# SPDX-License-Identifier: MIT
"""Run the data vectors through a libpvm3.

    python -m support.programs.pack_vectors LIBRARY VECTOR...

Each vector's calls are packed, the message is sent to the own task over a recording
daemon, received and unpacked again. Prints one JSON object: results by vector name.
"""

from __future__ import annotations

import ctypes
import json
import sys
from pathlib import Path
from typing import Any

from support.impostors.fakedaemon import FakeDaemon, enrolment_body, reply
from support.programs.inprocess import enrolled

ENCODINGS = {"PvmDataDefault": 0, "PvmDataRaw": 1, "PvmDataInPlace": 2}
PVM_FRAG_SIZE = 10
TASK = 0x40007  # what recorded nested messages call their sender
ITEMS: dict[str, tuple[Any, int]] = {
    # type: C type of one number, numbers an item
    "byte": (ctypes.c_ubyte, 1),
    "short": (ctypes.c_short, 1),
    "ushort": (ctypes.c_ushort, 1),
    "int": (ctypes.c_int, 1),
    "uint": (ctypes.c_uint, 1),
    "long": (ctypes.c_long, 1),
    "ulong": (ctypes.c_ulong, 1),
    "float": (ctypes.c_float, 1),
    "double": (ctypes.c_double, 1),
    "cplx": (ctypes.c_float, 2),
    "dcplx": (ctypes.c_double, 2),
}


class Packer:
    """One libpvm3, enrolled with a recording daemon."""

    def __init__(self, library: str, daemon: FakeDaemon) -> None:
        self.daemon = daemon
        self.pvm = enrolled(library, daemon)
        self.kept: list[Any] = []  # memory of in-place data until it is sent

    def run(self, vector: dict[str, Any]) -> dict[str, Any]:
        """What packing, sending and unpacking a vector gave, named as in its fields."""
        pvm, given = self.pvm, vector["input"]
        pvm.pvm_setopt(PVM_FRAG_SIZE, given.get("PvmFragSize", 4080))
        self.kept.clear()
        result: dict[str, Any] = {}
        if "calls" in given:
            pvm.pvm_initsend(ENCODINGS[given["encoding"]])
            result["pack_return"] = [self._pack(call) for call in given["calls"]]
        else:
            self._nest(vector["name"])
        result["sender_bufinfo_length"] = self._length(pvm.pvm_getsbuf())
        pvm.pvm_send(self.daemon.tid, 1)
        received = pvm.pvm_recv(-1, 1)
        sent = self.daemon.messages[-1]
        result["receiver_bufinfo_length"] = self._length(received)
        result["wire_encoding"] = f"{sent.enc & 0xFFFFFFFF:#010x}"
        result["fragments"] = [part.hex() for part in sent.parts]
        result["fragment_flags"] = sent.flags
        if "packf" not in vector["name"] and "calls" in given:
            result["decoded"] = [self._unpack(call) for call in given["calls"]]
            result["unpack_past_end_rc"] = pvm.pvm_upkbyte(ctypes.create_string_buffer(1), 1, 1)
        return result

    def _length(self, buffer: int) -> int:
        length = ctypes.c_int(-1)
        self.pvm.pvm_bufinfo(buffer, ctypes.byref(length), None, None)
        return length.value

    def _pack(self, call: dict[str, Any]) -> int:
        if call["pack"] == "pvm_packf":
            return self._packf()
        if call["pack"] == "pvm_pkstr":
            return int(self.pvm.pvm_pkstr(call["value"].encode("latin-1")))
        kind = ITEMS[call["pack"].removeprefix("pvm_pk")][0]
        memory = (kind * max(1, len(call["values"])))(*call["values"])
        self.kept.append(memory)
        return int(getattr(self.pvm, call["pack"])(memory, call["count"], call["stride"]))

    def _packf(self) -> int:
        doubles = (ctypes.c_double * 4)(1, 2, 3, 4)
        ints = (ctypes.c_int * 3)(4, 5, 6)
        return int(
            self.pvm.pvm_packf(
                b"%d %s %3d %hd %ld %lf %c %2.2lf %f",
                *(7, b"xy", ints, ctypes.c_int(-3), ctypes.c_long(5), ctypes.c_double(2.5)),
                *(ctypes.c_int(ord("z")), doubles, ctypes.c_double(0.5)),
            )
        )

    def _unpack(self, call: dict[str, Any]) -> dict[str, Any]:
        if call["pack"] == "pvm_pkstr":
            text = ctypes.create_string_buffer(65536)
            code = self.pvm.pvm_upkstr(text)
            return {"rc": code, "value": text.value.decode("latin-1")}
        name = call["pack"].removeprefix("pvm_pk")
        kind, parts = ITEMS[name]
        memory = (kind * (call["count"] * parts or 1))()
        code = getattr(self.pvm, f"pvm_upk{name}")(memory, call["count"], 1)
        return {"rc": code, "value": list(memory)[: call["count"] * parts]}

    # ---- nested messages -------------------------------------------------------

    def _ints(self, *values: int) -> None:
        self.kept.append((ctypes.c_int * len(values))(*values))
        self.pvm.pvm_pkint(self.kept[-1], len(values), 1)

    def _nest(self, name: str) -> None:
        """Build the message that the vector's note describes."""
        pvm, body = self.pvm, name.startswith("nest_pkmesgbody")
        encoding = 1 if "raw" in name else 0
        inner = pvm.pvm_mkbuf(2 if "inplace" in name else encoding if body else 0)
        old = pvm.pvm_setsbuf(inner)
        self._ints(1, 2)
        if "inplace" not in name:
            pvm.pvm_pkstr(b"in")
        if not body and "inplace" not in name:
            info = (ctypes.c_int * 8)(0, 7, 8, 9, 0, 0, 0x40009, 0x4000A)
            pvm.pvm_setminfo(inner, info)
        pvm.pvm_setsbuf(old)
        pvm.pvm_initsend(encoding)
        if body or name == "nest_pkmesg_xdr":
            self._ints(42)
        (pvm.pvm_pkmesgbody if body else pvm.pvm_pkmesg)(inner)
        if name.endswith("then_byte"):
            pvm.pvm_pkbyte(b"abcd", 4, 1)
        elif name.endswith("then_int") or name == "nest_pkmesg_xdr":
            self._ints(43)


def main() -> None:
    """See the module's text."""
    with FakeDaemon(reply, enrolment=enrolment_body(TASK), patient=True) as daemon:
        packer = Packer(sys.argv[1], daemon)
        results = {}
        for path in map(Path, sys.argv[2:]):
            vector = json.loads(path.read_text())
            print(vector["name"], file=sys.stderr, flush=True)
            results[vector["name"]] = packer.run(vector)
        packer.pvm.pvm_exit()
    print(json.dumps(results))


if __name__ == "__main__":
    main()
