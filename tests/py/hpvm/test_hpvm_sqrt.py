# SPDX-License-Identifier: MIT
"""examples/hpvm/sqrt: the square roots of a million numbers, the same to the last byte."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable

import pytest
from support.machines.machine import Machine
from support.machines.vm import VirtualMachine
from support.programs import kernels
from support.system import SIDES, Side, spawn_dir

SQRT = kernels.EXAMPLES / "sqrt"
GOLDEN = "47998246f45a54d404f3b1f6b62cc59fb49792135956c4ed7e55c32d4900b8a5"


def run_example(vm: VirtualMachine) -> None:
    """Run the parent, which finds its kernels beside it, and look at what it wrote."""
    program, tree = kernels.parent(SQRT / "parent.c"), kernels.built_tree(SQRT / "kernel.c")
    done = vm.run(program, env={"HPVM_KERNELS": str(tree)}).check()
    assert done.err == ""
    digest = hashlib.sha256((vm.home / "output.dat").read_bytes())
    assert digest.hexdigest() == GOLDEN


@pytest.mark.parametrize("side", SIDES)
def test_output_on_one_host_is_the_golden_one(side: Side) -> None:
    with VirtualMachine(side, path=[spawn_dir()]) as vm:
        run_example(vm)


def machine_of(kinds: Iterable[Side]) -> Machine:
    """A machine of hosts that all have the client."""
    return Machine(kinds, network="loopback", env={"PVM_PATH": str(spawn_dir())})


@pytest.mark.parametrize(
    "kinds",
    [("ours",) * 2, ("ours",) * 4, ("ours", "debian"), ("debian", "ours")],
    ids="-".join,
)
def test_output_of_several_hosts_is_the_golden_one(kinds: tuple[Side, ...]) -> None:
    machine = machine_of(kinds)
    try:
        run_example(machine.bed.master)
    finally:
        machine.bed.stop()
