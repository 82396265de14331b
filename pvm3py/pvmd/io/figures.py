# SPDX-License-Identifier: MIT
"""Limits that a switch is given, and what it counts."""

from __future__ import annotations

from ..state.plain import Plain


class Limits(Plain):
    """Limits of a switch; 0 takes the default of csrc/switch/switch.h."""

    memory: int = 0
    """Bytes of memory that the defaults of the other limits are parts of; 0: the machine's."""
    budget: int = 0
    """Messages to the daemon that one connection may have in a batch of events."""
    queue_low: int = 0
    """Bytes queued to one task before its senders wait, at first."""
    queue_high: int = 0
    """The same for a task that does not receive for long."""
    queue_total: int = 0
    """Bytes in all queues above which every queue gets only the first bound."""
    message_max: int = 0
    """Bytes of the longest message to the daemon."""
    notices: int = 0
    """Notices of ends of tasks that the switch keeps for a task; 0: none."""
    mail_room: int = 0
    """Bytes that all entries of the mailbox together may take."""
    standby_us: int = 0
    """Microseconds after which a second thread forwards while Python is busy; -1: never."""


class Statistics(Plain):
    """Counters of a switch; see `struct sw_stats`."""

    fragments: int
    bytes: int
    parked: int
    dropped: int
    refused: int
    connections: int
    queued_bytes: int
    offers: int
    links: int
    packets: int
    retransmitted: int
    packets_received: int
    packets_dropped: int


class Sharing(Plain):
    """What a task counts about its messages through memory; see `struct share_home`."""

    messages: int
    bytes: int
    references: int
    received: int
    bells: int
    waits: int
    marks: int
    streamed: int
    opened: int
    links: int
    arena: int
    moves: int
