# SPDX-License-Identifier: MIT
"""Any bytes as the body of a control message: a record or a WireError, nothing else."""

from __future__ import annotations

import json
import random
import struct

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support.system import VECTORS
from support.vectors.daemon_vectors import BODIES, recording
from support.vectors.mail import StoredMessage

from pvm3py.wire import checkpoints, daemon, hosts, mailbox, moves, output, system, task
from pvm3py.wire.codec import WireError
from pvm3py.wire.record import Record

MODULES = (task, mailbox, output, system, daemon, hosts, moves, checkpoints)
RECORDS = sorted(
    {
        item
        for module in MODULES
        for item in vars(module).values()
        if isinstance(item, type) and issubclass(item, Record) and item is not Record
    },
    key=lambda record: record.__name__,
)
HEADERS = 48
PIECES = (b"", b"\0", b"\xff", b"\x7f\xff\xff\xff", b"\0\0\0\1", b"\x80\0\0\0")

WORDS = st.one_of(
    st.sampled_from([0, 1, 2, 3, 4, 8, -1, 2**31 - 1, -(2**31), 1 << 28]),
    st.integers(-(2**31), 2**31 - 1),
).map(lambda word: struct.pack("!i", word))
STRINGS = st.binary(max_size=12).map(
    lambda text: struct.pack("!i", len(text) + 1) + text + bytes(4 - len(text) % 4)
)
ANY_BODY = st.lists(st.one_of(WORDS, STRINGS, st.binary(max_size=7)), max_size=20).map(b"".join)


def decode_or_refuse(record: type[Record], body: bytes) -> None:
    """Decode; what was understood must survive encoding and decoding again."""
    try:
        value = record.decode(body)
    except WireError:
        return
    again = value.encode()
    assert len(again) <= len(body) + 3, "more understood than there was"
    assert record.decode(again) == value


def test_records_are_found() -> None:
    assert {"SpawnRequest", "EnrolRequest", "MailRequest"} <= {r.__name__ for r in RECORDS}


@pytest.mark.parametrize("record", RECORDS, ids=lambda record: record.__name__)
@settings(max_examples=100)
@given(body=ANY_BODY)
def test_any_body_is_decoded_or_refused(record: type[Record], body: bytes) -> None:
    decode_or_refuse(record, body)


@settings(max_examples=300)
@given(body=ANY_BODY)
def test_any_embedded_message_is_decoded_or_refused(body: bytes) -> None:
    try:
        message = StoredMessage.decode(body)
    except WireError:
        return
    assert sum(map(len, message.fragments)) == message.head.length
    assert StoredMessage.decode(message.encode()).encode() == message.encode()


@pytest.mark.parametrize("name", BODIES)
def test_mutated_recordings_are_decoded_or_refused(name: str) -> None:
    body, rng = recording(name).body, random.Random(name)
    for _ in range(300):
        bad = bytearray(body[: rng.randrange(len(body) + 1)] if rng.random() < 0.3 else body)
        for _ in range(rng.randint(0, 3)):
            at = rng.randrange(len(bad) + 1)
            bad[at : at + rng.choice((0, 1, 4))] = rng.choice(PIECES)
        decode_or_refuse(BODIES[name], bytes(bad))


@pytest.mark.parametrize("record", RECORDS, ids=lambda record: record.__name__)
def test_recorded_bodies_cut_at_each_byte_are_decoded_or_refused(record: type[Record]) -> None:
    for path in sorted((VECTORS / "task").glob("*_re[pq].json")):
        body = bytes.fromhex(json.loads(path.read_text())["hex"])[HEADERS:]
        for size in range(len(body)):
            decode_or_refuse(record, body[:size])
