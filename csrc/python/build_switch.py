# SPDX-License-Identifier: MIT
"""Builder of pvm3py._switch: the switch, compiled in, with the interface of its headers."""

from __future__ import annotations

import re
from pathlib import Path

import cffi

ROOT = Path(__file__).parents[2]
SWITCH = ROOT / "csrc" / "switch"
WIRE = ROOT / "csrc" / "wire"
INTERFACE = (SWITCH / "switch.h", SWITCH / "base" / "process.h", WIRE / "share.h")


def declarations(header: Path) -> str:
    """What cffi's parser needs of a header: no comments, numeric #defines only."""
    text = re.sub(r"/\*.*?\*/", "", header.read_text(encoding="ascii"), flags=re.DOTALL)
    keep = re.compile(r"\s*#\s*define\s+\w+\s+\d+\s*$")
    return "".join(
        line + "\n" for line in text.splitlines() if keep.match(line) or not line.startswith("#")
    )


ffibuilder = cffi.FFI()
ffibuilder.cdef("typedef int pid_t;\n" + "".join(map(declarations, INTERFACE)))
ffibuilder.set_source(
    "pvm3py._switch",
    "".join(f'#include "{h.name}"\n' for h in INTERFACE),
    sources=sorted(str(path) for path in SWITCH.rglob("*.c")),
    include_dirs=[*(str(h.parent) for h in INTERFACE), str(ROOT / "include")],
    depends=sorted(str(path) for path in (*SWITCH.rglob("*.h"), *WIRE.glob("*.h"))),
    extra_compile_args=["-std=gnu11", "-O2", "-fvisibility=hidden", "-pthread"],
    extra_link_args=["-pthread"],
)
