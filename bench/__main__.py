# SPDX-License-Identifier: MIT
"""Compare this project with PVM 3.4.6 and print one table.

Every round measures every row on both sides, in an order that alternates from round to
round; figures are medians over the rounds, ratios medians of the rounds' ratios.
"""

from __future__ import annotations

import argparse
import json
import os
import signal
import statistics
import subprocess
import sys
import time
from contextlib import ExitStack
from dataclasses import asdict
from pathlib import Path

from bench import machine
from bench.machine import Daemon, Installation, MeasurementError
from bench.mpich import Mpich, Unavailable
from bench.network import Hosts, begin_session, can_make_namespaces
from bench.rows import (
    BARE,
    COST,
    FORTRAN,
    LARGE_TASKS,
    MPICH,
    OURS,
    PURE,
    ROWS,
    Party,
    Row,
    cost_rows,
    mpich_rows,
)

CHECKOUT = Path(__file__).resolve().parent.parent
IDLE_SECONDS = 10.0
# Measurements that take longer than others, or less long. A spawn is slow, and for some tenths of a
# second at a time all that a process does may cost three times as much on a virtual machine.
TIMES = {"late": 4, "waiting": 4, COST: 0.2, f"{COST} task spawn": 2}
# Absolute bounds: resident MB, seconds until ready, ticks in IDLE_SECONDS.
IDLE_MB, READY_SECONDS, IDLE_TICKS = 25.0, 0.2, 0

# Bytes that must be free for a task of 1 GiB, which is there twice for a moment.
MEMORY_OF_GIBIBYTE = 4 << 30

Figures = dict[tuple[str, Party], list[float | None]]


class Bench:
    """Installations, daemons, and the figures collected so far."""

    def __init__(
        self,
        stack: ExitStack,
        installations: dict[str, Installation],
        mpich: Mpich | None,
        options: argparse.Namespace,
    ) -> None:
        self.installations = installations
        self.mpich = mpich
        self.machines: dict[tuple[str, str], Daemon | Hosts] = {}
        self._stack = stack
        self.build: Path = options.build.absolute()
        self.seconds: float = options.seconds
        self.figures: Figures = {}
        self.errors: list[str] = []

    def available(self, party: Party) -> bool:
        """Whether all that take part are installed."""
        if party == MPICH:
            return self.mpich is not None
        programs = set() if party == BARE else {party.driver, party.peer}
        return {party.daemon, *programs} <= set(self.installations)

    def machine(self, party: Party) -> Daemon | Hosts:
        """The running daemon or daemons; started when first asked for."""
        key = (party.daemon, party.network)
        if key not in self.machines:
            installation = self.installations[party.daemon]
            made = Hosts(installation, party.network) if party.network else Daemon(installation)
            self.machines[key] = self._stack.enter_context(made)
        return self.machines[key]

    def measure(self, args: str, party: Party) -> None:
        """One measurement; a failure is kept as None and reported."""
        value: float | None = None
        try:
            value = float(self._run(args, party))
        except MeasurementError as error:
            self.errors.append(f"{args}, {party}: {error}")
        self.figures.setdefault((args, party), []).append(value)

    def _run(self, args: str, party: Party) -> str:
        """What the measuring program prints."""
        name, _, rest = args.partition(" ")
        seconds = self.seconds * TIMES.get(args, TIMES.get(name, 1))
        if party == MPICH and self.mpich:
            return self.mpich.run(seconds, args)
        if party == BARE:
            return self._time_bare(party, int(rest))
        driver = self.installations[party.driver].program(
            self.build, name if name in (FORTRAN, COST) else "driver"
        )
        peer = self.installations[party.peer].program(
            self.build, FORTRAN if name == FORTRAN else "peer"
        )
        words = rest.split() if name == COST else args.split()
        return self.machine(party).run(str(driver), str(peer), str(seconds), *words)

    def _time_bare(self, party: Party, count: int) -> str:
        """Seconds that bytes take without PVM on the network of a party."""
        hosts = self.machine(party)
        assert isinstance(hosts, Hosts)
        return str(hosts.time_bare(count))

    def round(self, rows: list[Row], number: int) -> None:
        """Measure all that the rows need once."""
        needed: dict[str, list[Party]] = {}
        for row in rows:
            for party in (row.base, row.party):
                parties = needed.setdefault(row.args, [])
                if party and party not in parties and self.available(party):
                    parties.append(party)
        for args, parties in needed.items():
            for party in reversed(parties) if number % 2 else parties:
                self.measure(args, party)


def median(values: list[float | None] | None) -> float | None:
    """Median of the figures that exist."""
    found = [v for v in values or [] if v is not None]
    return statistics.median(found) if found else None


def ratio(new: list[float | None] | None, old: list[float | None] | None) -> float | None:
    """Median of the rounds' ratios."""
    pairs = zip(new or [], old or [], strict=False)
    return median([a / b if a is not None and b else None for a, b in pairs])


