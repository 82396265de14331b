# SPDX-License-Identifier: MIT
"""Builds with the flags of distributions, of other compilers, and without a network.

PVM3PY_BUILDS=all adds the builds that take long.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest
from support.compiler import built_library
from support.installs import run
from support.machines.vm import VirtualMachine
from support.system import ARCH, PROJECT, missing, pvm_root, require_daemon, require_program

HARDENING = (
    "-g -fstack-protector-strong -fstack-clash-protection -fcf-protection "
    "-Wformat -Werror=format-security"
)
FORTIFY = "CPPFLAGS=-Wdate-time -D_FORTIFY_SOURCE=3"
LINKING = "LDFLAGS=-Wl,-z,relro,-z,now -Wl,--as-needed -Wl,-z,defs -Wl,--no-undefined"


@dataclass(frozen=True)
class Build:
    """A build of the C library.

    compiler  also of the programs that are linked with it
    settings  for make, besides the compiler
    slow      only with PVM3PY_BUILDS=all
    """

    name: str
    compiler: str
    settings: tuple[str, ...]
    slow: bool = True

    def root(self) -> Path:
        """The tree that it makes."""
        require_program(self.compiler, self.compiler)
        if self.slow and os.environ.get("PVM3PY_BUILDS") != "all":
            pytest.skip("a build that takes long: PVM3PY_BUILDS=all")
        return built_library(self.name, f"CC={self.compiler}", *self.settings)

    def flags(self) -> list[str]:
        """What the programs are compiled and linked with."""
        return [word for s in self.settings for word in s.partition("=")[2].split()]


BUILDS = (
    Build("hardened", "gcc", (f"CFLAGS=-O1 {HARDENING}", FORTIFY, LINKING), slow=False),
    Build("hardened-O2", "gcc", (f"CFLAGS=-O2 {HARDENING}", FORTIFY, LINKING)),
    Build("debugging", "gcc", ("CFLAGS=-O0 -g",)),
    Build("coverage", "gcc", ("CFLAGS=-O0 --coverage", "LDFLAGS=--coverage")),
    Build("profiled", "gcc", ("CFLAGS=-O2 -fprofile-generate", "LDFLAGS=-fprofile-generate")),
    Build("small", "gcc", ("CFLAGS=-Os -Werror", "CPPFLAGS=-D_GNU_SOURCE")),
    Build("fast", "gcc", ("CFLAGS=-O3 -Werror", "CPPFLAGS=-D_GNU_SOURCE")),
    Build("lto", "gcc", ("CFLAGS=-O2 -flto=auto", "LDFLAGS=-flto=auto -Wl,-z,now")),
    Build("fat-lto", "gcc", ("CFLAGS=-O2 -flto=auto -ffat-lto-objects",)),
    Build("clang", "clang", (f"CFLAGS=-O2 {HARDENING}", FORTIFY, LINKING)),
    Build("clang-lto", "clang", ("CFLAGS=-O2 -flto",)),
    Build("musl", "musl-gcc", ("CFLAGS=-O2",)),
)

PROGRAM = """
#include <pvm3.h>
int main(void)
{
	int (*volatile in_group_library)(char *) = pvm_gsize;
	int out = 4711, in = 0;

	if (!in_group_library || pvm_initsend(PvmDataDefault) <= 0)
		return 1;
	if (pvm_pkint(&out, 1, 1) || pvm_setrbuf(pvm_getsbuf()) || pvm_upkint(&in, 1, 1))
		return 2;
	return in != out;
}
"""


def global_names(library: Path) -> set[str]:
    """Names that an object or archive defines for others."""
    lines = run("nm", "--defined-only", "--extern-only", library).splitlines()
    return {line.split()[2] for line in lines if len(line.split()) == 3}


@pytest.mark.slow
@pytest.mark.parametrize("build", BUILDS, ids=lambda build: build.name)
@pytest.mark.parametrize("kind", ["static", "shared"])
def test_programs_link_and_run(build: Build, kind: str, tmp_path: Path) -> None:
    root = build.root()
    source, program = tmp_path / "program.c", tmp_path / "program"
    source.write_text(PROGRAM)
    libdir = root / "lib" / ARCH
    names = ["-lgpvm3", "-lpvm3"]
    if kind == "shared":
        names = ["-l:libgpvm3.so.3", "-Wl,--no-as-needed", "-l:libpvm3.so.3"]
    paths = [f"-I{root / 'include'}", f"-L{libdir}"]
    run(build.compiler, *build.flags(), *paths, source, "-o", program, *names)
    with VirtualMachine("ours") as machine:
        machine.run(program, env={"LD_LIBRARY_PATH": str(libdir)}).check()


@pytest.mark.parametrize("build", BUILDS, ids=lambda build: build.name)
def test_static_library_keeps_its_internal_names(build: Build) -> None:
    names = global_names(build.root() / "lib" / ARCH / "libpvm3.a")
    assert "pvm_send" in names
    assert [name for name in names if name.startswith("pvm__")] == []


@pytest.mark.parametrize("build", BUILDS, ids=lambda build: build.name)
def test_linker_flags_reach_libraries_and_tools(build: Build) -> None:
    root = build.root()
    if not any("-z,now" in setting for setting in build.settings):
        pytest.skip("no linker flags")
    for name in ("libpvm3.so.3", "libgpvm3.so.3", "libfpvm3.so.3", "pvm_gstat"):
        assert "NOW" in run("readelf", "-d", root / "lib" / ARCH / name), name


@pytest.mark.parametrize("compiler", ["gcc", "clang"])
def test_object_of_link_time_optimisation_is_machine_code(compiler: str, tmp_path: Path) -> None:
    """The small library stands for both."""
    require_program(compiler, compiler)
    settings = [f"CC={compiler}", f"BUILD={tmp_path}", "CFLAGS=-O1 -flto"]
    run("make", "-s", "-C", PROJECT, tmp_path / "obj" / "gpvm.o", *settings)
    names = global_names(tmp_path / "obj" / "gpvm.o")
    assert "pvm_gsize" in names
    assert [name for name in names if name.startswith("gs__")] == []


def test_modules_are_linked_with_flags_that_refuse_undefined_names(tmp_path: Path) -> None:
    """The interpreter has the names. The small module stands for all."""
    require_daemon("ours")
    settings = [f"PYTHON={sys.executable}", f"BUILD={tmp_path}", "LDFLAGS=-Wl,-z,defs"]
    run("make", "-s", "-C", PROJECT, tmp_path / "stamps" / "ext-wire", *settings)
    assert list(tmp_path.glob("pvm3/lib/python/pvm3py/_wire.*.so"))


def test_nothing_built_tells_where() -> None:
    """Neither of the sources nor, in a run path, of the interpreter."""
    require_daemon("ours")
    places = [str(PROJECT).encode()]
    if sys.base_prefix != "/usr":
        places.append(sys.base_prefix.encode())
    files = [*(pvm_root() / "lib" / ARCH).glob("lib*"), *pvm_root().glob("lib/python/pvm3py/*.so")]
    assert len(files) >= 9
    held = {file.name: file.read_bytes() for file in files}
    assert [name for name, data in held.items() if any(place in data for place in places)] == []


@pytest.mark.slow
def test_make_without_network_takes_the_tools_of_the_system(tmp_path: Path) -> None:
    """Also in the C locale, in a directory whose name is no ASCII."""
    tools = next(filter(has_build_tools, (shutil.which("python3"), "/usr/bin/python3")), None)
    if not tools:
        missing(
            "python3 has no cffi and setuptools: apt-get install python3-cffi python3-setuptools"
        )
    env = {k: v for k, v in os.environ.items() if not k.startswith(("PYTHON", "MAKE", "PIP"))}
    env |= {"PIP_NO_INDEX": "1", "PIP_CONFIG_FILE": os.devnull, "LC_ALL": "C"}
    build = tmp_path / "gr\u00fcn"
    out = run(
        "make",
        "-C",
        PROJECT,
        build / "stamps" / "venv",
        f"BUILD={build}",
        f"PYTHON3={tools}",
        env=env,
    )
    assert f"using the cffi and setuptools of {tools}" in out
    modules = build / "pvm3" / "lib" / "python"
    modules.mkdir(parents=True)
    code = f"import cffi, setuptools, sys; assert {str(modules)!r} in sys.path, sys.path"
    run(build / "venv" / "bin" / "python", "-c", code, cwd=tmp_path, env=env)


def has_build_tools(python: str | None) -> bool:
    """Whether an interpreter has what the extension modules are made with."""
    if not python or not Path(python).exists():
        return False
    return subprocess.run([python, "-c", "import cffi, setuptools"]).returncode == 0
