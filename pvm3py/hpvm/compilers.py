# SPDX-License-Identifier: MIT
"""Which compilers this machine has, for which architectures, and what packages would bring more."""

from __future__ import annotations

import functools
import os
import re
import shlex
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

OS = "linux"
GENERIC = "generic"
# So that a task has the same result on every level and architecture, to the last bit.
EXACT = ["-O2", "-fPIC", "-fvisibility=hidden", "-ffp-contract=off"]
FAST = ["-O3", "-fPIC", "-fvisibility=hidden", "-ffp-contract=fast"]
ARCH_FLAGS = {"x86": ["-msse2", "-mfpmath=sse"]}


@dataclass(frozen=True)
class Known:
    """An architecture: levels that are built, triplet, Debian packages for it."""

    levels: tuple[str, ...]
    triplet: str
    package: str = ""
    libc: str = ""

    @property
    def hint(self) -> str:
        """What to install."""
        if not self.package:
            return "no compiler"
        return f"no compiler: apt-get install gcc-{self.package} libc6-dev-{self.libc}-cross"


KNOWN = {
    "x86-64": Known(
        (GENERIC, "x86-64-v2", "x86-64-v3", "x86-64-v4"),
        "x86_64-linux-gnu",
        "x86-64-linux-gnu",
        "amd64",
    ),
    "x86": Known((GENERIC,), "i686-linux-gnu", "i686-linux-gnu", "i386"),
    "aarch64": Known(
        (GENERIC, "armv8.1-a", "armv8.2-a"), "aarch64-linux-gnu", "aarch64-linux-gnu", "arm64"
    ),
    "arm": Known((GENERIC,), "arm-linux-gnueabihf", "arm-linux-gnueabihf", "armhf"),
    "s390x": Known((GENERIC, "z14", "z15"), "s390x-linux-gnu", "s390x-linux-gnu", "s390x"),
    "ppc": Known((GENERIC,), "powerpc-linux-gnu", "powerpc-linux-gnu", "powerpc"),
    "ppc64": Known((GENERIC,), "powerpc64-linux-gnu", "powerpc64-linux-gnu", "ppc64"),
    "ppc64le": Known(
        (GENERIC, "power9", "power10"), "powerpc64le-linux-gnu", "powerpc64le-linux-gnu", "ppc64el"
    ),
    "mips32": Known((GENERIC,), "mips-linux-gnu", "mips-linux-gnu", "mips"),
    "mips32el": Known((GENERIC,), "mipsel-linux-gnu", "mipsel-linux-gnu", "mipsel"),
    "mips64": Known((GENERIC,), "mips64-linux-gnuabi64", "mips64-linux-gnuabi64", "mips64"),
    "mips64el": Known((GENERIC,), "mips64el-linux-gnuabi64", "mips64el-linux-gnuabi64", "mips64el"),
    "riscv64": Known((GENERIC,), "riscv64-linux-gnu", "riscv64-linux-gnu", "riscv64"),
    "sparc64": Known((GENERIC,), "sparc64-linux-gnu", "sparc64-linux-gnu", "sparc64"),
}
# The first word of a triplet, where it is another one than in the table.
_MACHINES = {"i386": "x86", "i486": "x86", "i586": "x86", "i686": "x86", "amd64": "x86-64"}
_MACHINES |= {known.triplet.split("-")[0]: arch for arch, known in KNOWN.items()}


@dataclass(frozen=True)
class Compiler:
    """A command for C and one for C++, and what they compile for."""

    arch: str
    cc: tuple[str, ...]
    cxx: tuple[str, ...]

    @property
    def name(self) -> str:
        """What users know it by."""
        return shlex.join(self.cc)


def arch_of(triplet: str) -> str | None:
    """The architecture in a compiler's triplet; None if it is not for Linux or not known."""
    words = triplet.split("-")
    if OS not in words:
        return None
    if triplet.endswith("x32"):
        return "x32"
    return _MACHINES.get(words[0])


