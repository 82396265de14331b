# SPDX-License-Identifier: MIT
"""Tasks that stop, and go on in another process: no message is lost, doubled or damaged.

Their daemon is an impostor, which moves them by the contract of csrc/wire/moves.h.
"""

from __future__ import annotations

import os
import random
import struct
import time

import pytest
from support.compiler import test_program
from support.images.restarts import require_restarter
from support.impostors.mover import PEER, Frozen, Mover, from_peer
from support.impostors.rawtask import ints, string
from support.system import PATIENCE

from pvm3py.wire import constants as c

TAG_WORK, TAG_DONE, TAG_END, TAG_LARGE, TAG_BEGUN = 1, 2, 3, 4, 5
IMAGE_VERSION = 1
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


def task(way: str, *more: object, env: dict[str, str] | None = None, moves: bool = False) -> Mover:
    """A task that is to be moved."""
    require_restarter()
    return Mover([test_program("moved", "ours"), way, *more], env, moves=moves)


def finish(checked: Checked) -> None:
    """Until all is answered and the task has ended well."""
    checked.check_answers()
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


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("point", ["connected", "written", "restarted"])
def test_task_goes_on_where_it_was_if_move_is_given_up(way: str, point: str) -> None:
    with task(way) as mover:
        checked = begun(mover)
        for _ in range(2):
            mover.order_freeze(before=checked.work() + checked.work())
            mover.await_frozen()
            mover.take_image()
            if point == "written":
                mover.swallow_image()
            elif point == "restarted":
                mover.start_restarter()
            mover.give_up_image()
            mover.thaw()
            mover.send(checked.work())
        mover.move(before=checked.work(), held=checked.work())
        finish(checked)


def test_task_goes_on_if_nobody_takes_its_image() -> None:
    with task("recv") as mover:
        checked = begun(mover)
        mover.stop_taking()
        mover.order_freeze(before=checked.work())
        with pytest.raises(Frozen) as refused:
            mover.await_frozen()
        assert (refused.value.code, refused.value.reason) == (c.PvmBusy, c.WIRE_WHY_CONNECT)
        mover.send(checked.work())
        finish(checked)


@pytest.mark.slow
@pytest.mark.parametrize("way", ["recv", "compute", "malloc", "large"])
def test_hundred_moves_lose_no_message(way: str) -> None:
    seed = random.randrange(1 << 30)
    print("seed", seed)
    with task(way) as mover:
        checked = begun(mover)
        checked.random.seed(seed)
        for _ in range(MOVES):
            count = checked.random.randrange(4)
            ahead = b"".join(checked.work() for _ in range(count))
            held = b"".join(checked.work() for _ in range(checked.random.randrange(3)))
            mover.move(before=ahead, held=held)
        finish(checked)


def test_second_move_comes_before_first_stash_is_parsed() -> None:
    with task("sleep") as mover:
        checked = begun(mover)
        for _ in range(4):
            mover.move(before=b"".join(checked.work() for _ in range(3)))
        mover.wake()
        finish(checked)


def test_signal_of_the_next_move_may_come_before_the_task_goes_on() -> None:
    with task("doze") as mover:
        checked = begun(mover)
        mover.order_freeze(signalled=False)
        mover.await_frozen()
        mover.take_image()
        mover.start_restarter()
        mover.commit(signalled=True)
        mover.send(checked.work())
        # It waits for the order, or goes on.
        end = time.monotonic() + 1
        while not mover.output.read_text() and time.monotonic() < end:
            time.sleep(0.01)
        mover.order_freeze(signalled=False)
        mover.finish()
        mover.wake()
        finish(checked)


@pytest.mark.parametrize("way", ["recv", "trecv", "probe", "nrecv", "large", "select"])
def test_task_without_signal_stops_in_its_calls(way: str) -> None:
    with task(way, env={"PVM_MOVE_SIGNAL": "0"}) as mover:
        assert mover.announced == (0, IMAGE_VERSION)
        checked = begun(mover)
        for _ in range(2):
            mover.move(before=checked.work(), held=checked.work())
        finish(checked)


def test_task_is_moved_while_it_waits_for_answer_which_another_daemon_gives() -> None:
    with task("pstat") as mover:
        begun(mover)
        for _ in range(3):
            request = mover.until(lambda m: m.tag == c.TM_PSTAT)
            mover.move()
            mover.answer(request, ints(0))


