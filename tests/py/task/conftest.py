# SPDX-License-Identifier: MIT
"""Machines of tests whose tasks are Python texts."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from support.programs.scripts import ScriptMachine, script_machine


@pytest.fixture
def machine() -> Iterator[ScriptMachine]:
    """A machine of our daemon."""
    with script_machine() as started:
        yield started


@pytest.fixture
def debian() -> Iterator[ScriptMachine]:
    """A machine of 3.4.6."""
    with script_machine("debian") as started:
        yield started
