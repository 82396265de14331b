# SPDX-License-Identifier: MIT
"""Recorded control messages: each public call sends them, and returns what replies say.

A task makes the call of a recording (tests/c/recorded.c) before a daemon that answers with
the recorded bytes, and both libraries are held against the same recordings.
"""

from __future__ import annotations

import contextlib
import os
import re
import socket
import struct
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from support import compiler
from support.impostors.fakedaemon import FakeDaemon, Request, enrolment_body, read_message, reply
from support.system import PATIENCE, SIDES, Side
from support.vectors.task_vectors import Vector, split, values

from pvm3py.wire import constants as c
from pvm3py.wire.output import RouteEnd, RouteReply, RouteRequest


@dataclass(frozen=True)
class Case:
    """A call, the vectors it must send, those that answer the first of them, the outcome.

    result  values it prints; None: those in the fields of the last answer
    unset   bytes of the body that mean nothing, besides the padding of its fields
    """

    call: str
    sent: tuple[str, ...]
    given: tuple[str, ...] = ()
    result: tuple[Any, ...] | None = None
    unset: tuple[int, int] = (0, 0)

    @property
    def tid(self) -> int:
        """Tid of the task in the recording."""
        return Vector(self.sent[0]).src if self.sent else Vector(self.given[0]).dst

    def expected(self) -> list[str]:
        """The lines that the task prints."""
        found = values(Vector(self.given[-1]).fields) if self.result is None else self.result
        return [str(value) for value in found]


def asked(call: str, name: str, result: tuple[Any, ...] | None = None) -> Case:
    """The recorded request and its recorded reply."""
    return Case(call, (f"{name}_req",), (f"{name}_rep",), result)


PADDING_OF_HELLO = (78, 80)
SPAWNED = ("spawn_req", "mca", "mcast_siblings")
CASES = [
    asked("leave", "exit", (0,)),
    asked("output_tid", "setopt_outtid", (0,)),
    asked("new_context", "newcontext"),
    asked("free_context", "freecontext"),
    asked("free_bad_context", "freecontext_bad"),
    asked("config", "config"),
    asked("config", "config_two_hosts"),
    asked("add_address", "addhost_ok", (1, 0x80000)),
    asked("add_address", "addhost_dup", (0, -28)),
    asked("add_localhost", "addhost_loopback", (0, -36)),
    asked("delete_localhost", "delhost_self", (0, -2)),
    asked("host_status", "mstat_ok"),
    asked("unknown_host_status", "mstat_nohost"),
    Case("host_status", (), ("mstat_remote_rep_two_fragments",)),
    asked("host_clock", "hostsync"),
    asked("debug_mask", "tickle5"),
    asked("all_tasks", "task_all"),
    asked("tasks_nowhere", "task_badhost"),
    asked("own_status", "pstat_ok"),
    asked("unknown_status", "pstat_notask"),
    asked("signal_self", "sendsig", (0,)),
    Case("spawn_two", SPAWNED, ("spawn_rep",), (0x40003, 0x40004)),
    asked("spawn_no_file", "spawn_nofile", (-7,)),
    asked("spawn_no_host", "spawn_nohost", (-6,)),
    Case("task_exit_notice", ("notify_taskexit_req",), ("notify_taskexit_msg",)),
    Case("host_delete_notice", ("notify_hostdelete_req",), (), (0,)),
    Case("host_delete_cancelled", ("notify_hostdelete_cancel_req",), ("notify_hostdelete_msg",)),
    Case("host_add_notice", ("notify_hostadd_req",), ("notify_hostadd_msg",)),
    Case("put", ("db_put_req",), ("db_put_rep",), unset=PADDING_OF_HELLO),
    asked("get", "db_get", (42, "hello")),
    asked("get_missing", "db_get_notfound"),
    asked("remove_entry", "db_remove"),
    asked("names", "db_names"),
    asked("insert_again", "db_insert_dup"),
    asked("hoster", "hoster_register"),
    asked("tasker", "tasker_register"),
    asked("tracer", "tracer_register"),
    Case("send_to_self", ("user_selfsend",), ("user_selfsend_delivered",), (0x40001,)),
    Case("send_fragments", ("user_two_fragments",), (), (0,)),
    Case("send_in_place", ("user_psend_inplace",), (), (0,)),
    Case("multicast", ("user_mcast_raw",), (), (0,)),
]


