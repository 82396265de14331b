# SPDX-License-Identifier: MIT
"""A machine in which tasks, daemons and hosts are killed while checked messages flow.

The tasks are tests/c/chaos.c; this side kills, adds and spawns, and checks at the end what only
shows when everything is at rest.
"""

from __future__ import annotations

import contextlib
import os
import random
import signal
from dataclasses import dataclass

from support.machines.hosts import Bed, Host
from support.machines.vm import read_line, wait_until
from support.scoped import Scoped
from support.system import PATIENCE, Side


def chaos_seconds(short: float) -> float:
    """How long a test that gets better with time is to last: PVM3PY_CHAOS_SECONDS, or `short`."""
    return float(os.environ.get("PVM3PY_CHAOS_SECONDS", short))


@dataclass
class Report:
    """What a task has seen: hosts of the table; messages to and from others, and notices."""

    tid: int
    requests: int
    table: list[int]
    peers: dict[int, tuple[int, int, int]]
    hosts: dict[int, int]

    @staticmethod
    def parse(text: str) -> Report:
        """From a line of the lead."""
        head, peers, hosts, _ = text.split(";")
        tid, requests, *table = map(int, head.split())
        seen = (map(int, word.split(":")) for word in peers.split())
        ends = (word.split(":") for word in hosts.split())
        return Report(
            tid,
            requests,
            table,
            {t: (s, g, n) for t, s, g, n in seen},
            {int(host): int(times) for host, times in ends},
        )


