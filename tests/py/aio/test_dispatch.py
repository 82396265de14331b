# SPDX-License-Identifier: MIT
"""Which receive gets which message: the dispatcher without messages or a loop."""

from __future__ import annotations

import random
from typing import Any

import pytest

from pvm3py.aio.dispatch import ANY, Dispatcher, Letter, Wish


class Answer:
    """A future, as far as a dispatcher needs one."""

    def __init__(self) -> None:
        self.result: Any = None
        self.cancelled = False

    def done(self) -> bool:
        return self.cancelled or self.result is not None

    def set_result(self, result: Any, /) -> None:
        assert not self.done()
        self.result = result


def ask(
    dispatcher: Dispatcher[str], source: int = ANY, tag: int = ANY, context: int = 0, **options: Any
) -> tuple[Wish, Answer]:
    answer = Answer()
    wish = Wish(source, tag, context, answer, **options)
    dispatcher.ask(wish)
    return wish, answer


def content(answer: Answer) -> str | None:
    return answer.result.content if answer.result else None


def test_a_message_goes_to_the_receive_that_has_waited_longest() -> None:
    post: Dispatcher[str] = Dispatcher()
    (_, first), (_, second) = ask(post), ask(post)
    post.arrive(1, 1, 0, "a")
    assert (content(first), content(second)) == ("a", None)
    post.arrive(1, 1, 0, "b")
    assert content(second) == "b"
    assert not post.waiting


@pytest.mark.parametrize(
    ("wanted", "fits"),
    [((5, ANY, 0), True), ((ANY, 7, 0), True), ((5, 7, 0), True), ((ANY, ANY, 0), True),
     ((6, 7, 0), False), ((5, 8, 0), False), ((5, 7, 1), False)],
)  # fmt: skip
def test_source_tag_and_context_choose(wanted: tuple[int, int, int], fits: bool) -> None:
    early: Dispatcher[str] = Dispatcher()
    _, answer = ask(early, *wanted)
    early.arrive(5, 7, 0, "x")
    assert answer.done() == fits
    late: Dispatcher[str] = Dispatcher()
    late.arrive(5, 7, 0, "x")
    _, answer = ask(late, *wanted)
    assert answer.done() == fits


def test_an_earlier_receive_of_any_goes_before_a_later_one_of_this() -> None:
    post: Dispatcher[str] = Dispatcher()
    (_, everything), (_, five) = ask(post), ask(post, 5)
    post.arrive(5, 0, 0, "a")
    assert (content(everything), content(five)) == ("a", None)


def test_kept_messages_come_in_their_order() -> None:
    post: Dispatcher[str] = Dispatcher()
    for number, text in enumerate("abc"):
        post.arrive(1, number % 2, 0, text)
    assert content(ask(post, tag=1)[1]) == "b"
    assert [content(ask(post)[1]) for _ in range(2)] == ["a", "c"]
    assert post.kept == 0


def test_a_withdrawn_receive_takes_nothing() -> None:
    post: Dispatcher[str] = Dispatcher()
    wish, answer = ask(post)
    post.withdraw(wish)
    post.arrive(1, 1, 0, "a")
    assert not answer.done()
    assert content(ask(post)[1]) == "a"


def test_a_cancelled_receive_that_was_not_withdrawn_takes_nothing() -> None:
    post: Dispatcher[str] = Dispatcher()
    (_, gone), (_, other) = ask(post), ask(post)
    gone.cancelled = True
    post.arrive(1, 1, 0, "a")
    assert content(other) == "a"


def test_what_is_given_back_comes_before_later_messages() -> None:
    post: Dispatcher[str] = Dispatcher()
    answers = [ask(post)[1] for _ in range(2)]
    for text in "abc":
        post.arrive(1, 1, 0, text)
    for answer in reversed(answers):
        post.give_back(answer.result)
    assert [content(ask(post)[1]) for _ in range(3)] == ["a", "b", "c"]


def test_what_is_given_back_goes_to_who_waits() -> None:
    post: Dispatcher[str] = Dispatcher()
    (_, first), (_, second) = ask(post), ask(post)
    post.arrive(1, 1, 0, "a")
    post.give_back(first.result)
    assert content(second) == "a"


def test_a_look_leaves_the_message() -> None:
    post: Dispatcher[str] = Dispatcher()
    (_, look), (_, receive) = ask(post, leave=True), ask(post)
    post.arrive(1, 1, 0, "a")
    assert (content(look), content(receive)) == ("a", "a")
    post.arrive(1, 1, 0, "b")
    assert [content(ask(post, leave=True)[1]) for _ in range(2)] == ["b", "b"]
    assert content(ask(post)[1]) == "b"


def test_contexts_are_those_that_receives_wait_in() -> None:
    post: Dispatcher[str] = Dispatcher()
    for context in (3, 1, 3):
        ask(post, context=context)
    assert post.contexts == [3, 1]
    assert post.waits_in(1)
    assert not post.waits_in(2)


@pytest.mark.parametrize("seed", range(30))
def test_every_message_is_delivered_once_and_in_order_of_each_pair(seed: int) -> None:
    """Receives begin, are cancelled before or after they were answered; nothing is lost."""
    chance = random.Random(seed)
    post: Dispatcher[str] = Dispatcher()
    open_wishes: list[tuple[Wish, Answer]] = []
    got: list[Letter[str]] = []
    sent = 0
    for _ in range(2000):
        step = chance.random()
        if step < 0.4:
            post.arrive(chance.randrange(3), chance.randrange(3), 0, str(sent))
            sent += 1
        elif step < 0.7:
            wanted = chance.choice([ANY, 0, 1, 2]), chance.choice([ANY, 0, 1, 2])
            open_wishes.append(ask(post, *wanted))
        elif open_wishes:
            wish, answer = open_wishes.pop(chance.randrange(len(open_wishes)))
            if answer.result is None:
                post.withdraw(wish)
            elif chance.random() < 0.5:
                post.give_back(answer.result)
            else:
                got.append(answer.result)
    for wish, answer in open_wishes:
        post.withdraw(wish)
        if answer.result is not None:
            got.append(answer.result)
    while post.kept:
        got.append(ask(post)[1].result)
    assert sorted(letter.number for letter in got) == list(range(sent))
