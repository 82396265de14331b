# SPDX-License-Identifier: MIT
"""The command hpvm-build: a kernel's source becomes a tree of kernels for many machines."""

from __future__ import annotations

import argparse
import re
import shlex
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).absolute().parents[2]))

from pvm3py._hpvm import ffi, lib
from pvm3py.command import add_version, error_text, run
from pvm3py.hpvm import compilers, listing, place
from pvm3py.hpvm.compilers import GENERIC, KNOWN, OS, Compiler
from pvm3py.hpvm.elf import BadElf, Elf
from pvm3py.hpvm.listing import Kernel
from pvm3py.hpvm.recipe import BuildError, Recipe
from pvm3py.root import pvm_root

PROGRAM = "hpvm-build"
# What the libraries of the compilers themselves leave to the program.
_UNVERSIONED = {"_GLOBAL_OFFSET_TABLE_", "__tls_get_addr", "__stack_chk_guard"}
_BYTE = 1


@dataclass(frozen=True)
class Row:
    """A line of the table: a level, and its kernel or why there is none."""

    arch: str
    level: str
    text: str
    kernel: Kernel | None = None


class Builder:
    """Compiles a recipe for every architecture at hand."""

    def __init__(self, recipe: Recipe, levels: dict[str, tuple[str, ...]]) -> None:
        self._recipe = recipe
        self._levels = levels
        self.compilers = compilers.find()
        self._offered = set(re.findall(r"\bhpvm_\w+", (recipe.include / "hpvm.h").read_text()))

    def rows(self) -> list[Row]:
        """All levels. BuildError: not even the first one can be built: the source has an error."""
        if not self.compilers:
            raise BuildError("no compiler: apt-get install gcc libc6-dev")
        wanted = [(c, level) for c in self.compilers.values() for level in self.levels(c.arch)]
        first = self._build(*wanted[0])
        with ThreadPoolExecutor() as pool:
            others = list(pool.map(lambda pair: self._row(*pair), wanted[1:]))
        rows = [self._built(*wanted[0], first), *others]
        missing = (arch for arch in KNOWN if arch not in self.compilers)
        return rows + [Row(arch, "-", KNOWN[arch].hint) for arch in missing]

    def levels(self, arch: str) -> tuple[str, ...]:
        """What is built for an architecture; generic always is."""
        default = KNOWN[arch].levels if arch in KNOWN else (GENERIC,)
        return tuple(dict.fromkeys((GENERIC, *self._levels.get(arch, default))))

    def source(self, argtype: int) -> Kernel:
        """The source as a file of the tree."""
        own = next(iter(self.compilers.values()))
        return Kernel(listing.SOURCE, self._recipe.bundle(own), argtype, "", "")

    def _row(self, compiler: Compiler, level: str) -> Row:
        try:
            return self._built(compiler, level, self._build(compiler, level))
        except BuildError as error:
            return Row(compiler.arch, level, str(error))

    def _built(self, compiler: Compiler, level: str, kernel: Kernel) -> Row:
        size = f"{len(kernel.data):,} bytes"
        return Row(compiler.arch, level, f"{size:>14}  {kernel.compiler}", kernel)

    def _build(self, compiler: Compiler, level: str) -> Kernel:
        with tempfile.TemporaryDirectory(prefix="hpvm") as scratch:
            data = self._recipe.compile(compiler, level, Path(scratch))
        argtype = self._check(compiler.arch, data)
        flags = shlex.join(self._recipe.flags_for(compiler.arch, level))
        path = f"{compiler.arch}/{OS}/{level}/kernel.so"
        name = shlex.join(self._recipe.compiler_of(compiler))
        return Kernel(path, data, argtype, name, flags)

    def _check(self, arch: str, data: bytes) -> int:
        """The type of the arguments. BuildError: the client could not use this file."""
        is_for = lib.hpvm_arch_of(data, len(data))
        if is_for == ffi.NULL or ffi.string(is_for).decode() != arch:
            raise BuildError(f"the compiler made no {arch} kernel")
        try:
            elf = Elf(data)
            missing = [name for name in elf.wanted() if not self._is_offered(name)]
            if missing:
                raise BuildError(f"undefined: {', '.join(missing)}")
            return self._argtype(elf)
        except BadElf as error:
            raise BuildError(str(error)) from None

    @staticmethod
    def _argtype(elf: Elf) -> int:
        symbol = elf.symbol("hpvm_args_type")
        if not elf.symbol("kernel_main") or not symbol:
            raise BuildError("kernel_main is missing")
        return _BYTE if elf.symbol("hpvm_bytes_args") else elf.integer(symbol)

    def _is_offered(self, name: str) -> bool:
        """Has the client this name, or can a library have it that the user gives?"""
        if name.startswith("hpvm_"):
            return name in self._offered
        return name in _UNVERSIONED or bool(set(self._recipe.libraries) - {"-lm"})