@functools.cache
def target(*command: str) -> str | None:
    """The architecture that a compiler makes code for; None if it says nothing or is not there."""
    try:
        result = subprocess.run([*command, "-dumpmachine"], capture_output=True, text=True)
    except OSError:
        return None
    return arch_of(result.stdout.strip()) if result.returncode == 0 else None


def find(environment: dict[str, str] | None = None) -> dict[str, Compiler]:
    """The compiler for each architecture, the own one first.

    environment: HPVM_CC_s390x and HPVM_CXX_s390x name the compilers for s390x, and so on, with `_`
    for `-` in the architecture's name; CC and CXX those for the own one.
    """
    env = dict(os.environ if environment is None else environment)
    found: dict[str, Compiler] = {}
    for compiler in (*_named(env), *_own(env), *_crossing(env), *_clang(env)):
        found.setdefault(compiler.arch, compiler)
    own = own_arch(env)
    return dict(sorted(found.items(), key=lambda item: (item[0] != own, item[0])))


def own_arch(env: dict[str, str]) -> str | None:
    """The architecture of this machine's own compiler, or else of its processor."""
    for compiler in _own(env):
        return compiler.arch
    return arch_of(f"{os.uname().machine}-{OS}")


def _named(env: dict[str, str]) -> Iterator[Compiler]:
    """Compilers that the user names."""
    for arch in KNOWN:
        word = arch.replace("-", "_")
        if command := env.get(f"HPVM_CC_{word}"):
            words = tuple(shlex.split(command))
            cxx = env.get(f"HPVM_CXX_{word}")
            yield Compiler(arch, words, tuple(shlex.split(cxx)) if cxx else cxx_of(words))


def cxx_of(cc: tuple[str, ...]) -> tuple[str, ...]:
    """The C++ compiler that belongs to one for C: g++ for gcc, and so on."""
    directory, _, name = cc[0].rpartition("/")
    name = re.sub(r"gcc(?=$|-\d)", "g++", name)
    name = re.sub(r"clang(?=$|-\d)", "clang++", name)
    name = "c++" if name == "cc" else name
    return (f"{directory}/{name}" if directory else name, *cc[1:])


def _own(env: dict[str, str]) -> Iterator[Compiler]:
    """The compiler of this machine, for its own architecture."""
    commands = [shlex.split(env["CC"])] if env.get("CC") else [["gcc"], ["cc"], ["clang"]]
    for words in commands:
        if shutil.which(words[0], path=env.get("PATH")) and (arch := target(*words)):
            cxx = tuple(shlex.split(env["CXX"])) if env.get("CXX") else cxx_of(tuple(words))
            yield Compiler(arch, tuple(words), cxx)
            break


def _crossing(env: dict[str, str]) -> Iterator[Compiler]:
    """TRIPLET-gcc of the search path; other systems than Linux are left out."""
    seen = set()
    for directory in env.get("PATH", os.defpath).split(os.pathsep):
        for path in sorted(Path(directory or ".").glob("*-*-gcc")):
            if path.name not in seen and os.access(path, os.X_OK):
                seen.add(path.name)
                # Others have another C library than the one that hosts have.
                if "musl" not in path.name and (arch := target(str(path))):
                    cc = (path.name,)
                    yield Compiler(arch, cc, cxx_of(cc))


def _clang(env: dict[str, str]) -> Iterator[Compiler]:
    """clang makes code for all; it needs the linker and the C library of the other architecture."""
    path = env.get("PATH")
    if not shutil.which("clang", path=path):
        return
    for arch, known in KNOWN.items():
        if _has_library(known.triplet) and _has_linker(known.triplet, path):
            option = f"--target={known.triplet}"
            yield Compiler(arch, ("clang", option), ("clang++", option))


def _has_library(triplet: str) -> bool:
    return Path(f"/usr/{triplet}/include/stdio.h").exists()


def _has_linker(triplet: str, path: str | None) -> bool:
    return any(shutil.which(name, path=path) for name in (f"{triplet}-ld", "ld.lld"))


def level_flags(arch: str, level: str) -> list[str]:
    """What a compiler is told for a level."""
    if level == GENERIC:
        return []
    return [("-mcpu=" if arch.startswith("ppc") else "-march=") + level]
