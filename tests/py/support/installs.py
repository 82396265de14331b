# SPDX-License-Identifier: MIT
"""Using an installed tree as a user does, who has set nothing for PVM or Python."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from support.system import ARCH, PATIENCE, PROJECT, require_program

# Compilers need half the time when they do not optimise.
QUICK = {"CFLAGS": "-O0"}


def run(*command: object, cwd: Path | None = None, env: dict[str, str] | None = None) -> str:
    """Output of a command that must succeed."""
    done = subprocess.run(
        [str(word) for word in command], cwd=cwd, env=env, capture_output=True, text=True
    )
    assert done.returncode == 0, f"{command}\n{done.stdout[-2000:]}\n{done.stderr[-4000:]}"
    return done.stdout


def clean_environment() -> dict[str, str]:
    """The environment of a user who has set nothing for PVM or Python."""
    return {k: v for k, v in os.environ.items() if not k.startswith(("PVM", "PYTHON", "MAKE"))}


@contextmanager
def daemon(*command: object, path: Path) -> Iterator[dict[str, str]]:
    """Run a daemon in a PVM_TMP of its own; yields the environment for its tasks."""
    tmp = Path(tempfile.mkdtemp(prefix="pv"))
    env = clean_environment() | {
        "PVM_TMP": str(tmp),
        "PVM_PATH": str(path),
        "PVM_ALLOW_ROOT": "1",
        "HOME": str(tmp),
    }
    process = subprocess.Popen(
        [str(word) for word in command],
        env=env,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stdout and process.stderr
    try:
        address = process.stdout.readline()
        if not address:
            process.kill()
        assert address, process.stderr.read()
        yield env
        process.send_signal(signal.SIGTERM)
        assert process.wait(PATIENCE) == signal.SIGTERM
        assert list(tmp.glob("pvmd.*")) == []
    finally:
        process.kill()
        process.wait()
        process.stdout.close()
        process.stderr.close()
        shutil.rmtree(tmp)


def daemon_pid(env: dict[str, str]) -> int:
    """Process id of the daemon for whose tasks this environment is."""
    (sock_file,) = Path(env["PVM_TMP"]).glob("pvmd.*")
    return int(Path(sock_file.read_text()).stem.removeprefix("pvmtmp"))


def compile_hello(root: Path, target: Path) -> None:
    """Compile hello and hello_other as a user does."""
    require_program("cc", "gcc")
    for name in ("hello", "hello_other"):
        source = PROJECT / "examples" / f"{name}.c"
        flags = [f"-I{root}/include", f"-L{root}/lib/{ARCH}"]
        run("cc", *flags, source, "-o", target / name, "-lpvm3", cwd=target)


def check_hello(root: Path, *command: object, scratch: Path) -> None:
    """Compile the example against a tree and run it under the daemon of `command`."""
    programs = scratch / "bin"
    programs.mkdir()
    compile_hello(root, programs)
    with daemon(*command, path=programs) as env:
        assert "hello, world from" in run(programs / "hello", env=env)