def show(value: float | None, unit: str) -> str:
    """A figure for a reader."""
    if value is None:
        return "-"
    if unit == "s":
        return show_seconds(value)
    if unit == "/s":
        return f"{value / 1000:.1f} k/s" if value >= 10000 else f"{value:.0f} /s"
    return {
        "share": f"{value:.3%}",
        "B": f"{value / 1024:.1f} KiB",
        "B/s": f"{value / 1e9:.2f} GB/s",
    }[unit]


def show_seconds(value: float) -> str:
    """A time for a reader."""
    if value >= 1:
        return f"{value:.3f} s"
    if value < 1e-6:
        return f"{value * 1e9:.1f} ns"
    return f"{value * 1000:.3f} ms" if value >= 1e-3 else f"{value * 1e6:.1f} us"


def verdict(reached: bool | None) -> str:
    """Last column of the table."""
    return {True: "reached", False: "MISSED", None: ""}[reached]


def table(bench: Bench, rows: list[Row], missed_only: bool = False) -> list[str]:
    """Lines of the comparison, as a markdown table; all rows or those that miss their target."""
    lines = [
        "| row | ours | 3.4.6 | ratio | target | |",
        "|---|---|---|---|---|---|",
    ]
    for row in rows:
        new = bench.figures.get((row.args, row.party))
        old = bench.figures.get((row.args, row.base)) if row.base else None
        compared = ratio(new, old) if row.base else median(new)
        reached = row.reached(compared) if compared is not None else None
        missing = "FAILED" if bench.available(row.party) and median(new) is None else ""
        if missed_only and reached is not False and not missing:
            continue
        shown = f"{compared:.2f}" if row.base and compared is not None else ""
        lines.append(
            f"| {row.title} | {show(median(new), row.unit)} | "
            f"{show(median(old), row.unit) if row.base else ''} | {shown} | "
            f"{row.target_text()} | {missing or verdict(reached)} |"
        )
    return lines


class Idle:
    """Daemons that only wait while the others are measured, and start-up times."""

    def __init__(self, stack: ExitStack, installations: list[Installation]) -> None:
        self.installations = installations
        self.ready: dict[str, list[float | None]] = {i.name: [] for i in installations}
        self.daemons = {i.name: stack.enter_context(Daemon(i)) for i in installations}
        time.sleep(1)
        self.since = time.monotonic()
        self.ticks = {name: daemon.cpu_ticks() for name, daemon in self.daemons.items()}

    def start_once(self) -> None:
        """Start and stop a daemon of each kind for the start-up time."""
        for installation in self.installations:
            with Daemon(installation) as daemon:
                self.ready[installation.name].append(daemon.ready_after)

    def table(self) -> list[str]:
        """Lines of the absolute figures."""
        while time.monotonic() - self.since < IDLE_SECONDS:
            time.sleep(0.1)
        names = [name for name in ("ours", "pvm346") if name in self.daemons]
        memory = {n: self.daemons[n].resident_mb() for n in names}
        ready = {n: median(self.ready[n]) or 0.0 for n in names}
        ticks = {n: self.daemons[n].cpu_ticks() - self.ticks[n] for n in names}
        waited = time.monotonic() - self.since
        rows = (
            ("daemon idle, resident memory, MB", memory, ".1f", IDLE_MB),
            ("daemon start until it serves, s", ready, ".3f", READY_SECONDS),
            (f"daemon idle, CPU ticks in {waited:.0f} s", ticks, "d", IDLE_TICKS),
        )
        return [
            f"| {title} | {format(values['ours'], spec) if 'ours' in values else ''} | "
            f"{format(values['pvm346'], spec) if 'pvm346' in values else ''} | | <= {bound:g} | "
            f"{verdict(values['ours'] <= bound) if 'ours' in values else ''} |"
            for title, values, spec, bound in rows
        ]


def arguments() -> argparse.Namespace:
    """Command line."""
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument("--rounds", type=int, default=7, help="rounds (default 7)")
    parser.add_argument("--seconds", type=float, default=0.25, help="of a measurement")
    parser.add_argument("--quick", action="store_true", help="3 rounds, 0.1 s each")
    parser.add_argument(
        "--only",
        action="append",
        metavar="ROW",
        help="a row's key, or `cost` or `mpich` for all of these; repeatable",
    )
    parser.add_argument("--missed", action="store_true", help="print rows that miss their target")
    parser.add_argument("--list", action="store_true", help="print the keys of the rows")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write all figures there")
    parser.add_argument(
        "--tree",
        type=Path,
        default=CHECKOUT / "build/pvm3",
        help="tree to measure (default build/pvm3)",
    )
    parser.add_argument(
        "--build",
        type=Path,
        default=CHECKOUT / "build/bench",
        help="directory for the compiled programs",
    )
    options = parser.parse_args()
    if options.quick:
        options.rounds, options.seconds = 3, 0.1
    return options


