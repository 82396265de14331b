# SPDX-License-Identifier: MIT
"""Recorded messages decode to their recorded fields and encode to their recorded bytes."""

from __future__ import annotations

import struct

import pytest
from support.impostors import rawtask
from support.vectors.mail import MailReply
from support.vectors.task_vectors import Vector, check_decoding, check_encoding, values

from pvm3py.wire import codec, mailbox, output, task
from pvm3py.wire import constants as c
from pvm3py.wire.record import Record

# The record of each vector that is a control message.
BODIES: dict[str, type[Record]] = {
    "addhost_dup_rep": task.AddHostReply,
    "addhost_dup_req": task.HostNames,
    "addhost_loopback_rep": task.AddHostReply,
    "addhost_loopback_req": task.HostNames,
    "addhost_ok_rep": task.AddHostReply,
    "addhost_ok_req": task.HostNames,
    "conack_deny": output.RouteReply,
    "conack_tcp": output.RouteReply,
    "conack_unix": output.RouteReply,
    "config_rep": task.ConfigReply,
    "config_req": task.Empty,
    "config_two_hosts_rep": task.ConfigReply,
    "config_two_hosts_req": task.Empty,
    "conreq_notify": task.NotifyRequest,
    "conreq_tcp": output.RouteRequest,
    "conreq_unix": output.RouteRequest,
    "db_get_notfound_rep": MailReply,
    "db_get_notfound_req": mailbox.MailRequest,
    "db_get_rep": MailReply,
    "db_get_req": mailbox.MailRequest,
    "db_insert_dup_rep": MailReply,
    "db_insert_dup_req": mailbox.MailRequest,
    "db_names_rep": mailbox.NamesReply,
    "db_names_req": mailbox.MailRequest,
    "db_put_rep": MailReply,
    "db_put_req": mailbox.MailRequest,
    "db_remove_rep": MailReply,
    "db_remove_req": mailbox.MailRequest,
    "delhost_self_rep": task.Codes,
    "delhost_self_req": task.HostNames,
    "enrol_conn2_rep": task.EnrolReply,
    "enrol_conn2_req": task.EnrolRequest,
    "enrol_conn2_spawned_rep": task.EnrolReply,
    "enrol_conn2_spawned_req": task.EnrolRequest,
    "enrol_connect_rep": task.ConnectReply,
    "enrol_connect_req": task.ConnectRequest,
    "enrol_nack": task.ConnectReply,
    "getopt_rep": task.Settings,
    "exit_rep": task.Empty,
    "exit_req": task.Empty,
    "freecontext_bad_rep": task.Status,
    "freecontext_bad_req": task.Status,
    "freecontext_rep": task.Status,
    "freecontext_req": task.Status,
    "hoster_register_rep": task.Status,
    "hoster_register_req": task.Registration,
    "hostsync_rep": task.HostSyncReply,
    "hostsync_req": task.TidBody,
    "mca": task.Codes,
    "mcast_siblings": output.Siblings,
    "mcast_siblings_delivered": output.Siblings,
    "mstat_nohost_rep": task.Status,
    "mstat_nohost_req": task.HostName,
    "mstat_ok_rep": task.Status,
    "mstat_ok_req": task.HostName,
    "mstat_remote_rep_two_fragments": task.Status,
    "newcontext_rep": task.Status,
    "newcontext_req": task.Status,
    "notify_catchout_self": task.NotifyRequest,
    "notify_hostadd_msg": task.Codes,
    "notify_hostadd_req": task.NotifyRequest,
    "notify_hostdelete_cancel_req": task.NotifyRequest,
    "notify_hostdelete_msg": task.TidBody,
    "notify_hostdelete_req": task.NotifyRequest,
    "notify_taskexit_msg": task.TidBody,
    "notify_taskexit_req": task.NotifyRequest,
    "output_data": output.OutputText,
    "output_eof": output.OutputEnd,
    "output_new": output.OutputStart,
    "output_new_remote": output.OutputStart,
    "output_spawn": output.OutputStart,
    "pstat_notask_rep": task.Status,
    "pstat_notask_req": task.TidBody,
    "pstat_ok_rep": task.Status,
    "pstat_ok_req": task.TidBody,
    "sendsig_rep": task.Empty,
    "sendsig_req": task.SignalRequest,
    "setopt_outtid_rep": task.Empty,
    "setopt_outtid_req": task.SetOptRequest,
    "spawn_nofile_rep": task.Codes,
    "spawn_nofile_req": task.SpawnRequest,
    "spawn_nohost_rep": task.Codes,
    "spawn_nohost_req": task.SpawnRequest,
    "spawn_rep": task.Codes,
    "spawn_req": task.SpawnRequest,
    "task_all_rep": task.TaskReply,
    "task_all_req": task.TidBody,
    "task_badhost_rep": task.Status,
    "task_badhost_req": task.TidBody,
    "tasker_register_rep": task.Status,
    "tasker_register_req": task.Registration,
    "taskexit": task.TidBody,
    "tickle5_rep": task.Codes,
    "tickle5_req": task.Codes,
    "tracer_register_rep": task.Status,
    "tracer_register_req": task.TracerRequest,
}
USER_DATA = Vector.names("user_*") + Vector.names("direct_*")
# What the recordings list and the records imply.
COUNTS = frozenset({"count", "nargs", "nenv", "nhosts", "narches", "nclasses", "nentries"})


