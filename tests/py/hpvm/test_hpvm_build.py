# SPDX-License-Identifier: MIT
"""The command hpvm-build: what it makes, what it refuses, what it says."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tarfile
from pathlib import Path

import pytest
from support.programs import kernels
from support.programs.treehosts import KINDS, build
from support.system import pvm_root, require_program

from pvm3py.hpvm.trees import Traits, Tree

KERNEL = """#include "hpvm.h"
static int helper(void) { return 3; }
int kernel_main(long id, long size, TYPE *args) { return id && size && args ? helper() : 0; }
"""
LEVELS = ["generic", "x86-64-v2", "x86-64-v3", "x86-64-v4"]


@pytest.fixture(autouse=True)
def _needs_gcc() -> None:
    require_program("gcc", "gcc")


@pytest.fixture(name="alone")
def _alone(tmp_path: Path) -> dict[str, str]:
    """An environment in which only this machine's gcc is found."""
    tools = tmp_path / "tools"
    tools.mkdir()
    for name in ("gcc", "as", "ld", "sh", "env", "readlink", Path(sys.executable).name):
        if found := shutil.which(name):
            (tools / name).symlink_to(os.path.realpath(found))
    return {"PATH": str(tools)}


def source(place: Path, text: str = KERNEL, name: str = "k.c", **replaced: str) -> Path:
    """A source; replaced: words of the text."""
    for old, new in ({"TYPE": "long"} | replaced).items():
        text = text.replace(old, new)
    (place / name).write_text(text)
    return place / name


def rows(output: str) -> dict[tuple[str, str], str]:
    """The table: what is said of an architecture's level."""
    found = {}
    for line in output.splitlines():
        words = line.split(maxsplit=3)
        if len(words) == 4 and words[1] == "linux":
            found[words[0], words[2]] = words[3]
    return found


def argtype(tree: Path) -> int:
    """The argument type of a tree's kernels."""
    with Tree(str(tree)) as opened:
        [only] = {kernel.argtype for kernel in opened}
        return only


# ---- without any cross compiler


