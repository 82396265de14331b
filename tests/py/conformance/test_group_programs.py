# SPDX-License-Identifier: MIT
"""PVM's example programs of groups and in Fortran print what they print on 3.4.6 alone."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from functools import cache

import pytest
from support import compiler
from support.machines.vm import VirtualMachine, wait_until
from support.programs.cells import Cell
from support.programs.group_examples import Flavour, programs, server_dir
from support.programs.groups import serve_groups
from support.system import PATIENCE, SIDES, Side
from support.vectors.normalise import mask_numbers, normalise, recorded, sorted_lines

FLAVOURS: tuple[Flavour, ...] = ("debian", "installed", "compiled")
REFERENCE: tuple[Side, Side, Flavour] = ("debian", "debian", "debian")
CELLS = [
    (daemon, server, flavour)
    for daemon in SIDES
    for server in SIDES
    for flavour in FLAVOURS
    if (daemon, server, flavour) != REFERENCE
]


def make_cell(daemon: Side, server: Side, flavour: Flavour) -> Iterator[Cell]:
    path = [server_dir(server, flavour), programs(flavour)]
    with VirtualMachine(daemon, path=path) as vm:
        serve_groups(vm, server, path[0])
        yield Cell(vm, "debian" if flavour == "debian" else "ours", programs(flavour))


@pytest.fixture(scope="module", params=CELLS, ids="-".join)
def cell(request: pytest.FixtureRequest) -> Iterator[Cell]:
    """Daemon, group server and libraries; the group server goes on from test to test."""
    yield from make_cell(*request.param)


# ---- outputs that were recorded ------------------------------------------------------

# Name: arguments, standard input, exit status.
RECORDED: dict[str, tuple[tuple[object, ...], str, int]] = {
    "gexample": ((), "20 4\n", 0),
    "ge": ((4,), "", 0),
    "gs.pvm": ((3,), "", 0),
    "joinleave": ((1000,), "", 0),
    "thb": ((4,), "", 0),
    "tst": ((), "", 0),
    "trsg": ((), "4 5\n", 1),
    "fgexample": ((), "", 0),
    "frsg": ((), "4\n5\n", 0),
    "fmaster1": ((), "3\n", 0),
    "hitc": ((), "", 0),
}


@pytest.mark.parametrize("name", RECORDED)
def test_program_prints_what_was_recorded(cell: Cell, name: str) -> None:
    arguments, stdin, status = RECORDED[name]
    text = cell.run(name, *arguments, stdin=stdin, status=status)
    assert stable_lines(text) == stable_lines(normalise(recorded(name)))


# What members print while others have not joined yet, or have left already (ge has no barrier
# before its end, so that its last checks find members gone, with every version of PVM).
UNSTABLE = ("waiting on kids", "doesn't match up!")


def stable_lines(text: str) -> list[str]:
    """The lines that do not depend on how fast the members join and leave."""
    return [line for line in sorted_lines(text) if not any(word in line for word in UNSTABLE)]


# ---- outputs compared with a run on 3.4.6 alone ---------------------------------------


def gexamp(cell: Cell) -> list[str]:
    return sorted_lines(cell.run("gexamp", 4))


def tjl(cell: Cell) -> list[str]:
    return cell.run("tjl").splitlines()


def tjf(cell: Cell) -> list[str]:
    # Its last line prints a variable that was never set.
    done = cell.vm.run(cell.programs / "tjf", merged=True).check(None)
    return normalise(done.out).splitlines()[:-1]


def bandwidth(name: str) -> Callable[[Cell], list[str]]:
    """Two tasks that send arrays to and fro; all numbers but sizes are times."""

    def run(cell: Cell) -> list[str]:
        tasks = [cell.vm.start(cell.programs / name) for _ in range(2)]
        text = "".join(task.communicate(timeout=PATIENCE)[0].decode() for task in tasks)
        assert "100000 doubles received correctly" in text
        text = re.sub(r"^( ?)4[0-9a-f]{4}\b", r"\1TASK", text, flags=re.M)
        # A time in microseconds may look like a tid.
        text = re.sub(r"(Roundtrip T = )\d+", r"\g<1>0", text)
        text = text.replace("(inf MB/s)", "(0 MB/s)")  # a round trip of less than a microsecond
        return sorted_lines(mask_numbers(normalise(text)))

    return run


def token_ring(cell: Cell) -> list[str]:
    launch = compiler.test_program("launch", cell.libpvm)
    text = normalise(cell.vm.run(launch, 4, "fspmd").check().out)
    return sorted(re.sub(r"^.*?\] ", "", line) for line in sorted_lines(text))


def message_handlers(cell: Cell) -> list[str]:
    """A server with handlers; the other program has it show them, and ends it."""
    server = cell.vm.start(cell.programs / "mhf_server")
    wait_until(lambda: "mhf_server" in mailbox_classes(cell), "the server in the mailbox")
    text = cell.run("mhf_tickle", stdin="0\n9\n", status=0)
    text += normalise(server.communicate(timeout=PATIENCE)[0].decode())
    # The table of handlers shows those of the library itself, which are its own business.
    own = re.compile(r"handler \d|handles|pvmdisplaymhfinfo")
    lines = re.sub(r"TASK\d", "TASK", text).splitlines()
    return sorted(line for line in lines if line.strip() and not own.search(line))


def mailbox_classes(cell: Cell) -> str:
    return cell.vm.run(compiler.installed_examples(cell.libpvm) / "gmbi").out


COMPARED: dict[str, Callable[[Cell], list[str]]] = {
    "gexamp": gexamp,
    "tjl": tjl,
    "tjf": tjf,
    "dbwtest": bandwidth("dbwtest"),
    "ibwtest": bandwidth("ibwtest"),
    "rbwtest": bandwidth("rbwtest"),
    "pbwtest": bandwidth("pbwtest"),
    "fspmd": token_ring,
    "mhf": message_handlers,
}


@cache
def on_the_original(name: str) -> list[str]:
    """What a program prints on 3.4.6's daemon, group server and libraries."""
    for cell in make_cell(*REFERENCE):
        return COMPARED[name](cell)
    raise AssertionError


@pytest.mark.parametrize("name", COMPARED)
def test_program_prints_what_it_prints_on_the_original(cell: Cell, name: str) -> None:
    expected = on_the_original(name)
    assert expected
    assert COMPARED[name](cell) == expected
