# SPDX-License-Identifier: MIT
"""MPICH, beside which some rows are measured: Python's package, in its own environment."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from bench.machine import HERE, MeasurementError, run_program

VERSION = "5.0.2"
INSTALL_TIMEOUT = 300.0  # seconds


class Unavailable(Exception):
    """MPICH cannot be had; the text says why."""


class Mpich:
    """MPICH and the program bench/mpi.c, in build/mpich."""

    def __init__(self, build: Path) -> None:
        self._place = build / "mpich"
        self._program = self._place / "mpi"
        if not (self._place / "bin" / "mpicc").exists():
            self._do(sys.executable, "-m", "venv", str(self._place))
            self._do(str(self._place / "bin" / "pip"), "install", "-q", f"mpich=={VERSION}")
        compiler = str(self._place / "bin" / "mpicc")
        flags = ("-std=gnu11", "-D_GNU_SOURCE", "-O2")
        self._do(compiler, *flags, str(HERE / "mpi.c"), "-o", str(self._program))

    def _do(self, *command: str) -> None:
        try:
            subprocess.run(
                command, check=True, capture_output=True, text=True, timeout=INSTALL_TIMEOUT
            )
        except subprocess.CalledProcessError as error:
            reason = str(error.stderr).strip().splitlines()
            raise Unavailable(reason[-1] if reason else str(error)) from error
        except (OSError, subprocess.TimeoutExpired) as error:
            raise Unavailable(str(error)) from error

    def run(self, seconds: float, args: str) -> str:
        """Measure what the driver of PVM measures for `args`; returns what was printed."""
        processes, words = as_mpi(args)
        mpiexec = str(self._place / "bin" / "mpiexec")
        return run_program(
            [mpiexec, "-n", str(processes), str(self._program), str(seconds), *words]
        )


def as_mpi(args: str) -> tuple[int, list[str]]:
    """How many processes take part in a measurement, and what bench/mpi.c is told."""
    match args.split():
        case ["roundtrip", size, "raw" | "in-place", "default"]:
            return 2, ["roundtrip", size]
        case ["roundtrip", size, "raw", "together"]:
            return 2, ["roundtrip", size, "together"]
        case ["ring", tasks, *busy]:
            return int(tasks), ["ring", *busy]
        case ["multicast", size, tasks]:
            return int(tasks) + 1, ["multicast", size]
    raise MeasurementError(f"{args}: not measured with MPI")
