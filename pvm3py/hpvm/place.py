# SPDX-License-Identifier: MIT
"""Writing a tree: as a directory, or as one file."""

from __future__ import annotations

import os
from pathlib import Path

from pvm3py.hpvm import listing
from pvm3py.hpvm.listing import Kernel
from pvm3py.hpvm.recipe import archive

SINGLE = ".hpvm"


def write(output: Path, kernels: list[Kernel]) -> None:
    """Write the tree; the ending of the name says in what form. OSError: it cannot be written."""
    if output.suffix == SINGLE:
        members = {listing.NAME: listing.text(kernels).encode()}
        _replace(output, archive(members | {kernel.path: kernel.data for kernel in kernels}))
    else:
        _write_directory(output, kernels)


def is_free(output: Path) -> bool:
    """May the tree be written there? Directories that are something else are left alone."""
    if output.suffix == SINGLE or not output.exists():
        return not output.is_dir()
    return output.is_dir() and ((output / listing.NAME).exists() or not any(output.iterdir()))


def _write_directory(output: Path, kernels: list[Kernel]) -> None:
    """The kernels first, so that a list names only what is there; then what is old goes."""
    for kernel in kernels:
        _make_directories(output, Path(kernel.path).parent)
        _replace(output / kernel.path, kernel.data)
    _replace(output / listing.NAME, listing.text(kernels).encode())
    wanted = {kernel.path for kernel in kernels}
    for name in ("kernel.so", "kernel.tar"):
        for path in list(output.rglob(name)):
            if str(path.relative_to(output)) not in wanted:
                _remove(path, output)


def _make_directories(output: Path, below: Path) -> None:
    """Directories that only their owner can write, whatever the umask says."""
    for directory in (output, *(output / part for part in reversed([below, *below.parents[:-1]]))):
        directory.mkdir(exist_ok=True)
        directory.chmod(directory.stat().st_mode & ~0o022)


def _replace(path: Path, data: bytes) -> None:
    """A file, whole and under its name in one step, that others cannot write."""
    fresh = path.with_name(f".{path.name}.new{os.getpid()}")
    fresh.write_bytes(data)
    fresh.chmod(0o644)
    fresh.replace(path)


def _remove(path: Path, output: Path) -> None:
    """Remove a kernel, and the directories that are empty then."""
    path.unlink()
    for directory in path.parents:
        if directory == output or any(directory.iterdir()):
            break
        directory.rmdir()