def test_timed_wait_ends_in_time_though_the_clock_is_another() -> None:
    with task("trecv") as mover:
        checked = begun(mover)
        mover.move()
        mover.send(checked.work())
        finish(checked)


# ---- what is announced, and refused ---------------------------------------------------


def test_task_announces_signal_and_image() -> None:
    with task("recv") as mover:
        assert mover.announced == (c.WIRE_MOVE_SIGNAL, IMAGE_VERSION)


def test_other_signal_can_be_set() -> None:
    with task("compute", env={"PVM_MOVE_SIGNAL": "50"}) as mover:
        assert mover.announced == (50, IMAGE_VERSION)
        checked = begun(mover)
        mover.move(before=checked.work())
        finish(checked)


def test_task_with_mist_off_announces_nothing() -> None:
    with task("recv", env={"PVM_MIST": "0"}) as mover:
        assert mover.announced == (0, c.WIRE_IMAGE_NONE)


def test_signal_of_programs_own_is_left_alone() -> None:
    with task("recv", 1, "handled") as mover:
        assert mover.announced == (0, IMAGE_VERSION)
        checked = begun(mover)
        mover.move(before=checked.work())
        finish(checked)


@pytest.mark.parametrize(
    ("what", "code", "words"),
    [
        ("unmovable", c.PvmNotMovable, "does not want"),
        ("socket", c.PvmNotMovable, "socket"),
        ("thread", c.PvmNotMovable, "threads"),
        ("child", c.PvmBusy, "children"),
        ("unwilling", c.PvmBusy, "not the time"),
    ],
)
def test_task_that_cannot_move_says_why_and_goes_on(what: str, code: int, words: str) -> None:
    with task("recv", 1, what) as mover:
        checked = begun(mover)
        for _ in range(2):
            mover.order_freeze(before=checked.work())
            with pytest.raises(Frozen) as refused:
                mover.await_frozen()
            assert refused.value.code == code
            assert words in refused.value.text
            mover.send(checked.work())
        finish(checked)


# ---- calls ------------------------------------------------------------------------------


def test_functions_of_the_program_are_called_before_and_afterwards() -> None:
    with task("recv", 1, "watchful") as mover:
        checked = begun(mover)
        mover.move(before=checked.work(), held=checked.work())
        checked.settle()
        mover.order_freeze()
        mover.await_frozen()
        mover.take_image()
        mover.give_up_image()
        mover.thaw()
        mover.send(checked.work())
        finish(checked)
        assert mover.output.read_text() == "before\nafter\n" * 2


def test_task_that_is_to_move_in_calls_only_does_not_while_it_computes() -> None:
    with task("sleep", 2) as mover:
        checked = begun(mover)
        while not mover.output.read_text():
            time.sleep(0.01)
        mover.order_freeze(before=checked.work())
        with pytest.raises(TimeoutError):
            mover.read(0.3)
        mover.wake()
        mover.finish(checked.work())
        finish(checked)


def test_daemon_is_asked_to_move_a_task_and_says_why_not() -> None:
    with task("asks", moves=True) as mover:
        request = mover.until(lambda m: m.tag == c.TM_MIGRATE)
        assert request.body == ints(PEER) + string(b"far") + ints(0)
        mover.answer(request, ints(c.PvmNotMovable, 7) + string(b"it is heavy"))
        request = mover.until(lambda m: m.tag == c.TM_CANMIGRATE)
        assert request.body == ints(PEER) + string(b"")
        mover.answer(request, ints(c.PvmBusy, 8) + string(b"it is busy") + ints(0, 4096))
        assert mover.process.wait(PATIENCE) == 0
        assert mover.output.read_text() == "-101\n-102 it is busy\n"


def test_task_is_moved_by_its_own_wish() -> None:
    with task("goes", moves=True) as mover:
        request = mover.until(lambda m: m.tag == c.TM_MIGRATE)
        mover.move()
        mover.answer(request, ints(0, 0) + string(b""))
        assert mover.process.wait(PATIENCE) == 0
        assert mover.output.read_text() == "0\n"


def test_daemon_that_moves_nothing_is_not_asked() -> None:
    with task("asks") as mover:
        assert mover.process.wait(PATIENCE) == 0
        assert mover.output.read_text() == "-24\n-24 \n"
