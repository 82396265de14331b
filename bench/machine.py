# SPDX-License-Identifier: MIT
"""The two sides of the comparison: installations, compiled programs, running daemons."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

HERE = Path(__file__).resolve().parent
PROGRAMS = {"driver": ("driver.c", "several.c", "moves.c", "checkpoints.c"), "peer": ("peer.c",)}
READY_TIMEOUT = 120.0  # seconds until a daemon must serve
DRIVER_TIMEOUT = 120.0  # seconds until a measurement must have ended

TM_CONNECT = 0x80010001
XDR = 0x10000000
TIDPVMD = 0x80000000


class MeasurementError(Exception):
    """A daemon or a measuring program failed; the text says how."""


@dataclass(frozen=True)
class Installation:
    """One PVM: where its daemon, headers and library are."""

    name: str
    root: Path  # PVM_ROOT
    daemon: tuple[str, ...]  # command that starts the daemon in the foreground
    include: Path
    libdir: Path | None  # None: the compiler's default
    programs: Path  # directory of the group server
    env: tuple[tuple[str, str], ...] = ()  # of the daemon and its tasks, besides

    def compile(self, build: Path) -> None:
        """Compile the programs against this library into build/NAME."""
        libraries = ["-lgpvm3", "-lpvm3"]
        compiler = ["cc", "-std=gnu11", "-D_GNU_SOURCE"]
        for name, sources in PROGRAMS.items():
            self._compile(build, compiler, name, [HERE / source for source in sources], libraries)
        costs = sorted((HERE / "cost").glob("*.c"))
        self._compile(build, [*compiler, "-w"], "cost", costs, libraries)
        if has_fortran():
            flags = ["-w", "-fallow-argument-mismatch"]
            libraries = ["-lfpvm3", "-lgpvm3", "-lpvm3"]
            sources = [HERE / "fortran.f"]
            self._compile(build, ["gfortran", *flags], "fortran", sources, libraries)

    def _compile(
        self,
        build: Path,
        compiler: list[str],
        name: str,
        sources: list[Path],
        libraries: list[str],
    ) -> None:
        target = self.program(build, name)
        target.parent.mkdir(parents=True, exist_ok=True)
        command = [*compiler, "-O2", f"-I{self.include}", *map(str, sources)]
        if self.libdir is not None:
            command.append(f"-L{self.libdir}")
        subprocess.run([*command, "-o", str(target), *libraries], check=True)

    def program(self, build: Path, name: str) -> Path:
        """Path of a compiled program."""
        return build / self.name / name


def has_fortran() -> bool:
    """Whether Fortran programs can be compiled."""
    return shutil.which("gfortran") is not None


def available_memory() -> int:
    """Bytes of memory that programs can have without swapping."""
    for line in Path("/proc/meminfo").read_text().splitlines():
        if line.startswith("MemAvailable:"):
            return int(line.split()[1]) * 1024
    raise MeasurementError("no MemAvailable in /proc")


def ours(tree: Path) -> Installation:
    """This project's tree."""
    arch = subprocess.check_output([tree / "lib" / "pvmgetarch"], text=True).strip()
    libdir = tree / "lib" / arch
    programs = tree / "bin" / arch
    return Installation("ours", tree, (str(libdir / "pvmd3"),), tree / "include", libdir, programs)


def ours_sleeping(tree: Path) -> Installation:
    """This project's tree, with a daemon whose handlers are slow."""
    daemon = (sys.executable, "-I", "-S", str(HERE / "slow_daemon.py"), str(tree / "lib/python"))
    base = ours(tree)
    return Installation("sleeping", tree, daemon, base.include, base.libdir, base.programs)


def ours_fixed(tree: Path) -> Installation:
    """This project's tree, with tasks that cannot move."""
    return replace(ours(tree), name="fixed", env=(("PVM_MIST", "0"),))


def debian() -> Installation | None:
    """PVM 3.4.6 as Debian installs it, or None."""
    if not Path("/usr/bin/pvmd").exists() or not Path("/usr/include/pvm3.h").exists():
        return None
    root, programs = Path("/usr/lib/pvm3"), Path("/usr/bin")
    return Installation("pvm346", root, ("/usr/bin/pvmd",), Path("/usr/include"), None, programs)


