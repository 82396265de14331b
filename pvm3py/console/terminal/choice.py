# SPDX-License-Identifier: MIT
"""Which front end a terminal gets: the best of those that it and the installation can have."""

from __future__ import annotations

import os

from ..interpreter import Interpreter
from ..plain import Plain
from .front import FrontEnd
from .history import HistoryFile
from .libraries import provide


def on_terminal() -> bool:
    """Whether a person is there: input and output are a terminal that can move its cursor."""
    return os.isatty(0) and os.isatty(1) and os.environ.get("TERM", "dumb") != "dumb"


def front_end(interpreter: Interpreter) -> FrontEnd | Plain:
    """The front end for standard input and output."""
    if not on_terminal():
        return Plain(interpreter)
    provide()
    try:
        from .editor import Editor  # noqa: PLC0415

        return Editor(interpreter, HistoryFile())
    except ImportError:
        pass
    try:
        from .lineedit import LineEdit  # noqa: PLC0415

        return LineEdit(interpreter, HistoryFile())
    except ImportError:
        return Plain(interpreter)