# ---- comparing ---------------------------------------------------------------------


def check_sent(message: Request, name: str, *, but: slice = slice(0, 0), more: int = 0) -> None:
    """Compare a message with a recorded one.

    Not compared are words that 3.4.6 leaves unset, the number of a request (only whether
    there is one), padding, the bytes `but` of the body, and `more` bytes behind its end.
    """
    vector = Vector(name)
    fragments, header = split(message.stream)
    assert header[:3] == (vector.enc, vector.tag, vector.ctx)
    assert bool(header[3]) == bool(vector.wid) and header[4] == vector.crc
    assert [f[:3] for f in fragments] == [f[:3] for f in vector.fragments]
    if more == 0:
        assert [len(f.data) for f in fragments] == [len(f.data) for f in vector.fragments]
    actual, expected = (bytearray(b) for b in (message.body[: len(vector.body)], vector.body))
    for body in actual, expected:
        body[but] = bytes(len(body[but]))
        _clear_padding(body, vector)
    assert actual == expected
    assert len(message.body) - len(vector.body) in (0, more)


def _clear_padding(body: bytearray, vector: Vector) -> None:
    """Zero what follows strings up to the next word."""
    for text in {value for value in values(vector.fields) if isinstance(value, str)}:
        data = text.encode() + b"\0"
        at = vector.body.find(struct.pack("!i", len(data)) + data)
        if at >= 0 and vector.tag < 0:
            end = at + 4 + len(data)
            body[end : end + -end % 4] = bytes(-end % 4)


def with_address(name: str, address: str, end: RouteEnd | None = None) -> bytes:
    """A recorded request for a route, or its answer, with another socket address."""
    vector = Vector(name)
    record = (RouteRequest if vector.tag == c.TC_CONREQ else RouteReply).decode(vector.body)
    record.address, record.end = address, end
    body = record.encode()
    length = struct.pack("!i", c.MSGHDRLEN + len(body))
    headers = vector.stream[: c.TDFRAGHDR + c.MSGHDRLEN]
    return headers[: c.WIRE_FRAG_LENGTH] + length + headers[c.WIRE_FRAG_FLAGS :] + body


def check_route_message(message: Request, name: str, form: str, side: Side) -> str:
    """Compare a TC_CONREQ or TC_CONACK whose address has that form; the address."""
    end = RouteEnd(c.WIRE_EXT_MAGIC, c.WIRE_ROUTE_CAN_LEAVE, message.src & c.TIDHOST)
    kind = RouteRequest if message.tag == c.TC_CONREQ else RouteReply
    address = str(kind.decode(message.body).address)
    assert re.fullmatch(form, address), address
    expected, header = split(with_address(name, address, end if side == "ours" else None))
    assert split(message.stream)[0] == expected
    assert split(message.stream)[1][:4] == header[:4]
    return address


