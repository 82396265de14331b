# SPDX-License-Identifier: MIT
"""Recorded messages between daemons, and of system tasks: tests/vectors/daemon."""

from __future__ import annotations

import pytest
from support.daemon_vectors import BODIES, recording
from support.system import VECTORS
from support.vectors import leaves, values

from pvm3py.wire import codec

# Words that recordings list and records imply.
COUNTS = frozenset({"count", "nargs", "nenv", "narch", "nhost", "nclass", "n", "argc"})


def test_every_recorded_message_is_tried() -> None:
    assert {path.stem for path in (VECTORS / "daemon").glob("*.json")} == BODIES.keys()


@pytest.mark.parametrize("name", BODIES)
def test_recorded_bytes_decode_to_recorded_fields(name: str) -> None:
    recorded = recording(name)
    record = BODIES[name].decode(recorded.body)
    skip = COUNTS - vars(record).keys()
    assert list(leaves(record)) == list(values(recorded.fields, skip))


@pytest.mark.parametrize("name", BODIES)
def test_decoded_fields_encode_to_recorded_bytes(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    body = recording(name).body
    record = BODIES[name].decode(body)
    zero_padded = record.encode()
    monkeypatch.setattr(codec, "_PADDING", (b"", b"\xff" * 3, b"\xff" * 2, b"\xff"))
    padding = [one != two for one, two in zip(zero_padded, record.encode(), strict=True)]
    assert len(zero_padded) == len(body)
    for at, pad in enumerate(padding):
        assert pad or zero_padded[at] == body[at], f"byte {at}"
