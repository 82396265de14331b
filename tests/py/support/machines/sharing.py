# SPDX-License-Identifier: MIT
"""What a running task counts about its messages through memory, read out of its segment."""

from __future__ import annotations

import os
import struct
from pathlib import Path

from pvm3py.pvmd.io.figures import Sharing
from pvm3py.wire import constants as c

# For tests that need memory whatever the environment says.
ON = {"PVM_SHM": "on"}

# The settings of each way that messages between tasks of one host may go; spawned tasks get those
# of their daemon.
WAYS = {
    "daemon": {"PVM_SHM": "off"},
    "memory": {"PVM_SHM": "on", "PVM_SHM_AFTER": "0"},
    # So that every bound is met.
    "narrow": {
        "PVM_SHM": "on",
        "PVM_SHM_AFTER": "0",
        "PVM_SHM_RING": "4096",
        "PVM_SHM_ARENA": "262144",
        "PVM_SHM_PEERS": "2",
    },
}

# struct share_home: its beginning, its flags and its counters.
_BEGIN, _FLAGS, _COUNTERS = struct.Struct("=3I"), struct.Struct("=68xI"), struct.Struct("=128x12Q")


def piece(pid: int, tid: int, at: int, size: int) -> bytes | None:
    """Bytes of the segment of a task; None: it has none."""
    for entry in Path(f"/proc/{pid}/fd").iterdir():
        try:
            if not os.readlink(entry).startswith("/memfd:pvm"):
                continue
            with entry.open("rb", buffering=0) as segment:
                begin = segment.read(_BEGIN.size)
                segment.seek(at)
                data = segment.read(size)
        except FileNotFoundError:
            continue
        if _BEGIN.unpack(begin)[::2] == (c.SHARE_MAGIC, tid):
            return data
    return None


def home(pid: int, tid: int) -> bytes | None:
    """The beginning of the segment of a task; None: it has none."""
    return piece(pid, tid, 0, _COUNTERS.size)


def counters(pid: int, tid: int) -> Sharing:
    """The counters of a task; all are 0 where it has no segment."""
    data = home(pid, tid)
    return Sharing(*(_COUNTERS.unpack_from(data) if data else [0] * 12))


def has_left(pid: int, tid: int) -> bool:
    """Whether a task takes no more messages out of memory than were there when it left."""
    data = home(pid, tid)
    return bool(data and _FLAGS.unpack_from(data)[0] & c.SHARE_LEFT)
