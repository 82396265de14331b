# SPDX-License-Identifier: MIT
"""What is measured, between whom, and what is to be reached."""

from __future__ import annotations

import os
from dataclasses import dataclass, replace

# Fraction by which a figure that must be "not slower" may exceed 1 as noise.
NOISE = 0.05


@dataclass(frozen=True)
class Party:
    """Who takes part in a measurement, by name of the installation.

    network  machine of several hosts, one of bench.network.NETWORKS; "": one host
    """

    daemon: str
    driver: str
    peer: str
    network: str = ""


OURS = Party("ours", "ours", "ours")
PURE = Party("pvm346", "pvm346", "pvm346")
MPICH = Party("mpich", "mpich", "mpich")
SLEEPING = Party("sleeping", "ours", "ours")
BARE = Party("ours", "bare TCP", "bare TCP", "two at 10 Mb/s")
FIXED = Party("fixed", "ours", "ours")
OUR_LIBRARY = Party("pvm346", "ours", "ours")
OUR_DAEMON = Party("ours", "pvm346", "pvm346")
ONE_TASK_EACH = Party("ours", "ours", "pvm346")


@dataclass(frozen=True)
class Row:
    """A line of the table.

    args    what the driver is told to measure
    unit    "s": seconds, less is better; "/s": a rate; "share": absolute share; "B": bytes;
            "B/s": bytes a second
    target  bound of the ratio party/base; of the figure itself if base is None; None: no target
    """

    key: str
    title: str
    args: str
    unit: str
    target: float | None
    party: Party = OURS
    base: Party | None = PURE

    def reached(self, value: float) -> bool | None:
        """Whether a ratio (or absolute figure) meets the target; None without a target.

        A ratio counts as the table shows it: times of few cycles are often the same.
        """
        if self.target is None:
            return None
        value = round(value, 2) if self.base else value
        return value >= self.target if self.more_is_better else value <= self.target

    @property
    def more_is_better(self) -> bool:
        """Whether it is a rate."""
        return self.unit.endswith("/s")

    def beside_mpich(self, target: float | None) -> Row:
        """The same compared with MPICH."""
        title = f"{self.title}; compared with MPICH"
        return replace(self, key=f"{self.key}-mpich", title=title, base=MPICH, target=target)

    def target_text(self) -> str:
        """The target as a reader expects it."""
        if self.target is None:
            return ""
        if self.unit == "share":
            return f"< {self.target:.1%}"
        if self.unit == "B" and self.base is None:
            return f"<= {self.target / 1024:.0f} KiB"
        if self.unit == "B/s" and self.base is None:
            return f">= {self.target / 1e9:.3g} GB/s"
        if self.unit == "s" and self.base is None:
            return f"<= {self.target:g} s"
        return f"{'>=' if self.more_is_better else '<='} {self.target:.3g}"


FORTRAN = "fortran"  # a program of its own: bench/fortran.f
COST = "cost"  # another one: bench/cost
SMALL = "roundtrip 8 raw daemon"
MEDIUM = "roundtrip 65536 raw daemon"
LARGE = "roundtrip 1048576 raw daemon"
GIBIBYTE = f"moved {1 << 30}"
PAUSE = f"pause 32 {64 << 20}"
RESTART = f"restart 32 {64 << 20}"
INCREMENT = f"increment {1 << 30} 10"
STOPPED = f"stopped {1 << 30} 10"
# With a task of 1 GiB.
LARGE_TASKS = (GIBIBYTE, INCREMENT, STOPPED)


def _mixed(key: str, title: str, party: Party, sizes: dict[str, str]) -> tuple[Row, ...]:
    """Rows of a mixed pair: not slower than 3.4.6 alone."""
    return tuple(
        Row(f"{key}-{size}", f"{title}: {size}", args, "s", 1 + NOISE, party)
        for size, args in sizes.items()
    )


def _on(network: str) -> tuple[Party, Party]:
    """Ours and 3.4.6 on a network."""
    return (
        Party("ours", "ours", "ours", network),
        Party("pvm346", "pvm346", "pvm346", network),
    )