def run_call(daemon: FakeDaemon, side: Side, call: str, **env: str) -> list[str]:
    """Make a call; the values it prints."""
    done = subprocess.run(
        [compiler.test_program("recorded", side), call],
        env={"PATH": os.environ["PATH"]} | daemon.env() | env,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=PATIENCE,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()


def found(daemon: FakeDaemon, name: str) -> Request:
    """The last message that came with the tag of a recorded one.

    PVM 3.4.6's library asks the mailbox for a tracer before its first own question.
    """
    tag = Vector(name).tag
    return next(message for message in reversed(daemon.messages) if message.tag == tag)


# ---- the tests ---------------------------------------------------------------------


def given_for(case: Case, request: Request) -> bytes:
    """The recorded answer, or another good one where the recording has none."""
    answers = [Vector(name) for name in case.given]
    first = Vector(case.sent[0]).tag if case.sent else answers[-1].tag
    if request.tag == first and answers:
        return b"".join(answer.answering(request.wid) for answer in answers)
    return b"" if request.tag == c.TM_NOTIFY else reply(request, bytes(4))


@pytest.mark.parametrize("side", SIDES)
@pytest.mark.parametrize("case", CASES, ids=lambda case: (case.sent + case.given)[0])
def test_call_sends_and_returns_what_was_recorded(case: Case, side: Side) -> None:
    with FakeDaemon(
        lambda request: given_for(case, request),
        also=(c.TM_NOTIFY,),
        enrolment=enrolment_body(case.tid),
        patient=True,
    ) as daemon:
        printed = run_call(daemon, side, case.call)
    for name in case.sent:
        check_sent(found(daemon, name), name, but=slice(*case.unset))
    assert printed == case.expected()


EXTENSION = 20  # bytes that our library adds to TM_CONN2, behind an empty name of 8


@pytest.mark.parametrize("side", SIDES)
@pytest.mark.parametrize("kind", ["enrol_conn2", "enrol_conn2_spawned"])
def test_enrolment(kind: str, side: Side) -> None:
    given = Vector(f"{kind}_rep")
    _, cookie = Vector(f"{kind}_req").fields.values()
    env = {"PVMEPID": str(cookie)} if cookie else {}
    with FakeDaemon(reply, enrolment=given.body, patient=True) as daemon:
        printed = run_call(daemon, side, "enrol", **env)
    tid, parent = list(values(given.fields))[1:3]
    assert printed == [str(tid), str(parent or c.signed(0xFFFFFFE9))]
    behind = struct.pack("!I", c.WIRE_EXT_MAGIC) if side == "ours" else b""
    check_path(daemon.messages[0], "enrol_connect_req", behind)
    pid = slice(0, 4)
    behind = len(daemon.messages[1].body) - 8
    assert behind in ((4 + 4 + EXTENSION,) if side == "ours" else (0, 8))
    check_sent(daemon.messages[1], f"{kind}_req", but=pid, more=behind)


def check_path(message: Request, name: str, behind: bytes = b"") -> None:
    """Compare a message that ends with the path of a file of the task, and what is `behind`."""
    vector = Vector(name)
    head = vector.body[:4]
    (length,) = struct.unpack_from("!i", message.body, 4)
    path = Path(os.fsdecode(message.body[8 : 7 + length]))
    assert path.name.startswith("pvmtmp")
    assert message.body[:4] == head
    assert message.body[8 + length + -length % 4 :] == behind
    assert split(message.stream)[1] == (vector.enc, vector.tag, vector.ctx, vector.wid, 0)
    assert message.flags == [f.flags for f in vector.fragments]


@pytest.mark.parametrize("side", SIDES)
def test_refused_enrolment(side: Side) -> None:
    refusal = Vector("enrol_nack")
    with FakeDaemon(
        lambda request: refusal.answering(request.wid), also=(c.TM_CONNECT,), patient=True
    ) as daemon:
        assert run_call(daemon, side, "enrol")[0] == str(c.PvmSysErr)


@pytest.mark.parametrize("side", SIDES)
def test_siblings_as_delivered(side: Side) -> None:
    told = Vector("mcast_siblings_delivered")
    spawned = Vector("enrol_conn2_spawned_rep").body
    with FakeDaemon(
        lambda request: reply(request, spawned) + told.stream,
        also=(c.TM_CONN2,),
        enrolment=spawned,
        patient=True,
    ) as daemon:
        printed = run_call(daemon, side, "siblings", PVMEPID="20683")
    assert printed == [str(value) for value in values(told.fields)]


PRINTED = [
    "[t40003] BEGIN",
    "[t40003] child got tag 11 len 6000 src 40002",
    "[t40003] EOF",
    "[t80001] BEGIN",
]


@pytest.mark.parametrize("side", SIDES)
def test_output_of_children(side: Side) -> None:
    start, new, text, remote, end = (
        Vector(f"output_{name}") for name in ("spawn", "new", "data", "new_remote", "eof")
    )
    body = c.TDFRAGHDR + c.MSGHDRLEN
    end_of_the_same = end.stream[:body] + start.body[:4] + end.stream[body + 4 :]
    stream = start.stream + new.stream + text.stream + end_of_the_same + remote.stream
    with FakeDaemon(
        lambda request: (stream if request.tag == c.TM_PSTAT else b"") + reply(request, bytes(4)),
        enrolment=enrolment_body(start.dst),
        patient=True,
    ) as daemon:
        printed = run_call(daemon, side, "collect")
    assert printed == PRINTED
    if side == "debian":  # our library has no use for a notice of its own end
        check_sent(found(daemon, "notify_catchout_self"), "notify_catchout_self")


# ---- resource manager ----------------------------------------------------------------


@pytest.mark.parametrize("side", SIDES)
def test_resource_manager_is_asked_instead_of_the_daemon(side: Side) -> None:
    manager, recorded = 0x40009, Vector("config_rep")
    body = enrolment_body()[:-4] + struct.pack("!i", manager)

    def answer(request: Request) -> bytes:
        if request.tag == c.SM_CONFIG:
            data = reply(request, recorded.body)
            return data[:4] + struct.pack("!i", manager) + data[8:]
        return reply(request, bytes(4))

    with FakeDaemon(answer, also=(c.SM_CONFIG,), enrolment=body, patient=True) as daemon:
        printed = run_call(daemon, side, "config")
    assert printed == [str(value) for value in values(recorded.fields)]
    (request,) = [m for m in daemon.messages if m.tag in (c.SM_CONFIG, c.TM_CONFIG)]
    assert (request.dst, request.tag, request.body) == (manager, c.SM_CONFIG, b"")


# ---- direct routes -------------------------------------------------------------------

UNIX_PATH = r"/.+/pvmtmp.+"
TCP = r"[0-9a-f]{8}:[0-9a-f]{4}"


class Peer:
    """The other end of a direct route, listening at `address`."""

    def __init__(self, family: socket.AddressFamily, directory: Path) -> None:
        self._listener = socket.socket(family)
        if family == socket.AF_UNIX:
            self.address = str(directory / "peer")
            self._listener.bind(self.address)
        else:
            self._listener.bind(("127.0.0.1", 0))
            self.address = f"7f000001:{self._listener.getsockname()[1]:04x}"
        self._listener.listen()
        self._listener.settimeout(PATIENCE)

    def messages(self) -> Iterator[Request]:
        """What a task that has ended sent on its connection."""
        with contextlib.closing(self._listener):
            connection, _ = self._listener.accept()
        with connection, connection.makefile("rb") as stream:
            while message := read_message(stream.read):
                yield message


def ask_for_route(
    side: Side, call: str, names: tuple[str, str], family: socket.AddressFamily
) -> tuple[list[Request], list[Request]]:
    """Let a task ask for a route; what it sent to the daemon, and on the route."""
    asking, accepting = names
    peers: list[Peer] = []

    def answer(request: Request) -> bytes:
        if request.tag != c.TC_CONREQ:
            return b"" if request.tag == c.TM_NOTIFY else reply(request, bytes(4))
        peers.append(Peer(family, daemon.tmp))
        return with_address(accepting, peers[0].address)

    with FakeDaemon(
        answer,
        also=(c.TC_CONREQ, c.TM_NOTIFY),
        enrolment=enrolment_body(Vector(asking).src),
        patient=True,
    ) as daemon:
        assert run_call(daemon, side, call) == ["0", "0"]
        return daemon.messages, list(peers[0].messages())


@pytest.mark.parametrize("side", SIDES)
def test_direct_route_on_one_host(side: Side) -> None:
    names = ("conreq_unix", "conack_unix")
    to_daemon, direct = ask_for_route(side, "direct", names, socket.AF_UNIX)
    request, notify = [m for m in to_daemon if m.tag in (c.TC_CONREQ, c.TM_NOTIFY)][:2]
    check_route_message(request, "conreq_unix", UNIX_PATH, side)
    check_sent(notify, "conreq_notify")
    first, second = direct[:2]
    check_sent(first, "direct_user")
    check_sent(second, "direct_inplace_6000")


@pytest.mark.parametrize("side", SIDES)
def test_direct_route_to_another_host(side: Side) -> None:
    names = ("conreq_tcp", "conack_tcp")
    to_daemon, direct = ask_for_route(side, "direct_elsewhere", names, socket.AF_INET)
    check_route_message(next(m for m in to_daemon if m.tag == c.TC_CONREQ), "conreq_tcp", TCP, side)
    assert [message.tag for message in direct[:2]] == [15, 18]


@pytest.mark.parametrize("side", SIDES)
def test_peer_that_exits_instead_of_answering_is_sent_to_by_the_daemon(side: Side) -> None:
    notice = Vector("taskexit")
    with FakeDaemon(
        lambda r: notice.stream if r.tag == c.TM_NOTIFY and r.dst < 0 else reply(r, bytes(4)),
        also=(c.TM_NOTIFY,),
        enrolment=enrolment_body(notice.dst),
        patient=True,
    ) as daemon:
        assert run_call(daemon, side, "direct_to_the_dying") == ["0", "0"]
    tags = [
        message.tag for message in daemon.messages if message.dst == next(values(notice.fields))
    ]
    assert tags[0] == c.TC_CONREQ
    assert 15 in tags


@pytest.mark.parametrize("side", SIDES)
@pytest.mark.parametrize(
    ("asking", "answer", "call", "form"),
    [
        ("conreq_unix", "conack_unix", "be_asked", UNIX_PATH),
        ("conreq_tcp", "conack_tcp", "be_asked", TCP),
        ("conreq_unix", "conack_deny", "refuse", ""),
    ],
    ids=["unix", "tcp", "refused"],
)
def test_answer_to_a_request_for_a_route(
    asking: str, answer: str, call: str, form: str, side: Side
) -> None:
    expected = Vector(answer)
    ends = struct.pack("!ii", expected.src, expected.dst)
    request_stream = ends + Vector(asking).stream[len(ends) :]
    with FakeDaemon(
        lambda r: (request_stream if r.tag == c.TM_PSTAT else b"") + reply(r, bytes(4)),
        enrolment=enrolment_body(expected.src),
        patient=True,
    ) as daemon:
        assert run_call(daemon, side, call) == ["0", "0"]
    check_route_message(found(daemon, answer), answer, form, side)


# ---- nothing is forgotten ------------------------------------------------------------

ELSEWHERE = {
    *("enrol_connect_req", "enrol_connect_rep", "enrol_nack", "taskexit"),
    *("enrol_conn2_req", "enrol_conn2_rep", "enrol_conn2_spawned_req", "enrol_conn2_spawned_rep"),
    *("mcast_siblings_delivered", "conreq_notify", "notify_catchout_self"),
    *("output_spawn", "output_new", "output_new_remote", "output_data", "output_eof"),
    *("conreq_unix", "conreq_tcp", "conack_unix", "conack_tcp", "conack_deny"),
    *("direct_user", "direct_inplace_6000"),
}
NO_CALL_ASKS = {"getopt_rep"}


def test_every_vector_is_used() -> None:
    used = {name for case in CASES for name in case.sent + case.given}
    assert used | ELSEWHERE | NO_CALL_ASKS == set(Vector.names())
