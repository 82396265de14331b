# SPDX-License-Identifier: MIT
"""Who gets which item: the schedule without any worker."""

from __future__ import annotations

import random
from concurrent.futures import Future
from typing import Any

import pytest

from pvm3py.futures.schedule import DEEP, HEAVY, Item, Schedule


def item(size: int = 10) -> Item:
    future: Future[Any] = Future()
    return Item(future, len, [bytes(size)])


def schedule(workers: int = 2, *, prefetch: int = 2, seconds: float | None = None) -> Schedule:
    made = Schedule(prefetch)
    for tid in range(1, workers + 1):
        made.join(tid)
    made.mean = seconds
    return made


def give(made: Schedule, count: int, size: int = 10) -> dict[int, int]:
    """Queue so many items at once; how many each worker got."""
    made.queue.extend(item(size) for _ in range(count))
    return handed(made)


def handed(made: Schedule) -> dict[int, int]:
    got: dict[int, int] = {}
    for hand, items in made.assign():
        got[hand.tid] = got.get(hand.tid, 0) + len(items)
    return got


def test_of_unknown_items_each_worker_has_one() -> None:
    made = schedule(3)
    assert give(made, 10) == {1: 1, 2: 1, 3: 1}
    assert not made.has_room


def test_of_long_items_each_worker_has_one() -> None:
    assert give(schedule(2, seconds=0.5), 10) == {1: 1, 2: 1}


def test_of_short_items_workers_have_some_at_hand() -> None:
    assert give(schedule(2, seconds=0.006), 10) == {1: 2, 2: 2}


def test_of_very_short_items_workers_have_many() -> None:
    assert give(schedule(2, seconds=1e-6), 1000) == {1: DEEP, 2: DEEP}


def test_a_prefetch_of_one_is_one() -> None:
    assert give(schedule(2, prefetch=1, seconds=1e-6), 10) == {1: 1, 2: 1}


def test_few_items_are_shared_evenly() -> None:
    assert give(schedule(4, seconds=1e-6), 8) == {1: 2, 2: 2, 3: 2, 4: 2}


def test_very_short_items_wait_for_others_and_are_sent_together() -> None:
    made = schedule(2, seconds=1e-6)
    give(made, 2)
    assert not made.has_room
    made.queue.extend(item() for _ in range(20))
    made.done(1, 1e-6)
    assert made.has_room  # nothing is left there
    assert handed(made) == {1: 10, 2: 10}


def test_items_that_are_not_very_short_are_sent_at_once() -> None:
    made = schedule(1, seconds=0.001)
    assert give(made, 2) == {1: 2}
    assert made.has_room
    assert give(made, 1) == {1: 1}


def test_an_idle_worker_goes_before_one_that_has_items() -> None:
    made = schedule(2, seconds=0.001)
    assert give(made, 1) == {1: 1}
    assert give(made, 1) == {2: 1}
    made.done(2, 0.001)
    assert give(made, 1) == {2: 1}


def test_of_heavy_items_a_worker_has_one_more_at_most() -> None:
    made = schedule(1, seconds=1e-6)
    assert give(made, 10, HEAVY) == {1: 1}
    made.done(1, 1e-6)
    assert handed(made) == {1: 1}


def test_items_of_a_worker_that_left_come_first_but_the_running_one() -> None:
    made = schedule(1, seconds=1e-6)
    items = [item() for _ in range(DEEP + 2)]
    made.queue.extend(items)
    handed(made)
    assert made.leave(1) is items[0]
    assert list(made.queue) == items[1:]


def test_cancelled_items_are_dropped() -> None:
    made = schedule(1, seconds=1e-6)
    items = [item() for _ in range(3)]
    items[1].future.cancel()
    made.queue.extend(items)
    handed(made)
    assert list(made.hands[1].items) == [items[0], items[2]]


def test_a_result_of_nobody_is_none() -> None:
    made = schedule(1)
    assert made.done(1, 0.1) is None
    assert made.done(99, 0.1) is None


def test_prefetch_is_at_least_one() -> None:
    with pytest.raises(ValueError, match="prefetch"):
        Schedule(0)


@pytest.mark.parametrize("seed", range(50))
def test_every_item_is_done_once_whatever_happens(seed: int) -> None:
    chance = random.Random(seed)
    made = schedule(0, prefetch=chance.choice([1, 2, 8]))
    everything = [item(chance.choice([1, 100, HEAVY])) for _ in range(300)]
    todo, done, tids = list(everything), set(), iter(range(1, 10**6))
    while todo or made.busy:
        step = chance.random()
        if todo and step < 0.4:
            made.queue.append(todo.pop())
        elif step < 0.5 and len(made.hands) < 4:
            made.join(next(tids))
        elif made.hands and step < 0.53:
            running = made.leave(chance.choice(list(made.hands)))
            if running is not None:
                made.again(running)
        elif made.hands:
            finished = made.done(chance.choice(list(made.hands)), chance.choice([1e-6, 0.001, 1.0]))
            if finished is not None:
                assert finished not in done
                done.add(finished)
        handed(made)
        assert not made.queue or all(hand.items for hand in made.hands.values())
    assert len(done) == len(everything)