def _between_hosts() -> tuple[Row, ...]:
    """Rows of machines of several hosts."""
    two, eight, adding = _on("two"), _on("eight"), _on("adding")
    lossy = Party("ours", "ours", "ours", "two lossy")
    return (
        Row("8B-hosts", "half round trip 8 B, two hosts", SMALL, "s", 0.8, *two),
        Row("1M-hosts", "1 MiB raw, two hosts", LARGE, "s", 0.15, *two),
        Row("add-hosts", "adding 8 hosts", "addhosts", "s", 0.5, *adding),
        Row(
            "add-hosts-login",
            "adding 8 hosts whose remote shell takes 0.3 s to log in",
            "addhosts",
            "s",
            None,
            *_on("adding slowly"),
        ),
        Row("add-host", "adding 1 host", "addhosts", "s", None, *_on("adding one")),
        Row(
            "spawn-hosts",
            "spawn of 64 tasks over 8 hosts, tasks",
            "spawn 64",
            "/s",
            1 / 0.6,
            *eight,
        ),
        Row(
            "1M-lossy",
            "1 MiB raw, two hosts, 1 % loss; compared with none",
            LARGE,
            "s",
            3,
            lossy,
            two[0],
        ),
    )


def _of_moves() -> tuple[Row, ...]:
    """Rows of tasks that move between two hosts, and of what it costs that they could."""
    loopback = Party("ours", "ours", "ours", "two on loopback")
    shaped = Party("ours", "ours", "ours", BARE.network)
    slowly = f"move {8 * 10**6}"
    title = "moving a task of 8,000,000 bytes at 10 Mb/s"
    changed = "1 GiB of which 1 % has changed, written to disk again"
    return (
        Row("move-small", "moving a small task", "move 0", "s", 0.008, loopback, None),
        Row("move-8M", "moving a task of 8 MiB", f"move {8 << 20}", "s", 0.05, loopback, None),
        Row("move-1G", "moving a task of 1 GiB", GIBIBYTE, "B/s", 0.8e9, loopback, None),
        Row("move-8MB-10Mb", title, slowly, "s", 7.0, shaped, None),
        Row("move-8MB-10Mb-bare", f"{title}; compared with TCP", slowly, "s", 1.04, shaped, BARE),
        Row(
            "save-pause", "32 tasks of 64 MiB written to disk: pause", PAUSE, "s", 0.05, OURS, None
        ),
        Row("save-restart", "32 such tasks started from there", RESTART, "s", 3, OURS, None),
        Row("save-increment", f"{changed}: share written", INCREMENT, "share", 0.03, OURS, None),
        Row("save-increment-pause", f"{changed}: pause", STOPPED, "s", 0.01, OURS, None),
        Row("unused", "8 B; compared with tasks that cannot move", SMALL, "s", 1.01, OURS, FIXED),
    )


THROUGH_DAEMON = {"8B": SMALL, "64K": MEDIUM, "1M": LARGE}
DIRECT = {
    "8B-direct": "roundtrip 8 raw direct",
    "1M-direct": "roundtrip 1048576 raw direct",
    "1M-direct-xdr": "roundtrip 1048576 xdr direct",
}

# Ratios to be reached with 2, 8 and 32 members.
GROUPS = {"barrier": (0.1, 0.2, 0.3), "bcast": (0.3, 0.3, 0.3), "reduce": (0.3, 0.3, 0.3)}

# Rows that are measured beside MPICH, too, and the ratio that is to be reached there.
BESIDE_MPICH = {
    "8B-default": 0.5,
    "8B-together": 0.5,
    "1M-default": 1.0,
    "1M-in-place": 1.0,
    "16M-default": 1.0,
    "ring": 0.35,
    "ring-busy": 0.01,
    "multicast": None,
}

# What takes long, and much memory.
BIG = "PVM3PY_BIG" in os.environ


def _of_several_tasks() -> tuple[Row, ...]:
    """Rows of several tasks of one host, and of tasks that wait."""
    # 3.4.6 cannot start so many.
    idle = Row("idle", "memory of a task, 2,000 of which wait", "idle 2000", "B", None, base=None)
    return (
        Row("ring", "token ring of 6 tasks, a hop", "ring 6", "s", 0.1),
        Row("ring-busy", "token ring beside four busy loops, a hop", "ring 6 4", "s", 0.4),
        Row("multicast", "1 MiB to 8 tasks, answered", "multicast 1048576 8", "s", 0.1),
        Row("waiting", "processor use of a task that waits", "waiting", "share", 0.001, base=None),
        Row("linked", "memory of a link, both tasks", "linked 32", "B", 40 * 1024, base=None),
        *((idle,) if BIG else ()),
    )


