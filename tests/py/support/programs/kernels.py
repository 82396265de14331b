# SPDX-License-Identifier: MIT
"""Programs of HPVM: parents, kernels, and trees of kernels for this machine."""

from __future__ import annotations

import hashlib
import re
import subprocess
from collections.abc import Iterable
from pathlib import Path

from support import compiler
from support.system import C_SOURCES, PROJECT, library_dir, pvm_root, require_program

HEADER = PROJECT / "include" / "hpvm.h"
EXAMPLES = PROJECT / "examples" / "hpvm"
STRICT = ("-Wall", "-Wextra", "-Werror")
LONG = int(re.findall(r"#define HPVM_LONG +(\d+)", HEADER.read_text())[0])


def parent(source: Path, *flags: str) -> Path:
    """A parent, compiled as a user would."""
    require_program("cc", "gcc")
    return compiler.compile_program(
        source.stem, [source], "ours", ["-O2", "-g", *flags], libraries=["-lhpvm"]
    )


def test_parent(name: str) -> Path:
    """The parent tests/c/NAME.c."""
    return parent(C_SOURCES / f"{name}.c", "-std=gnu11", *STRICT)


# pytest must not take the function above for a test where it is imported.
test_parent.__test__ = False  # type: ignore[attr-defined]


def kernel(source: Path, *flags: str) -> Path:
    """A kernel for this machine: a shared object."""
    require_program("cc", "gcc")
    command = ["cc", "-O2", "-fPIC", "-shared", "-ffp-contract=off", *flags]
    command += [f"-I{pvm_root() / 'include'}", str(source), "-lm"]
    key = hashlib.sha256("\0".join(command).encode()).hexdigest()[:12]
    return compiler.compiled(f"kernels/{key}/{source.stem}.so", command)


def make_tree(target: Path, kernels: dict[str, Path], argtype: int = LONG) -> Path:
    """A tree of compiled kernels, by their ARCH/OS/LEVEL, as a directory."""
    lines = ["hpvm.tree 1"]
    for place, file in kernels.items():
        directory = target / place
        directory.mkdir(parents=True)
        (directory / "kernel.so").write_bytes(file.read_bytes())
        digest = hashlib.sha256(file.read_bytes()).hexdigest()
        fields = [digest, str(file.stat().st_size), str(argtype), "cc", "-O2"]
        lines.append("\t".join([*fields, f"{place}/kernel.so"]))
    (target / "hpvm.tree").write_text("\n".join(lines) + "\n")
    return target


def tree(source: Path, flags: Iterable[str] = ()) -> Path:
    """The tree with a kernel for this machine alone."""
    file = kernel(source, *flags)
    name = f"trees/{file.parent.name}/{source.stem}.kernels"
    return compiler.made_once(
        name, lambda target: make_tree(target, {"x86-64/linux/generic": file})
    )


def built_tree(source: Path, *options: str) -> Path:
    """The tree that hpvm-build makes of a source."""
    name = hashlib.sha256("\0".join((str(source), *options)).encode()).hexdigest()[:12]

    def build(target: Path) -> None:
        command = [library_dir() / "hpvm-build", *options, source, "-o", target]
        done = subprocess.run(list(map(str, command)), capture_output=True, text=True)
        assert done.returncode == 0, done.stdout + done.stderr

    return compiler.made_once(f"trees/{name}/{source.stem}.kernels", build)


def hpvmc() -> Path:
    """The client."""
    return library_dir() / "hpvmc"
