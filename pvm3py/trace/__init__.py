# SPDX-License-Identifier: MIT
"""Trace data: the events that tasks and daemons send, the files that tracers write, conversion.

names      what events and their items are called
values     how a value looks in a message and in a file
message    bodies of trace messages: `Decoder`, `encode`
file       trace files: `read`, `Writer`
chrome     Chrome's trace format, which Perfetto and chrome://tracing show
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from .message import Decoder, Event, Item, encode

if TYPE_CHECKING:
    from .file import Writer, read

__all__ = ["Decoder", "Event", "Item", "Writer", "encode", "read"]


def __getattr__(name: str) -> Any:
    """What concerns files is loaded when it is used: the daemon never does."""
    if name in ("Writer", "read"):
        from . import file  # noqa: PLC0415

        return getattr(file, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
