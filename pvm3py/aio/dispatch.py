# SPDX-License-Identifier: MIT
"""Which receive gets which message. No I/O: messages and receives are told to it.

A message goes to the receive that matches it and has waited longest; one that nobody waits for is
kept. A receive gets the oldest kept message that it matches. What a cancelled receive was given
comes back to its place among the kept ones.
"""

from __future__ import annotations

import itertools
from bisect import insort
from dataclasses import dataclass, field
from typing import Any, Generic, Protocol, TypeVar

ANY = -1

_T = TypeVar("_T")


class Answer(Protocol):
    """What a receive waits for: a future, of asyncio for instance."""

    def done(self) -> bool:
        """Whether it has a result, or was cancelled."""

    def set_result(self, result: Any, /) -> None:
        """Give it its result."""


@dataclass(order=True)
class Letter(Generic[_T]):
    """A message that has come.

    number   counts them in the order in which they came
    content  the message itself
    """

    number: int
    source: int = field(compare=False)
    tag: int = field(compare=False)
    context: int = field(compare=False)
    content: _T = field(compare=False)


@dataclass(eq=False)
class Wish:
    """A receive.

    source, tag  ANY: of any
    answer       its result will be the letter
    leave        only look: the letter stays for others
    """

    source: int
    tag: int
    context: int
    answer: Answer
    leave: bool = False

    def matches(self, letter: Letter[Any]) -> bool:
        """Whether it would get this letter."""
        return (
            self.context == letter.context
            and self.source in (ANY, letter.source)
            and self.tag in (ANY, letter.tag)
        )


class Dispatcher(Generic[_T]):
    """Receives that wait, and messages that nobody has wanted yet."""

    def __init__(self) -> None:
        self._numbers = itertools.count()
        self._waiting: dict[Wish, None] = {}
        self._kept: list[Letter[_T]] = []

    @property
    def waiting(self) -> bool:
        """Whether any receive waits."""
        return bool(self._waiting)

    @property
    def contexts(self) -> list[int]:
        """The contexts that receives wait in."""
        return list(dict.fromkeys(wish.context for wish in self._waiting))

    def waits_in(self, context: int) -> bool:
        """Whether a receive waits in this context."""
        return any(wish.context == context for wish in self._waiting)

    def concerned(self, context: int) -> bool:
        """Whether a receive waits in this context, or a message of it is kept."""
        if not self._waiting and not self._kept:
            return False
        return self.waits_in(context) or any(one.context == context for one in self._kept)

    @property
    def kept(self) -> int:
        """How many messages nobody has wanted yet."""
        return len(self._kept)

    # ---- receives -----------------------------------------------------------------

    def ask(self, wish: Wish) -> None:
        """A receive begins: it gets a kept message at once, or waits."""
        for place, letter in enumerate(self._kept):
            if wish.matches(letter):
                if not wish.leave:
                    del self._kept[place]
                wish.answer.set_result(letter)
                return
        self._waiting[wish] = None

    def withdraw(self, wish: Wish) -> None:
        """A receive does not wait any more."""
        self._waiting.pop(wish, None)

    def fail(self) -> list[Wish]:
        """No message will come: forget all receives; those that wait."""
        waiting = [wish for wish in self._waiting if not wish.answer.done()]
        self._waiting.clear()
        return waiting

    # ---- messages -------------------------------------------------------------------

    def arrive(self, source: int, tag: int, context: int, content: _T) -> None:
        """A message has come."""
        letter = Letter(next(self._numbers), source, tag, context, content)
        if not self._give(letter):
            self._kept.append(letter)

    def give_back(self, letter: Letter[_T]) -> None:
        """A receive does not want what it was given."""
        if not self._give(letter):
            insort(self._kept, letter)

    def _give(self, letter: Letter[_T]) -> bool:
        """Give a letter to who waits for it. False: nobody has taken it."""
        for wish in [wish for wish in self._waiting if wish.matches(letter)]:
            del self._waiting[wish]
            if wish.answer.done():
                continue  # it was cancelled, and has not been withdrawn yet
            wish.answer.set_result(letter)
            if not wish.leave:
                return True
        return False
