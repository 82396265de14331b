# SPDX-License-Identifier: MIT
"""The daemon against bytes, fields and headers that chance has made."""

from __future__ import annotations

import random
import struct

from hypothesis import given, settings
from hypothesis import strategies as st
from support.impostors.rawtask import fragment, ints, message, string
from support.impostors.target import Target, attacks, await_fate, request_vectors

from pvm3py.wire import constants as c

property_test = attacks(60)


@property_test
@given(data=st.binary(max_size=600))
def test_any_bytes_from_a_stranger(target: Target, data: bytes) -> None:
    with target.connect() as task:
        task.send(data)
        task.finish()


@property_test
@given(seed=st.integers(0, 2**32 - 1), vectors=st.lists(st.integers(0, 999), max_size=6))
def test_mutated_requests_of_a_task(target: Target, seed: int, vectors: list[int]) -> None:
    rng = random.Random(seed)
    requests = [v for tag, v in sorted(request_vectors().items()) if tag != c.TM_HALT]
    with target.task() as task:
        for number in vectors:
            data = bytearray(requests[number % len(requests)])
            for _ in range(rng.randint(1, 4)):
                mutate(data, rng)
            if not is_dangerous(data):
                task.send(bytes(data))
        task.finish()


def mutate(data: bytearray, rng: random.Random) -> None:
    """Change something somewhere, mostly in the body."""
    at = rng.randrange(len(data)) if data else 0
    kind = rng.randrange(5)
    if kind == 0 and data:
        data[at] ^= 1 << rng.randrange(8)
    elif kind == 1:
        data[at : at + rng.randrange(8)] = b""
    elif kind == 2:
        data[at:at] = rng.randbytes(rng.randrange(8))
    elif kind == 3:
        word = rng.choice((0, -1, 1, 2**31 - 1, -(2**31), 4096, rng.getrandbits(31)))
        data[at // 4 * 4 : at // 4 * 4 + 4] = ints(word)
    else:
        data[at:] = data[at : at + 8]


def is_dangerous(data: bytes) -> bool:
    """Whether it could end the machine, signal a process or reach another host."""
    words = struct.unpack(f"!{len(data) // 4}i", data[: len(data) // 4 * 4])
    return not {c.TM_HALT, c.TM_SENDSIG, c.TM_ADDHOST}.isdisjoint(words)


FIELD = st.one_of(
    st.integers(-(2**31), 2**31 - 1).map(ints),
    st.sampled_from([0, 1, 2, -1, 0x40000, 0x40001, c.TIDPVMD, 2**31 - 1]).map(ints),
    st.sampled_from([b"", b"nosuch", b"*", b"a" * 300, b"\xff\xfe", b"../x", b":/"]).map(string),
    st.binary(max_size=9),
)


TAG = st.sampled_from(sorted(set(range(c.TM_EXIT, c.TM_LAST + 1)) - {c.TM_HALT, c.TM_SENDSIG}))


@settings(property_test, max_examples=200)
@given(tag=TAG, fields=st.lists(FIELD, max_size=12))
def test_any_fields_in_a_request_are_answered_or_closed(
    target: Target, tag: int, fields: list[bytes]
) -> None:
    body = b"".join(fields)
    waits = tag == c.TM_DB  # a get with WaitForInfo rightly has no answer
    with target.task() as task:
        task.send(message(tag, body, src=task.tid, wid=77))
        await_fate(task, c.TM_MCA if waits else tag, 77)


@property_test
@given(
    tag=st.integers(-(2**31), 2**31 - 1).filter(lambda t: t not in (c.TM_HALT, c.TM_SENDSIG)),
    dst=st.integers(-(2**31), 2**31 - 1),
    flags=st.integers(0, 255),
    data=st.binary(max_size=200),
)
def test_any_header_from_a_task(
    target: Target, tag: int, dst: int, flags: int, data: bytes
) -> None:
    with target.task() as task:
        start = struct.pack("!iii4xii8x", c.WIRE_ENC_XDR, tag, 0, 1, 0)
        task.send(fragment(dst, task.tid, start + data, flags))
        task.finish()
