# SPDX-License-Identifier: MIT
"""Fixtures of all tests; what is compiled in a session is removed at its end."""

from __future__ import annotations

import signal
from collections.abc import Iterator

import pytest
from support import compiler
from support.impostors.rawtask import Connector


def pytest_configure(config: pytest.Config) -> None:
    """Signals that a shell ignores for its background jobs work for the programs under test."""
    config.add_cleanup(compiler.begin_session())
    signal.signal(signal.SIGINT, signal.default_int_handler)
    signal.signal(signal.SIGQUIT, signal.SIG_DFL)


@pytest.fixture
def connector() -> Iterator[Connector]:
    """The process whose connections are those of raw tasks."""
    helper = Connector()
    yield helper
    helper.close()
