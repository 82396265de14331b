# SPDX-License-Identifier: MIT
"""Bytes of packed messages: both libraries against what PVM 3.4.6 was recorded to send."""

from __future__ import annotations

import json
from functools import cache
from typing import Any

import pytest
from support.programs.inprocess import run_module
from support.system import SIDES, VECTORS, Side, require_library

FILES = sorted((VECTORS / "data").glob("*.json"))

# Where this project's library means to differ, and what it does instead.
REFUSED = {"pack_return": [-4], "fragments": [""], "dontcare": []}
REFUSED |= {"sender_bufinfo_length": 0, "receiver_bufinfo_length": 0}
BETTER: dict[str, dict[str, Any]] = {
    # 3.4.6 writes length 0, which a reader takes for "no data".
    "nest_pkmesg_inplace_inner": {
        "fragments": [
            "00000008000000000000000000000000"
            "00408c41000000000004000700000000"
            "000000080100000002000000"
        ]
    },
    # 3.4.6 loses the last int and cuts the body.
    "nest_pkmesgbody_xdr_then_int": {
        "fragments": ["0000002a", "000000010000000200000003696e00000000002b"],
        "dontcare": [[18, 2]],
    },
    # 3.4.6 loses the sign of a negative long.
    "xdr_long": {"decoded": [{"rc": 0, "value": [1, -2, 2147483647, -2147483648]}]},
    # 3.4.6 cuts off what the four bytes of an XDR long cannot carry.
    "xdr_long_big": REFUSED | {"decoded": [{"rc": -5, "value": [0, 0, 0, 0]}]},
    "xdr_ulong": REFUSED | {"decoded": [{"rc": -5, "value": [0, 0, 0]}]},
}


def results(side: Side) -> dict[str, Any]:
    """Results of all vectors with the library of a side, by name."""
    require_library(side)
    printed, problem = run_vectors(side)
    assert not problem, problem
    return dict(json.loads(printed))


@cache
def run_vectors(side: Side) -> tuple[str, str]:
    """What the vectors' runner prints, and what went wrong if anything."""
    done = run_module("pack_vectors", side, FILES)
    failure = f"ended with {done.returncode} after {done.stderr[-3000:]}{done.stdout[-500:]}"
    return done.stdout, failure if done.returncode else ""


@pytest.mark.parametrize("side", SIDES)
@pytest.mark.parametrize("name", [path.stem for path in FILES])
def test_vector(name: str, side: Side) -> None:
    vector = json.loads((VECTORS / "data" / f"{name}.json").read_text())
    expected = {key: vector["fields"][key] for key in vector["fields"]}
    if side == "ours":
        expected |= BETTER.get(name, {})
    actual = results(side)[name]
    dontcare = expected["dontcare"]
    for key in ("fragments", "wire_encoding"):
        assert masked(actual[key], dontcare) == masked(expected[key], dontcare), key
    for key in set(actual) & set(expected) - {"fragments", "wire_encoding"}:
        assert actual[key] == expected[key], key


def masked(fragments: Any, ranges: list[list[int]]) -> Any:
    """Fragments as bytes with the given [offset, length] of the whole body cleared."""
    if isinstance(fragments, str):
        return fragments
    body = bytearray(bytes.fromhex("".join(fragments)))
    for offset, length in ranges:
        body[offset : offset + length] = bytes(length)
    cut, at = [], 0
    for fragment in fragments:
        cut.append(bytes(body[at : at + len(fragment) // 2]))
        at += len(fragment) // 2
    return cut
