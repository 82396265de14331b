# SPDX-License-Identifier: MIT
"""Python tasks beside mpi4py, pyzmq, dask.distributed, ray and multiprocessing: one table.

The other libraries are installed into build/bench-python; ray is left out where it cannot be.
Every round measures all; figures are medians over the rounds.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import signal
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

HERE = Path(__file__).resolve().parent
CHECKOUT = HERE.parent.parent

# The package that is built, not its source, which is beside this one.
sys.path.insert(0, str(CHECKOUT / "build" / "pvm3" / "lib" / "python"))

from pvm3py import bench as measured  # noqa: E402
from pvm3py.bench.__main__ import figure  # noqa: E402

PEERS = ("mpich==5.0.2", "mpi4py==4.1.2", "pyzmq>=26", "distributed>=2024", "numpy>=1.26")
RAY = "ray>=2.40"
INSTALL_TIMEOUT = 600.0  # seconds
RUN_TIMEOUT = 120.0

Measure = Callable[[float], float | None]


class Row(NamedTuple):
    """One line: what is compared, and our measurement (see pvm3py/bench)."""

    name: str
    ours: str
    others: dict[str, str]


ROWS = (
    Row("tuple", "tasks:small_object",
        {"pipe": "pipes:small_object", "mpi4py": "tuple", "pyzmq": "tuple"}),
    Row("array", "tasks:large_object",
        {"pipe": "pipes:large_object", "mpi4py": "array", "mpi4py pkl5": "array-pkl5",
         "pyzmq": "array"}),
    Row("buffer", "tasks:buffer", {"mpi4py": "buffer"}),
    Row("array-raw", "tasks:large_object_of_raw", {}),
    Row("buffer-raw", "tasks:buffer_of_raw", {}),
    Row("await", "awaited:small_object", {"pyzmq": "await"}),
    Row("calls-2", "pools:our_rate 2",
        {"pipe": "pools:their_rate 2", "mpi4py.futures": "2", "distributed": "2", "ray": "2"}),
    Row("calls-6", "pools:our_rate 6",
        {"pipe": "pools:their_rate 6", "mpi4py.futures": "6", "distributed": "6", "ray": "6"}),
    Row("naps-2", "pools:our_share 2", {"pipe": "pools:their_share 2"}),
    Row("naps-6", "pools:our_share 6", {"pipe": "pools:their_share 6"}),
    Row("spawn", "tasks:spawns", {}),
)  # fmt: skip
NAMES = {"pipe": "multiprocessing"}


class Peers:
    """The other libraries in an environment of their own."""

    def __init__(self, place: Path) -> None:
        self._bin = place / "bin"
        if not (self._bin / "mpiexec").exists():
            subprocess.run([sys.executable, "-m", "venv", str(place)], check=True)
            self._install(*PEERS).check_returncode()
        self._ray = (self._bin / "ray").exists() or self._install(RAY).returncode == 0
        if not self._ray:
            print("ray cannot be installed: it is left out", file=sys.stderr)

    def _install(self, *packages: str) -> subprocess.CompletedProcess[bytes]:
        """Have pip install packages, which says why it cannot."""
        command = [str(self._bin / "pip"), "install", "-q", *packages]
        return subprocess.run(command, timeout=INSTALL_TIMEOUT)

    def measure(self, library: str, mode: str, seconds: float) -> float | None:
        """One measurement; None: it failed, and has said why, or cannot be done here."""
        if library == "ray" and not self._ray:
            return None
        python = str(self._bin / "python")
        mpiexec = [str(self._bin / "mpiexec"), "-n"]
        executors = [str(HERE / "executors.py"), library, mode, str(seconds)]
        if library == "pyzmq":
            command = [python, str(HERE / "zeromq.py"), mode, str(seconds)]
        elif library in ("distributed", "ray"):
            command = [python, *executors]
        elif library == "mpi4py.futures":
            workers = str(int(mode) + 1)
            command = [*mpiexec, workers, python, "-m", "mpi4py.futures", *executors]
        else:
            command = [*mpiexec, "2", python, str(HERE / "mpi.py"), mode, str(seconds)]
        env = {"PATH": f"{self._bin}:/usr/bin:/bin", "PYTHONPATH": str(Path(measured.__path__[0]))}
        return measured_by(command, env)


def measured_by(command: list[str], env: dict[str, str]) -> float | None:
    """The figure that a program prints. All that it has started ends with it."""
    process = subprocess.Popen(
        command, stdout=subprocess.PIPE, text=True, env=env, start_new_session=True
    )
    try:
        figure_printed = process.communicate(timeout=RUN_TIMEOUT)[0]
        return float(figure_printed) if process.returncode == 0 else None
    except subprocess.TimeoutExpired:
        print(f"{' '.join(command[-3:])}: no result after {RUN_TIMEOUT:g} s", file=sys.stderr)
        return None
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def one(peers: Peers, library: str, measurement: str, seconds: float) -> float | None:
    """One figure of a library."""
    if library in ("pvm3py", "pipe"):
        return figure(measurement, seconds)
    return peers.measure(library, measurement, seconds)


def main() -> int:
    """Measure and print."""
    parser = argparse.ArgumentParser(prog="python -m bench.python", description=__doc__)
    parser.add_argument("rows", nargs="*", metavar="ROW", help=", ".join(row.name for row in ROWS))
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=0.5)
    given = parser.parse_args()
    rows = [row for row in ROWS if not given.rows or row.name in given.rows]
    peers = Peers(CHECKOUT / "build" / "bench-python")
    figures: dict[tuple[str, str], list[float]] = {}
    start = time.monotonic()
    for number in range(given.rounds):
        print(f"round {number + 1} of {given.rounds}", file=sys.stderr)
        for row in rows:
            for library, measurement in {"pvm3py": row.ours, **row.others}.items():
                value = one(peers, library, measurement, given.seconds)
                if value is not None:
                    figures.setdefault((row.name, library), []).append(value)
    print("| row | library | median | least | most |\n|---|---|---|---|---|")
    for (name, library), values in figures.items():
        shown = (statistics.median(values), min(values), max(values))
        cells = " | ".join(f"{value:.4g}" for value in shown)
        print(f"| {name} | {NAMES.get(library, library)} | {cells} |")
    print(f"\n{given.rounds} rounds, {time.monotonic() - start:.0f} s")
    return 0


if __name__ == "__main__":
    sys.exit(main())