def all_rows(installations: list[Installation], build: Path) -> list[Row]:
    """Every row; those of costs are known to the compiled program."""
    for installation in installations:
        installation.compile(build)
    listed = (
        subprocess.check_output([installations[0].program(build, COST), "list"], text=True)
        if installations
        else ""
    )
    return [*ROWS, *mpich_rows(), *cost_rows(listed)]


def choose(rows: list[Row], keys: list[str] | None) -> list[Row]:
    """Rows with these keys, or whose keys begin so; None: all. Ends the program if one has none."""
    if keys is None:
        return rows
    unknown = [k for k in keys if not any(wanted(row, k) for row in rows)]
    if unknown:
        sys.exit(f"bench: no such row: {', '.join(sorted(unknown))} (see --list)")
    return [row for row in rows if any(wanted(row, key) for key in keys)]


def wanted(row: Row, key: str) -> bool:
    """Whether a row is the one with the key, or `cost` or `mpich` means it."""
    if key == COST:
        return row.args.startswith(f"{COST} ")
    return row.key == key or (key == MPICH.daemon and row.base == MPICH)


def find_installations(tree: Path) -> dict[str, Installation]:
    """What there is to compare, by name."""
    found: dict[str, Installation] = {}
    if (tree / "lib/pvmgetarch").exists():
        found["ours"] = machine.ours(tree.resolve())
        found["fixed"] = machine.ours_fixed(tree.resolve())
        found["sleeping"] = machine.ours_sleeping(tree.resolve())
    else:
        print(f"bench: {tree} is not built (make): measuring 3.4.6 alone", file=sys.stderr)
    debian = machine.debian()
    if debian:
        found["pvm346"] = debian
    else:
        print(
            "bench: PVM 3.4.6 is not installed (apt-get install pvm pvm-dev): no comparison",
            file=sys.stderr,
        )
    return found


def find_mpich(rows: list[Row], build: Path) -> Mpich | None:
    """MPICH, if a row wants it and it can be had."""
    if all(row.base != MPICH for row in rows):
        return None
    try:
        return Mpich(build)
    except Unavailable as reason:
        print(f"bench: no MPICH: {reason}", file=sys.stderr)
        return None


def without_impossible(rows: list[Row]) -> list[Row]:
    """Rows but those of moves that cannot be here, with a line that says why."""
    big = [row for row in rows if row.args in LARGE_TASKS]
    if big and machine.available_memory() < MEMORY_OF_GIBIBYTE:
        print("bench: less than 4 GiB of memory are available: no task of 1 GiB", file=sys.stderr)
        rows = [row for row in rows if row not in big]
    slow = [row for row in rows if row.party.network == BARE.network]
    if slow and not can_make_namespaces():
        print("bench: no network namespaces (needs root): no moves at 10 Mb/s", file=sys.stderr)
        rows = [row for row in rows if row not in slow]
    return rows


def write_json(path: Path, bench: Bench) -> None:
    """All figures of all rounds."""
    data = [{"measured": args, **asdict(p), "figures": v} for (args, p), v in bench.figures.items()]
    path.write_text(json.dumps(data, indent=1) + "\n")


def main() -> int:
    """Run all and print the table; status 1 if a measurement failed."""
    # So that what was started is ended, and networks are removed.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    options = arguments()
    os.environ["PVM3PY_ROOT"] = str(options.tree)  # for machines of several hosts
    installations = find_installations(options.tree)
    real = [installations[n] for n in (OURS.daemon, PURE.daemon) if n in installations]
    rows = choose(all_rows(real, options.build), options.only)
    if options.list:
        print(*(f"{row.key:34} {row.title}" for row in rows), sep="\n")
        return 0
    if not machine.has_fortran():
        print("bench: gfortran is not installed: no Fortran row", file=sys.stderr)
        rows = [r for r in rows if r.args != FORTRAN]
    rows = without_impossible(rows)
    mpich = find_mpich(rows, options.build.absolute())
    if mpich is None:
        rows = [row for row in rows if row.base != MPICH]
    started = time.monotonic()
    with ExitStack() as stack:
        stack.callback(begin_session())
        idle = None if options.only else Idle(stack, real)
        bench = Bench(stack, installations, mpich, options)
        for number in range(options.rounds):
            bench.round(rows, number)
            if idle:
                idle.start_once()
            print(f"round {number + 1} of {options.rounds}", file=sys.stderr)
        lines = table(bench, rows, options.missed) + (idle.table() if idle else [])
    print(*lines, sep="\n")
    print(f"\n{options.rounds} rounds, {time.monotonic() - started:.0f} s")
    if options.json:
        write_json(options.json, bench)
    for error in dict.fromkeys(bench.errors):
        print(f"bench: {error}", file=sys.stderr)
    return 1 if bench.errors else 0


if __name__ == "__main__":
    sys.exit(main())
