# SPDX-License-Identifier: MIT
"""The C library against a daemon that lies: every call returns, nothing crashes.

The task is compiled with AddressSanitizer and UBSan, which end it on any bad access.
"""

from __future__ import annotations

import os
import random
import struct
import subprocess

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support.compiler import test_program
from support.impostors.fakedaemon import (
    ENROLMENT,
    TID,
    Answer,
    FakeDaemon,
    Last,
    Request,
    enrolment_body,
    reply,
)
from support.impostors.rawtask import fragment, ints, message, string
from support.system import PATIENCE

from pvm3py.wire import constants as c

HEADERS = c.TDFRAGHDR + c.MSGHDRLEN
# Longest a task may take that only has to see its connection closed.
SANITIZER_OPTIONS = {
    "ASAN_OPTIONS": "detect_leaks=0:allocator_may_return_null=1:max_allocation_size_mb=1024",
    "UBSAN_OPTIONS": "print_stacktrace=1",
}


def survive(answer: Answer, *, lie_at_enrolment: bool = False) -> str:
    """Run the task against that daemon to its end; its output."""
    program = test_program("survivor", "ours", sanitized=True)
    with FakeDaemon(answer, also=ENROLMENT if lie_at_enrolment else ()) as daemon:
        env = {"PATH": os.environ["PATH"]} | SANITIZER_OPTIONS | daemon.env()
        done = subprocess.run(
            [program],
            env=env,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=PATIENCE,
            check=False,
        )
    assert done.returncode == 0, f"status {done.returncode}\n{done.stdout}\n{done.stderr}"
    return done.stdout


def test_honest_answers_are_taken() -> None:
    output = survive(reply)
    assert f"me = pvm_mytid() = {TID}" in output
    assert "pvm_pstat(me) = 0" in output or "pvm_pstat(me) = -31" in output


@pytest.mark.parametrize("size", [*range(0, 40, 3), 44, 52, 60, 68, 75, 87])
def test_reply_body_cut_short(size: int) -> None:
    survive(lambda request: reply(request, full_body(request)[:size]))


def full_body(request: Request) -> bytes:
    """The recorded body."""
    return reply(request)[HEADERS:]


@pytest.mark.parametrize("word", [0, -1, 1, 2**31 - 1, -(2**31), 1 << 28, 100_000])
@pytest.mark.parametrize("position", range(8))
def test_reply_with_an_impossible_number(word: int, position: int) -> None:
    def answer(request: Request) -> bytes:
        body = full_body(request)
        return reply(request, body[: position * 4] + ints(word) + body[position * 4 + 4 :])

    survive(answer)


@pytest.mark.parametrize("size", [0, 3, 4, 8, 11, 12, 30, 39])
@pytest.mark.parametrize("tag", [c.TM_CONNECT, c.TM_CONN2], ids=["CONNECT", "CONN2"])
def test_enrolment_reply_cut_short_is_an_error(tag: int, size: int) -> None:
    bodies = {
        c.TM_CONNECT: ints(c.TDPROTOCOL, 1) + string(b"/tmp/nowhere/auth"),
        c.TM_CONN2: enrolment_body(),
    }

    def answer(request: Request) -> bytes:
        body = bodies[request.tag]
        return reply(request, body[:size] if request.tag == tag else body)

    assert "me = pvm_mytid() = -" in survive(answer, lie_at_enrolment=True)


@pytest.mark.parametrize(
    "body",
    [
        ints(c.TDPROTOCOL, 0) + string(b""),
        ints(c.TDPROTOCOL + 1, 1) + string(b"/tmp/x"),
        ints(c.TDPROTOCOL, 1) + string(b"x" * 5000),
        ints(c.TDPROTOCOL, 1) + string(b"/dev/null"),
        ints(c.TDPROTOCOL, 1, -5),
    ],
    ids=["refused", "other version", "long path", "device", "negative length"],
)
def test_odd_enrolment_is_an_error(body: bytes) -> None:
    output = survive(
        lambda request: reply(request, body if request.tag == c.TM_CONNECT else None),
        lie_at_enrolment=True,
    )
    assert "me = pvm_mytid() = -" in output or body.endswith(string(b"/dev/null"))


