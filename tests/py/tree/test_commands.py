# SPDX-License-Identifier: MIT
"""Every command answers --help and --version, and ends without a traceback whatever is missing."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import sysconfig
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest
from support.system import ARCH, PATIENCE, PROJECT, modules_dir, pvm_root, require_daemon

from pvm3py import __version__

TREE = pvm_root()
LIBDIR = TREE / "lib" / ARCH
COMPILERS = ("pvmcc", "pvmc++", "pvmf77", "pvmf90")
SCRIPTS = ("pvm", "pvmd", "pvmgetarch", "pvmtmparch", "aimk", "debugger", "ipcfree", "pvm3-config")
COMMANDS: dict[str, list[str]] = {
    **{name: [str(LIBDIR / name)] for name in ("pvmd3", "pvmgs", "pvmrm", "tracer")},
    **{name: [str(LIBDIR / name)] for name in ("pvm_gstat", "pvmgroups", "trcsort")},
    **{name: [str(LIBDIR / name)] for name in ("hpvm", "hpvm-build")},
    **{name: [str(TREE / "lib" / name)] for name in (*SCRIPTS, *COMPILERS)},
    **{
        " ".join(["pvm3py", *words]): [sys.executable, "-m", "pvm3py", *words]
        for words in ([], ["config"], ["console"], ["rm"], ["trace"])
    },
}
# Commands that 3.4.6 does not have.
OWN = (
    "hpvm",
    "hpvm-build",
    "pvmrm",
    "pvm3-config",
    "pvm3py",
    "pvm3py config",
    "pvm3py rm",
    "pvm3py trace",
)
# Whose options are those of another program.
OTHERS = ("aimk", *COMPILERS)
# Not here: a relative path, and a program of the shell's.
PROGRAMS = [name for name in COMMANDS if name != "aimk"]


@pytest.fixture
def tmp() -> Iterator[Path]:
    """A directory whose name is no ASCII."""
    require_daemon("ours")
    path = Path(tempfile.mkdtemp(prefix="pv\u00e4", dir="/tmp"))
    yield path
    shutil.rmtree(path)


def run(
    command: str,
    *arguments: str,
    tmp: Path,
    stdout: int = subprocess.PIPE,
    cwd: Path = Path("/"),
    env: Mapping[str, str] | None = None,
) -> subprocess.CompletedProcess[str]:
    """Run a command where no daemon runs; nobody shall see a traceback."""
    own = {"PATH": os.environ["PATH"], "PVM_TMP": str(tmp), "PVM_ALLOW_ROOT": "1"}
    done = subprocess.run(
        [*COMMANDS[command], *arguments],
        env=own | {"PYTHONPATH": str(modules_dir())} | dict(env or {}),
        stdin=subprocess.DEVNULL,
        stdout=stdout,
        stderr=subprocess.PIPE,
        encoding="utf-8",
        errors="surrogateescape",
        cwd=cwd,
        timeout=PATIENCE,
    )
    assert "Traceback" not in done.stderr and "Exception" not in done.stderr, done.stderr
    assert not list(tmp.iterdir()), "nothing was started"
    return done


@pytest.mark.parametrize("option", ["-h", "--help"])
@pytest.mark.parametrize("command", COMMANDS)
def test_help_says_how_it_is_used(command: str, option: str, tmp: Path) -> None:
    """-h of aimk is make's, as with 3.4.6."""
    done = run(command, option, tmp=tmp)
    if (command, option) == ("aimk", "-h"):
        assert "Usage: make" in done.stdout
        return
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith("usage: ")


@pytest.mark.parametrize(
    "words",
    [
        ["pvmd3", "-n127.0.0.1", "hosts"],
        ["pvmd", "-d2", "--nonsense"],
        ["pvm3py", "root"],
        ["pvm3py", "arch"],
    ],
    ids=" ".join,
)
def test_help_and_version_are_answered_behind_other_words(words: list[str], tmp: Path) -> None:
    command, *before = words
    assert run(command, *before, "--help", tmp=tmp).stdout.startswith("usage: ")
    assert f"pvm3py {__version__}\n" in run(command, *before, "--version", tmp=tmp).stdout.replace(
        ")", ""
    )


@pytest.mark.parametrize("command", COMMANDS)
def test_version_is_that_of_the_source(command: str, tmp: Path) -> None:
    done = run(command, "--version", tmp=tmp)
    assert (done.returncode, done.stderr) == (0, "")
    assert f"pvm3py {__version__}" in done.stdout and len(done.stdout.splitlines()) == 1


