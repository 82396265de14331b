# SPDX-License-Identifier: MIT
"""pvmcc, pvmc++, pvmf77 and pvmf90: programs of all ages compile and link with them."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest
from support.machines.vm import VirtualMachine
from support.system import PROJECT, require_program
from support.usertree import (
    OLD_C,
    OLD_FORTRAN,
    attempt,
    compilers,
    library,
    moved_tree,
    needed,
    run,
    script,
    write,
)

# Group calls alone: nothing of it is in libpvm3 unless libgpvm3 asks for it.
GROUPS_ONLY = """\
#include <pvm3.h>
int main(void) { return pvm_gsize("nobody") >= 0; }
"""
CXX = """\
#include <string>
#include <pvm3.h>
int main()
{
	const std::string name("group");
	const char *file = "worker";
	int tid, count, *value = &count;
	pvm_initsend(PvmDataDefault);
	pvm_pkstr("text");
	pvm_pkstr(name.c_str());
	pvm_pkbyte(name.c_str(), name.size(), 1);
	pvm_putinfo("entry", 0, PvmMboxDefault);
	pvm_lookup("entry", 0, value);
	pvm_barrier(name.c_str(), 1);
	pvm_perror(file);
	return pvm_spawn(file, 0, PvmTaskHost, "localhost", 1, &tid) > 0;
}
"""
# Declarations of its own behind those of the header, as programs for 3.3 have them.
OWN_PROTOTYPES = """\
#include <stdio.h>
#include <sys/time.h>
#include <pvm3.h>
int pvm_spawn(char *, char **, int, char *, int, int *);
int pvm_joingroup(char *);
int pvm_pkbyte(char *, int, int);
int pvm_mstat();
int (*pvm_recvf())();
static int (*pack[2])(char *, int, int) = { pvm_pkbyte, pvm_upkbyte };
static int any(int bufid, int tid, int tag) { return bufid && tid && tag; }
int main(void)
{
	int (*old)() = pvm_recvf(any);
	char word[] = "x";
	pvm_recvf(old);
	return pack[0](word, 1, 1) > 0 || pvm_joingroup(word) > 0 || pvm_mstat(word) > 0;
}
"""


@pytest.fixture
def tree() -> Path:
    """A tree in a place with a blank in its name."""
    require_program("cc", "gcc")
    return moved_tree()


@pytest.fixture
def place(tmp_path: Path) -> Path:
    """A directory for programs, with a blank in its name."""
    path = tmp_path / "a b"
    path.mkdir()
    return path


@pytest.mark.parametrize("wrapper", ["pvmcc", "pvmc++", "pvmf77", "pvmf90"])
def test_help_and_version_need_no_compiler(tree: Path, place: Path, wrapper: str) -> None:
    for tool in ("readlink", "cat"):
        (place / tool).symlink_to(shutil.which(tool) or tool)
    for option, begin in (("--help", f"usage: {wrapper}"), ("--version", f"{wrapper} (pvm3py")):
        command = [tree / "lib" / wrapper, option]
        done = subprocess.run(command, env={"PATH": str(place)}, capture_output=True, text=True)
        assert (done.returncode, done.stderr) == (0, "")
        assert done.stdout.startswith(begin)


# ---- old sources -----------------------------------------------------------------------


@pytest.mark.parametrize("compiler", compilers(("gcc", "clang")))
def test_sources_of_the_1990s_compile_link_and_run(tree: Path, place: Path, compiler: str) -> None:
    write(place, OLD_C)
    env = {"PVM_CC": compiler}
    run(tree / "lib" / "pvmcc", "-c", "sum.c", cwd=place, env=env)
    run(tree / "lib" / "pvmcc", "-o", "together", "main.c", "sum.o", cwd=place, env=env)
    run(tree / "lib" / "pvmcc", "-o", "at once", "main.c", "sum.c", cwd=place, env=env)
    with VirtualMachine("ours") as machine:
        for program in ("together", "at once"):
            assert machine.run(place / program).check().out == "task 42\n"


@pytest.mark.parametrize("wrapper", ["pvmf77", "pvmf90"])
@pytest.mark.parametrize("compiler", compilers(("gfortran",)))
def test_fortran_packs_arrays_of_several_types(
    tree: Path, place: Path, wrapper: str, compiler: str
) -> None:
    (place / "worker.f").write_text(OLD_FORTRAN)
    env = {"PVM_FC": compiler}
    run(tree / "lib" / wrapper, "worker.f", "-o", "worker", cwd=place, env=env)
    with VirtualMachine("ours") as machine:
        assert "packed" in machine.run(place / "worker").check().out


@pytest.mark.parametrize(
    ("options", "wanted", "unwanted"),
    [
        ("-D__GNUC__=13", "-fcommon", "-fpermissive"),
        ("-D__GNUC__=14", "-fpermissive", "-std="),
        ("-D__GNUC__=15 -std=gnu2x", "-std=gnu17 -fpermissive", "-Wno-error"),
        ("-D__clang__", "-Wno-error=implicit-int", "-fpermissive"),
    ],
)
def test_flags_are_those_that_the_compiler_knows(
    tree: Path, tmp_path: Path, options: str, wanted: str, unwanted: str
) -> None:
    require_program("gcc", "gcc")
    compiler = script(tmp_path / "pretender", f'exec gcc -w -U__GNUC__ {options} "$@"\n')
    env = {"PVM_CC": str(compiler)}
    shown = run(tree / "lib" / "pvmcc", "-show", "-c", "x.c", cwd=tmp_path, env=env)
    assert wanted in shown and unwanted not in shown


@pytest.mark.parametrize(("knows", "shown"), [("exit 0", True), ("exit 1", False)])
def test_fortran_compiler_gets_the_flag_only_if_it_knows_it(
    tree: Path, tmp_path: Path, knows: str, shown: bool
) -> None:
    compiler = script(tmp_path / "fortran", f"{knows}\n")
    env = {"PVM_FC": str(compiler)}
    out = run(tree / "lib" / "pvmf77", "-show", "x.f", cwd=tmp_path, env=env)
    assert ("-fallow-argument-mismatch" in out) == shown


def test_flags_of_the_caller_win(tree: Path, tmp_path: Path) -> None:
    write(tmp_path, OLD_C)
    done = attempt(tree / "lib" / "pvmcc", "-fno-common", "main.c", "sum.c", cwd=tmp_path, env={})
    assert done.returncode != 0
    assert "multiple definition" in done.stderr


# ---- the header ------------------------------------------------------------------------


@pytest.mark.parametrize("compiler", compilers(("g++", "clang++")))
def test_cxx_passes_constant_texts(tree: Path, place: Path, compiler: str) -> None:
    (place / "program.cc").write_text(CXX)
    flags = ("-Wall", "-Werror", "-o", "program")
    run(tree / "lib" / "pvmc++", *flags, "program.cc", cwd=place, env={"PVM_CXX": compiler})


@pytest.mark.parametrize("compiler", compilers(("gcc", "clang")))
def test_c_may_repeat_the_old_prototypes(tree: Path, place: Path, compiler: str) -> None:
    (place / "program.c").write_text(OWN_PROTOTYPES)
    flags = ("-Werror", "-Wno-strict-prototypes", "-Wno-deprecated-non-prototype", "-o", "program")
    known = "-Wno-unknown-warning-option" if compiler.startswith("clang") else "-w"
    env = {"PVM_CC": compiler}
    run(tree / "lib" / "pvmcc", *flags, known, "program.c", cwd=place, env=env)


def test_c_may_ask_for_constant_texts(tree: Path, place: Path) -> None:
    text = '#include <pvm3.h>\nint main(void) { const char *t = "x"; return pvm_pkstr(t); }\n'
    (place / "program.c").write_text(text)
    flags = ("-DPVM_CONST=const", "-Wall", "-Werror", "-c")
    run(tree / "lib" / "pvmcc", *flags, "program.c", cwd=place)


# ---- linking ---------------------------------------------------------------------------


@pytest.mark.parametrize("order", [("-lgpvm3", "-lpvm3"), ("-lpvm3", "-lgpvm3")], ids="".join)
@pytest.mark.parametrize("flags", [(), ("-static",), ("-fuse-ld=gold",)], ids=" ".join)
def test_static_libraries_may_be_named_in_any_order(
    tree: Path, place: Path, order: tuple[str, ...], flags: tuple[str, ...]
) -> None:
    require_program("ld.gold", "binutils, or binutils-gold from Debian 13 on")
    (place / "program.c").write_text(GROUPS_ONLY)
    paths = (f"-I{tree}/include", f"-L{library(tree)}")
    run("cc", *flags, *paths, "program.c", "-o", "program", *order, cwd=place)
    assert not needed(place / "program")


@pytest.mark.parametrize(
    "order", ["fpvm3 gpvm3 pvm3", "pvm3 fpvm3 gpvm3", "gpvm3 pvm3 fpvm3", "gpvm3 fpvm3 pvm3"]
)
def test_libraries_of_fortran_may_be_named_in_any_order(
    tree: Path, place: Path, order: str
) -> None:
    require_program("gfortran", "gfortran")
    source = "      call pvmfjoingroup('group', i)\n      end\n"
    (place / "program.f").write_text(source)
    names = [f"-l{name}" for name in order.split()]
    run("gfortran", "program.f", "-o", "program", f"-L{library(tree)}", *names, cwd=place)


@pytest.mark.parametrize("order", ["gpvm3 pvm3", "pvm3 gpvm3"])
def test_shared_libraries_may_be_named_in_any_order(tree: Path, place: Path, order: str) -> None:
    """--as-needed is the default of some distributions."""
    (place / "program.c").write_text(GROUPS_ONLY)
    names = [f"-l:lib{name}.so.3" for name in order.split()]
    paths = (f"-I{tree}/include", f"-L{library(tree)}", "-Wl,--as-needed")
    run("cc", *paths, "program.c", "-o", "program", *names, cwd=place)
    assert needed(library(tree) / "libgpvm3.so.3") == {"libpvm3.so.3"}


@pytest.mark.parametrize(
    ("flag", "shared"),
    [("-O", False), ("-static", False), ("-static-libpvm", False), ("-shared-libpvm", True)],
)
def test_program_links_as_it_is_asked_to_and_runs(
    tree: Path, place: Path, flag: str, shared: bool
) -> None:
    (place / "program.c").write_text(GROUPS_ONLY)
    run(tree / "lib" / "pvmcc", flag, "program.c", "-o", "program", cwd=place)
    assert ("libgpvm3.so.3" in needed(place / "program")) == shared
    with VirtualMachine("ours") as machine:
        machine.run(place / "program").check()


def test_shared_library_of_a_program_names_ours(tree: Path, place: Path) -> None:
    (place / "part.c").write_text('#include <pvm3.h>\nint part(void) { return pvm_gsize("x"); }\n')
    wrapper = tree / "lib" / "pvmcc"
    run(wrapper, "-fPIC", "-shared", "part.c", "-o", "libpart.so", cwd=place)
    assert "libgpvm3.so.3" in needed(place / "libpart.so")
    run(wrapper, "-fPIC", "-shared", "-static-libpvm", "part.c", "-o", "libown.so", cwd=place)
    assert not needed(place / "libown.so")


# ---- the command -----------------------------------------------------------------------


def test_shown_command_is_one_that_a_shell_runs(tree: Path, place: Path) -> None:
    (place / "it's $1.c").write_text(GROUPS_ONLY)
    wrapper = tree / "lib" / "pvmcc"
    shown = run(wrapper, "-show", '-DX="a b"', "it's $1.c", "-o", "my program", cwd=place)
    assert not (place / "my program").exists()
    run("sh", "-c", shown, cwd=place)
    assert (place / "my program").exists()


@pytest.mark.parametrize("words", ["-c x.c", "-E x.c", "-S x.c", "-MM x.c", "-dumpversion", "-v"])
def test_libraries_are_added_only_where_something_is_linked(
    tree: Path, tmp_path: Path, words: str
) -> None:
    shown = run(tree / "lib" / "pvmcc", "-show", *words.split(), cwd=tmp_path)
    assert "-lpvm3" not in shown
    assert "-lpvm3" in run(tree / "lib" / "pvmcc", "-show", "x.c", cwd=tmp_path)


def test_wrapper_is_found_through_links(tree: Path, place: Path) -> None:
    (place / "bin").mkdir()
    (place / "bin" / "pvmc++").symlink_to(tree / "lib" / "pvmc++")
    (place / "link").symlink_to(place / "bin" / "pvmc++")
    (place / "pvmc++").symlink_to("link")
    (place / "program.cc").write_text(CXX)
    require_program("c++", "g++")
    run("./pvmc++", "program.cc", "-o", "program", cwd=place)


def test_missing_compiler_is_said_with_the_cure(tree: Path, tmp_path: Path) -> None:
    for name in ("sh", "readlink", "uname"):
        (tmp_path / name).symlink_to(f"/bin/{name}")
    env = {"PATH": str(tmp_path)}
    done = attempt(tree / "lib" / "pvmcc", "x.c", cwd=tmp_path, env=env)
    assert done.returncode == 127
    assert "cc gcc clang" in done.stderr and "PVM_CC" in done.stderr


def test_compiler_of_the_variable_may_have_options(tree: Path, tmp_path: Path) -> None:
    env = {"PVM_CC": "gcc -O3"}
    shown = run(tree / "lib" / "pvmcc", "-show", "x.o", cwd=tmp_path, env=env)
    assert shown.startswith("gcc -O3 ")


def test_tree_without_headers_of_its_own_leaves_them_to_the_system(
    tree: Path, tmp_path: Path
) -> None:
    """As in a distribution's package."""
    for name in ("pvmcc", "pvm3-flags.sh", "pvmgetarch"):
        script(tmp_path / "lib" / name, (tree / "lib" / name).read_text())
    shown = run(tmp_path / "lib" / "pvmcc", "-show", "x.o", "-o", "x", cwd=PROJECT)
    assert shown == "cc x.o -o x -lgpvm3 -lpvm3\n"
