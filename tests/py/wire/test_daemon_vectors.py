# SPDX-License-Identifier: MIT
"""Recorded messages between daemons, and of system tasks: tests/vectors/daemon."""

from __future__ import annotations

import pytest
from support.system import VECTORS
from support.vectors.daemon_vectors import BODIES, recording
from support.vectors.task_vectors import check_decoding, check_encoding

# Words that recordings list and records imply.
COUNTS = frozenset({"count", "nargs", "nenv", "narch", "nhost", "nclass", "n", "argc"})


def test_every_recorded_message_is_tried() -> None:
    assert {path.stem for path in (VECTORS / "daemon").glob("*.json")} == BODIES.keys()


@pytest.mark.parametrize("name", BODIES)
def test_recorded_bytes_decode_to_recorded_fields(name: str) -> None:
    recorded = recording(name)
    check_decoding(BODIES[name], recorded.body, recorded.fields, COUNTS)


@pytest.mark.parametrize("name", BODIES)
def test_decoded_fields_encode_to_recorded_bytes(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    check_encoding(BODIES[name], recording(name).body, monkeypatch)
