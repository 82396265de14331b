# SPDX-License-Identifier: MIT
"""Spawns of HPVM beside multiprocessing, with the same C code as work: one table.

Both have as many workers as there are processors, which have been started before. Every round
measures all rows of both, one after the other; figures are medians over the rounds.
"""

from __future__ import annotations

import argparse
import ctypes
import multiprocessing
import os
import statistics
import subprocess
import time
from collections.abc import Callable
from multiprocessing import sharedctypes
from pathlib import Path
from typing import NamedTuple

from bench.machine import Daemon, Installation

HERE = Path(__file__).resolve().parent
CHECKOUT = HERE.parent.parent
CHUNK, CHUNKS, NAPS, EMPTY, BIG = 10000, 100, 1000, 20000, 64 << 20


class Row(NamedTuple):
    """A row: its name, what it is called, and how its figure is shown and judged."""

    name: str
    title: str
    show: Callable[[float], str]
    goal: str
    reached: Callable[[float, float | None], bool]


def milliseconds(value: float) -> str:
    """A time."""
    return f"{value * 1000:.2f} ms"


def efficiency(value: float) -> float:
    """Of tasks of a millisecond: the share of all processors that they had."""
    return NAPS / 1000 / processors() / value


def rate(value: float) -> float:
    """Gigabytes in a second of a share that took so long."""
    return BIG / value / 1e9


ROWS = (
    Row("example", f"square roots, {CHUNKS} chunks", milliseconds, "<= multiprocessing",
        lambda ours, theirs: theirs is None or ours <= theirs),
    Row("empty", "an empty task", lambda v: f"{v * 1e6:.2f} us", "<= 2 us",
        lambda ours, _: ours <= 2e-6),
    Row("milliseconds", f"{NAPS} tasks of 1 ms", lambda v: f"{efficiency(v):.3f}", ">= 0.95",
        lambda ours, _: efficiency(ours) >= 0.95),
    Row("million", "1,000,000 empty tasks", lambda v: f"{v:.2f} s", "<= 2 s",
        lambda ours, _: ours <= 2),
    Row("memory", "what they take in the parent", lambda v: f"{v / 1000:.1f} MB", "<= 20 MB",
        lambda ours, _: ours <= 20000),
    Row("get", "64 MiB to a kernel", lambda v: f"{rate(v):.2f} GB/s", ">= 4 GB/s",
        lambda ours, _: rate(ours) >= 4),
    Row("merge", "64 MiB back", lambda v: f"{rate(v):.2f} GB/s", ">= 4 GB/s",
        lambda ours, _: rate(ours) >= 4),
)  # fmt: skip


def processors() -> int:
    """How many this process may use."""
    return len(os.sched_getaffinity(0))


# ---- multiprocessing ----------------------------------------------------------------------------


class Work:
    """What a worker has: the C code, and the array that all of them share."""

    code: ctypes.CDLL
    roots: ctypes.Array[ctypes.c_float]


def begin_worker(library: str, roots: ctypes.Array[ctypes.c_float]) -> None:
    """Load the code into a worker."""
    Work.code = ctypes.CDLL(library)
    Work.roots = roots


def chunk(number: int) -> None:
    """The square roots of a chunk."""
    start = ctypes.c_long(number * CHUNK)
    Work.code.chunk(Work.roots, start, ctypes.c_long((number + 1) * CHUNK))


def empty(number: int) -> None:
    """Nothing."""


def millisecond(number: int) -> None:
    """A millisecond of the processor's time."""
    Work.code.millisecond()


