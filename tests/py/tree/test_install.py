# SPDX-License-Identifier: MIT
"""The installed tree works: moved, and in a PREFIX."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from support.installs import (
    QUICK,
    check_hello,
    clean_environment,
    compile_hello,
    daemon,
    daemon_pid,
    run,
)
from support.system import ARCH, PROJECT, pvm_root, require_daemon, require_program


def test_moved_tree_runs_from_its_new_place(scratch: Path) -> None:
    require_daemon("ours")
    root = scratch / "elsewhere"
    shutil.copytree(pvm_root(), root, symlinks=True)
    check_hello(root, root / "lib" / "pvmd", scratch=scratch)


def test_edited_source_takes_effect(scratch: Path) -> None:
    require_daemon("ours")
    root = scratch / "tree"
    shutil.copytree(pvm_root(), root, symlinks=True)
    source = root / "lib" / "python" / "pvm3py" / "__init__.py"
    source.write_text(source.read_text() + '__version__ = "edited"\n')
    env = clean_environment() | {"PVM_TMP": str(scratch), "PVM_ALLOW_ROOT": "1"}
    run(root / "lib" / ARCH / "pvmd3", "-t", env=env)
    (log,) = scratch.glob("pvml.*")
    assert "pvmd3 edited" in log.read_text()


def test_daemon_called_through_a_link_finds_its_tree(scratch: Path) -> None:
    require_daemon("ours")
    link = scratch / "pvmd3"
    link.symlink_to(pvm_root() / "lib" / ARCH / "pvmd3")
    with daemon(link, path=scratch):
        pass


@pytest.mark.parametrize("flag", ["-O", "-fuse-ld=gold", "-static"])
def test_every_linker_finds_the_libraries_by_their_names(scratch: Path, flag: str) -> None:
    require_daemon("ours")
    require_program("ld.gold", "binutils, or binutils-gold from Debian 13 on")
    paths = [f"-I{pvm_root()}/include", f"-L{pvm_root()}/lib/{ARCH}"]
    source = PROJECT / "examples" / "hello.c"
    libraries = ["-lfpvm3", "-lgpvm3", "-lpvm3"]
    run("cc", flag, *paths, source, "-o", scratch / "hello", *libraries, cwd=scratch)
    assert "libpvm3" not in run("readelf", "-d", scratch / "hello")


def test_library_that_a_build_system_finds_can_be_named_by_its_path(scratch: Path) -> None:
    """They look for a shared library before a static one, and have no -L for it."""
    require_daemon("ours")
    names = [pvm_root() / "lib" / ARCH / f"libpvm3.{kind}" for kind in ("so", "a")]
    library = next(name for name in names if name.exists())
    source = PROJECT / "examples" / "hello.c"
    run("cc", f"-I{pvm_root()}/include", source, library, "-o", scratch / "hello", cwd=scratch)


def test_static_linking_needs_no_library_path(scratch: Path) -> None:
    require_daemon("ours")
    compile_hello(pvm_root(), scratch)
    assert "libpvm3" not in run("ldd", scratch / "hello")


def test_make_install_gives_a_working_prefix(scratch: Path) -> None:
    require_daemon("ours")
    require_program("make", "make")
    prefix = scratch / "usr"
    run("make", "install", f"PREFIX={prefix}", cwd=PROJECT, env=clean_environment())
    root = prefix / "lib" / "pvm3"
    check_hello(root, prefix / "bin" / "pvmd", scratch=scratch)
    assert "usage: pvmrm" in run(root / "bin" / ARCH / "pvmrm", "-h", env=clean_environment())


def changed_files(pid: int, root: Path) -> list[str]:
    """Files below a directory that a process has mapped, and that were written to since."""
    lines = Path(f"/proc/{pid}/maps").read_text().splitlines()
    mapped = {line.split(maxsplit=5)[5] for line in lines if str(root) in line}
    assert mapped
    return [path for path in mapped if not path.endswith(" (deleted)")]


def test_installing_again_leaves_a_running_daemon_its_files(scratch: Path) -> None:
    require_daemon("ours")
    require_program("make", "make")
    root = scratch / "usr" / "lib" / "pvm3"
    install = ("make", "install", f"PREFIX={scratch / 'usr'}")
    run(*install, cwd=PROJECT, env=clean_environment())
    compile_hello(root, scratch)
    with daemon(root / "lib" / ARCH / "pvmd3", path=scratch) as env:
        run(*install, cwd=PROJECT, env=clean_environment())
        pid = daemon_pid(env)
        assert changed_files(pid, root) == []
        assert "hello, world from" in run(scratch / "hello", env=env)


def test_building_again_leaves_a_running_daemon_its_files(scratch: Path) -> None:
    require_daemon("ours")
    root = scratch / "tree"
    shutil.copytree(pvm_root(), root, symlinks=True)
    modules = root / "lib" / "python"
    with daemon(root / "lib" / ARCH / "pvmd3", path=scratch) as env:
        run(sys.executable, PROJECT / "csrc/python/stage.py", "package", modules)
        backend = next(modules.glob("_cffi_backend*"))
        assert str(backend) not in changed_files(daemon_pid(env), root)


def test_make_install_honours_destdir(scratch: Path) -> None:
    require_daemon("ours")
    run(
        *("make", "install", "PREFIX=/opt/x", f"DESTDIR={scratch}"),
        cwd=PROJECT,
        env=clean_environment(),
    )
    assert (scratch / "opt/x/lib/pvm3/include/pvm3.h").is_file()
    assert (scratch / "opt/x/bin/pvmd3").resolve().is_file()
    paths = ["-Iopt/x/include", "-Lopt/x/lib"]
    source = PROJECT / "examples" / "hello.c"
    run("cc", *paths, source, "-o", "hello", "-lgpvm3", "-lpvm3", cwd=scratch)
    assert "libpvm3" not in run("readelf", "-d", scratch / "hello")


@pytest.mark.slow
def test_cross_build_makes_only_the_c_library(scratch: Path) -> None:
    """`make lib` needs neither Python nor the virtual environment."""
    require_program("make", "make")
    run(
        *("make", "lib", f"BUILD={scratch.parent}/x", "PYTHON3=/nonexistent"),
        cwd=PROJECT,
        env=clean_environment() | QUICK,
    )
    built = scratch.parent / "x" / "pvm3"
    assert (built / "lib" / ARCH / "libpvm3.so.3").is_file()
    assert not (built / "lib" / "python").exists()


def test_missing_compiler_is_named_in_one_line(scratch: Path) -> None:
    require_program("make", "make")
    done = subprocess.run(
        ["make", "lib", "CC=no-such-cc", f"BUILD={scratch.parent}/x"],
        cwd=PROJECT,
        env=clean_environment(),
        capture_output=True,
        text=True,
    )
    assert done.returncode != 0
    assert "no-such-cc not found: install a C compiler" in done.stderr


# ---- the start script ---------------------------------------------------------


@pytest.fixture
def fake_tree(scratch: Path) -> Path:
    """The start script in a tree whose daemon prints what it was given."""
    root = scratch / "tree"
    (root / "lib" / "FAKE").mkdir(parents=True)
    for name in ("pvmd", "pvmgetarch"):
        shutil.copy(PROJECT / "tree" / name, root / "lib")
    fake = root / "lib" / "FAKE" / "pvmd3"
    fake.write_text('#!/bin/sh\nprintf "<%s>" "$PVM_ROOT" "$EXTRA" "$@"\n')
    fake.chmod(0o755)
    return root


def test_start_script_keeps_arguments_and_derives_root(fake_tree: Path) -> None:
    env = clean_environment() | {"PVM_ARCH": "FAKE", "HOME": str(fake_tree)}
    out = run(fake_tree / "lib" / "pvmd", "-d0x4", "a  b", "", env=env)
    assert out == f"<{fake_tree}><><-d0x4><a  b><>"


def test_start_script_reads_both_profiles(fake_tree: Path) -> None:
    home = fake_tree.parent / "home"
    home.mkdir()
    (fake_tree / ".pvmprofile").write_text("EXTRA=root PVM_ARCH=FAKE\n")
    (home / ".pvmprofile").write_text("EXTRA=$EXTRA+home\nexport EXTRA\n")
    env = clean_environment() | {"HOME": str(home)}
    assert run(fake_tree / "lib" / "pvmd", env=env) == f"<{fake_tree}><root+home>"


def test_start_script_names_the_missing_daemon(fake_tree: Path) -> None:
    env = clean_environment() | {"PVM_ARCH": "OTHER"}
    done = subprocess.run([fake_tree / "lib" / "pvmd"], env=env, capture_output=True, text=True)
    assert done.returncode == 1
    assert done.stderr.count("\n") == 1
    assert f"{fake_tree}/lib/OTHER/pvmd3 does not exist" in done.stderr


def test_start_script_uses_its_own_tree_whatever_else_is_set(fake_tree: Path) -> None:
    (fake_tree / ".pvmprofile").write_text("PVM_ROOT=/of/a/profile\n")
    env = clean_environment() | {"PVM_ARCH": "FAKE", "PVM_ROOT": "/usr/lib/pvm3"}
    assert run(fake_tree / "lib" / "pvmd", env=env) == f"<{fake_tree}><>"


def test_start_script_keeps_the_users_name_of_its_tree(fake_tree: Path) -> None:
    link = fake_tree.parent / "link"
    link.symlink_to(fake_tree)
    env = clean_environment() | {"PVM_ARCH": "FAKE", "PVM_ROOT": str(link)}
    assert run(fake_tree / "lib" / "pvmd", env=env) == f"<{link}><>"


def test_start_script_names_a_wrong_architecture_and_its_cure(fake_tree: Path) -> None:
    env = clean_environment() | {"PVM_ARCH": "SUN4"}
    done = subprocess.run([fake_tree / "lib" / "pvmd"], env=env, capture_output=True, text=True)
    assert done.returncode == 1
    assert f"PVM_ARCH is set to SUN4, and {fake_tree} is for FAKE" in done.stderr
    assert "unset PVM_ARCH" in done.stderr


@pytest.mark.parametrize(
    ("machine", "arch"),
    [
        ("x86_64", "LINUX64"),
        ("aarch64", "LINUX64"),
        ("s390x", "LINUXS390X"),
        ("mips64el", "LINUX64"),
        ("mipsel", "MIPS"),
        ("i686", "LINUX"),
        ("armv7l", "LINUXARM"),
        ("pdp11", "UNKNOWN"),
    ],
)
def test_pvmgetarch_names_machines(machine: str, arch: str) -> None:
    program = PROJECT / "tree" / "pvmgetarch"
    assert run(program, "Linux", machine, env=clean_environment()).strip() == arch


def test_pvmgetarch_prefers_the_environment() -> None:
    program = PROJECT / "tree" / "pvmgetarch"
    assert run(program, env=clean_environment() | {"PVM_ARCH": "SUN4"}).strip() == "SUN4"
