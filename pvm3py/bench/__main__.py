# SPDX-License-Identifier: MIT
"""`pvm3py bench`: the rows, each in an environment of its own, and a table."""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
from collections.abc import Sequence
from importlib import import_module
from typing import NamedTuple

from pvm3py.command import add_version

_TIMEOUT = 120.0  # seconds of one measurement
_THIS = "pvm3py.bench"


class Row(NamedTuple):
    """One line of the table.

    ours, theirs  what measures: a function of a module here, and its first arguments
    """

    name: str
    text: str
    unit: str
    ours: str
    theirs: str | None


ROWS = (
    Row("tuple", "small tuple, half a round trip", "us", "tasks:small_object",
        "pipes:small_object"),
    Row("array", "1 MiB of doubles as an object", "us", "tasks:large_object",
        "pipes:large_object"),
    Row("buffer", "1 MiB of doubles, Send and Recv", "us", "tasks:buffer", None),
    Row("array-raw", "that object, by a raw message in C", "times", "tasks:large_object_of_raw",
        None),
    Row("buffer-raw", "that buffer, by a raw message in C", "times", "tasks:buffer_of_raw", None),
    Row("await", "small tuple, awaited", "us", "awaited:small_object", None),
    Row("calls-2", "empty calls, 2 workers", "/s", "pools:our_rate 2", "pools:their_rate 2"),
    Row("calls-6", "empty calls, 6 workers", "/s", "pools:our_rate 6", "pools:their_rate 6"),
    Row("naps-2", "calls that sleep 1 ms, 2 workers", "of perfect", "pools:our_share 2",
        "pools:their_share 2"),
    Row("naps-6", "calls that sleep 1 ms, 6 workers", "of perfect", "pools:our_share 6",
        "pools:their_share 6"),
    Row("spawn", "spawn of 32 functions until each answers", "/s", "tasks:spawns", None),
)  # fmt: skip


def figure(measurement: str, seconds: float) -> float | None:
    """One measurement in a process of its own; None: it failed, and has said why."""
    command = [
        sys.executable,
        "-P",
        "-m",
        _THIS,
        "--measure",
        measurement,
        "--seconds",
        str(seconds),
    ]
    try:
        done = subprocess.run(command, stdout=subprocess.PIPE, text=True, timeout=_TIMEOUT)
    except subprocess.TimeoutExpired:
        print(f"{measurement}: no result after {_TIMEOUT:g} s", file=sys.stderr)
        return None
    return float(done.stdout) if done.returncode == 0 else None


def measure(measurement: str, seconds: float) -> float:
    """Do one measurement here."""
    place, *arguments = measurement.split()
    module, name = place.split(":")
    function = getattr(import_module(f"{_THIS}.{module}"), name)
    return float(function(*map(int, arguments), seconds))


def run(rows: Sequence[Row], rounds: int, seconds: float) -> list[dict[str, object]]:
    """Measure all rows, in turn in each round; medians over the rounds."""
    figures: dict[str, list[float]] = {}
    for number in range(rounds):
        print(f"round {number + 1} of {rounds}", file=sys.stderr)
        for row in rows:
            for measurement in filter(None, (row.ours, row.theirs)):
                one = figure(measurement, seconds)
                if one is not None:
                    figures.setdefault(measurement, []).append(one)
    middle = {name: statistics.median(values) for name, values in figures.items()}
    return [
        {
            "row": row.name,
            "what": row.text,
            "unit": row.unit,
            "pvm3py": middle.get(row.ours),
            "multiprocessing": middle.get(row.theirs or ""),
        }
        for row in rows
    ]


def _shown(value: object) -> str:
    return (
        f"{value:,.3g}"
        if isinstance(value, float) and value < 100
        else (f"{value:,.0f}" if isinstance(value, float) else "-")
    )


def table(results: Sequence[dict[str, object]]) -> str:
    """The results for people."""
    lines = [f"{'':42}{'pvm3py':>12}{'multiprocessing':>17}"]
    lines += [
        f"{result['what']!s:42}{_shown(result['pvm3py']):>12}"
        f"{_shown(result['multiprocessing']):>17}  {result['unit']}"
        for result in results
    ]
    return "\n".join(lines)


def main(arguments: list[str] | None = None, program: str = "pvm3py bench") -> int:
    """Do what the command line says; the exit status."""
    parser = argparse.ArgumentParser(prog=program, description=__doc__)
    parser.add_argument("rows", nargs="*", metavar="ROW", help=", ".join(row.name for row in ROWS))
    parser.add_argument("--rounds", type=int, default=3, help="each row so often (3)")
    parser.add_argument("--seconds", type=float, default=0.5, help="of a measurement (0.5)")
    parser.add_argument("--json", action="store_true", help="print figures as JSON")
    parser.add_argument("--measure", help=argparse.SUPPRESS)
    add_version(parser)
    given = parser.parse_args(arguments)
    if given.measure:
        print(measure(given.measure, given.seconds))
        return 0
    unknown = set(given.rows) - {row.name for row in ROWS}
    if unknown:
        parser.error(f"no row {', '.join(sorted(unknown))}")
    chosen = [row for row in ROWS if not given.rows or row.name in given.rows]
    results = run(chosen, given.rounds, given.seconds)
    print(json.dumps(results, indent=2) if given.json else table(results))
    return 0 if all(result["pvm3py"] is not None for result in results) else 1


if __name__ == "__main__":
    sys.exit(main())
