# SPDX-License-Identifier: MIT
"""The walks through the code in docs/architecture.md are true, and no step of them climbs."""

from __future__ import annotations

import re
import sys
import tomllib
from collections.abc import Iterator
from typing import Any, NamedTuple

import pytest
from support.system import PROJECT

sys.path.insert(0, str(PROJECT / "tests/lint"))
import layers

ROW = re.compile(r"^\| `(\w+)` \| `([\w./]+)` \| (\w*) *\| ", re.MULTILINE)
TABLES = tomllib.loads((PROJECT / "tests/lint/layers.toml").read_text(encoding="utf-8"))


class Stop(NamedTuple):
    """A row: a function, its file, how the walk gets there ("" at the begin)."""

    function: str
    file: str
    by: str

    @property
    def place(self) -> str:
        """The file as the check of layers names it."""
        return self.file.split("/", 1)[1].rsplit(".", 1)[0]

    @property
    def table(self) -> dict[str, Any]:
        """The layers of its language."""
        table: dict[str, Any] = TABLES["c" if self.file.startswith("csrc/") else "python"]
        return table


def walks() -> Iterator[tuple[str, list[Stop]]]:
    """Title and rows of each walk."""
    text = (PROJECT / "docs/architecture.md").read_text(encoding="utf-8")
    section = re.split(r"^## ", text, flags=re.MULTILINE)
    (found,) = (part for part in section if part.startswith("Three walks"))
    for walk in re.split(r"^### ", found, flags=re.MULTILINE)[1:]:
        yield walk.split("\n")[0], [Stop(*row) for row in ROW.findall(walk)]


WALKS = dict(walks())
STOPS = sorted({stop for walk in WALKS.values() for stop in walk})


def climbs(walk: list[Stop]) -> list[str]:
    """Calls that none of the callers so far may make."""
    wrong, callers = [], [walk[0]]
    for stop in walk[1:]:
        if stop.by != "call":
            callers = []
        elif all(layers.upwards((c.place, stop.place, "it"), stop.table) for c in callers):
            wrong.append(f"{stop.function} in {stop.file}")
        callers.append(stop)
    return wrong


def test_there_are_three_walks_of_at_least_ten_steps() -> None:
    assert len(WALKS) == 3
    assert all(len(walk) >= 10 for walk in WALKS.values())


@pytest.mark.parametrize("stop", STOPS, ids=lambda stop: f"{stop.function}-{stop.place}")
def test_the_function_is_defined_in_the_file_that_the_walk_names(stop: Stop) -> None:
    text = (PROJECT / stop.file).read_text(encoding="utf-8")
    if stop.file.endswith(".py"):
        pattern = rf"^ *(?:async )?def {stop.function}\("
    else:
        pattern = rf"^(?!\s)[\w *]*\b{stop.function}\([^;]*?\)\n\{{"
    assert re.search(pattern, text, re.MULTILINE)


@pytest.mark.parametrize("title", WALKS)
def test_no_call_of_a_walk_goes_up(title: str) -> None:
    assert climbs(WALKS[title]) == []


def test_a_call_that_goes_up_is_found() -> None:
    low = Stop("a", "csrc/switch/base/memory.c", "")
    assert climbs([low, Stop("b", "csrc/switch/loop/pass.c", "call")]) != []
    assert climbs([low, Stop("b", "csrc/switch/loop/pass.c", "table")]) == []