@pytest.mark.parametrize("length", [0x7FFFFFFF, 0xFFFFFFFF, 0x80000000, 1 << 30, 0, 5, 31])
def test_lying_length_then_close(length: int) -> None:
    header = struct.pack("!iiIB3x", TID, c.TIDPVMD, length, 3)
    assert "pvm_exit() = " in survive(lambda request: Last(header + bytes(100)))


@pytest.mark.parametrize("size", range(0, 60, 7))
def test_half_a_reply_then_close(size: int) -> None:
    assert "pvm_exit() = " in survive(lambda request: Last(reply(request)[:size]))


def test_reply_with_another_tag_then_close() -> None:
    survive(lambda request: Last(reply(request, tag=request.tag + 1)))


def test_close_at_every_request() -> None:
    for number in range(0, 30, 2):
        left = [number]

        def answer(request: Request, left: list[int] = left) -> bytes:
            left[0] -= 1
            return reply(request) if left[0] >= 0 else Last()

        assert "pvm_exit() = " in survive(answer)


# ---- what comes unasked before a good reply ---------------------------------------

TC_TAGS = range(c.TC_FIRST, c.TC_LAST + 2)


def unasked(data: bytes) -> str:
    """Send these bytes before each good reply."""
    return survive(lambda request: data + reply(request))


@pytest.mark.parametrize("size", [0, 1, 4, 6, 8, 12, 16, 40])
def test_control_messages_between_tasks_with_odd_bodies(size: int) -> None:
    for fill in (b"\0", b"\xff", b"\0\0\0\x01"):
        body = (fill * 40)[:size]
        unasked(
            b"".join(message(tag, body, dst=TID, src=0x40002, ctx=c.SYSCTX_TC) for tag in TC_TAGS)
        )


@pytest.mark.parametrize(
    "data",
    [
        fragment(TID, 0x40002, b"", 0),
        fragment(TID, 0x40002, b"orphan", c.FFEOM),
        fragment(TID, 0x40002, bytes(12), c.FFSOM | c.FFEOM),
        fragment(TID, 0x40002, bytes(32), c.FFSOM) * 3,
        fragment(TID, 0x40002, bytes(32), c.FFSOM) + fragment(TID, c.TIDPVMD, bytes(32), c.FFSOM),
        fragment(TID | c.TIDGID, 0x40002, bytes(40), 0xFF),
        fragment(0, -1, bytes(40), 3),
        fragment(TID, TID, bytes(40), 3),
    ],
    ids=[
        "empty orphan",
        "orphan",
        "short",
        "many starts",
        "two starts",
        "multicast",
        "nobody",
        "own",
    ],
)
def test_odd_fragments_before_a_good_reply(data: bytes) -> None:
    assert f"me = pvm_mytid() = {TID}" in unasked(data)


@settings(max_examples=30)
@given(seed=st.integers(0, 2**32 - 1))
def test_mutated_replies(seed: int) -> None:
    rng = random.Random(seed)

    def answer(request: Request) -> bytes:
        data = bytearray(reply(request))
        if rng.random() < 0.5 or len(data) == HEADERS:
            return bytes(data)
        for _ in range(rng.randint(1, 3)):
            at = rng.randrange(HEADERS, len(data))
            data[at] = rng.choice((0, 255, 127, 128, rng.randrange(256)))
        if rng.random() < 0.1:
            return Last(data)
        return bytes(data)

    survive(answer)


@settings(max_examples=40)
@given(
    messages=st.lists(
        st.tuples(
            st.sampled_from([c.WIRE_ENC_XDR, 0x408C41, c.WIRE_ENC_TRACE, 0, -1]),
            st.integers(-(2**31), 2**31 - 1),
            st.binary(max_size=120),
        ),
        max_size=6,
    )
)
def test_any_messages_before_a_good_reply(messages: list[tuple[int, int, bytes]]) -> None:
    data = b""
    for encoding, tag, body in messages:
        header = struct.pack("!iii4xii8x", encoding, tag, 0, 0, 0)
        data += fragment(TID, 0x40002, header + body, 3)
    unasked(data)
