# SPDX-License-Identifier: MIT
"""The machine of tests whose tasks are Python texts."""

from __future__ import annotations

import shutil
from collections.abc import Iterator

import pytest
from support.programs.scripts import ScriptMachine


@pytest.fixture
def machine() -> Iterator[ScriptMachine]:
    """Our daemon; its end must leave nothing."""
    started = ScriptMachine()
    try:
        with started.vm:
            yield started
    finally:
        shutil.rmtree(started.programs)
