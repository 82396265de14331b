# SPDX-License-Identifier: MIT
"""`hpvm tree`: what each host of the machine gets of a tree, and why."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

from support.machines.vm import VirtualMachine
from support.programs import treehosts
from support.programs.treehosts import KINDS, Host
from support.system import library_dir, spawn_dir

HPVM = library_dir() / "hpvm"


def best() -> str:
    """The level of this machine's processor that the tree has, or generic."""
    return [*Host(KINDS["x86-64"]).traits()[2:], "generic"][0]


def test_each_host_of_the_machine_is_asked() -> None:
    tree = treehosts.mandelbrot()
    with VirtualMachine(path=[spawn_dir()]) as vm:
        done = vm.run(HPVM, "tree", tree).check()
        [line] = done.out.splitlines()
        assert f" x86-64/linux/{best()}/kernel.so " in line


def test_hosts_tell_what_their_mask_leaves() -> None:
    tree = treehosts.mandelbrot()
    with VirtualMachine(path=[spawn_dir()], env={"HPVM_LEVELS": "x86-64-v2"}) as vm:
        [line] = vm.run(HPVM, "tree", tree).check().out.splitlines()
        assert " x86-64/linux/x86-64-v2/kernel.so " in line
        assert line.endswith("x86-64-v2: the processor lacks x86-64-v3, x86-64-v4")


def test_host_without_a_client_is_named() -> None:
    with VirtualMachine(env={"PVM_PATH": "/nowhere", "PVM_ROOT": "/nowhere"}) as vm:
        done = vm.run(HPVM, "tree", treehosts.mandelbrot())
        assert done.status == 1
        assert "hpvmc cannot be started: " in done.out


def test_without_a_machine_this_host_is_shown(tmp_path: Path) -> None:
    done = subprocess.run(
        [str(HPVM), "tree", "--list", str(treehosts.mandelbrot())],
        capture_output=True,
        text=True,
        env=os.environ | {"PVM_TMP": str(tmp_path), "PVM_ALLOW_ROOT": "1"},
    )
    assert (done.returncode, done.stderr) == (0, "")
    *kernels, host = done.stdout.splitlines()
    assert any(line.endswith("  source/kernel.tar") for line in kernels)
    assert host.startswith("this host ")
    assert f" x86-64/linux/{best()}/kernel.so " in host


def test_bad_tree_is_a_line(tmp_path: Path) -> None:
    done = subprocess.run([str(HPVM), "tree", str(tmp_path)], capture_output=True, text=True)
    assert done.returncode == 1
    assert done.stderr == f"hpvm tree: {tmp_path}/hpvm.tree: No such file or directory\n"
