# SPDX-License-Identifier: MIT
"""Messages recorded between daemons of PVM 3.4.6, and of system tasks: tests/vectors/daemon.

tests/vectors/links has single packets and sequences of them.
"""

from __future__ import annotations

import json
import struct
from functools import cache
from typing import Any, NamedTuple

from pvm3py.wire import constants as c
from pvm3py.wire import daemon, hosts, mailbox, output, system, task
from pvm3py.wire.record import Record
from support.system import VECTORS
from support.vectors.mail import MailReply

# The record of each message's body.
BODIES: dict[str, type[Record]] = {
    "dm-add": task.HostNames,
    "dm-addack": task.AddHostReply,
    "dm-db-get": mailbox.MailRequest,
    "dm-db-get-missing": mailbox.MailRequest,
    "dm-db-names": mailbox.MailRequest,
    "dm-db-put": mailbox.MailRequest,
    "dm-db-remove": mailbox.MailRequest,
    "dm-dback-get": MailReply,
    "dm-dback-get-missing": MailReply,
    "dm-dback-names": mailbox.NamesReply,
    "dm-dback-put": task.Status,
    "dm-delhost": task.HostNames,
    "dm-exec": system.ExecRequest,
    "dm-exec-part2": system.ExecRequest,
    "dm-execack": task.Codes,
    "dm-execack-nofile": task.Codes,
    "dm-hostsync": task.Empty,
    "dm-hostsyncack": daemon.Clock,
    "dm-htdel": hosts.TableDelete,
    "dm-notify": daemon.WatchRequest,
    "dm-notifyack": task.TidBody,
    "dm-pstat": task.TidBody,
    "dm-pstatack": task.Status,
    "dm-pstatack-notask": task.Status,
    "dm-sendsig": task.SignalRequest,
    "dm-task": task.TidBody,
    "dm-taskack": daemon.TaskList,
    "dm-taskout": output.OutputText,
    "htcommit": task.Empty,
    "htupd-delta": hosts.TableUpdate,
    "htupd-full-table": hosts.TableUpdate,
    "htupdack": hosts.UpdateReply,
    "output-data": output.OutputText,
    "output-eof": output.OutputEnd,
    "output-new": output.OutputStart,
    "slconf-empty": hosts.SlaveSettings,
    "slconf-hostfile": hosts.SlaveSettings,
    "slconf-sched": hosts.SlaveSettings,
    "slconf-trace-off": hosts.SlaveSettings,
    "slconf-trace-on": hosts.SlaveSettings,
    "sm-add": task.HostNames,
    "sm-addack": task.AddHostReply,
    "sm-addhost": task.HostNames,
    "sm-addhost-reply": task.AddHostReply,
    "sm-delhost": task.HostNames,
    "sm-exec-remote": system.ExecRequest,
    "sm-execack-newtask": task.Codes,
    "sm-execack-remote": task.Codes,
    "sm-hostx": task.TidBody,
    "sm-spawn-remote": task.SpawnRequest,
    "sm-sthost": hosts.StartRequest,
    "sm-sthostack": hosts.StartReply,
    "sm-sttask": system.StartTask,
    "sm-taskx-from-tasker": system.TaskEnd,
    "sm-taskx-remote": system.TaskEnd,
}


class Recording(NamedTuple):
    """A recorded message. Those of tasks to their own daemon have no dst and src (0)."""

    fields: Any
    dst: int
    src: int
    enc: int
    tag: int
    ctx: int
    body: bytes


def _load(directory: str, name: str) -> tuple[Any, list[bytes]]:
    """The description of a recording and its packets."""
    described = json.loads((VECTORS / directory / f"{name}.json").read_text())
    text = described["hex"]
    packets = [bytes.fromhex(packet) for packet in ([text] if isinstance(text, str) else text)]
    return described["fields"], packets


def link_packets(name: str) -> list[bytes]:
    """The packets of a recorded sequence."""
    return _load("links", name)[1]


@cache
def recording(name: str) -> Recording:
    """The recorded message of this name."""
    fields, packets = _load("daemon" if name in BODIES else "links", name)
    front = c.DDFRAGHDR if "flags" in fields else 0
    dst, src = struct.unpack_from("!ii", packets[0]) if front else (0, 0)
    data = b"".join(packet[front:] for packet in packets)
    enc, tag, ctx = struct.unpack_from("!iii", data)
    return Recording(fields.get("body") or {}, dst, src, enc, tag, ctx, data[c.MSGHDRLEN :])
