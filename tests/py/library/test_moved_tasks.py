# SPDX-License-Identifier: MIT
"""Tasks that stop, and go on in another process: no message is lost, doubled, out of order, damaged.

Their daemon is an impostor, which moves them by the contract of csrc/wire/moves.h.
"""

from __future__ import annotations

import os
import random
import struct

import pytest
from support.compiler import test_program
from support.images.restarts import require_restarter
from support.impostors.mover import PEER, Mover, from_peer
from support.impostors.rawtask import ints

TAG_WORK, TAG_DONE, TAG_END, TAG_LARGE, TAG_BEGUN = 1, 2, 3, 4, 5
MOVES = int(os.environ.get("PVM3PY_MOVES", "100"))
WAYS = ["recv", "trecv", "probe", "nrecv", "compute", "malloc", "handler", "large", "select"]


class Checked:
    """A task under test, and the messages that are exchanged with it."""

    def __init__(self, mover: Mover, seed: int = 1) -> None:
        self.mover = mover
        self.sent = self.done = 0
        self.random = random.Random(seed)

    def work(self, size: int | None = None) -> bytes:
        """The next numbered message."""
        if size is None:
            size = self.random.choice((0, 10, 3000, 70000, 300000))
        self.sent += 1
        payload = self.random.randbytes(size)
        body = ints(self.sent, size, sum(payload)) + payload + bytes(-size % 4)
        return from_peer(TAG_WORK, body, cut=self.random.choice((0, 4000, 65000)))

    def settle(self) -> None:
        """Until all is answered, in order."""
        while self.done < self.sent:
            answer = self.mover.until(lambda m: m.dst == PEER and m.tag == TAG_DONE)
            self.done += 1
            assert struct.unpack("!i", answer.body) == (self.done,)

    def check_answers(self) -> None:
        """All answers so far, whenever they came, are each number once, in order."""
        numbers = [
            struct.unpack("!i", m.body)[0]
            for m in self.mover.messages
            if m.dst == PEER and m.tag == TAG_DONE
        ]
        assert numbers == list(range(1, len(numbers) + 1))
        self.done = len(numbers)


def begun(mover: Mover) -> Checked:
    """The task that has begun."""
    mover.until(lambda m: m.tag == TAG_BEGUN)
    return Checked(mover)


def task(way: str, *more: object, **settings: object) -> Mover:
    require_restarter()
    return Mover([test_program("moved", "ours"), way, *more], **settings)


def finish(checked: Checked) -> None:
    """Until all is answered and the task has ended well."""
    while checked.done < checked.sent:
        checked.mover.read()
        checked.check_answers()
    checked.mover.send(from_peer(TAG_END, b""))
    mover = checked.mover
    with pytest.raises(EOFError):
        mover.until(lambda m: False)
    assert mover.process.wait(20) == 0, mover.output.read_text()
    checked.check_answers()
    assert checked.done == checked.sent


@pytest.mark.parametrize("way", WAYS)
def test_task_moves_with_messages_ahead_of_order_and_held(way: str) -> None:
    with task(way) as mover:
        checked = begun(mover)
        for _ in range(3):
            ahead = b"".join(checked.work() for _ in range(4))
            held = b"".join(checked.work() for _ in range(2))
            mover.move(before=ahead, held=held)
        finish(checked)
