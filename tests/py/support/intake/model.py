# SPDX-License-Identifier: MIT
"""Random programs that rely only on what is sure, and what they must answer.

The model is the rules N1, N2, Q1, S1, L1 and H1 to H3 of what a call takes in, for one connection
and messages of one fragment. A program is made step by step beside it, so that no call blocks.
"""

from __future__ import annotations

import random
from collections import deque
from dataclasses import dataclass, field
from typing import NamedTuple

from support.intake.bed import Bed, Told, Way

DATA_TAGS, HANDLED_TAGS = (1, 2, 3), (50, 51)
CONTEXTS = (0, 5)
STEPS = 60
ANY = -1
# Those that send. Several are one connection only if the daemon's socket says what came first.
CHILDREN = {Way.DAEMON: 2, Way.ROUTE: 1, Way.MEMORY: 1}


class Message(NamedTuple):
    """A message: the sender's number among the children, and the int in it."""

    tag: int
    context: int
    child: int
    number: int


class Step(NamedTuple):
    """What a program does, and what it is to tell: events and answer.

    sends  messages that a child is to send first, in one go
    words  the call; "{childN}" and "{own}" stand for tids
    """

    sends: tuple[Message, ...]
    words: tuple[object, ...]
    told: tuple[object, ...]


@dataclass
class Model:
    """A task: what waits, what is listed, which handlers it has and whether they send."""

    waiting: deque[Message] = field(default_factory=deque)
    listed: list[Message] = field(default_factory=list)
    handlers: dict[int, bool] = field(default_factory=dict)
    context: int = 0
    events: list[str] = field(default_factory=list)

    def take(self) -> None:
        """Take in one message; what its handler sends takes in another."""
        if not self.waiting:
            return
        message = self.waiting.popleft()
        if message.context or message.tag not in self.handlers:
            self.listed.append(message)
            return
        self.events.append(f"handler {message.tag}")
        if self.handlers[message.tag]:
            self.events.append("in empty 0")
            self.take()

    def take_all(self) -> None:
        """Take in everything."""
        while self.waiting:
            self.take()

    def find(self, child: int, tag: int) -> Message | None:
        """The oldest listed message that matches."""
        for m in self.listed:
            if m.context == self.context and child in (ANY, m.child) and tag in (ANY, m.tag):
                return m
        return None

    def search(self, child: int, tag: int, looks: int) -> Message | None:
        """The same, taking in up to so many as long as there is none."""
        while not (found := self.find(child, tag)) and looks and self.waiting:
            self.take()
            looks -= 1
        return found

    def receive(self, child: int, tag: int, looks: int) -> tuple[object, ...]:
        """A receive; what it answers."""
        found = self.search(child, tag, looks)
        if found:
            self.listed.remove(found)
        return _answer(found, received=True)

    def probe(self, child: int, tag: int) -> tuple[object, ...]:
        """A probe; what it answers."""
        return _answer(self.search(child, tag, 1), received=False)

    def would_find(self, child: int, tag: int) -> bool:
        """Whether a receive that goes on finds a message."""
        other = Model(deque(self.waiting), list(self.listed), dict(self.handlers), self.context)
        return other.search(child, tag, len(self.waiting)) is not None


def _answer(found: Message | None, *, received: bool) -> tuple[object, ...]:
    if not found:
        return (0,)
    return (found.tag, f"child{found.child}", *([found.number] if received else []))


