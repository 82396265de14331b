# SPDX-License-Identifier: MIT
"""Consoles on a machine of two hosts: what each is told of the other's hosts, jobs on both."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from support.machines.hosts import Bed
from support.screens.console import Console, console_program
from support.system import SIDES, Side

PAIRS: list[tuple[Side, Side]] = [(master, slave) for master in SIDES for slave in SIDES]


@contextmanager
def two(bed: Bed) -> Iterator[tuple[Console, Console]]:
    """Two of our consoles on the master."""
    with Console(bed.master, "ours", "ours") as one, Console(bed.master, "ours", "ours") as other:
        yield one, other


@pytest.fixture(params=PAIRS, ids="-".join)
def bed(request: pytest.FixtureRequest) -> Iterator[Bed]:
    """A master that runs, and a host that may be added."""
    with Bed(request.param, programs=()) as made:
        yield made.start()


def test_hosts_that_come_and_go_are_announced_to_other_consoles(bed: Bed) -> None:
    name = bed.hosts[1].name
    with two(bed) as (one, other):
        one.do(f"add {name}")
        text = other.read("1000\n".replace("\n", ""))
        assert text.splitlines()[1:] == [
            "Console: 1 new host added",
            f"{'HOST':>24}     DTID     ARCH   SPEED",
            f"{name:>24}    80000  LINUX64    1000",
        ]
        assert "Console" not in one.do("id")
        one.do(f"delete {name}")
        text = other.read("80000")
        assert text.splitlines()[-3:] == [
            "Console: 1 host deleted or failed",
            f"{'HOST':>24}     DTID",
            f"{name:>24}    80000",
        ]
        assert "Console" not in one.do("id") + one.do("conf")


def test_jobs_of_a_host_end_with_it(bed: Bed) -> None:
    name = bed.hosts[1].name
    with two(bed) as (one, other):
        one.do(f"add {name}")
        text = one.do(f"spawn --host={name} -> /bin/sleep 1000")
        tid = text.split()[-2]
        other.do(f"delete {name}")
        rest = one.read("[1] finished")
        assert f"[1:{tid}] EOF" in rest
        assert one.do("jobs").splitlines()[-2].endswith("jobs")


def test_console_on_the_other_host_sees_the_same_machine(bed: Bed) -> None:
    master, slave = bed.hosts
    program = console_program("ours")
    master.run(program, "-c", f"add {slave.name}").check()
    here = json.loads(master.run(program, "-c", "conf --json").check().out)
    there = json.loads(slave.run(program, "-c", "conf --json").check().out)
    assert here == there and len(here) == 2
    looks = json.loads(slave.run(program, "-c", "hosts --json").check().out)
    assert [look["name"] for look in looks] == [master.name, slave.name]
    for look, host in zip(looks, bed.hosts, strict=True):
        assert look["version"].startswith("pvm3py" if host.side == "ours" else "3.4.6")
        assert look["load"] is not None and look["link"] is not None
    log = slave.run(program, "-c", f"log -n100 {master.name}").check().out
    assert " ready " in log and "80040000" in log
    text = slave.run(program, "-c", f"spawn --host={master.name} -> /bin/echo hi").check().out
    assert re.search(r"\[1:t4\w+\] hi", text)


def test_failed_addition_is_diagnosed_through_the_remote_shell(bed: Bed) -> None:
    """The host can be logged in to, and its daemon is there, but does not start."""
    name = bed.hosts[1].name
    (bed.hosts[1].tmp / "bin" / "pvmd").unlink()
    (bed.hosts[1].tmp / "bin" / "pvmd").write_text("#!/bin/sh\nexit 3\n")
    (bed.hosts[1].tmp / "bin" / "pvmd").chmod(0o755)
    done = bed.master.run(console_program("ours"), "-c", f"add {name}").check(1)
    assert f"{name} Can't start pvmd\n\nAuto-Diagnosing Failed Hosts...\n{name}..." in done.out
    assert "Rsh/Rhosts Access is O.K." in done.out
    assert f"Host {name} Appears to Be Correctly Configured." in done.out
    words = f"add '{name} dx=/no/such/pvmd'"
    done = bed.master.run(console_program("ours"), "-c", words).check(1)
    assert f"/no/such/pvmd Was Not Found on {name}!" in done.out
