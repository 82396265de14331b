# SPDX-License-Identifier: MIT
"""The file hpvm.tree, whose reader is csrc/libhpvm/listing.c: a line a kernel."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

NAME = "hpvm.tree"
FIRST_LINE = "hpvm.tree 1"
SOURCE = "source/kernel.tar"


@dataclass(frozen=True)
class Kernel:
    """A file of a tree, and how it was made."""

    path: str
    data: bytes
    argtype: int
    compiler: str
    flags: str

    def line(self) -> str:
        """Its line in the list."""
        digest = hashlib.sha256(self.data).hexdigest()
        compiler, flags = (text.replace("\t", " ") or "-" for text in (self.compiler, self.flags))
        fields = [digest, str(len(self.data)), str(self.argtype), compiler, flags, self.path]
        return "\t".join(fields)


def text(kernels: list[Kernel]) -> str:
    """The list of these kernels."""
    lines = [kernel.line() for kernel in sorted(kernels, key=lambda kernel: kernel.path)]
    return "\n".join([FIRST_LINE, *lines]) + "\n"
