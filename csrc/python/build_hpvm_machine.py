# SPDX-License-Identifier: MIT
"""Builder of pvm3py._hpvm_machine: hosts files and the machine that they describe.

libpvm3 is linked in statically, as build_task.py does it. Its memory of each thread is such that
a process can hold it once: what uses pvm3py._task uses nothing of this.
"""

from __future__ import annotations

import os
from pathlib import Path

import cffi

ROOT = Path(__file__).parents[2]
LIBPVM = Path(
    os.environ.get("PVM3PY_LIBPVM", ROOT / "build" / "pvm3" / "lib" / "LINUX64" / "libpvm3.a")
).absolute()
PARTS = ["hosts", "machine", "place", "program"]

DECLARATIONS = """
struct hpvm_host {
    char address[256], name[64], options[512], exports[512];
    int cpus, line;
    bool is_here;
    int daemon;
};
struct hpvm_hosts {
    char callback[256];
    int n, n_callbacks;
    struct hpvm_host *hosts, *callbacks;
};
bool hpvm_hosts_find(char *path, size_t room);
struct hpvm_hosts *hpvm_hosts_parse(
    const char *text, size_t size, const char *file, char *why, size_t room);
struct hpvm_hosts *hpvm_hosts_read(const char *path, char *why, size_t room);
bool hpvm_hosts_place(struct hpvm_hosts *hosts, const char *file, char *why, size_t room);
void hpvm_hosts_free(struct hpvm_hosts *hosts);
int hpvm_machine_complete(struct hpvm_hosts *hosts, void (*say)(const char *line));
extern "Python" void hpvm_say(const char *line);

#define PvmAutoErr ...
int pvm_mytid(void);
int pvm_exit(void);
int pvm_halt(void);
int pvm_setopt(int what, int value);
"""

ffibuilder = cffi.FFI()
ffibuilder.cdef(DECLARATIONS)
ffibuilder.set_source(
    "pvm3py._hpvm_machine",
    '#include <stdbool.h>\n#include "libhpvm/machine.h"\n#include "pvm3.h"\n',
    sources=[str(ROOT / "csrc" / "libhpvm" / f"{part}.c") for part in PARTS],
    include_dirs=[str(ROOT / directory) for directory in ("csrc", "include")],
    extra_objects=[str(LIBPVM)],
    # The library's names stay inside the module: a process may also load libpvm3.so.3.
    extra_link_args=["-Wl,--exclude-libs,ALL"],
)
