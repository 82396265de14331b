# SPDX-License-Identifier: MIT
"""Error codes of functions about hosts, by tests/c/host_codes.c."""

from __future__ import annotations

import pytest
from support import host_codes
from support.system import SIDES, Side


@pytest.mark.parametrize("library", SIDES)
@pytest.mark.parametrize("daemon", SIDES)
def test_error_codes(daemon: Side, library: Side) -> None:
    assert "FAIL" not in host_codes.run(daemon, daemon, library)
