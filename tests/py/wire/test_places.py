# SPDX-License-Identifier: MIT
"""The table of moved tasks, and that nothing else asks the bits of a tid for a host."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from pvm3py.places import Places, birth_host, host_number, host_tid
from pvm3py.wire import constants as c

ROOT = Path(__file__).resolve().parents[3]
FIRST, SECOND, THIRD = (host_tid(number) for number in (1, 2, 3))
TASK = FIRST | 5

# The two that may: all others call them. The switch has places of its own.
KEEPERS = ("pvm3py/places.py", "csrc/libpvm/base/base.h")
FOLDERS = ("pvm3py", "csrc/libpvm", "csrc/libgpvm", "csrc/libfpvm", "csrc/tools")
RAW = re.compile(
    r"\bTIDHOST\b|0x3f+c0000\b|(?:>>|<<)\s*18\b|/+\s*\(?(?:\w\.)?TIDLOCAL", re.IGNORECASE
)


@pytest.fixture
def places() -> Places:
    """The task with epoch 3 is on the second host."""
    table = Places()
    assert table.moved(TASK, SECOND, 3)
    return table


def test_tid_bears_the_number_of_its_birth_host() -> None:
    for tid in (SECOND, SECOND | 7, c.TIDPVMD | SECOND):
        assert (birth_host(tid), host_number(tid)) == (SECOND, 2)


def test_place_is_the_birth_host_as_long_as_nothing_has_moved() -> None:
    table = Places()
    for tid in (SECOND, SECOND | 7, c.TIDPVMD | SECOND):
        assert table.place(tid) == SECOND
    assert (list(table), len(table), table.epoch(SECOND | 7)) == ([], 0, 0)


def test_moved_task_alone_has_another_place(places: Places) -> None:
    assert places.place(TASK) == SECOND
    for tid in (FIRST, TASK + 1, c.TIDPVMD | FIRST):
        assert places.place(tid) == FIRST
    assert (list(places), len(places)) == ([(TASK, SECOND, 3)], 1)


def test_later_move_takes_the_place_of_an_earlier_one(places: Places) -> None:
    assert places.moved(TASK, THIRD, 4)
    assert (places.place(TASK), places.epoch(TASK)) == (THIRD, 4)


@pytest.mark.parametrize("epoch", [2, 3])
def test_news_that_are_not_later_change_nothing(places: Places, epoch: int) -> None:
    assert not places.moved(TASK, THIRD, epoch)
    assert not places.home_again(TASK, epoch)
    assert list(places) == [(TASK, SECOND, 3)]


@pytest.mark.parametrize("told", ["home again", "moved there"])
def test_task_at_home_is_not_listed_but_its_epoch_is_known(places: Places, told: str) -> None:
    if told == "home again":
        assert places.home_again(TASK, 4)
    else:
        assert places.moved(TASK, FIRST, 4)
    assert (places.place(TASK), list(places), places.epoch(TASK)) == (FIRST, [], 4)
    assert not places.moved(TASK, SECOND, 3)
    assert places.place(TASK) == FIRST
    assert places.moved(TASK, THIRD, 5)
    assert list(places) == [(TASK, THIRD, 5)]


@pytest.mark.parametrize("home", [False, True])
def test_number_of_an_ended_task_is_as_new_but_for_old_news(places: Places, home: bool) -> None:
    if home:
        places.home_again(TASK, 4)
    last = places.epoch(TASK)
    places.ended(TASK)
    places.ended(TASK)
    assert (places.place(TASK), len(places), places.wanders(TASK)) == (FIRST, 0, False)
    assert not places.moved(TASK, SECOND, last)
    assert not places.begin(TASK, last)
    assert places.next_epoch() == last + 1
    assert places.moved(TASK, SECOND, last + 1)


def test_end_during_a_move_outdates_that_move(places: Places) -> None:
    assert places.begin(TASK, 9)
    assert (places.moving(TASK), places.wanders(TASK)) == (9, True)
    places.ended(TASK)
    assert (places.moving(TASK), places.wanders(TASK)) == (0, False)
    assert not places.moved(TASK, THIRD, 9)


def test_move_that_has_begun_outlasts_news_of_the_one_before(places: Places) -> None:
    assert places.begin(TASK, 5)
    assert not places.begin(TASK, 5)
    assert places.moved(TASK, THIRD, 4)
    assert places.moving(TASK) == 5
    assert places.moved(TASK, SECOND, 5)
    assert places.moving(TASK) == 0


def test_ends_of_many_tasks_are_forgotten_in_their_order() -> None:
    table = Places()
    for local in range(1, 3000):
        assert table.moved(FIRST | local, SECOND, local)
        table.ended(FIRST | local)
    assert (table.epoch(FIRST | 1), table.epoch(FIRST | 2999)) == (0, 2999)
    assert table.next_epoch() == 3000


def test_all_tasks_of_a_host_that_have_moved_are_known(places: Places) -> None:
    places.home_again(SECOND | 7, 4)
    places.begin(SECOND | 8, 5)
    assert places.at(SECOND) == [TASK, SECOND | 7]


def test_lost_host_takes_with_it_what_ran_there_and_nothing_else(places: Places) -> None:
    places.moved(FIRST | 6, THIRD, 1)
    places.moved(SECOND | 1, THIRD, 1)
    places.home_again(SECOND | 1, 2)
    places.host_lost(FIRST)
    assert list(places) == [(TASK, SECOND, 3), (FIRST | 6, THIRD, 1)]
    places.host_lost(SECOND)
    assert list(places) == [(FIRST | 6, THIRD, 1)]
    assert (places.epoch(TASK), places.epoch(SECOND | 1)) == (0, 0)


def raw_uses() -> Iterator[str]:
    """Lines that look at the host bits of a tid, comments and docstrings included."""
    for folder in FOLDERS:
        for path in sorted((ROOT / folder).rglob("*")):
            name = str(path.relative_to(ROOT))
            if path.suffix not in (".py", ".c", ".h") or name in KEEPERS:
                continue
            for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
                if RAW.search(line) and "BYTES" not in line:
                    yield f"{name}:{number}: {line.strip()}"


def test_hosts_of_tids_are_asked_of_the_one_function_for_that() -> None:
    assert list(raw_uses()) == []


@pytest.mark.parametrize(
    "line",
    [
        "part = host & c.TIDHOST",
        "(tid & (int)TIDHOST) == host",
        "index = tid >> 18",
        "tid = index << 18",
        "tid & 0x3ffc0000",
        "host = tid // (c.TIDLOCAL + 1)",
    ],
)
def test_raw_use_is_found(line: str) -> None:
    assert RAW.search(line)


def test_each_keeper_is_there() -> None:
    assert all(RAW.search((ROOT / name).read_text(encoding="utf-8")) for name in KEEPERS)


# ---- codes -----------------------------------------------------------------------------------

FAMILIES = ("TM", "DM", "SM", "TC")
# How many codes of a family are kept for moves.
MOVES = c.WIRE_OWN_FIRST + c.WIRE_OWN_CODES - c.WIRE_OWN_MOVES


def codes(family: str) -> dict[str, int]:
    """The codes of a family by their names, its limits left out."""
    limits = (f"{family}_FIRST", f"{family}_LAST")
    return {
        name: value
        for name, value in vars(c).items()
        if name.startswith(f"{family}_")
        and name not in limits
        and isinstance(value, int)
        and value < 0
    }


@pytest.mark.parametrize("family", FAMILIES)
def test_codes_are_those_of_3_4_6_or_in_the_block_of_this_project(family: str) -> None:
    first, last = getattr(c, f"{family}_FIRST"), getattr(c, f"{family}_LAST")
    own = range(first + c.WIRE_OWN_FIRST, first + c.WIRE_OWN_FIRST + c.WIRE_OWN_CODES)
    known = codes(family)
    assert known
    assert [n for n, v in known.items() if not (first <= v <= last or v in own)] == []
    assert len(set(known.values())) == len(known), "two names have one number"


def test_no_message_but_those_of_moves_has_a_code_of_their_range() -> None:
    moves = (ROOT / "csrc/wire/moves.h").read_text(encoding="ascii")
    for family in ("TM", "DM"):
        first = getattr(c, f"{family}_FIRST") + c.WIRE_OWN_MOVES
        taken = [name for name, v in codes(family).items() if first <= v < first + MOVES]
        assert taken
        assert [name for name in taken if f"#define {name} " not in moves] == []