def run_program(command: Sequence[str], env: dict[str, str] | None = None) -> str:
    """Run a measuring program; returns what it printed. MeasurementError: it failed."""
    try:
        done = subprocess.run(
            command,
            env=env,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=DRIVER_TIMEOUT,
            check=False,
        )
    except subprocess.TimeoutExpired as error:
        raise MeasurementError(f"{' '.join(command)}: no end") from error
    if done.returncode != 0:
        detail = done.stderr.strip() or f"exit status {done.returncode}"
        raise MeasurementError(f"{' '.join(command)}: {detail}")
    return done.stdout


class Daemon:
    """A running daemon in a private PVM_TMP; use as a context manager."""

    def __init__(self, installation: Installation) -> None:
        self.installation = installation
        self.tmp = Path(tempfile.mkdtemp(prefix="pv"))
        self.env = {k: v for k, v in os.environ.items() if not k.startswith("PVM")}
        self.env |= {
            "PVM_ROOT": str(installation.root),
            "PVM_TMP": str(self.tmp),
            "PVM_ALLOW_ROOT": "1",
            # Where each side's own group server is.
            "PVM_PATH": str(installation.programs),
            **dict(installation.env),
        }
        started = time.monotonic()
        with open(self.tmp / "stderr", "wb") as errors:
            self._process = subprocess.Popen(
                installation.daemon,
                env=self.env,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=errors,
            )
        try:
            self.env["PVMSOCK"], self.pid = self._wait_ready(started)
            self.env["BENCH_DAEMON"] = str(self.pid)
        except BaseException:
            self.stop()
            raise
        self.ready_after = time.monotonic() - started

    def _wait_ready(self, started: float) -> tuple[str, int]:
        """Wait until the daemon answers; returns its address and process id."""
        file = self.tmp / f"pvmd.{os.geteuid()}"
        while time.monotonic() - started < READY_TIMEOUT:
            if self._process.poll() is not None:
                errors = (self.tmp / "stderr").read_text(errors="replace")
                raise MeasurementError(f"{self.installation.name}: daemon ended\n{errors}")
            try:
                address = file.read_text()
                return address, ask(address)
            except OSError:
                time.sleep(0.001)
        raise MeasurementError(f"{self.installation.name}: daemon does not get ready")

    def __enter__(self) -> Daemon:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def run(self, *command: str) -> str:
        """Run a program as a task started by hand; returns what it printed."""
        return run_program(command, self.env)

    def resident_mb(self) -> float:
        """Resident memory of the daemon, MB (10**6 bytes)."""
        for line in Path(f"/proc/{self.pid}/status").read_text().splitlines():
            if line.startswith("VmRSS:"):
                return int(line.split()[1]) * 1024 / 1e6
        raise MeasurementError("no VmRSS in /proc")

    def cpu_ticks(self) -> int:
        """User and system time used so far, clock ticks, all threads."""
        fields = Path(f"/proc/{self.pid}/stat").read_text().rsplit(")", 1)[1].split()
        return int(fields[11]) + int(fields[12])

    def stop(self) -> None:
        """End the daemon and remove its directory."""
        self._process.send_signal(signal.SIGTERM)
        try:
            self._process.wait(5)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        shutil.rmtree(self.tmp, ignore_errors=True)


def ask(address: str) -> int:
    """Have a daemon answer something: a wrong protocol number is refused at once.

    Returns the daemon's process id. OSError: it does not serve.
    """
    body = struct.pack("!ii4s", 0, 1, bytes(4))
    header = struct.pack("!IIIIII", XDR, TM_CONNECT, 0, 0, 1, 0) + bytes(8)
    length = len(header) + len(body)
    fragment = struct.pack("!IIIB3x", TIDPVMD, 0xFFFFFFFF, length, 3)
    with socket.socket(socket.AF_UNIX) as client:
        client.settimeout(READY_TIMEOUT)
        client.connect(address)
        client.sendall(fragment + header + body)
        if not client.recv(1):
            raise OSError("connection closed without an answer")
        peer = client.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, 12)
        return int(struct.unpack("iII", peer)[0])
