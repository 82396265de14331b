# SPDX-License-Identifier: MIT
"""Modules that are needed now and then are loaded soon after the start, one at a time.

A daemon without a free descriptor cannot load anything, and is just then in need of what reports
that. The time until it serves is not for these, see docs/architecture.md.
"""

from __future__ import annotations

import sys
from importlib import import_module

from ..core import Pvmd
from ..occasions import BEGIN, on

# Seconds after the start of the daemon, and between two modules.
_FIRST = 0.2
_NEXT = 0.02

# What Python loads by itself when it is called for, and what topics load at their first use.
MODULES = (
    # OutputPipe.finish
    "termios",
    # names of hosts; loop.run_in_executor
    "encodings.idna",
    "concurrent.futures.thread",
    # traces of unforeseen errors
    "linecache",
    "tokenize",
    # starts of hosts
    "shlex",
    "pvm3py.pvmd.topics.handstart",
    # moves of tasks; who asks for one is served by the last of them
    "pvm3py.pvmd.topics.holding",
    "pvm3py.pvmd.topics.watching",
    "pvm3py.pvmd.topics.managing",
    "pvm3py.pvmd.topics.arriving",
    "pvm3py.pvmd.topics.migration",
    "pvm3py.pvmd.topics.routes",
    "pvm3py.pvmd.topics.evacuating",
    "pvm3py.pvmd.topics.move_orders",
    # images in files
    "json",
    "pvm3py.pvmd.topics.cutting",
    "pvm3py.pvmd.topics.reviving",
    "pvm3py.pvmd.topics.estates",
    "pvm3py.pvmd.topics.checkpointing",
    "pvm3py.pvmd.topics.restarting",
    "pvm3py.pvmd.topics.saving",
    "pvm3py.pvmd.topics.parking",
    # trace events
    "copy",
    "dataclasses",
    "pvm3py.trace.values",
    "pvm3py.trace.message",
    # os.wait4
    "resource",
)


@on(BEGIN)
def begin(pvmd: Pvmd) -> None:
    """Load the modules that are missing, while other things are done."""
    pvmd.loop.call_later(_FIRST, _load, pvmd, list(MODULES))


def _load(pvmd: Pvmd, names: list[str]) -> None:
    """Load the first that is missing; what cannot be loaded is tried again when it is needed."""
    while names and names[0] in sys.modules:
        del names[0]
    if not names:
        return
    try:
        import_module(names.pop(0))
    except (ImportError, OSError) as error:
        pvmd.log(f"{error}")
    pvmd.loop.call_later(_NEXT, _load, pvmd, names)