def table(rows: list[Row]) -> str:
    """The rows as text."""
    lines = [f"{row.arch:<9} {OS:<6} {row.level:<10} {row.text}" for row in rows]
    return "\n".join(lines)


def lacking(rows: list[Row], required: list[str]) -> list[str]:
    """Architectures that are required and not complete."""
    good = {row.arch for row in rows if row.kernel}
    bad = {row.arch for row in rows if not row.kernel}
    return [arch for arch in required if arch in bad or arch not in good]


def usable(rows: list[Row]) -> list[Kernel]:
    """The kernels of architectures that have a generic one."""
    generic = {row.arch for row in rows if row.kernel and row.level == GENERIC}
    return [row.kernel for row in rows if row.kernel and row.arch in generic]


def main(arguments: list[str], program: str = PROGRAM) -> int:
    """Build as the command line says; the exit status."""
    parser = _parser(program)
    options, rest = parser.parse_known_args(_joined(arguments))
    recipe = Recipe(
        files=tuple(map(Path, options.files)),
        flags=tuple(word for word in rest if not word.startswith(("-l", "-L"))),
        libraries=(*(word for word in rest if word.startswith(("-l", "-L"))), "-lm"),
        include=pvm_root() / "include",
        fast=options.fast,
    )
    output = Path(options.output or f"{recipe.files[0].stem}.kernels")
    _check_names(parser, recipe, output)
    required = [word for given in options.require for word in given.split(",")]
    try:
        return _build(Builder(recipe, dict(options.levels)), output, required, options)
    except BuildError as error:
        sys.stderr.write(error.messages or f"{program}: {error}\n")
        return 1
    except OSError as error:
        sys.stderr.write(f"{program}: {error_text(error)}\n")
        return 1


def _build(builder: Builder, output: Path, required: list[str], options: object) -> int:
    rows = builder.rows()
    print(table(rows))
    own = next(iter(builder.compilers))
    for arch in (missing := lacking(rows, [own, *required])):
        print(f"{PROGRAM}: {arch} is not complete", file=sys.stderr)
    kernels = usable(rows)
    if getattr(options, "source", False):
        kernels.append(builder.source(kernels[0].argtype))
    if GENERIC in (row.level for row in rows if row.arch == own and row.kernel):
        place.write(output, kernels)
        print(f"{output}: {len(kernels)} files")
    return 1 if missing else 0


def _levels(text: str) -> tuple[str, tuple[str, ...]]:
    """ARCH=LEVEL,LEVEL of the command line."""
    arch, _, names = text.partition("=")
    if arch not in KNOWN:
        raise ValueError(arch)
    return arch, tuple(name for name in names.split(",") if name)


def _joined(arguments: list[str]) -> list[str]:
    """`-I DIR` and the like become one word, so that DIR is no source."""
    words: list[str] = []
    for word in arguments:
        if words and words[-1] in ("-I", "-D", "-U", "-L", "-l"):
            words[-1] += word
        else:
            words.append(word)
    return words


def _check_names(parser: argparse.ArgumentParser, recipe: Recipe, output: Path) -> None:
    """Refuse files that are not there or that cannot be included."""
    for file in recipe.files:
        if not file.is_file():
            parser.error(f"{file}: there is no such file")
        if re.search(r'["\\\n]', str(file.absolute())):
            parser.error(f"{file}: a name with quotation marks cannot be included")
    if not place.is_free(output):
        parser.error(f"{output} is there and is no kernel tree")


def _parser(program: str) -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog=program,
        allow_abbrev=False,
        description="Compile a kernel for every architecture that has a compiler here.",
        epilog="All other options are the compilers': -I, -D, -std=, -l, and so on. "
        "HPVM_CC_s390x and HPVM_CXX_s390x name the compilers for s390x, and so on.",
    )
    parser.add_argument(
        "files", nargs="+", metavar="FILE", help="sources, kernel_main in the first"
    )
    parser.add_argument("-o", dest="output", metavar="TREE", help="directory, or file X.hpvm")
    parser.add_argument(
        "--require", action="append", default=[], metavar="ARCH", help="fail without this one"
    )
    parser.add_argument(
        "--levels",
        action="append",
        default=[],
        type=_levels,
        metavar="ARCH=LEVEL,...",
        help="levels besides generic, by the names that the compiler has for them",
    )
    parser.add_argument(
        "--source", action="store_true", help="hosts of other architectures compile it themselves"
    )
    parser.add_argument(
        "--fast", action="store_true", help="results may differ in the last bits from host to host"
    )
    add_version(parser)
    return parser


if __name__ == "__main__":
    sys.exit(run(lambda: main(sys.argv[1:]), PROGRAM))
