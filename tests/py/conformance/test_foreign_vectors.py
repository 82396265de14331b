# SPDX-License-Identifier: MIT
"""Messages of machines with other byte order and sizes, as both libraries read them on amd64."""

from __future__ import annotations

import json
import re
from functools import cache

import pytest
from support.programs.foreign_vectors import plain
from support.programs.inprocess import run_module
from support.system import SIDES, VECTORS, Side, require_library

FILES = sorted((VECTORS / "foreign").glob("*.json"))


@cache
def run_vectors(side: Side) -> str:
    """What the vectors' runner prints."""
    done = run_module("foreign_vectors", side, FILES)
    assert done.returncode == 0, done.stderr[-3000:]
    return done.stdout


def with_signs(text: str) -> str:
    """3.4.6 loses the sign of a negative long in the portable encoding, ours does not."""
    return re.sub(r"(?<=\s)[34]\d{9}\b", lambda number: str(int(number[0]) - (1 << 32)), text)


@pytest.mark.parametrize("side", SIDES)
@pytest.mark.parametrize("name", [path.stem for path in FILES])
def test_message_is_read_or_refused_as_recorded(name: str, side: Side) -> None:
    require_library(side)
    items = json.loads((VECTORS / "foreign" / f"{name}.json").read_text())["items"]
    expected = {key: plain(item["received"]) for key, item in items.items()}
    if side == "ours":
        for key in {"long", "mixed", "xdr long beyond 32 bits"} & set(expected):
            expected[key] = with_signs(expected[key])
    assert json.loads(run_vectors(side))[name] == expected