ROWS = (
    Row("8B", "half round trip 8 B through the daemon", SMALL, "s", 0.75),
    Row("8B-direct", "half round trip 8 B, direct route", DIRECT["8B-direct"], "s", 0.8),
    Row("8B-fortran", "half round trip 8 B through the daemon, Fortran", FORTRAN, "s", 0.75),
    Row("64K", "64 KiB raw through the daemon", MEDIUM, "s", 0.25),
    Row("1M", "1 MiB raw through the daemon", LARGE, "s", 0.25),
    Row("1M-xdr", "1 MiB XDR ints through the daemon", "roundtrip 1048576 xdr daemon", "s", 0.15),
    Row("1M-direct", "1 MiB raw, direct route", DIRECT["1M-direct"], "s", 0.3),
    Row("1M-direct-xdr", "1 MiB XDR ints, direct route", DIRECT["1M-direct-xdr"], "s", 0.15),
    Row("8B-default", "half round trip 8 B, default route", "roundtrip 8 raw default", "s", 0.1),
    Row("64K-default", "64 KiB raw, default route", "roundtrip 65536 raw default", "s", 0.1),
    Row("1M-default", "1 MiB raw, default route", "roundtrip 1048576 raw default", "s", 0.1),
    Row("1M-xdr-default", "1 MiB XDR ints, default", "roundtrip 1048576 xdr default", "s", 0.1),
    Row("1M-in-place", "1 MiB in place, default", "roundtrip 1048576 in-place default", "s", 0.1),
    Row("8B-together", "8 B, both on one processor", "roundtrip 8 raw together", "s", 0.2),
    Row("16M-default", "16 MiB raw, default route", "roundtrip 16777216 raw default", "s", 0.2),
    Row("fanin", "4 senders to one receiver, 64 B messages", "fanin", "/s", 3),
    Row("fanout", "one sender alternating over 4 receivers", "fanout", "/s", 4),
    Row("spawn", "spawn of 100 tasks until each said hello, tasks", "spawn 100", "/s", 1.5),
    Row("request", "request to the daemon (pvm_pstat), round trip", "request", "s", 0.8),
    Row("mailbox", "mailbox: putinfo and recvinfo", "mailbox", "s", 0.67),
    *_of_several_tasks(),
    *(
        Row(f"{name}-{members}", f"{name} of {members} members", f"{name} {members}", "s", target)
        for name, targets in GROUPS.items()
        for members, target in zip((2, 8, 32), targets, strict=True)
    ),
    *_between_hosts(),
    *_of_moves(),
    *_mixed("our-lib", "our library, daemon 3.4.6", OUR_LIBRARY, THROUGH_DAEMON),
    *_mixed("our-daemon", "library 3.4.6, our daemon", OUR_DAEMON, THROUGH_DAEMON),
    *_mixed(
        "one-each", "a task of each library, our daemon", ONE_TASK_EACH, THROUGH_DAEMON | DIRECT
    ),
    Row(
        "late",
        "8 B round trips above 1 ms while a daemon handler sleeps",
        "late",
        "share",
        0.01,
        SLEEPING,
        None,
    ),
    Row(
        "late-idle",
        "the same without sleeping handler: noise of this machine",
        "late",
        "share",
        None,
        OURS,
        None,
    ),
)


def mpich_rows() -> tuple[Row, ...]:
    """Rows that are compared with MPICH."""
    return tuple(row.beside_mpich(BESIDE_MPICH[row.key]) for row in ROWS if row.key in BESIDE_MPICH)


def cost_rows(listed: str) -> tuple[Row, ...]:
    """Rows of the processor time of calls: lines `task|daemon NAME`, as `cost list` prints them."""
    pairs = [line.split() for line in listed.splitlines()]
    return tuple(
        Row(
            f"{COST}-{name}" + "-daemon" * (whose == "daemon"),
            f"{name}: processor time of the {whose}",
            f"{COST} {whose} {name}",
            "s",
            1.0,
        )
        for whose, name in pairs
    )