class Peer:
    """A pool of workers."""

    def __init__(self, library: Path) -> None:
        roots = sharedctypes.RawArray(ctypes.c_float, CHUNK * CHUNKS)
        self.pool = multiprocessing.Pool(processors(), begin_worker, (str(library), roots))

    def measure(self, name: str) -> float | None:
        """Seconds of a row, or of one of its tasks; None: there is no such row."""
        tasks = {"example": (chunk, CHUNKS), "empty": (empty, EMPTY)}
        tasks |= {"milliseconds": (millisecond, NAPS)}
        if name not in tasks:
            return None
        function, count = tasks[name]
        start = time.monotonic()
        for _ in self.pool.imap_unordered(function, range(count)):
            pass
        spent = time.monotonic() - start
        return spent / count if name == "empty" else spent


# ---- ours ---------------------------------------------------------------------------------------


class Ours:
    """A parent, which waits for names of rows."""

    def __init__(self, daemon: Daemon, program: Path, tree: Path) -> None:
        self.process = subprocess.Popen(
            [program, tree], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
            env=daemon.env,
        )  # fmt: skip

    def measure(self, name: str) -> float | None:
        """Seconds of a row, or of one of its tasks; None: it failed."""
        assert self.process.stdin and self.process.stdout
        self.process.stdin.write(name + "\n")
        self.process.stdin.flush()
        value = float(self.process.stdout.readline())
        return value if value >= 0 else None


def build(tree: Path, place: Path) -> tuple[Path, Path, Path]:
    """Compile the parent, the kernel's tree, and the work as a library."""
    place.mkdir(parents=True, exist_ok=True)
    (libdir,) = {path.parent for path in tree.glob("lib/*/libhpvm.a")}
    parent, kernels, work = place / "parent", place / "kernels", place / "work.so"
    flags = ["-O2", f"-I{tree / 'include'}"]
    subprocess.run(
        ["cc", *flags, HERE / "parent.c", "-o", parent, f"-L{libdir}", "-lhpvm", "-lpvm3"],
        check=True,
    )
    subprocess.run(
        ["cc", "-O2", "-fPIC", "-shared", HERE / "work.c", "-o", work, "-lm"], check=True
    )
    command = [libdir / "hpvm-build", HERE / "kernel.c", "-o", kernels]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    return parent, kernels, work


def table(figures: dict[str, list[list[float]]]) -> list[str]:
    """Lines of the comparison."""
    lines = ["| row | HPVM | multiprocessing | goal | |", "|---|---|---|---|---|"]
    for row in ROWS:
        ours, theirs = (statistics.median(f) if f else None for f in figures[row.name])
        shown = [row.show(value) if value is not None else "-" for value in (ours, theirs)]
        verdict = ours is not None and row.reached(ours, theirs)
        lines.append(
            f"| {row.title} | {shown[0]} | {shown[1]} | {row.goal} | "
            f"{'reached' if verdict else 'MISSED'} |"
        )
    return lines


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(prog="python -m bench.hpvm", description=__doc__)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--tree", type=Path, default=CHECKOUT / "build/pvm3")
    parser.add_argument("--build", type=Path, default=CHECKOUT / "build/bench-hpvm")
    options = parser.parse_args()
    parent, kernels, work = build(options.tree.absolute(), options.build.absolute())
    figures: dict[str, list[list[float]]] = {row.name: [[], []] for row in ROWS}
    peer = Peer(work)
    with Daemon(ours(options.tree.absolute())) as daemon:
        party = Ours(daemon, parent, kernels)
        for _ in range(options.rounds):
            for row in ROWS:
                for place, measure in enumerate((party.measure, peer.measure)):
                    value = measure(row.name)
                    if value is not None:
                        figures[row.name][place].append(value)
        party.process.communicate()
    peer.pool.terminate()
    print(*table(figures), sep="\n")


def ours(tree: Path) -> Installation:
    """This project's daemon."""
    (libdir,) = {path.parent for path in tree.glob("lib/*/libhpvm.a")}
    return Installation(
        "ours", tree, (str(libdir / "pvmd3"),), tree / "include", libdir,
        tree / "bin" / libdir.name,
    )  # fmt: skip


if __name__ == "__main__":
    main()
