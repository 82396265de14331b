# SPDX-License-Identifier: MIT
"""PVM's own example programs print on three hosts what they print with 3.4.6 there."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from support import compiler
from support.machines.hosts import Bed
from support.machines.vm import Finished, wait_until
from support.system import Side
from support.vectors.normalise import mask_numbers, normalise, sorted_lines

# Those that end by themselves: name, arguments, what they read. The status is compared, too.
EXAMPLES = (
    ("hello.pvm", (), ""),
    ("master1", (), ""),
    ("timing", (), ""),
    ("spmd", (), ""),
    ("gexample", (), "20 4\n"),
    ("joinleave", (50,), ""),
    ("ge", (), ""),
    ("inherita", ("inherit1",), ""),
    ("inherita", ("inherit3",), ""),
    ("inheritb", (), ""),
    ("gs.pvm", (), ""),
    ("thb", (), ""),
    ("tjf", (), ""),
    ("tjl", (), ""),
    ("trsg", (), ""),
    ("frsg", (), ""),
    ("fgexample", (), "20 4\n"),
    ("fmaster1", (), "4\n"),
    ("fspmd", (), ""),
    ("dbwtest", (), ""),
    ("ibwtest", (), ""),
    ("pbwtest", (), ""),
    ("rbwtest", (), ""),
    ("tst", (), ""),
    ("mhf_tickle", (), ""),
    ("gmbi", (), ""),
    ("lmbi", (3, "p", "e"), ""),
)


@contextmanager
def three(*kinds: Side) -> Iterator[Bed]:
    """A machine of three hosts that all have the examples, with the library of their kind."""
    with Bed(kinds) as bed:
        for host in bed.hosts:
            host.set_env({"PVM_PATH": f"{compiler.installed_examples(host.side)}:/usr/bin"})
        table = bed.directory / "hosts"
        table.write_text("".join(f"{host.name}\n" for host in bed.slaves))
        bed.start(str(table))
        with_hosts = f"{len(kinds)} hosts"
        wait_until(lambda: with_hosts in console(bed, "conf").out, with_hosts)
        yield bed


def console(bed: Bed, command: str) -> Finished:
    """What 3.4.6's console says."""
    program = compiler.installed_examples(bed.master.side) / "pvm"
    return bed.master.run(program, stdin=f"{command}\nquit\n", merged=True)


def results(bed: Bed) -> dict[str, tuple[int, list[str]]]:
    """Status and lines of each example, without numbers; tasks print at any time."""
    found = {}
    programs = compiler.installed_examples(bed.master.side)
    for name, arguments, stdin in EXAMPLES:
        done = bed.master.run(programs / name, *arguments, stdin=stdin, merged=True)
        text = mask_numbers(normalise(done.out.replace(f"{programs}/", "")))
        found[" ".join(map(str, (name, *arguments)))] = (done.status, sorted_lines(text))
    return found


@pytest.fixture(scope="module")
def expected() -> dict[str, tuple[int, list[str]]]:
    """The results with 3.4.6."""
    with three("debian", "debian", "debian") as bed:
        return results(bed)


@pytest.mark.slow
@pytest.mark.parametrize("second", ["ours", "debian"])
def test_examples_on_three_hosts(expected: dict[str, tuple[int, list[str]]], second: Side) -> None:
    with three("ours", second, "ours") as bed:
        assert results(bed) == expected
