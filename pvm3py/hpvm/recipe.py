# SPDX-License-Identifier: MIT
"""How a kernel is compiled: its files, what surrounds them, the compiler's command line."""

from __future__ import annotations

import io
import os
import re
import subprocess
import tarfile
from dataclasses import dataclass
from pathlib import Path

from pvm3py.hpvm import compilers
from pvm3py.hpvm.compilers import Compiler

CXX_ENDINGS = {".cc", ".cpp", ".cxx", ".c++", ".C"}
_HEADERS = ("hpvm.h", "hpvm_end.h")
_UNIT = """#define kernel_main hpvm__kernel_main
#include "{file}"
#include "hpvm_end.h"
"""


class BuildError(Exception):
    """Something cannot be built, and why, in a line; `messages` are the compiler's own."""

    def __init__(self, text: str, messages: str = "") -> None:
        super().__init__(text)
        self.messages = messages


@dataclass(frozen=True)
class Recipe:
    """What is to be compiled.

    files: the sources, that with kernel_main first. flags: the user's, for the compiler.
    libraries: -l and -L. include: where hpvm.h is. fast: bits may differ from level to level.
    """

    files: tuple[Path, ...]
    flags: tuple[str, ...]
    libraries: tuple[str, ...]
    include: Path
    fast: bool = False

    @property
    def is_cxx(self) -> bool:
        """Is it C++?"""
        return any(file.suffix in CXX_ENDINGS for file in self.files)

    @property
    def unit_name(self) -> str:
        """Name of the file that includes the first source."""
        return "hpvm_unit" + (".cc" if self.is_cxx else ".c")

    def unit(self, file: str) -> str:
        """Text of the file that includes the first source, which is called so."""
        return _UNIT.format(file=file)

    def base_flags(self) -> list[str]:
        """Flags for all architectures, before those of the user."""
        return compilers.FAST if self.fast else compilers.EXACT

    def compiler_of(self, compiler: Compiler) -> list[str]:
        """The words that call it for these files."""
        return [*(compiler.cxx if self.is_cxx else compiler.cc)]

    def flags_for(self, arch: str, level: str) -> list[str]:
        """Everything that a compiler is told for a level, but names of files."""
        own = compilers.ARCH_FLAGS.get(arch, [])
        return [*self.base_flags(), *own, *compilers.level_flags(arch, level), *self.flags]

    def compile(self, compiler: Compiler, level: str, scratch: Path) -> bytes:
        """The kernel for a level; BuildError: the compiler failed. scratch: an empty directory."""
        unit, output = scratch / self.unit_name, scratch / "kernel.so"
        unit.write_text(self.unit(str(self.files[0].absolute())))
        command = self.compiler_of(compiler) + self.flags_for(compiler.arch, level)
        command += [f"-I{self.include}", "-shared", "-s", "-o", str(output), str(unit)]
        command += [*map(str, self.files[1:]), *self.libraries]
        result = _run(command)
        if result.returncode:
            raise BuildError(_line_that_says_most(result.stderr), result.stderr)
        return output.read_bytes()

    # ---- the source as an archive

    def bundle(self, compiler: Compiler) -> bytes:
        """The source with its headers as csrc/hpvmc/source.h describes."""
        needed = self._needed(compiler)
        top = Path(os.path.commonpath([path.parent for path in needed]))
        names = {path: f"src/{path.relative_to(top)}" for path in needed}
        members = {name: path.read_bytes() for path, name in names.items()}
        members |= {name: (self.include / name).read_bytes() for name in _HEADERS}
        first, *others = (names[file.absolute()] for file in self.files)
        members[self.unit_name] = self.unit(first).encode()
        members["hpvm.source"] = self._how([self.unit_name, *others], top).encode()
        return archive(members)

    def _needed(self, compiler: Compiler) -> list[Path]:
        """The sources and their own headers: not those of the system, nor of HPVM."""
        command = self.compiler_of(compiler) + self.flags_for(compiler.arch, compilers.GENERIC)
        command += ["-MM", f"-I{self.include}", *(str(file.absolute()) for file in self.files)]
        result = _run(command)
        if result.returncode:
            raise BuildError(_line_that_says_most(result.stderr), result.stderr)
        words = re.findall(r"(?:\\.|[^\s\\])+", re.sub(r"\\\n", " ", result.stdout))
        paths = {Path(os.path.abspath(re.sub(r"\\(.)", r"\1", w))) for w in words if w[-1] != ":"}
        return sorted(path for path in paths if path.parent != self.include.absolute())

    def _how(self, units: list[str], top: Path) -> str:
        """The text of hpvm.source."""
        lines = ["hpvm.source 1", f"language {'c++' if self.is_cxx else 'c'}"]
        lines += [f"flag {flag}" for flag in self.base_flags()]
        for arch, flags in compilers.ARCH_FLAGS.items():
            lines += [f"flag@{arch} {flag}" for flag in flags]
        lines += [f"flag {self._moved(flag, top)}" for flag in self.flags]
        lines += [f"unit {unit}" for unit in units]
        lines += [f"library {library}" for library in self.libraries]
        return "\n".join(lines) + "\n"

    @staticmethod
    def _moved(flag: str, top: Path) -> str:
        """A flag; a directory of headers is where it is in the archive."""
        directory = Path(os.path.abspath(flag[2:]))
        if not flag.startswith("-I") or not directory.is_relative_to(top):
            return flag
        return f"-Isrc/{directory.relative_to(top)}"


def archive(members: dict[str, bytes]) -> bytes:
    """A ustar archive, the same bytes each time."""
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w", format=tarfile.USTAR_FORMAT) as tar:
        for name, data in members.items():
            member = tarfile.TarInfo(name)
            member.size, member.mode = len(data), 0o644
            tar.addfile(member, io.BytesIO(data))
    return stream.getvalue()


def _run(command: list[str]) -> subprocess.CompletedProcess[str]:
    """Run a compiler, whose words are English."""
    env = os.environ | {"LC_ALL": "C"}
    try:
        return subprocess.run(command, capture_output=True, text=True, errors="replace", env=env)
    except OSError as error:
        raise BuildError(f"{command[0]}: {error.strerror}") from None


def _line_that_says_most(messages: str) -> str:
    """The first error among a compiler's messages."""
    lines = [line for line in messages.splitlines() if line.strip()]
    errors = [line for line in lines if "error:" in line or "undefined" in line]
    return (errors or lines or ["the compiler failed"])[0].strip()
