# SPDX-License-Identifier: MIT
"""Bodies of the messages between members of groups and the server (csrc/wire/groups.h)."""

from typing import Annotated

from pvm3py.wire.codec import INT, Counted, ToEnd
from pvm3py.wire.record import I32, Ints, Record, RestBytes, Str


class Empty(Record):
    """A request without a body."""


class GroupName(Record):
    """A request about a group."""

    group: Str


class GroupNumber(Record):
    """A request about a group with a number: tid, instance, count or host."""

    group: Str
    number: I32


class DeadTid(Record):
    """Exit notice of the daemon."""

    tid: I32


class Result(Record):
    """A number or an error code; `state` is a State where the request has one."""

    value: I32
    state: RestBytes = b""


class State(Record):
    """Kind of a group; for GROUP_STATIC a StaticRecord, for GROUP_DYNAMIC perhaps Deaths."""

    kind: I32
    record: RestBytes = b""


class Deaths(Record):
    """How many members have died."""

    count: I32


class StaticRecord(Record):
    """All about a static group, for members to keep."""

    name_length: I32
    name: Str
    members: I32
    tids: Ints
    per_host: Ints
    coordinators: Annotated[list[int], ToEnd(INT)]


class TidList(Record):
    """Tids of all members."""

    tids: Ints
    state: RestBytes


class HostMembers(Record):
    """Number of hosts with members; members and coordinator on one host."""

    hosts: I32
    members: I32
    coordinator: I32
    state: RestBytes


class AllHosts(Record):
    """Members of each host; then the coordinators, one a host, and the state."""

    members: Ints
    rest: RestBytes


class Coordinators(Record):
    """The middle part of AllHosts."""

    tids: Annotated[list[int], ToEnd(INT)]


class GroupEntry(Record):
    """One group in the list of all."""

    name_length: I32
    name: Str
    members: I32
    capacity: I32
    count: I32
    reached: I32
    slots: Annotated[list[int], ToEnd(INT)]
    waiting: Annotated[list[int], ToEnd(INT)]


class GroupList(Record):
    """All groups."""

    groups: Annotated[list[GroupEntry], Counted(GroupEntry)]
