# SPDX-License-Identifier: MIT
"""The scripts of lib/: names of machines, settings for shells, the group server, ipcfree."""

from __future__ import annotations

import ctypes
import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from support.system import ARCH, missing, pvm_root, require_daemon, require_program
from support.usertree import attempt, clean_environment, moved_tree, run, script

from pvm3py import __version__

SHELLS = [
    ("bash", "bash", "bashrc.stub", "."),
    ("ksh93", "ksh93u+m", "kshrc.stub", "."),
    ("mksh", "mksh", "kshrc.stub", "."),
    ("tcsh", "tcsh", "cshrc.stub", "source"),
    ("bsd-csh", "csh", "cshrc.stub", "source"),
]
IPC_CREAT = 0o1000


@pytest.fixture
def tree() -> Path:
    """A tree in a place with a blank in its name."""
    return moved_tree()


# ---- names of machines -----------------------------------------------------------------


@pytest.mark.parametrize(
    ("machine", "name"),
    [
        ("x86_64", "LINUX64"),
        ("i386", "LINUX"),
        ("i686", "LINUX"),
        ("aarch64", "LINUX64"),
        ("armv7l", "LINUXARM"),
        ("ppc64", "LINUX64"),
        ("ppc64le", "LINUX64"),
        ("s390", "LINUXS390"),
        ("s390x", "LINUXS390X"),
        ("mips", "MIPS"),
        ("mips64", "LINUX64"),
        ("riscv64", "LINUX64"),
        ("pdp11", "UNKNOWN"),
    ],
)
@pytest.mark.parametrize("program", ["pvmgetarch", "pvmtmparch"])
def test_machine_has_the_name_of_pvm(
    tree: Path, tmp_path: Path, machine: str, name: str, program: str
) -> None:
    script(tmp_path / "uname", f"echo Linux {machine}\n")
    env = {"PATH": f"{tmp_path}:{os.environ['PATH']}"}
    assert run(tree / "lib" / program, cwd=tmp_path, env=env) == f"{name}\n"


def test_name_in_the_environment_wins(tree: Path) -> None:
    for name, answer in (("SUN4", "SUN4"), ("UNKNOWN", ARCH)):
        for program in ("pvmgetarch", "pvmtmparch"):
            assert run(tree / "lib" / program, cwd=tree, env={"PVM_ARCH": name}) == f"{answer}\n"


# ---- settings for shells ---------------------------------------------------------------


@pytest.fixture(params=SHELLS, ids=lambda row: row[0])
def shell(request: pytest.FixtureRequest) -> tuple[str, str, str]:
    """A shell, the name of its stub, and its command that reads a file."""
    name, package, stub, read = request.param
    require_program(name, package)
    return name, stub, read


def settings(shell: str, commands: str, **env: str) -> list[str]:
    """PVM_ROOT and PVM_ARCH in a shell after some commands."""
    own = {k: v for k, v in clean_environment().items() if k in ("PATH", "LANG")}
    done = subprocess.run(
        [shell, "-c", f'{commands}\necho "$PVM_ROOT"; echo "$PVM_ARCH"'],
        env=own | {"HOME": "/nonexistent"} | env,
        cwd="/",
        capture_output=True,
        text=True,
    )
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout.splitlines()


def test_stub_that_is_read_knows_its_tree(tree: Path, shell: tuple[str, str, str]) -> None:
    name, stub, read = shell
    assert settings(name, f'{read} "{tree}/lib/{stub}"') == [str(tree), ARCH]


def test_stub_leaves_what_is_set(tree: Path, shell: tuple[str, str, str]) -> None:
    name, stub, read = shell
    env = {"PVM_ROOT": "/elsewhere", "PVM_ARCH": "SUN4"}
    assert settings(name, f'{read} "{tree}/lib/{stub}"', **env) == ["/elsewhere", "SUN4"]


def test_stub_that_is_appended_takes_the_tree_of_the_home_directory(
    tree: Path, tmp_path: Path, shell: tuple[str, str, str]
) -> None:
    name, stub, read = shell
    shutil.copy(tree / "lib" / stub, tmp_path / "rc")
    (tmp_path / "pvm3").symlink_to(tree)
    env = {"HOME": str(tmp_path)}
    assert settings(name, f'{read} "{tmp_path}/rc"', **env) == [f"{tmp_path}/pvm3", ARCH]


# ---- other programs --------------------------------------------------------------------


def test_group_server_is_reached_from_lib_through_links(tmp_path: Path) -> None:
    require_daemon("ours")
    link = tmp_path / "pvmgs"
    link.symlink_to(pvm_root() / "lib" / "pvmgs")
    assert run(link, "--version", cwd=tmp_path) == f"pvmgs (pvm3py {__version__})\n"


def test_group_server_that_is_not_built_is_named(tree: Path, tmp_path: Path) -> None:
    done = attempt(tree / "lib" / "pvmgs", cwd=tmp_path, env={"PVM_ARCH": "SUN4"})
    assert done.returncode == 1
    assert f"{tree}/lib/SUN4/pvmgs does not exist" in done.stderr


@pytest.fixture
def segment() -> Iterator[int]:
    """A shared memory segment of System V."""
    if not Path("/proc/sysvipc/shm").exists():
        missing("the kernel has no System V IPC")
    require_program("ipcrm", "util-linux")
    libc = ctypes.CDLL(None)
    number = libc.shmget(0, 4096, IPC_CREAT | 0o600)
    assert number >= 0
    yield number
    libc.shmctl(number, 0, None)


def test_ipcfree_names_objects_of_this_user(tree: Path, segment: int) -> None:
    """What it removes is everybody's on this machine: so only a look here."""
    out = run(tree / "lib" / "ipcfree", "-n", cwd=tree)
    assert f"shm {segment}\n" in out


def test_ipcfree_removes_what_it_names(tree: Path, tmp_path: Path) -> None:
    """With stand-ins for the kernel's removal."""
    script(tmp_path / "awk", "case $4 in */shm) echo 7 ;; */sem) echo 8 ;; */msg) echo 9 ;; esac\n")
    script(tmp_path / "ipcrm", 'echo "ipcrm $*"\n')
    env = {"PATH": f"{tmp_path}:{os.environ['PATH']}"}
    out = run(tree / "lib" / "ipcfree", cwd=tree, env=env)
    assert out == "shm 7\nipcrm -m 7\nsem 8\nipcrm -s 8\nmsg 9\nipcrm -q 9\n"
