# SPDX-License-Identifier: MIT
"""Hosts of several kinds without PVM: what they are, what they run of a tree, what they keep."""

from __future__ import annotations

import os
import shlex
import subprocess
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from support import compiler
from support.system import C_SOURCES, PROJECT, library_dir, require_program

# Steps of all points of tests/c/hpvm_mandelbrot.c, where each operation rounds for itself.
MANDELBROT = 49861264
# Rows of it: all, and as many as emulators do in a second.
ALL, FEW = 1024, 16

_PARTS = (
    *("arch", "archive", "listing", "program", "select", "sha256", "tree", "trusted"),
    *("cpu", "cache", "source"),
)


@dataclass(frozen=True)
class Kind:
    """A kind of host: its architecture's name, what compiles for it, what runs its programs."""

    arch: str
    compiler: str = "gcc"
    emulator: str = ""
    packages: str = "gcc"
    root: str = ""

    def require(self) -> None:
        """Skip without the tools."""
        require_program(self.compiler, self.packages)
        if self.emulator.startswith("qemu"):
            require_program(self.emulator, "qemu-user-static")

    def command(self, program: Path, cpu: str | None) -> list[str]:
        """What runs a program; cpu: a processor by the emulator's name."""
        if not self.emulator.startswith("qemu"):
            words = [self.emulator, "--library-path", f"{self.root}/lib"] if self.emulator else []
            return [*words, str(program)]
        words = [self.emulator, *(["-L", self.root] if self.root else [])]
        return [*words, *(["-cpu", cpu] if cpu else []), str(program)]


KINDS = {
    kind.arch: kind
    for kind in (
        Kind("x86-64"),
        Kind(
            "x86",
            "i686-linux-gnu-gcc",
            "/usr/i686-linux-gnu/lib/ld-linux.so.2",
            "gcc-i686-linux-gnu libc6-dev-i386-cross",
            "/usr/i686-linux-gnu",
        ),
        Kind(
            "s390x",
            "s390x-linux-gnu-gcc",
            "qemu-s390x-static",
            "gcc-s390x-linux-gnu libc6-dev-s390x-cross",
            "/usr/s390x-linux-gnu",
        ),
        Kind(
            "ppc",
            "powerpc-linux-gnu-gcc",
            "qemu-ppc-static",
            "gcc-powerpc-linux-gnu libc6-dev-powerpc-cross",
            "/usr/powerpc-linux-gnu",
        ),
        Kind(
            "aarch64",
            "aarch64-linux-gnu-gcc",
            "qemu-aarch64-static",
            "gcc-aarch64-linux-gnu libc6-dev-arm64-cross",
            "/usr/aarch64-linux-gnu",
        ),
    )
}
# This machine's programs, on other processors.
EMULATED = Kind("x86-64", emulator="qemu-x86_64-static")


def host_program(kind: Kind) -> Path:
    """tests/c/hpvm_host.c for a kind of host; skips without the tools."""
    kind.require()
    sources = [C_SOURCES / "hpvm_host.c"]
    for part in _PARTS:
        folder = "hpvmc" if part in ("cpu", "cache", "source") else "libhpvm"
        sources.append(PROJECT / "csrc" / folder / f"{part}.c")
    flags = ["-std=gnu11", "-O2", "-Wall", "-Wextra", "-Werror", "-rdynamic"]
    flags += [f"-I{PROJECT / 'csrc'}", f"-I{PROJECT / 'include'}"]
    command = [kind.compiler, *flags, *map(str, sources), "-ldl"]
    return compiler.compiled(f"hosts/{kind.arch}/hpvm_host", command)


@cache
def _mandelbrot() -> Path:
    source = C_SOURCES / "hpvm_mandelbrot.c"
    levels = ["--levels", "s390x=z13,z14,z15", "--levels", "x86=x86-64-v2,x86-64-v3,x86-64-v4"]

    def make(target: Path) -> None:
        build(source, "--source", *levels, "-o", target).check_returncode()

    return compiler.made_once("mandelbrot.kernels", make)


def mandelbrot() -> Path:
    """The tree of tests/c/hpvm_mandelbrot.c, for all compilers that are here."""
    require_program("gcc", "gcc")
    return _mandelbrot()


def build(
    *words: object, env: Mapping[str, str] | None = None, cwd: Path | None = None
) -> subprocess.CompletedProcess[str]:
    """Run hpvm-build."""
    command = [str(library_dir() / "hpvm-build"), *map(str, words)]
    environment = {**os.environ, **(env or {})}
    return subprocess.run(command, capture_output=True, text=True, env=environment, cwd=cwd)


class Host:
    """A host: home is its user's, env more of its environment; wrapper: a command to run it."""

    def __init__(
        self,
        kind: Kind,
        home: Path | str = "",
        cpu: str | None = None,
        wrapper: Iterable[str] = (),
        **env: str,
    ) -> None:
        self._command = [*wrapper, *kind.command(host_program(kind), cpu)]
        self._env = {k: v for k, v in os.environ.items() if not k.startswith(("HPVM_", "XDG_"))}
        self._env |= {"HOME": str(home), **env}

    def traits(self) -> list[str]:
        """Architecture, system, levels."""
        return shlex.split(self._ask("traits"))

    def run(self, tree: Path, nth: int = 0, rows: int = FEW) -> tuple[str, ...]:
        """The path of the choice number nth and what it returned with the sum; or a complaint."""
        return tuple(self._ask("run", tree, nth, rows).splitlines())

    def put(self, *files: Path) -> list[str]:
        """Put files into the cache: the result for each."""
        return self._ask("put", *files).split()

    def get(self, digest: str) -> str:
        """Take a file out of the cache."""
        return self._ask("get", digest).strip()

    def _ask(self, *words: object) -> str:
        command = [*self._command, *map(str, words)]
        done = subprocess.run(command, capture_output=True, text=True, env=self._env, timeout=300)
        assert done.returncode in (0, 1), f"{shlex.join(command)}: {done}"
        return done.stdout