def test_every_control_message_of_the_recordings_is_tried() -> None:
    assert set(Vector.names()) - BODIES.keys() == set(USER_DATA)


@pytest.mark.parametrize("name", BODIES)
def test_recorded_bytes_decode_to_recorded_fields(name: str) -> None:
    vector = Vector(name)
    check_decoding(BODIES[name], vector.body, vector.fields, COUNTS)


@pytest.mark.parametrize("name", Vector.names())
def test_recorded_frames_decode_to_recorded_headers(name: str) -> None:
    vector = Vector(name)
    for frame, described in zip(vector.fragments, vector.described, strict=True):
        words = [described["dst"], described["src"]]
        assert [frame.dst, frame.src] == list(values(words))
        assert (frame.flags, len(frame.data)) == (described["flags"], described["data_bytes"])
    header = vector.described[0]["message_header"]
    words = [header[word] for word in ("encoding", "tag", "ctx", "wid", "crc")]
    actual = [vector.enc, vector.tag, vector.ctx, vector.wid, vector.crc]
    assert actual == list(values(words))


@pytest.mark.parametrize("name", Vector.names())
def test_decoded_frames_encode_to_recorded_bytes(name: str) -> None:
    vector = Vector(name)
    stream = bytearray()
    unused = []
    for frame in vector.fragments:
        header = b""
        if frame.flags & c.FFSOM:
            start = len(stream) + c.TDFRAGHDR
            unused += [start + at + byte for at in (12, 24, 28) for byte in range(4)]
            header = struct.pack(
                "!iii4xii8x", vector.enc, vector.tag, vector.ctx, vector.wid, vector.crc
            )
        stream += rawtask.fragment(frame.dst, frame.src, header + frame.data, frame.flags)
    expected = bytearray(vector.stream)
    for at in unused:
        expected[at] = 0
    assert stream == expected


@pytest.mark.parametrize("name", USER_DATA)
def test_recorded_user_data_is_as_described(name: str) -> None:
    vector = Vector(name)
    described = vector.fields["raw_body_hex"].removesuffix("...")
    assert vector.body.hex().startswith(described)
    if "..." not in vector.fields["raw_body_hex"]:
        assert vector.body.hex() == described


@pytest.mark.parametrize("name", BODIES)
def test_decoded_fields_encode_to_recorded_bytes(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    check_encoding(BODIES[name], Vector(name).body, monkeypatch)


@pytest.mark.parametrize("name", [n for n, record in BODIES.items() if record is not task.Empty])
def test_a_body_cut_anywhere_is_refused_or_has_less(name: str) -> None:
    body = Vector(name).body
    whole = BODIES[name].decode(body)
    for size in range(0, len(body) - 3, 4):
        try:
            part = BODIES[name].decode(body[:size])
        except codec.WireError:
            continue
        assert part != whole, f"cut at {size}"
