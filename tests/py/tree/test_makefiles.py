# SPDX-License-Identifier: MIT
"""What makefiles of PVM programs find in the tree: definitions, m4 macros, aimk."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest
from support.system import (
    ARCH,
    DEBIAN_ROOT,
    PROJECT,
    SIDES,
    Side,
    missing,
    pvm_root,
    require_daemon,
    require_program,
)

MACROS_SOURCE = """\
void FUNCTION(`shout') ARGS(`STRING_ARG(text), count, STRING_ARG(who), info')
STRING_ARG_DECL(text); STRING_ARG_DECL(who);
{ say(STRING_PTR(text), STRING_LEN(text)); len = len(1); }
void FUNCTION(stop) ARGS(`info')
void FUNCTION(wait) ARGS(`')
"""
MACROS_RESULT = """\
void shout_ (text_ptr, count, who_ptr, info, text_len, who_len)
char * text_ptr; int text_len; char * who_ptr; int who_len;
{ say(text_ptr, text_len); len = len(1); }
void stop_ (info)
void wait_ ()
"""
# Prints what a makefile is told.
REPORT = """\
all:
	@echo $(PVM_ARCH) $(notdir $(CURDIR)) '$(WORD)' '$(AIMK_SRC)' '$(SHAREDLDFLAGS)'
"""


@pytest.fixture(params=SIDES)
def root(request: pytest.FixtureRequest) -> Path:
    """PVM_ROOT of a side whose conf directory must be there."""
    side: Side = request.param
    require_daemon(side)
    if side == "debian":
        if not (DEBIAN_ROOT / "conf").is_dir():
            missing("Debian's conf directory is not installed: apt-get install pvm-dev")
        return DEBIAN_ROOT
    return pvm_root()


def run(*command: object, cwd: Path, root: Path, **env: str) -> str:
    """Output of a command that must succeed, with PVM_ROOT set."""
    clean = {k: v for k, v in os.environ.items() if not k.startswith(("PVM", "MAKE", "MFLAGS"))}
    done = subprocess.run(
        [str(word) for word in command],
        cwd=cwd,
        env=clean | {"PVM_ROOT": str(root)} | env,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, f"{command}\n{done.stdout}\n{done.stderr}"
    return done.stdout


def test_definitions_give_what_a_makefile_asks_for(tmp_path: Path, root: Path) -> None:
    require_program("make", "make")
    (tmp_path / "Makefile").write_text(
        "include $(PVM_ROOT)/conf/$(PVM_ARCH).def\n"
        "all:\n\t@echo '$(PVM_ARCH)|$(ARCHLIB)|$(ARCHDLIB)|$(ARCHDOBJ)|$(AR)|$(HASRANLIB)|"
        "$(MAKE)|$(SHAREDCFLAGS)|$(SHAREDLDFLAGS)|$(filter-out -DRSHCOMMAND%,$(ARCHCFLAGS))'\n"
    )
    out = run("make", "-s", cwd=tmp_path, root=root, PVM_ARCH=ARCH)
    assert out.strip() == (
        f"{ARCH}||||ar|t|make||-shared|-DSYSVSIGNAL -DNOWAIT3 -DNEEDENDIAN -DFDSETNOTSTRUCT"
        " -DHASERRORVARS -DHASSTDLIB -DCTIMEISTIMET -DSYSERRISCONST -DNOTMPNAM -DSYSVSTR"
        " -DUSESTRERROR"
    )


def test_definitions_name_compilers_that_take_old_sources(tmp_path: Path) -> None:
    """Unless the makefile or its caller names others."""
    require_program("make", "make")
    include = "include $(PVM_ROOT)/conf/$(PVM_ARCH).def\n"
    (tmp_path / "Makefile").write_text(f"{include}all:\n\t@echo $(CC) $(FC) $(F77)\n")
    compat = pvm_root() / "lib" / "compat"
    out = run("make", "-s", cwd=tmp_path, root=pvm_root(), PVM_ARCH=ARCH)
    assert out.split() == [f"{compat}/cc", f"{compat}/f77", f"{compat}/f77"]
    settings = {"PVM_ARCH": ARCH, "CC": "clang", "FC": "flang"}
    out = run("make", "-s", cwd=tmp_path, root=pvm_root(), **settings)
    assert out.split() == ["clang", "flang", "flang"]


def test_program_is_built_by_a_makefile_with_the_definitions(tmp_path: Path) -> None:
    require_program("make", "make")
    require_program("cc", "gcc")
    (tmp_path / "Makefile.aimk").write_text(
        f"hello: {PROJECT}/examples/hello.c\n"
        "\tcc $(ARCHCFLAGS) -I$(PVM_ROOT)/include -o $@ $< "
        "-L$(PVM_ROOT)/lib/$(PVM_ARCH) -lpvm3 $(ARCHLIB)\n"
    )
    run(pvm_root() / "lib" / "aimk", "hello", cwd=tmp_path, root=pvm_root())
    assert (tmp_path / ARCH / "hello").is_file()


def test_macros_write_c_that_fortran_calls(tmp_path: Path, root: Path) -> None:
    require_program("m4", "m4")
    (tmp_path / "source.m4").write_text(MACROS_SOURCE)
    out = run("m4", root / "conf" / f"{ARCH}.m4", "source.m4", cwd=tmp_path, root=root)
    assert out.lstrip("\n") == MACROS_RESULT


@pytest.fixture(params=SIDES)
def aimk(request: pytest.FixtureRequest) -> tuple[Path, Path]:
    """The program aimk of a side, and its PVM_ROOT."""
    require_program("make", "make")
    require_daemon(request.param)
    if request.param == "ours":
        return pvm_root() / "lib" / "aimk", pvm_root()
    require_program("aimk", "pvm-dev")
    return Path("/usr/bin/aimk"), DEBIAN_ROOT


def test_aimk_uses_the_makefile_of_the_architecture(
    tmp_path: Path, aimk: tuple[Path, Path]
) -> None:
    program, root = aimk
    (tmp_path / ARCH).mkdir()
    (tmp_path / ARCH / "Makefile").write_text(REPORT)
    (tmp_path / "Makefile.aimk").write_text("all:\n\tfalse\n")
    out = run(program, "WORD=a  b", cwd=tmp_path, root=root)
    assert out == f"making in {ARCH}/ for {ARCH}\n{ARCH} {ARCH} a  b  \n"


def test_aimk_shares_a_makefile_between_architectures(
    tmp_path: Path, aimk: tuple[Path, Path]
) -> None:
    program, root = aimk
    (tmp_path / "Makefile.aimk").write_text(REPORT)
    out = run(program, cwd=tmp_path, root=root)
    assert out == f"making in {ARCH}/ for {ARCH}\n{ARCH} {ARCH}  {tmp_path} -shared\n"


@pytest.mark.parametrize("words", [(), ("-here",)])
def test_aimk_runs_make_here(
    tmp_path: Path, aimk: tuple[Path, Path], words: tuple[str, ...]
) -> None:
    program, root = aimk
    if words:
        (tmp_path / "Makefile.aimk").write_text("all:\n\tfalse\n")
    (tmp_path / "Makefile").write_text(REPORT)
    out = run(program, *words, "WORD=x", cwd=tmp_path, root=root)
    assert out == f"making in . for {ARCH}\n{ARCH} {tmp_path.name} x  \n"


def test_aimk_gives_the_status_of_make(tmp_path: Path, aimk: tuple[Path, Path]) -> None:
    program, root = aimk
    (tmp_path / "Makefile").write_text("all:\n\t@exit 3\n")
    done = subprocess.run(
        [program], cwd=tmp_path, env=os.environ | {"PVM_ROOT": str(root)}, capture_output=True
    )
    assert done.returncode == 2
    assert b"Error 3" in done.stderr


def test_aimk_finds_its_tree_without_pvm_root(tmp_path: Path) -> None:
    require_program("make", "make")
    (tmp_path / "aimk").symlink_to(pvm_root() / "lib" / "aimk")
    (tmp_path / "Makefile").write_text("all:\n\t@echo $(PVM_ROOT)\n")
    out = run("env", "-u", "PVM_ROOT", "./aimk", cwd=tmp_path, root=Path())
    assert out.splitlines()[-1] == str(pvm_root())
