# SPDX-License-Identifier: MIT
"""Recorded messages between daemons, and of system tasks: tests/vectors/daemon."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
from support.mail import MailReply, StoredMessage
from support.system import VECTORS
from support.vectors import values as recorded

from pvm3py.wire import codec, daemon, hosts, mailbox, output, system, task
from pvm3py.wire import constants as c
from pvm3py.wire.record import Record

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
    "htupdack": task.Empty,
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
# Words that recordings list and records imply.
COUNTS = frozenset({"count", "nargs", "nenv", "narch", "nhost", "nclass", "n", "argc"})


def load(name: str) -> tuple[dict[str, Any], bytes]:
    """The description of a recorded message, and its body."""
    described = json.loads((VECTORS / "daemon" / f"{name}.json").read_text())
    packets = described["hex"] if isinstance(described["hex"], list) else [described["hex"]]
    # Messages of tasks to their own daemon were recorded without what is in front of them.
    front = c.DDFRAGHDR if "flags" in described["fields"] else 0
    raw = [bytes.fromhex(packet)[front:] for packet in packets]
    return described["fields"].get("body") or {}, b"".join(raw)[c.MSGHDRLEN :]


def leaves(item: Any) -> Iterator[Any]:
    """The values in a record in order."""
    if isinstance(item, StoredMessage):
        yield from leaves(item.head)
        yield from (part.hex() for part in item.fragments)
    elif isinstance(item, Record):
        for name, value in vars(item).items():
            if name in ("extra", "message"):
                yield from leaves(StoredMessage.decode(value)) if value else ()
            else:
                yield from leaves(value)
    elif isinstance(item, list | tuple):
        for value in item:
            yield from leaves(value)
    elif isinstance(item, bytes):
        yield from (len(item), item.decode())
    else:
        yield item


def test_every_recorded_message_is_tried() -> None:
    assert {path.stem for path in (VECTORS / "daemon").glob("*.json")} == BODIES.keys()


@pytest.mark.parametrize("name", BODIES)
def test_recorded_bytes_decode_to_recorded_fields(name: str) -> None:
    fields, body = load(name)
    record = BODIES[name].decode(body)
    skip = COUNTS - vars(record).keys()
    assert list(leaves(record)) == list(recorded(fields, skip))


@pytest.mark.parametrize("name", BODIES)
def test_decoded_fields_encode_to_recorded_bytes(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    _, body = load(name)
    record = BODIES[name].decode(body)
    zero_padded = record.encode()
    monkeypatch.setattr(codec, "_PADDING", (b"", b"\xff" * 3, b"\xff" * 2, b"\xff"))
    padding = [one != two for one, two in zip(zero_padded, record.encode(), strict=True)]
    assert len(zero_padded) == len(body)
    for at, pad in enumerate(padding):
        assert pad or zero_padded[at] == body[at], f"byte {at}"
