# SPDX-License-Identifier: MIT
"""Build systems find the tree: pvm3-config, pkg-config, CMake, autoconf, wherever it is moved."""

from __future__ import annotations

import shlex
import shutil
import sys
from pathlib import Path

import pytest
from support.system import ARCH, PROJECT, missing, modules_dir, pvm_root, require_program
from support.usertree import attempt, library, moved_tree, needed, run, write

from pvm3py import __version__

PROGRAM = """\
#include <pvm3.h>
int main(void) { return pvm_gsize("nobody") >= 0; }
"""
FORTRAN = "      call pvmfjoingroup('group', i)\n      end\n"
CMAKE = """\
cmake_minimum_required(VERSION 3.16)
project(user C)
find_package(PVM3 3.4 REQUIRED)
add_executable(tasks tasks.c)
target_link_libraries(tasks PVM3::pvm3)
add_executable(groups groups.c)
target_link_libraries(groups PVM3::gpvm3)
if(WITH_FORTRAN)
  enable_language(Fortran)
  add_executable(fortran worker.f)
  target_link_libraries(fortran PVM3::fpvm3)
endif()
message(STATUS "found ${PVM3_VERSION} ${PVM3_ARCH} in ${PVM3_ROOT_DIR}")
"""
CMAKE_FILES = {
    "CMakeLists.txt": CMAKE,
    "tasks.c": "#include <pvm3.h>\nint main(void) { return pvm_mytid(); }\n",
    "groups.c": PROGRAM,
    "worker.f": FORTRAN,
}
CONFIGURE = """\
AC_INIT([user], [1])
AC_PROG_CC
AC_CHECK_HEADERS([pvm3.h], [], [AC_MSG_ERROR([no header])])
AC_CHECK_LIB([pvm3], [pvm_send], [], [AC_MSG_ERROR([no libpvm3])])
AC_CHECK_LIB([gpvm3], [pvm_joingroup], [], [AC_MSG_ERROR([no libgpvm3])])
AC_CONFIG_FILES([Makefile])
AC_OUTPUT
"""
MAKEFILE = """\
program: program.c
	@CC@ @CPPFLAGS@ @LDFLAGS@ program.c -o program @LIBS@
"""


@pytest.fixture
def tree() -> Path:
    """A tree in a place with a blank in its name."""
    require_program("cc", "gcc")
    return moved_tree()