class Chaos(Scoped):
    """A machine of `count` hosts of ours with workers, the master and its tasks never die.

    For a `with` block.
    """

    def __init__(self, count: int, seed: int, *, env: dict[str, str] | None = None) -> None:
        self.random = random.Random(seed)
        self.seed = seed
        sides: list[Side] = ["ours"] * count
        self.bed = Bed(sides, programs=("agent", "chaos"), env=env)
        self.events: list[str] = []
        self.wrong: list[str] = []
        self.workers: set[int] = set()
        self.adding: list[Host] = []
        self.hosts: dict[int, Host] = {}  # by the tid under which each is in the machine
        self.frozen: dict[int, Host] = {}  # daemons that were stopped
        try:
            self.bed.start()
            self.agent = self.bed.master.agent()
            self.lead = self.bed.master.start(
                self.bed.master.program("chaos"), "lead", seed, stdin=-1, stderr=None
            )
        except BaseException:
            self.bed.stop(check=False)
            raise

    # ---- the lead ----

    def tell(self, *words: object) -> None:
        """A command for the lead."""
        assert self.lead.stdin
        self.lead.stdin.write(" ".join(map(str, words)).encode() + b"\n")
        self.lead.stdin.flush()

    def line(self) -> str:
        """The next line of the lead that tells of nothing wrong."""
        assert self.lead.stdout
        while (text := read_line(self.lead.stdout, PATIENCE)).startswith("WRONG"):
            self.wrong.append(text)
        return text

    def own_report(self) -> Report:
        """What the lead has seen."""
        self.tell("report")
        return Report.parse(self.line())

    def reports(self, tids: list[int]) -> list[Report]:
        """What workers, who must live, have seen."""
        self.tell("report", *tids)
        reports: list[Report] = []
        try:
            while len(reports) < len(tids):
                reports.append(Report.parse(self.line()))
        except AssertionError as error:
            silent = set(tids) - {report.tid for report in reports}
            error.add_note(f"no report of {[f't{tid:x}' for tid in sorted(silent)]}")
            raise
        return reports

    # ---- what happens ----

    def note(self, text: str) -> None:
        """Something was done."""
        self.events.append(text)

    def begin_adding(self, hosts: list[Host]) -> None:
        """Add hosts; other things may happen before it is done."""
        self.note(f"add {' '.join(host.name for host in hosts)}")
        self.adding = hosts
        self.agent.tell("addhosts", *[host.name for host in hosts])

    def end_adding(self) -> list[int]:
        """Wait until they are added, or not; their tids or error codes."""
        _, *tids = map(int, self.agent.reply(PATIENCE))
        for host, tid in zip(self.adding, tids, strict=True):
            if tid > 0:
                self.hosts[tid] = host
        self.note(f"added: {tids}")
        self.adding = []
        return tids

    def spawn(self, host: Host, count: int) -> None:
        """Have further workers on a host, which may be just dying."""
        code, *tids = self.agent.ints(
            "spawn", "chaos", 1, host.name, count, "worker", self.random.randrange(1 << 30)
        )
        started = [tid for tid in tids if tid > 0]
        assert code == len(started), (code, tids)
        assert len(tids) == count
        assert all(tids), tids
        self.note(f"spawned on {host.name}: {[f'{t:x}' if t > 0 else t for t in tids]}")
        self.workers.update(started)
        if started:
            self.tell("know", *started)

    def signal_daemon(self, host: Host, number: signal.Signals) -> bool:
        """A signal to the daemon on a host. False: in the middle of a start there may be none."""
        host.killed |= number == signal.SIGKILL
        met: set[int] = set()
        # It may just be going to the background, as a child.
        while new := set(host.daemon_pids()) - met:
            for pid in new:
                try:
                    os.kill(pid, number)
                except ProcessLookupError:
                    continue
                if number == signal.SIGSTOP:
                    self.frozen[pid] = host
            met |= new
        self.note(f"{number.name} to {len(met)} daemons on {host.name}")
        return bool(met)

    def thaw(self) -> set[str]:
        """Let daemons that were stopped go on; the names of their hosts.

        Such a one that was stopped for too long finds that the machine went on without it.
        """
        for pid in self.frozen:
            try:
                os.kill(pid, signal.SIGCONT)
            except ProcessLookupError:
                continue
        names = {host.name for host in self.frozen.values()}
        self.note(f"thawed {names}")
        self.frozen = {}
        return names

    def kill_task(self, host: Host) -> None:
        """Kill one of the workers of a host."""
        daemons = set(host.daemon_pids())
        tasks = [pid for pid in host.processes() if pid not in daemons and _is_worker(pid)]
        if tasks:
            pid = self.random.choice(tasks)
            self.note(f"kill task {pid} on {host.name}")
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)

    def config(self) -> dict[str, int]:
        """The hosts as the master has them."""
        return self.agent.config()

    # ---- what must hold ----

    def settle(self) -> list[Report]:
        """Stop sending, and wait until everything that was sent has arrived; all reports.

        Which tasks live is taken from the master's list: who is missing there must have been
        told to everybody.
        """
        self.tell("stop")
        reports: list[Report] = []

        def at_rest() -> bool:
            living = self.living()
            reports[:] = [self.own_report(), *self.reports(sorted(living))]
            return not self.missing(reports)

        try:
            wait_until(at_rest, "everything at rest")
        except AssertionError as error:
            error.add_note("\n".join(self.missing(reports)))
            raise
        return reports

    def living(self) -> set[int]:
        """Workers that the machine lists."""
        return self.workers & {int(word) for word in self.agent.call("tasks", 0)[2::5]}

    def missing(self, reports: list[Report]) -> list[str]:
        """What has not happened yet that must."""
        living = {report.tid for report in reports}
        table = set(self.config().values())
        problems = []
        by_tid = {report.tid: report for report in reports}
        for report in reports:
            if set(report.table) != table:
                problems.append(f"t{report.tid:x} has hosts {report.table}, master {table}")
            for tid, (_, got, notices) in report.peers.items():
                if tid in living:
                    sent = by_tid[tid].peers.get(report.tid, (0, 0, 0))[0]
                    if sent != got:
                        problems.append(f"t{tid:x} sent {sent} to t{report.tid:x}: {got} came")
                    if notices:
                        problems.append(f"t{report.tid:x} was told that t{tid:x} ended; it lives")
                elif notices != 1:
                    problems.append(f"t{report.tid:x} told {notices} times of t{tid:x}'s end")
            for host, notices in report.hosts.items():
                if notices != (host not in table):
                    problems.append(f"t{report.tid:x} told {notices} times of {host:x}'s end")
        return problems

    def story(self) -> str:
        return "\n".join(["what happened:", *self.events, *self.wrong, self.bed.logs()])

    def leave(self, failed: bool) -> None:
        self.thaw()
        self.bed.stop(check=not failed)


def _is_worker(pid: int) -> bool:
    try:
        with open(f"/proc/{pid}/cmdline", "rb") as file:
            return b"\0worker\0" in file.read()
    except OSError:
        return False
