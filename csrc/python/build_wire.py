# SPDX-License-Identifier: MIT
"""Builder of pvm3py._wire: every integer constant of the protocol headers, read from C.

The names come from scanning the headers, the values from the C compiler. The names of trace events
and of their items come with them.
"""

from __future__ import annotations

import re
from pathlib import Path

import cffi

ROOT = Path(__file__).parents[2]
HEADERS = (
    "include/pvm3.h",
    "include/pvmproto.h",
    "include/pvmtev.h",
    "csrc/wire/layout.h",
    "csrc/wire/groups.h",
    "csrc/wire/share.h",
    "csrc/wire/moves.h",
)
NAMES = ROOT / "csrc/libpvm/base/trace_names.c"
TABLES = """
struct Pvmtevdid { char *did; char *desc; ...; };
struct Pvmtevinfo { char *name; ...; };
extern struct Pvmtevdid pvmtevdidlist[];
extern struct Pvmtevinfo pvmtevinfo[];
"""

_COMMENT = re.compile(r"/\*.*?\*/|//[^\n]*", re.DOTALL)
_DEFINE = re.compile(r"^[ \t]*#[ \t]*define[ \t]+(\w+)[ \t]+(\S[^\n]*)$", re.MULTILINE)
_NUMBER = re.compile(r"(?:0[xX][0-9a-fA-F]+|\d+)[uUlL]*")
_WORD = re.compile(r"[A-Za-z_]\w*")
_OPERATORS = frozenset(" \t()+-*/%|&^~<>")


def integer_constants(header: str, known: set[str]) -> list[str]:
    """Names that the header text defines as integer expressions, in order.

    An expression consists of numbers, operators, casts and names in `known`, which is extended.
    """
    names = []
    for name, value in _DEFINE.findall(_COMMENT.sub(" ", header).replace("\\\n", " ")):
        rest = _NUMBER.sub("", value)
        words = set(_WORD.findall(rest)) - {"int", "unsigned", "long"}
        bare = _WORD.sub("", rest)
        if _WORD.fullmatch(name) and words <= known and set(bare) <= _OPERATORS:
            if name not in known:
                names.append(name)
            known.add(name)
    return names


def declarations() -> str:
    """The cdef text: one line a constant."""
    known: set[str] = set()
    names: list[str] = []
    for header in HEADERS:
        path = ROOT / header
        if path.exists():
            names += integer_constants(path.read_text(encoding="ascii"), known)
    return "".join(f"#define {name} ...\n" for name in names)


ffibuilder = cffi.FFI()
ffibuilder.cdef(declarations() + TABLES)
ffibuilder.set_source(
    "pvm3py._wire",
    "".join(f'#include "{Path(h).name}"\n' for h in HEADERS if (ROOT / h).exists())
    + '#include "base/base.h"\n',
    sources=[str(NAMES)],
    include_dirs=[str(ROOT / d) for d in ("include", "csrc/wire", "csrc/libpvm")],
    depends=[str(ROOT / h) for h in HEADERS],
)
