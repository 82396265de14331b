# SPDX-License-Identifier: MIT
"""Clients on machines of other kinds, run by an emulator: the parent's numbers become theirs."""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from pathlib import Path

import pytest
from support.compiler import built_library, script
from support.machines.vm import VirtualMachine
from support.programs import kernels
from support.system import C_SOURCES, require_program


@dataclass(frozen=True)
class Kind:
    """A kind of machine: the compiler for it, what runs its programs, sizes of its numbers."""

    compiler: str
    emulator: str
    packages: str
    long_bytes: int

    @property
    def triplet(self) -> str:
        """The name that tools for it begin with."""
        return self.compiler.removesuffix("-gcc")


KINDS = {
    "s390x": Kind(
        "s390x-linux-gnu-gcc",
        "qemu-s390x-static -L /usr/s390x-linux-gnu",
        "gcc-s390x-linux-gnu libc6-dev-s390x-cross qemu-user-static",
        8,
    ),
    "powerpc": Kind(
        "powerpc-linux-gnu-gcc",
        "qemu-ppc-static -L /usr/powerpc-linux-gnu",
        "gcc-powerpc-linux-gnu libc6-dev-powerpc-cross qemu-user-static",
        4,
    ),
    # It runs here as it is, with its own libraries.
    "i686": Kind(
        "i686-linux-gnu-gcc",
        "/usr/i686-linux-gnu/lib/ld-linux.so.2 --library-path /usr/i686-linux-gnu/lib",
        "gcc-i686-linux-gnu libc6-dev-i386-cross",
        4,
    ),
    "aarch64": Kind(
        "aarch64-linux-gnu-gcc",
        "qemu-aarch64-static -L /usr/aarch64-linux-gnu",
        "gcc-aarch64-linux-gnu libc6-dev-arm64-cross qemu-user-static",
        8,
    ),
}
GOLDEN = "47998246f45a54d404f3b1f6b62cc59fb49792135956c4ed7e55c32d4900b8a5"


def client(name: str) -> Path:
    """The directory with a program hpvmc that is the client of that kind; skips without tools."""
    kind = KINDS[name]
    require_program(kind.compiler, kind.packages)
    require_program(kind.emulator.split()[0], kind.packages)
    tree = built_library(
        f"hpvm-{name}", f"CC={kind.compiler}", f"PVM_ARCH=HPVM{name}", "WERROR=-Werror"
    )
    program = tree / "lib" / f"HPVM{name}" / "hpvmc"
    text = f'#!/bin/sh\nexec {kind.emulator} {program} "$@"\n'
    return script(f"hpvm-clients/{name}/hpvmc", text).parent


@pytest.mark.slow
@pytest.mark.parametrize("name", KINDS)
def test_output_of_a_foreign_client_is_the_golden_one(name: str) -> None:
    directory = client(name)
    program = kernels.parent(kernels.EXAMPLES / "sqrt" / "parent.c")
    tree = kernels.built_tree(kernels.EXAMPLES / "sqrt" / "kernel.c")
    with VirtualMachine(path=[directory]) as vm:
        done = vm.run(program, env={"HPVM_KERNELS": str(tree)}).check()
        assert done.err == ""
        digest = hashlib.sha256((vm.home / "output.dat").read_bytes())
        assert digest.hexdigest() == GOLDEN


# What does not fit into a long of 4 bytes: the code and the sentence's end.
MISFITS = (
    r"argument -8 .*argument 1: 1099511627776 does not fit into a long of host ",
    r'item -8 .*share "in.long", item 2: 1099511627776 does not fit into a long of host ',
)


@pytest.mark.slow
@pytest.mark.parametrize("name", KINDS)
def test_items_of_all_types_go_to_a_foreign_client_and_back(name: str) -> None:
    directory = client(name)
    program = kernels.test_parent("hpvm_convert")
    tree = kernels.built_tree(C_SOURCES / "hpvm_convert_kernel.c")
    with VirtualMachine(path=[directory]) as vm:
        done = vm.run(program, tree)
        assert "FAIL" not in done.out, done.out + done.err
        done.check()
        misfits = [re.search(misfit, done.out) is not None for misfit in MISFITS]
        assert misfits == [KINDS[name].long_bytes == 4] * len(MISFITS), done.out