@pytest.fixture(scope="module")
def prefix(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What `make install` made, moved to a place with a blank in its name."""
    require_program("make", "make")
    place = tmp_path_factory.mktemp("installed")
    run("make", "-s", "install", f"PREFIX={place}/usr", cwd=PROJECT)
    return (place / "usr").rename(place / "us r")


# ---- pvm3-config -----------------------------------------------------------------------


def config(tree: Path, *words: str) -> list[str]:
    """The words that pvm3-config prints, as a shell reads them."""
    return shlex.split(run(tree / "lib" / "pvm3-config", *words, cwd=Path("/")))


def test_config_answers_each_question(tree: Path) -> None:
    paths = [f"-L{library(tree)}"]
    assert config(tree, "--cflags") == [f"-I{tree}/include"]
    assert config(tree, "--libs") == [*paths, "-lgpvm3", "-lpvm3"]
    assert config(tree, "--static") == [*paths, "-l:libgpvm3.a", "-l:libpvm3.a"]
    assert config(tree, "--libs", "--fortran") == [*paths, "-lfpvm3", "-lgpvm3", "-lpvm3"]
    assert run(tree / "lib" / "pvm3-config", "--root", cwd=tree) == f"{tree}\n"
    assert config(tree, "--arch", "--pvm-version") == [ARCH, "3.4.6"]
    assert config(tree, "--version") == ["pvm3-config", "(pvm3py", f"{__version__})"]


@pytest.mark.parametrize("kind", ["--static", "--shared"])
def test_flags_of_config_build_a_program(tree: Path, tmp_path: Path, kind: str) -> None:
    (tmp_path / "program.c").write_text(PROGRAM)
    flags = config(tree, "--cflags", "--libs", kind)
    run("cc", "program.c", "-o", "program", *flags, cwd=tmp_path)
    assert bool(needed(tmp_path / "program")) == (kind == "--shared")
    assert "not found" not in run("ldd", tmp_path / "program", cwd=tmp_path)


@pytest.mark.parametrize("words", [[], ["--nonsense"], ["--fortran"]], ids=" ".join)
def test_config_without_a_question_tells_its_usage(tree: Path, words: list[str]) -> None:
    done = attempt(tree / "lib" / "pvm3-config", *words, cwd=tree)
    assert (done.returncode, done.stdout) == (2, "")
    assert "usage: pvm3-config" in done.stderr


def test_config_is_found_through_links(tree: Path, tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(tree / "lib" / "pvm3-config")
    (tmp_path / "pvm3-config").symlink_to("link")
    assert run("./pvm3-config", "--root", cwd=tmp_path) == f"{tree}\n"


@pytest.mark.parametrize("words", ["--cflags --libs", "--shared --fortran", "--root", "--arch"])
def test_python_gives_the_same_answers(words: str) -> None:
    env = {"PYTHONPATH": str(modules_dir())}
    asked = (sys.executable, "-m", "pvm3py", "config", *words.split())
    answer = run(pvm_root() / "lib" / "pvm3-config", *words.split(), cwd=Path("/"))
    assert run(*asked, cwd=Path("/"), env=env) == answer


def test_python_gives_the_status_of_config() -> None:
    env = {"PYTHONPATH": str(modules_dir())}
    asked = (sys.executable, "-m", "pvm3py", "config", "--nonsense")
    assert attempt(*asked, cwd=Path("/"), env=env).returncode == 2


# ---- pkg-config ------------------------------------------------------------------------


@pytest.mark.parametrize("package", ["pvm3", "fpvm3"])
@pytest.mark.parametrize("place", ["tree", "prefix"])
def test_pkg_config_finds_a_moved_tree(
    request: pytest.FixtureRequest, tmp_path: Path, place: str, package: str
) -> None:
    require_program("pkg-config", "pkg-config")
    root: Path = request.getfixturevalue(place)
    (tmp_path / "program.c").write_text(PROGRAM)
    packages = root / "lib" / "pkgconfig"
    env = {"PKG_CONFIG_PATH": str(packages)}
    assert run("pkg-config", "--modversion", package, cwd=tmp_path, env=env) == "3.4.6\n"
    flags = shlex.split(run("pkg-config", "--cflags", "--libs", package, cwd=tmp_path, env=env))
    assert ("-lfpvm3" in flags) == (package == "fpvm3")
    # Debian's pvm-dev may be installed as well, where a compiler finds header and library, too.
    (include,) = (Path(flag[2:]) for flag in flags if flag.startswith("-I"))
    (libraries,) = {Path(flag[2:]) for flag in flags if flag.startswith("-L")}
    assert (include / "pvm3.h").exists() and (libraries / f"lib{package}.a").exists()
    run("cc", "program.c", "-o", "program", *flags, cwd=tmp_path)


# ---- CMake -----------------------------------------------------------------------------


def configure(tree: Path, place: Path, *words: str) -> str:
    """What CMake says about a project that wants PVM from a tree or a prefix."""
    require_program("cmake", "cmake")
    write(place, CMAKE_FILES)
    return run("cmake", "-B", "out", f"-DCMAKE_PREFIX_PATH={tree}", *words, cwd=place)


@pytest.mark.parametrize("place", ["tree", "prefix"])
def test_cmake_finds_a_moved_tree(
    request: pytest.FixtureRequest, tmp_path: Path, place: str
) -> None:
    root: Path = request.getfixturevalue(place)
    fortran = "ON" if shutil.which("gfortran") else "OFF"
    out = configure(root, tmp_path, f"-DWITH_FORTRAN={fortran}")
    tree = root if place == "tree" else root / "lib" / "pvm3"
    assert f"found 3.4.6 {ARCH} in {tree}" in out
    run("cmake", "--build", "out", cwd=tmp_path)
    for name in ("tasks", "groups"):
        assert not needed(tmp_path / "out" / name)


def test_cmake_links_the_shared_libraries_if_asked_to(tree: Path, tmp_path: Path) -> None:
    configure(tree, tmp_path, "-DPVM3_SHARED=ON")
    run("cmake", "--build", "out", cwd=tmp_path)
    assert needed(tmp_path / "out" / "tasks") == {"libpvm3.so.3"}
    assert "not found" not in run("ldd", tmp_path / "out" / "groups", cwd=tmp_path)


@pytest.mark.parametrize(("wanted", "found"), [("3", True), ("3.4.6", True), ("3.5", False)])
def test_cmake_compares_the_version_of_the_interface(
    tree: Path, tmp_path: Path, wanted: str, found: bool
) -> None:
    require_program("cmake", "cmake")
    script = (
        f"project(user C)\nfind_package(PVM3 {wanted} QUIET)\nmessage(STATUS is_${{PVM3_FOUND}})"
    )
    (tmp_path / "CMakeLists.txt").write_text(f"cmake_minimum_required(VERSION 3.16)\n{script}\n")
    out = run("cmake", "-B", "out", f"-DCMAKE_PREFIX_PATH={tree}", cwd=tmp_path)
    assert ("is_1" in out or "is_TRUE" in out) == found


# ---- autoconf --------------------------------------------------------------------------


@pytest.mark.parametrize("way", ["flags", "wrapper"])
def test_autoconf_finds_the_libraries(tmp_path: Path, way: str) -> None:
    """In a place without blanks, which autoconf does not take."""
    require_program("autoconf", "autoconf")
    require_program("make", "make")
    root = pvm_root()
    if " " in str(root):
        missing("autoconf takes no path with blanks")
    files = {"configure.ac": CONFIGURE, "Makefile.in": MAKEFILE, "program.c": PROGRAM}
    write(tmp_path, files)
    settings = [f"CPPFLAGS=-I{root}/include", f"LDFLAGS=-L{library(root)}"]
    if way == "wrapper":
        settings = [f"CC={root}/lib/pvmcc"]
    run("autoconf", cwd=tmp_path)
    run("./configure", *settings, cwd=tmp_path)
    run("make", cwd=tmp_path)
    assert (tmp_path / "program").exists()
