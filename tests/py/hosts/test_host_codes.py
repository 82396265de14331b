# SPDX-License-Identifier: MIT
"""Error codes of functions about hosts, by tests/c/host_codes.c."""

from __future__ import annotations

import pytest
from support.programs import host_codes
from support.system import Side


@pytest.mark.parametrize(
    ("daemon", "library"),
    [("ours", "debian"), ("debian", "ours"), ("debian", "debian")],
    ids="-daemon-".join,
)
def test_error_codes(daemon: Side, library: Side) -> None:
    """Ours with ours runs for the table of what is tested: test_coverage.py."""
    assert "FAIL" not in host_codes.run(daemon, daemon, library)
