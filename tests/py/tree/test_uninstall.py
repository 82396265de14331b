# SPDX-License-Identifier: MIT
"""make uninstall removes what make install made, and nothing else; and what all that is."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from support.installs import clean_environment, daemon, run
from support.system import ARCH, PROJECT, pvm_root, require_daemon, require_program

from pvm3py import __version__


def make(target: str, *settings: str) -> str:
    """Output of make install or make uninstall."""
    require_daemon("ours")
    return run("make", "-s", target, *settings, cwd=PROJECT, env=clean_environment())


def below(directory: Path) -> set[Path]:
    """All that there is in a directory."""
    return set(directory.rglob("*"))


@pytest.fixture
def prefix(scratch: Path) -> Path:
    """An installed prefix, with letters that are no ASCII."""
    path = scratch / "gr\u00fcn"
    make("install", f"PREFIX={path}")
    return path


def test_uninstall_leaves_nothing(scratch: Path) -> None:
    place = (f"PREFIX={scratch}/deep/usr", f"DESTDIR={scratch}/stage")
    make("install", *place)
    assert len(below(scratch)) > 300
    make("uninstall", *place)
    assert below(scratch / "stage") == set()


def test_uninstall_leaves_nothing_after_use_and_a_second_install(scratch: Path) -> None:
    prefix = scratch / "usr"
    make("install", f"PREFIX={prefix}")
    with daemon(prefix / "bin" / "pvmd", path=scratch):
        make("install", f"PREFIX={prefix}")
    modules = {"PYTHONPATH": str(prefix / "lib" / "pvm3" / "lib" / "python")}
    run(sys.executable, "-OO", "-c", "import pvm3py.command", cwd=scratch, env=modules)
    assert list(prefix.glob("**/command.*.opt-2.pyc"))
    make("uninstall", f"PREFIX={prefix}")
    assert below(scratch) == set()


def test_uninstall_keeps_what_others_put_there(scratch: Path) -> None:
    others = {
        scratch / "bin" / "other",
        scratch / "share" / "man" / "man1" / "other.1",
        scratch / "lib" / "pvm3" / "bin" / ARCH / "worker",
        scratch / "include" / "pvm3.h",
    }
    empty = scratch / "share" / "doc"
    empty.mkdir(parents=True)
    make("install", f"PREFIX={scratch}")
    for path in others:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.unlink(missing_ok=True)
        path.write_text("not ours")
    make("uninstall", f"PREFIX={scratch}")
    assert {path for path in below(scratch) if not path.is_dir()} == others
    assert empty.is_dir()


def test_install_removes_what_an_earlier_version_had(scratch: Path) -> None:
    make("install", f"PREFIX={scratch}")
    listing = scratch / "lib" / "pvm3" / "installed"
    stale = scratch / "lib" / "pvm3" / "lib" / "stale"
    stale.write_text("of an earlier version")
    listing.write_text(f'["file", "{stale}"]\n' + listing.read_text())
    make("install", f"PREFIX={scratch}")
    assert not stale.exists()
    assert "stale" not in listing.read_text()


def test_uninstall_without_an_install_says_so(scratch: Path) -> None:
    command = ["make", "-s", "uninstall", f"PREFIX={scratch}"]
    done = subprocess.run(
        command, cwd=PROJECT, env=clean_environment(), capture_output=True, text=True
    )
    assert done.returncode != 0
    assert f"nothing to remove: {scratch}/lib/pvm3/installed does not exist" in done.stderr


def test_prefix_must_be_absolute() -> None:
    require_daemon("ours")
    command = ["make", "-s", "install", "PREFIX=some/where"]
    done = subprocess.run(
        command, cwd=PROJECT, env=clean_environment(), capture_output=True, text=True
    )
    assert done.returncode != 0
    assert "PREFIX=some/where must be an absolute path" in done.stderr


# ---- what is installed ----------------------------------------------------------


def test_all_commands_are_on_the_path_and_tell_one_version(prefix: Path) -> None:
    env = clean_environment() | {"PATH": f"{prefix}/bin:/usr/bin:/bin"}
    names = sorted(path.name for path in (prefix / "bin").iterdir())
    assert {"pvm3py", "pvmd", "pvmd3", "pvmgs", "pvmgetarch", "aimk", "pvm_gstat"} <= {*names}
    told = {name: run(name, "--version", cwd=prefix, env=env) for name in names}
    assert {name: text for name, text in told.items() if f"pvm3py {__version__}" not in text} == {}


def test_licence_and_change_log_are_installed(prefix: Path) -> None:
    documents = prefix / "share" / "doc" / "pvm3py"
    assert "MIT License" in (documents / "LICENSE").read_text()
    assert (documents / "CHANGELOG.md").read_text() == (PROJECT / "CHANGELOG.md").read_text()


def test_every_man_page_that_was_made_is_installed(prefix: Path) -> None:
    made = pvm_root().parent / "man"
    if not made.is_dir():
        pytest.skip("no man pages were made")
    for page in made.rglob("*.[1-9]"):
        assert (prefix / "share" / "man" / page.relative_to(made)).is_file()


def test_service_starts_the_daemon_of_its_prefix(prefix: Path) -> None:
    unit = prefix / "lib" / "systemd" / "user" / "pvmd.service"
    assert f'ExecStart="{prefix}/bin/pvmd"' in unit.read_text()
    if shutil.which("systemd-analyze") and shutil.which("systemctl"):
        env = clean_environment() | {"XDG_RUNTIME_DIR": str(prefix)}
        command = ["systemd-analyze", "--user", "verify", "--man=no", str(unit)]
        done = subprocess.run(command, env=env, capture_output=True, text=True)
        assert str(unit) not in done.stderr and "pvmd.service:" not in done.stderr


@pytest.mark.parametrize(
    ("words", "offered", "others"),
    [
        ("pvm3py ", {"trace", "rm", "root", "--version"}, {"print"}),
        ("pvm3py trace -", {"--help"}, {"convert"}),
        ("pvmd -", {"-d", "-n", "-t", "--version"}, {"-ddebugmask"}),
        ("pvm_gstat --v", {"--version"}, {"--help"}),
        ("pvmd hosts", set(), {"--help"}),
    ],
)
def test_bash_completes_what_help_tells(
    prefix: Path, words: str, offered: set[str], others: set[str]
) -> None:
    require_program("bash", "bash")
    script = (
        '. "$1/share/bash-completion/completions/${2%% *}"; PATH=$1/bin:$PATH;'
        'COMP_WORDS=($2); [ "${2% }" = "$2" ] || COMP_WORDS+=("");'
        'COMP_CWORD=$((${#COMP_WORDS[@]}-1)); _pvm3py; printf "%s\\n" "${COMPREPLY[@]}"'
    )
    env = clean_environment()
    found = set(run("bash", "-c", script, "bash", prefix, words, env=env).splitlines())
    assert offered <= found and not others & found


def test_zsh_reads_its_completion(prefix: Path) -> None:
    if not shutil.which("zsh"):
        pytest.skip("zsh is not installed: apt-get install zsh")
    functions = prefix / "share" / "zsh" / "site-functions"
    script = (
        "fpath=($1 $fpath); autoload -U compinit && compinit -u -d $2/dump && "
        "print -r -- $_comps[pvmd] $_comps[pvm3py] && zsh -n $1/_pvm3py"
    )
    text = run("zsh", "-fc", script, "zsh", functions, prefix, env=clean_environment())
    assert text.split() == ["_pvm3py", "_pvm3py"]
