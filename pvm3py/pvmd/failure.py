# SPDX-License-Identifier: MIT
"""The loss of a host, in a fixed order."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .daemon import Pvmd
    from .switch import HostEvent


def host_event(pvmd: Pvmd, event: HostEvent) -> None:
    """The link to a host is lost."""
    pvmd.log(f"host {event.tid:x} lost: {event.text}")
    pvmd.peers.host_lost(event.tid)
