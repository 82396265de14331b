# SPDX-License-Identifier: MIT
"""Bodies of the TM_ messages between a task and its daemon (mailbox: mailbox.py)."""

from typing import Annotated

from . import constants as c
from .codec import INT, CountedAround, ToEnd, Trailing
from .record import I32, Ints, OptionalI32, OptionalStr, Record, Str, Strs


class Empty(Record):
    """A body without fields: TM_EXIT, TM_CONFIG, TM_HALT, TM_SCHED, TM_GETOPT, many replies."""


class Status(Record):
    """One result: 0, another value the request asks for, or an error code."""

    code: I32


class TidBody(Record):
    """One tid: TM_PSTAT, TM_TASK, TM_HOSTSYNC requests, notifications, SM_HANDOFF, SM_HOSTX."""

    tid: I32


class Extension(Record):
    """This project's block behind the known fields of enrolment (csrc/wire/layout.h).

    signal, image: of a task, as far as its library is new enough to say them.
    """

    magic: I32
    capabilities: I32
    fragment: I32
    signal: OptionalI32 = None
    image: OptionalI32 = None


OptionalExtension = Annotated[Extension | None, Trailing(Extension)]


class ConnectRequest(Record):
    """TM_CONNECT; magic: of our library, which needs no file of the daemon's."""

    protocol: I32
    auth_file: Str
    magic: OptionalI32 = None


class ConnectReply(Record):
    """TM_CONNECT reply; ack 0 and an empty path refuse, 1 and that accept without a file."""

    protocol: I32
    ack: I32
    auth_file: Str


class EnrolRequest(Record):
    """TM_CONN2. A 3.4.6 task may leave out its name; cookie is PVMEPID or 0."""

    pid: I32
    cookie: I32
    name: OptionalStr = None
    extension: OptionalExtension = None


class Settings(Record):
    """TM_GETOPT reply, and the TM_CONN2 reply after its ack."""

    tid: I32
    ptid: I32
    outtid: I32
    outctx: I32
    outtag: I32
    trctid: I32
    trcctx: I32
    trctag: I32
    fragment: I32
    signature: I32
    address: Str
    schedtid: I32


class EnrolReply(Record):
    """TM_CONN2 reply; ack 0 refuses."""

    ack: I32
    settings: Annotated[Settings, Settings]
    extension: OptionalExtension = None


class HostNames(Record):
    """TM_ADDHOST, TM_DELHOST, SM_ADD: host names, for adding with host file options."""

    names: Strs


class HostEntry(Record):
    """A host in TM_CONFIG and TM_ADDHOST replies; tid has the S bit clear, or is an error."""

    tid: I32
    name: Str
    arch: Str
    speed: I32
    signature: I32


class AddHostReply(Record):
    """TM_ADDHOST reply, SM_ADDACK; the number of architectures is always 0."""

    hosts: Annotated[list[HostEntry], CountedAround(HostEntry, lambda _: 0)]


class ConfigReply(Record):
    """TM_CONFIG reply: hosts, their number and that of their architectures before them."""

    hosts: Annotated[
        list[HostEntry], CountedAround(HostEntry, lambda hosts: len({h.arch for h in hosts}))
    ]


class Codes(Record):
    """A list of tids, statuses or numbers: TM_DELHOST, TM_TICKLE, SM_EXECACK, TM_MCA."""

    values: Ints


class Started(Record):
    """TM_SPAWN, DM_EXECACK, SM_EXECACK: a tid or an error code for each task.

    reasons: lines about what could not be started, each a host's name, a tab and why.
    """

    values: Ints
    reasons: OptionalStr = None


class HostName(Record):
    """TM_MSTAT."""

    name: Str


class HostSyncReply(Record):
    """TM_HOSTSYNC reply for a known host: its clock."""

    status: I32
    seconds: I32
    microseconds: I32


class SpawnRequest(Record):
    """TM_SPAWN, SM_SPAWN.

    job: of the spawner, as its daemon tells the manager, if that is another task's tid.
    """

    file: Str
    flags: I32
    where: Str
    count: I32
    args: Strs
    outtid: I32
    outctx: I32
    outtag: I32
    trctid: I32
    trcctx: I32
    trctag: I32
    env: Strs
    job: OptionalI32 = None


class SignalRequest(Record):
    """TM_SENDSIG."""

    tid: I32
    signum: I32


class TaskEntry(Record):
    """A task in the TM_TASK reply."""

    tid: I32
    ptid: I32
    host: I32
    flags: I32
    name: Str
    pid: I32


class TaskReply(Record):
    """TM_TASK reply."""

    status: I32
    tasks: Annotated[list[TaskEntry], ToEnd(TaskEntry)]


class NotifyRequest(Record):
    """TM_NOTIFY, TM_NOTICES. PvmHostAdd has no tids and counts events.

    Bytes behind `count` tids are free.
    """

    what: I32
    ctx: I32
    tag: I32
    count: I32
    tids: Annotated[list[int], ToEnd(INT)]


class Registration(Record):
    """TM_TASKER, TM_HOSTER, and the first word of TM_TRACER: 1 registers, 0 ends it."""

    register: I32


class TracerRequest(Record):
    """TM_TRACER when it registers."""

    register: I32
    trcctx: I32
    trctag: I32
    outctx: I32
    outtag: I32
    mask: Str
    buffer: I32
    option: I32


class SchedReply(Record):
    """TM_SCHED reply: the resource manager before, and the master."""

    previous: I32
    master: I32
    name: Str
    arch: Str
    speed: I32
    signature: I32


class Option(Record):
    """One setting in TM_SETOPT: a TS_ number and hexadecimal text."""

    number: I32
    value: Str


class SetOptRequest(Record):
    """TM_SETOPT."""

    options: Annotated[list[Option], ToEnd(Option)]


def extension(fragment: int, granted: int = 0) -> Extension:
    """The extension block of a daemon that names this fragment size.

    granted: WIRE_EXT_ bits that only a task gets that has announced them.
    """
    capabilities = c.WIRE_EXT_MANAGER | c.WIRE_EXT_NOTICES | c.WIRE_EXT_MOVES | granted
    return Extension(c.WIRE_EXT_MAGIC, capabilities, fragment)
