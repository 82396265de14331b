# SPDX-License-Identifier: MIT
"""Builder of pvm3py._task: the public functions of libpvm3 and libgpvm3 for Python.

Declarations come from include/pvm3.h and what both libraries have for bindings: the C compiler
preprocesses them, and what is left of these headers themselves (not of the C library's) is the
interface. Constants are those of pvm3.h. The libraries are linked
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
BINDINGS = [ROOT / "csrc" / "libgpvm" / "binding.h", ROOT / "csrc" / "wire" / "for_python.h"]
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
"""
SOURCE = """
#include <stdio.h>
#include "pvm3.h"
extern int pvm_nerr;
extern char *pvm_errlist[];
#include "binding.h"
#include "for_python.h"
"""


def own_lines(header: Path) -> str:
    """The preprocessed lines of a header, without those of headers that it includes."""
    compiler = shlex.split(os.environ.get("CC", "cc"))
    command = [*compiler, "-E", "-include", "stdio.h", "-x", "c", str(header)]
    text = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    lines = []
    inside = False
    for line in text.splitlines():
        marker = re.match(r'# \d+ "(.*?)"', line)
        if marker:
            inside = marker[1] == str(header)
        elif inside:
            lines.append(line)
    return "\n".join(lines)


def declarations() -> str:
    """The cdef text."""
    constants = integer_constants(HEADER.read_text(encoding="ascii"), set())
    defines = "".join(f"#define {name} ...\n" for name in constants)
    return PREAMBLE + defines + "".join(map(own_lines, [HEADER, *BINDINGS]))


ffibuilder = cffi.FFI()
ffibuilder.cdef(declarations())
ffibuilder.set_source(
    "pvm3py._task",
    SOURCE,
    include_dirs=[str(header.parent) for header in (HEADER, *BINDINGS)],
    extra_objects=[str(LIBPVM.with_name("libgpvm3.a")), str(LIBPVM)],
    # The library's names stay inside the module: a process may also load libpvm3.so.3.
    extra_link_args=["-Wl,--exclude-libs,ALL"],
)