class Generator:
    """Makes the program of a seed; on a route without calls whose answers are open there.

    selects_from  number of the first step that may ask for descriptors
    """

    def __init__(self, seed: int, way: Way, selects_from: int = 0) -> None:
        self._selects_from = selects_from
        self._random = random.Random(f"{way.name} {seed}")
        self._model = Model()
        self._children = CHILDREN[way]
        self._answers = way is not Way.ROUTE
        self._number = 0
        self._moves = [self._receive, self._handler, self._context, self._local]
        if way is not Way.ROUTE:
            self._moves += [self._poll, self._poll, self._trecv, self._send, self._readable]
            self._moves += [self._request]

    def steps(self) -> list[Step]:
        """The whole program; at its end everything that waits is taken in."""
        return [self._step(number) for number in range(STEPS)]

    def _step(self, number: int) -> Step:
        sends = self._sends() if self._random.random() < 0.3 else ()
        self._model.waiting += sends
        move = self._random.choice(self._moves)
        if number < self._selects_from and move == self._readable:
            move = self._local
        self._model.events.clear()
        words, answer = move()
        return Step(sends, words, (*self._model.events, *answer))

    def _sends(self) -> tuple[Message, ...]:
        child = self._random.randrange(self._children)
        return tuple(self._message(child) for _ in range(self._random.randint(1, 6)))

    def _message(self, child: int) -> Message:
        self._number += 1
        context = self._random.choice((0, 0, 0, 5))
        tag = self._random.choice(DATA_TAGS + HANDLED_TAGS)
        return Message(tag, context, child, self._number)

    def _wanted(self) -> tuple[int, int, str]:
        """Whom and what a receive names, and its words."""
        child = self._random.choice((ANY, ANY, *range(self._children)))
        tag = self._random.choice((ANY, *DATA_TAGS, *HANDLED_TAGS))
        return child, tag, str(ANY) if child == ANY else f"{{child{child}}}"

    def _receive(self) -> tuple[tuple[object, ...], tuple[object, ...]]:
        child, tag, source = self._wanted()
        if not self._model.would_find(child, tag):
            return ("trecv", source, tag, -1, 0), self._model.receive(child, tag, 0)
        return ("recv", source, tag), self._model.receive(child, tag, len(self._model.waiting))

    def _poll(self) -> tuple[tuple[object, ...], tuple[object, ...]]:
        child, tag, source = self._wanted()
        if self._random.random() < 0.3:
            return ("probe", source, tag), self._model.probe(child, tag)
        return ("nrecv", source, tag), self._model.receive(child, tag, 1)

    def _trecv(self) -> tuple[tuple[object, ...], tuple[object, ...]]:
        child, tag, source = self._wanted()
        looks = len(self._model.waiting)
        return ("trecv", source, tag, 0, 0), self._model.receive(child, tag, looks)

    def _send(self) -> tuple[tuple[object, ...], tuple[object, ...]]:
        self._model.take()
        return ("empty", "{child0}", 200), (0,)

    def _request(self) -> tuple[tuple[object, ...], tuple[object, ...]]:
        self._model.take_all()
        return ("pstat", "{own}"), (0,)

    def _readable(self) -> tuple[tuple[object, ...], tuple[object, ...]]:
        return ("readable",), (int(bool(self._model.waiting)),)

    def _local(self) -> tuple[tuple[object, ...], tuple[object, ...]]:
        return ("getopt", 1), (2,)

    def _context(self) -> tuple[tuple[object, ...], tuple[object, ...]]:
        before, self._model.context = self._model.context, self._random.choice(CONTEXTS)
        return ("setcontext", self._model.context), (before,)

    def _handler(self) -> tuple[tuple[object, ...], tuple[object, ...]]:
        tag = self._random.choice(HANDLED_TAGS)
        if tag in self._model.handlers:
            del self._model.handlers[tag]
            return ("nohandler", tag), (0,)
        sends = self._answers and self._random.random() < 0.5
        self._model.handlers[tag] = sends
        return ("handler", tag, *(("empty", "{child0}", 200) if sends else ())), (0,)


def play(bed: Bed, way: Way, steps: list[Step]) -> list[tuple[object, ...]]:
    """Let a task run a program; what it told after each step."""
    tids = {f"child{number}": child.tid for number, child in enumerate(bed.children)}
    names = {str(tid): name for name, tid in tids.items()}
    told = []
    for step in steps:
        if step.sends:
            bed.deliver(way, _commands(step.sends), step.sends[0].child)
        words = [str(word).format(own=bed.task.tid, **tids) for word in step.words]
        told.append(_told(bed.task.call(*words), names))
    return told


def _commands(sends: tuple[Message, ...]) -> list[tuple[object, ...]]:
    """A child's commands for messages of several contexts."""
    commands: list[tuple[object, ...]] = []
    for message in sends:
        commands += [("setcontext", message.context), ("send", message.tag, message.number)]
    return commands


def _told(told: Told, names: dict[str, str]) -> tuple[object, ...]:
    answer = [names.get(word) or int(word) for word in told.words]
    return (*told.events, *answer)
