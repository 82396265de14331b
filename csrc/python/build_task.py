# SPDX-License-Identifier: MIT
"""Builder of pvm3py._task: the public functions of libpvm3 and libgpvm3 for Python.

Declarations and constants come from include/pvm3.h: the C compiler preprocesses it, and what
is left of that header itself (not of the C library's) is the interface. The libraries are linked
in statically; PVM3PY_LIBPVM names the archive of libpvm3 (default: the one in build/pvm3), the
other one lies beside it.
"""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import cffi

ROOT = Path(__file__).resolve().parents[2]
HEADER = ROOT / "include" / "pvm3.h"
LIBPVM = Path(
    os.environ.get("PVM3PY_LIBPVM", ROOT / "build" / "pvm3" / "lib" / "LINUX64" / "libpvm3.a")
).absolute()

sys.path.insert(0, str(Path(__file__).parent))
from build_wire import integer_constants  # noqa: E402

# What the header takes from the C library, and data that programs declare themselves.
PREAMBLE = """
struct timeval { long tv_sec; long tv_usec; ...; };
extern int pvm_nerr;
extern char *pvm_errlist[];
int gs_gather(void *result, int room, void *items, int count, int type, int tag, char *group,
    int root);
int gs_scatter(void *result, void *items, int room, int count, int type, int tag, char *group,
    int root);
"""
SOURCE = """
#include <stdio.h>
#include "pvm3.h"
extern int pvm_nerr;
extern char *pvm_errlist[];
int gs_gather(void *, int, void *, int, int, int, char *, int);
int gs_scatter(void *, void *, int, int, int, int, char *, int);
"""


def own_lines(text: str) -> str:
    """The lines of preprocessor output that come from pvm3.h, by its line markers."""
    lines = []
    inside = False
    for line in text.splitlines():
        marker = re.match(r'# \d+ "(.*?)"', line)
        if marker:
            inside = marker[1].endswith("/pvm3.h")
        elif inside:
            lines.append(line)
    return "\n".join(lines)


def declarations() -> str:
    """The cdef text."""
    compiler = shlex.split(os.environ.get("CC", "cc"))
    command = [*compiler, "-E", "-include", "stdio.h", "-x", "c", str(HEADER)]
    header = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    functions = own_lines(header)
    constants = integer_constants(HEADER.read_text(encoding="ascii"), set())
    return PREAMBLE + "".join(f"#define {name} ...\n" for name in constants) + functions


ffibuilder = cffi.FFI()
ffibuilder.cdef(declarations())
ffibuilder.set_source(
    "pvm3py._task",
    SOURCE,
    include_dirs=[str(ROOT / "include")],
    extra_objects=[str(LIBPVM.with_name("libgpvm3.a")), str(LIBPVM)],
    # The library's names stay inside the module: a process may also load libpvm3.so.3.
    extra_link_args=["-Wl,--exclude-libs,ALL"],
)

if __name__ == "__main__":
    from inplace import compile_inplace

    print(compile_inplace(ffibuilder))