@pytest.mark.parametrize("command", [c for c in COMMANDS if c not in (*OTHERS, "pvmgs")])
def test_unknown_option_is_refused(command: str, tmp: Path) -> None:
    """make and compilers have theirs; the group server takes anything, as that of 3.4.6.

    No program of 3.4.6 ends with 2, so the same programs here do not either.
    """
    done = run(command, "--nonsense", tmp=tmp)
    assert done.returncode == (2 if command in OWN else 1)
    assert "usage: " in done.stderr


@pytest.mark.parametrize("command", ["pvm", "pvmd3", "pvmgs", "pvmrm", "pvm3py", "pvm3py rm"])
def test_full_disk_is_said_in_a_line(command: str, tmp: Path) -> None:
    with open("/dev/full", "wb") as full:
        done = run(command, "--help", tmp=tmp, stdout=full.fileno())
    assert done.returncode == 1
    assert "No space left on device" in done.stderr and len(done.stderr.splitlines()) == 1


@pytest.mark.parametrize("command", ["pvm", "pvmd3", "pvmgs", "pvmrm", "pvm3py", "pvm3py rm"])
def test_reader_that_has_gone_is_no_traceback(command: str, tmp: Path) -> None:
    reading, writing = os.pipe()
    os.close(reading)
    run(command, "--help", tmp=tmp, stdout=writing)
    os.close(writing)


@pytest.mark.parametrize("command", PROGRAMS)
def test_nothing_is_needed_for_an_answer(command: str, tmp: Path) -> None:
    """No HOME, no directory to be in, the C locale, and strange names."""
    gone = tmp / "gone\udcff"
    gone.mkdir()
    script = 'cd "$1" && rmdir "$1" && shift && exec "$@"'
    env = {"LC_ALL": "C", "TMPDIR": "/no/such\u00fc", "PYTHONPATH": str(modules_dir())}
    env |= {"PATH": os.environ["PATH"], "PVM_TMP": str(tmp)}
    words = ["sh", "-c", script, "sh", str(gone), *COMMANDS[command], "--version"]
    done = subprocess.run(words, env=env, capture_output=True, timeout=PATIENCE)
    assert done.returncode == 0, done.stderr
    assert f"pvm3py {__version__}".encode() in done.stdout and b"Traceback" not in done.stderr


@pytest.mark.parametrize("command", ["pvmgs", "pvmrm", "pvm3py rm"])
def test_missing_daemon_is_said_with_what_to_do(command: str, tmp: Path) -> None:
    done = run(command, tmp=tmp, env={"LC_ALL": "C"})
    assert done.returncode == 1
    assert f"no daemon of yours runs ({tmp}/pvmd." in done.stderr
    assert "start one with the command pvmd, or with pvm3py.classic.start_pvmd()" in done.stderr


def test_unknown_command_and_missing_file_are_named(tmp: Path) -> None:
    assert "unknown command nonsense" in run("pvm3py", "nonsense", tmp=tmp).stderr
    done = run("pvm3py trace", "convert", "/no/such", tmp=tmp)
    assert (done.returncode, done.stderr.count("/no/such")) == (1, 1)


def without_modules(tmp: Path, *files: str) -> str:
    """What a package says that has these files instead of its compiled modules."""
    source = tmp / "pvm3py"
    source.mkdir()
    shutil.copy(modules_dir() / "pvm3py" / "__init__.py", source)
    (source / "task.py").write_text("import pvm3py._task\n")
    for name in files:
        (source / name).touch()
    command = [sys.executable, "-c", "import pvm3py; pvm3py.Task()"]
    env = {"PYTHONPATH": str(tmp)}
    return subprocess.run(command, cwd="/", env=env, capture_output=True, text=True).stderr


def test_source_that_is_not_built_says_so(tmp: Path) -> None:
    said = without_modules(tmp)
    assert f"{tmp}/pvm3py has no compiled modules: it is the source" in said


def test_package_that_another_python_has_compiled_says_so(tmp: Path) -> None:
    said = without_modules(tmp, "_task.cpython-314t-x86_64-linux-gnu.so")
    assert f"{tmp}/pvm3py is compiled for cpython-314t-x86_64-linux-gnu; this Python, " in said
    assert f"needs {sysconfig.get_config_var('SOABI')}: build pvm3py with it" in said


def test_sources_have_no_tree_and_say_what_to_do() -> None:
    command = [sys.executable, "-m", "pvm3py", "config", "--libs"]
    done = subprocess.run(command, cwd=PROJECT, capture_output=True, text=True)
    place = PROJECT / "pvm3py"
    assert done.stderr == (
        f"python -m pvm3py: {place} is not part of a PVM_ROOT tree; run make, and Python in "
        "another directory\n"
    )
    assert done.returncode != 0
