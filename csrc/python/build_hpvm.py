# SPDX-License-Identifier: MIT
"""Builder of pvm3py._hpvm: what Python uses of csrc/libhpvm, and of what a client knows.

It has nothing of libpvm3, which a process can hold once: pvm3py._task may be there, too.
"""

from __future__ import annotations

from pathlib import Path

import cffi

ROOT = Path(__file__).parents[2]
PARTS = ["arch", "archive", "listing", "program", "select", "sha256", "tree", "trusted"]
HEADERS = ["arch", "select", "sha256", "tree"]

DECLARATIONS = """
const char *hpvm_arch_of(const void *bytes, size_t size);
const char *hpvm_arch_here(void);
void hpvm_sha256(const void *bytes, size_t size, unsigned char out[32]);

struct hpvm_kernel {
    const char *path, *arch, *os, *level;
    unsigned char hash[32];
    long size;
    int argtype;
    const void *bytes;
};
struct hpvm_tree *hpvm_tree_open(const char *name, char *why, size_t room);
void hpvm_tree_close(struct hpvm_tree *tree);
const char *hpvm_tree_name(const struct hpvm_tree *tree);
int hpvm_tree_count(const struct hpvm_tree *tree);
const struct hpvm_kernel *hpvm_tree_kernel(const struct hpvm_tree *tree, int i);
bool hpvm_tree_is_current(const struct hpvm_tree *tree);

struct hpvm_traits { char arch[32], os[32]; int n_levels; char levels[16][32]; };
const struct hpvm_kernel *hpvm_select(
    const struct hpvm_tree *tree, const struct hpvm_traits *traits, int nth);
void hpvm_select_why(const struct hpvm_tree *tree, const struct hpvm_traits *traits, int nth,
    char *text, size_t room);
void hpvmc_traits(struct hpvm_traits *traits);
"""

ffibuilder = cffi.FFI()
ffibuilder.cdef(DECLARATIONS)
ffibuilder.set_source(
    "pvm3py._hpvm",
    "#include <stdbool.h>\n"
    + "".join(f'#include "libhpvm/{name}.h"\n' for name in HEADERS)
    + '#include "hpvmc/cpu.h"\n',
    sources=[
        *(str(ROOT / "csrc" / "libhpvm" / f"{part}.c") for part in PARTS),
        str(ROOT / "csrc" / "hpvmc" / "cpu.c"),
    ],
    include_dirs=[str(ROOT / "csrc")],
)