def test_own_architecture_is_complete_without_a_cross_compiler(
    tmp_path: Path, alone: dict[str, str]
) -> None:
    done = build(source(tmp_path), env=alone, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    table = rows(done.stdout)
    assert [level for arch, level in table if arch == "x86-64"] == LEVELS
    missing = "no compiler: apt-get install gcc-s390x-linux-gnu libc6-dev-s390x-cross"
    assert table["s390x", "-"] == missing
    with Tree(str(tmp_path / "k.kernels")) as tree:
        assert [kernel.path for kernel in tree] == [
            f"x86-64/linux/{level}/kernel.so" for level in LEVELS
        ]
        chosen = tree.select(Traits("x86-64", "linux", ("x86-64-v3", "x86-64-v2")))
        assert chosen is not None and chosen.level == "x86-64-v3"


def test_required_architecture_without_a_compiler_is_an_error(
    tmp_path: Path, alone: dict[str, str]
) -> None:
    done = build("--require", "s390x,ppc", source(tmp_path), env=alone, cwd=tmp_path)
    assert done.returncode == 1
    assert done.stderr.splitlines() == [
        "hpvm-build: s390x is not complete",
        "hpvm-build: ppc is not complete",
    ]


def test_without_any_compiler_it_says_what_to_install(tmp_path: Path) -> None:
    python = {"PVM3PY_PYTHON": sys.executable, "PATH": "/nonexistent"}
    command = [sys.executable, "-I", "-S", pvm_root() / "lib/python/pvm3py/hpvm/build.py"]
    done = subprocess.run(
        [*map(str, command), str(source(tmp_path))], capture_output=True, text=True, env=python
    )
    assert done.returncode == 1
    assert done.stderr == "hpvm-build: no compiler: apt-get install gcc libc6-dev\n"


# ---- what it makes


@pytest.mark.parametrize("arch", [arch for arch in KINDS if arch != "x86-64"])
def test_cross_compiled_kernels_are_of_their_architecture(tmp_path: Path, arch: str) -> None:
    """Each file's header is checked by the reader of the tree."""
    KINDS[arch].require()
    done = build("--require", arch, source(tmp_path), cwd=tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr
    with Tree(str(tmp_path / "k.kernels")) as tree:
        assert {kernel.level for kernel in tree if kernel.arch == arch} >= {"generic"}


def test_compiler_that_is_named_is_used_for_its_architecture(
    tmp_path: Path, alone: dict[str, str]
) -> None:
    KINDS["s390x"].require()
    named = {"HPVM_CC_s390x": str(shutil.which("s390x-linux-gnu-gcc"))}
    done = build("--require", "s390x", source(tmp_path), env=alone | named, cwd=tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr
    wrong = build("--require", "ppc", source(tmp_path), env=alone | {"HPVM_CC_ppc": "gcc"})
    assert wrong.returncode == 1
    assert rows(wrong.stdout)["ppc", "generic"] == "the compiler made no ppc kernel"


@pytest.mark.parametrize("name", ["k.c", "k.cc"])
@pytest.mark.parametrize(
    ("type_", "number"),
    [
        ("long", "LONG"), ("unsigned short", "USHORT"), ("const double", "DOUBLE"),
        ("char", "BYTE"), ("long long", "LLONG"), ("void", "UNTYPED"), ("struct s", "UNTYPED"),
    ],
)  # fmt: skip
def test_type_of_the_arguments_is_that_of_the_pointer(
    tmp_path: Path, alone: dict[str, str], name: str, type_: str, number: str
) -> None:
    if name == "k.cc":
        require_program("g++", "g++")
        for tool in ("g++",):
            (tmp_path / "tools" / tool).symlink_to(os.path.realpath(str(shutil.which(tool))))
    text = "struct s { int a; };\n" + KERNEL
    file = source(tmp_path, text, name, TYPE=type_)
    done = build("--levels", "x86-64=", file, env=alone, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    header = kernels.HEADER.read_text().split()
    assert argtype(tmp_path / "k.kernels") == int(header[header.index(f"HPVM_{number}") + 1])


def test_kernel_that_converts_itself_gets_bytes(tmp_path: Path, alone: dict[str, str]) -> None:
    file = source(tmp_path, KERNEL + "HPVM_BYTES_ARGS;\n", TYPE="struct s")
    done = build("--levels", "x86-64=", file, env=alone, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert argtype(tmp_path / "k.kernels") == 1


def test_only_the_entry_and_the_type_are_exported(tmp_path: Path, alone: dict[str, str]) -> None:
    require_program("nm", "binutils")
    text = KERNEL.replace("static int helper", "int helper")
    build("--levels", "x86-64=", source(tmp_path, text), env=alone, cwd=tmp_path)
    path = tmp_path / "k.kernels/x86-64/linux/generic/kernel.so"
    listing = subprocess.run(
        ["nm", "-D", "--defined-only", str(path)], check=True, capture_output=True, text=True
    ).stdout
    assert [line.split()[2] for line in listing.splitlines()] == ["hpvm_args_type", "kernel_main"]


def test_several_files_and_options_go_to_the_compiler(
    tmp_path: Path, alone: dict[str, str]
) -> None:
    (tmp_path / "inc").mkdir()
    (tmp_path / "inc" / "three.h").write_text("int three(void);\n")
    source(tmp_path, '#include "three.h"\nint three(void) { return THREE; }\n', "three.c")
    text = KERNEL.replace("#include", '#include "three.h"\n#include').replace("helper()", "three()")
    file = source(tmp_path, text.replace("static int three(void) { return 3; }", ""))
    words = ["-I", "inc", "-DTHREE=3", "-std=gnu99", file, "three.c", "-o", "x.hpvm", "--source"]
    done = build(*words, env=alone, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    with Tree(str(tmp_path / "x.hpvm")) as tree:
        bundle = next(kernel.data for kernel in tree if kernel.arch == "source")
    (tmp_path / "bundle.tar").write_bytes(bundle)
    with tarfile.open(tmp_path / "bundle.tar") as tar:
        assert {"src/k.c", "src/three.c", "src/inc/three.h", "hpvm.h"} <= set(tar.getnames())
        recipe = tar.extractfile("hpvm.source")
        assert recipe is not None
        lines = recipe.read().decode().splitlines()
    assert lines[:2] == ["hpvm.source 1", "language c"]
    assert {"flag -Isrc/inc", "flag -DTHREE=3", "unit src/three.c", "library -lm"} <= set(lines)


def test_same_source_makes_the_same_file(tmp_path: Path, alone: dict[str, str]) -> None:
    file = source(tmp_path)
    for name in ("a.hpvm", "b.hpvm"):
        assert build("-o", name, "--source", file, env=alone, cwd=tmp_path).returncode == 0
    assert (tmp_path / "a.hpvm").read_bytes() == (tmp_path / "b.hpvm").read_bytes()


def test_second_build_replaces_the_first(tmp_path: Path, alone: dict[str, str]) -> None:
    """What is not built any more goes; what the user has put there stays."""
    old = os.umask(0o002)
    try:
        build(source(tmp_path), "--source", env=alone, cwd=tmp_path)
        (tmp_path / "k.kernels" / "README").write_text("mine")
        done = build("--levels", "x86-64=", source(tmp_path), env=alone, cwd=tmp_path)
    finally:
        os.umask(old)
    assert done.returncode == 0, done.stderr
    files = {
        str(path.relative_to(tmp_path / "k.kernels"))
        for path in (tmp_path / "k.kernels").rglob("*")
        if path.is_file()
    }
    assert files == {"README", "hpvm.tree", "x86-64/linux/generic/kernel.so"}
    with Tree(str(tmp_path / "k.kernels")) as tree:
        assert len(list(tree)) == 1


def test_fast_is_another_set_of_flags(tmp_path: Path, alone: dict[str, str]) -> None:
    build(source(tmp_path), env=alone, cwd=tmp_path)
    exact = (tmp_path / "k.kernels" / "hpvm.tree").read_text()
    build("--fast", source(tmp_path), env=alone, cwd=tmp_path)
    fast = (tmp_path / "k.kernels" / "hpvm.tree").read_text()
    assert "-ffp-contract=off" in exact and "-ffp-contract=fast" not in exact
    assert "-ffp-contract=fast" in fast and "-ffp-contract=off" not in fast


def test_the_notes_kernel_is_built_as_it_is(tmp_path: Path) -> None:
    done = build(kernels.EXAMPLES / "sqrt" / "kernel.c", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert argtype(tmp_path / "kernel.kernels") == kernels.LONG


# ---- what it refuses


REFUSED = {
    "syntax": ("int kernel_main(long id {", "error: "),
    "no kernel_main": ("int other(void) { return 0; }", "error: "),
    "undefined name": (
        "int nowhere(void);\n" + KERNEL.replace("helper()", "nowhere()"),
        "hpvm-build: undefined: nowhere\n",
    ),
    "misspelt call": (
        "int hpvm_get_shares(void);\n" + KERNEL.replace("helper()", "hpvm_get_shares()"),
        "hpvm-build: undefined: hpvm_get_shares\n",
    ),
}


@pytest.mark.parametrize("case", REFUSED)
def test_source_with_an_error_makes_no_tree(
    tmp_path: Path, alone: dict[str, str], case: str
) -> None:
    text, said = REFUSED[case]
    done = build(source(tmp_path, text), env=alone, cwd=tmp_path)
    assert done.returncode == 1
    assert said in done.stderr
    assert not (tmp_path / "k.kernels").exists()


def test_level_that_the_compiler_does_not_know_is_a_line(
    tmp_path: Path, alone: dict[str, str]
) -> None:
    done = build("--levels", "x86-64=pdp11", source(tmp_path), env=alone, cwd=tmp_path)
    assert done.returncode == 1
    assert "pdp11" in rows(done.stdout)["x86-64", "pdp11"]
    assert done.stderr == "hpvm-build: x86-64 is not complete\n"


def test_directory_that_is_no_tree_is_left_alone(tmp_path: Path, alone: dict[str, str]) -> None:
    (tmp_path / "precious").mkdir()
    (tmp_path / "precious" / "file").write_text("mine")
    done = build("-o", "precious", source(tmp_path), env=alone, cwd=tmp_path)
    assert done.returncode == 2
    assert done.stderr.splitlines()[-1].endswith("error: precious is there and is no kernel tree")
    assert [path.name for path in (tmp_path / "precious").iterdir()] == ["file"]


def test_missing_source_is_named(tmp_path: Path) -> None:
    done = build("nothing.c", cwd=tmp_path)
    assert done.returncode == 2
    assert done.stderr.splitlines()[-1].endswith("error: nothing.c: there is no such file")
