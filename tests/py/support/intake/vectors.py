# SPDX-License-Identifier: MIT
"""The recorded sequences of tests/vectors/intake: their programs, and how an answer is judged."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from support.intake.bed import Bed, Told, Way
from support.system import VECTORS, Side

# How often a call is repeated on a route until its messages have been read in parts (rule D1).
REPEATS = 40
POLLS = ("nrecv", "probe")


@dataclass(frozen=True)
class Setup:
    """A program: what happens before its first call, and before others.

    sends     the child's messages: tags; ("packed", tag, number, bytes) and other commands
    before    calls of the task before they are sent
    after     the same when all of them wait
    between   what happens before the call of this number: calls of the task, "drain", or
              "deliver TAG..."
    """

    sends: tuple[object, ...] = ()
    before: tuple[str, ...] = ()
    after: tuple[str, ...] = ()
    between: Mapping[int, tuple[str, ...]] = field(default_factory=dict)


HANDLER = ("handler 50",)
ONE_TO_TEN = tuple(range(1, 11))

SETUPS: dict[str, Setup] = {
    "contexts": Setup((("setcontext", 5), 1, ("setcontext", 0), 1, 1)),
    "exit": Setup((50, 1, 50), HANDLER),
    "fragments": Setup(tuple(("packed", tag, 0, 10000) for tag in (1, 2, 3))),
    "group": Setup(ONE_TO_TEN, ("join gg",)),
    "handler_asks": Setup(
        (50,), ("handler 50 pstat {own} then trecv -1 77 0 50000 then recv -1 77",)
    ),
    "handler_in_turn": Setup((1, 2, 50, 3), HANDLER),
    "handler_late": Setup((1, 50, 2), between={1: HANDLER}),
    "handler_nrecv": Setup((50, 1, 50, 2), HANDLER),
    "handler_order": Setup((50,), ("handler 50 empty {own} 250",)),
    "handler_receives": Setup((2, 50, 1), ("handler 50 nrecv -1 2",)),
    "handler_removed": Setup((1, 50, 2), HANDLER, between={1: ("nohandler 50",)}),
    "handler_send": Setup((50, 50, 50, 1), HANDLER),
    "handler_stale_reply": Setup((50,), ("handler 50 pstat {own}",)),
    "handler_stop": Setup((*ONE_TO_TEN, 50, 11), HANDLER),
    "handler_that_sends": Setup((50, 1, 2), ("handler 50 empty {own} 250",)),
    "local_calls": Setup((1, 2), after=("local",)),
    "mcast": Setup((1, 2, 3, 4, 5)),
    "nrecv_tenth": Setup(ONE_TO_TEN),
    "poll_three": Setup((1, 2)),
    "poll_two": Setup((1, 2)),
    "poll_two_pairs": Setup((1, 2, 1, 2)),
    "probe_tenth": Setup(ONE_TO_TEN),
    "probe_then_recv": Setup((1, 2)),
    "queued_match": Setup((1, 2, 3)),
    "recv_leaves_rest": Setup((1, 2, 3, 4)),
    "recvf_best": Setup((1, 3, 2), after=("recvf tag",)),
    "recvf_best_queued": Setup((1, 3, 2), after=("nrecv -1 99",) * 6 + ("recvf tag",)),
    "recvf_none": Setup((1, 2, 3), between={1: ("recvf none",)}),
    "recvf_take": Setup((1, 2, 3, 4), after=("recvf 3",)),
    "request": Setup(ONE_TO_TEN),
    "select": Setup(ONE_TO_TEN),
    "select_after_send": Setup((1,)),
    "select_probe": Setup((1, 2, 3)),
    "send_fragments": Setup(ONE_TO_TEN, between={3: ("drain", "deliver 21 22 23 24")}),
    "send_one": Setup((1, 2, 3, 4, 5)),
    "trecv": Setup(ONE_TO_TEN, between={2: ("deliver 1 2 3",), 3: ("deliver 11 12",)}),
}

# What a route may change: how many polls a message needs, and so whether a descriptor is readable.
NOT_ON_ROUTES = frozenset(("exit", "select", "select_probe", "recvf_none", "recvf_take"))
READABLE_ON_ROUTES = frozenset(("recv_leaves_rest",))

# Calls as the recordings name them; what is not here is a name and numbers.
_CALLS = {
    "readable": "readable",
    "pvm_exit()": "exit",
    "pvm_barrier(gg,1)": "barrier gg 1",
    "pvm_getopt(PvmRoute)": "getopt 1",
    "pvm_setopt(PvmRoute,PvmAllowDirect)": "setopt 1 2",
    "pvm_pstat(own tid)": "pstat {own}",
    "pvm_pstat(u)": "pstat {nobody}",
    "pvm_mcast to the child alone": "mcast 203 {child}",
    "pvm_psend of 40000 bytes (1 fragment) to the child": "psend {child} 202 40000",
    "pvm_send of 20160 bytes packed (5 fragments) to the child": "packed {child} 201 0 20156",
    "pvm_send of an empty message to the child": "empty {child} 200",
    "pvm_send of an empty message with tag 99 to the own task": "empty {own} 99",
}
_CALL = re.compile(r"pvm_(\w+)\(([-\d,{}]+)\)")


@dataclass(frozen=True)
class Step:
    """A call of the task, the events in it, and its answer."""

    command: str
    events: tuple[str, ...]
    answer: int

    def polls(self, library: Side) -> bool:
        """Whether the call gives up while a part of a message may be all that it has read.

        On a route a trecv of {0,0} of 3.4.6 does so too: it ends when the clock has moved between
        the two parts of a fragment.
        """
        words = self.command.split()
        if words[0] == "trecv":
            return library == "debian" and words[-2:] == ["0", "0"]
        return words[0] in POLLS

    def lines(self, number: int) -> list[str]:
        """The events and the answer, which has the number of the step."""
        return [*self.events, f"{number}: {self.command} = {self.answer}"]


def recording(name: str) -> Any:
    """A file of tests/vectors/intake."""
    return json.loads((VECTORS / "intake" / f"{name}.json").read_text())


def command(call: str) -> str:
    """The command for a call as a recording names it."""
    text = call.replace('"', "")
    if text in _CALLS:
        return _CALLS[text]
    match = _CALL.fullmatch(text)
    assert match, f"unknown call {call}"
    return " ".join((match[1], *match[2].translate(str.maketrans("{}", "  ")).split(",")))


def _event(text: str) -> str:
    """An event as the program prints it."""
    asked = text.startswith("f is asked")
    match = re.search(r"\d+", text)
    assert match
    return f"{'asked' if asked else 'handler'} {match[0]}"


def steps(sequence: Iterable[Mapping[str, Any]]) -> list[Step]:
    """The steps of a recorded sequence; calls in a handler are events."""
    found: list[Step] = []
    events: list[str] = []
    for item in sequence:
        if "event" in item:
            events.append(_event(item["event"]))
        elif item["call"].startswith("in it: "):
            events.append(f"in {item['answer']}")
        else:
            found.append(
                Step(" ".join(command(item["call"]).split()), tuple(events), item["answer"])
            )
            events = []
    assert not events
    return found


@dataclass(frozen=True)
class Difference:
    """Where our library need not do what 3.4.6 does: why, and what it does."""

    reason: str
    answers: Mapping[int, int] = field(default_factory=dict)  # of calls, by number
    inside: Mapping[int, tuple[int, ...]] = field(default_factory=dict)  # of calls in handlers
    repeats: bool = False  # a poll that is to find a message may need more calls

    def applied(self, sequence: list[Step]) -> list[Step]:
        """The steps that our library is to make."""
        changed = []
        for number, step in enumerate(sequence):
            inside = iter(self.inside.get(number, ()))
            events = tuple(
                f"in {next(inside)}" if number in self.inside and event.startswith("in ") else event
                for event in step.events
            )
            changed.append(Step(step.command, events, self.answers.get(number, step.answer)))
        return changed


DIFFERENCES: dict[str, Difference] = {
    "handler_asks": Difference("requests work in handlers", inside={0: (0, -24, -24)}),
    "handler_receives": Difference(
        "a receive in a handler does not make the outer call fail", answers={1: 0}
    ),
    "handler_stale_reply": Difference(
        "requests work in handlers and leave no reply behind", answers={1: -31}, inside={0: (0,)}
    ),
    "send_fragments": Difference(
        "what a send of several fragments takes in is no order to rely on (S1)", repeats=True
    ),
}


class Play:
    """One sequence, played by a task of one library; answers that may differ are left out.

    A poll that is to find a message, and does not, is repeated where it may have read a part of
    it (D1). Which of the repeated ones found it, and which send took something in, is open then.
    """

    def __init__(self, bed: Bed, way: Way, name: str) -> None:
        self.bed, self.way = bed, way
        self._name, self._setup = name, SETUPS[name]
        self._names = {
            "own": bed.task.tid,
            "child": bed.children[0].tid,
            "nobody": bed.nobody,
        }
        recorded = steps(recording(name)["sequence"])
        difference = DIFFERENCES.get(name, Difference("")) if bed.library == "ours" else None
        self._steps = difference.applied(recorded) if difference else recorded
        self._repeats = way is Way.ROUTE or bool(difference and difference.repeats)
        self._inner = any("in " in event for step in recorded for event in step.events)

    def expected(self) -> list[str]:
        """The events and answers that count, as they are to be."""
        return self._judged(self._steps)

    def run(self) -> list[str]:
        """Set up and make the calls; the events and answers that count."""
        self._do(self._setup.before)
        sends = [s if isinstance(s, tuple) else ("send", s, 0) for s in self._setup.sends]
        self.bed.deliver(self.way, sends)
        self._do(self._setup.after)
        played = []
        for number, step in enumerate(self._steps):
            self._do(self._setup.between.get(number, ()))
            played.append(self._step(step))
        return self._judged(played)

    def _do(self, commands: Iterable[str]) -> None:
        for words in map(str.split, commands):
            if words[0] == "deliver":
                self.bed.deliver_tags(self.way, map(int, words[1:]))
            elif words[0] == "drain":
                self.bed.drain()
            else:
                told = self._call(" ".join(words))
                assert told.code == 0, f"{words}: {told}"

    def _call(self, text: str) -> Told:
        return self.bed.task.call(text.format(**self._names))

    def _step(self, step: Step) -> Step:
        events: list[str] = []
        for _ in range(REPEATS):
            told = self._call(step.command)
            events += [_inner(event) for event in told.events]
            enough = told.code or (not step.answer and len(events) >= len(step.events))
            if enough or not (self._repeats and step.polls(self.bed.library)):
                break
        return Step(step.command, tuple(events), told.code)

    def _judged(self, sequence: list[Step]) -> list[str]:
        lines = [line for number, step in enumerate(sequence) for line in step.lines(number)]
        return [line for line in lines if self._counts(line)]

    def _counts(self, line: str) -> bool:
        if line.startswith("in "):
            return self._inner
        if not self._repeats:
            return True
        if ": readable" in line:
            return self._name in READABLE_ON_ROUTES
        return not line.endswith("= 0")


def _inner(event: str) -> str:
    """An answer of a call in a handler without the call's name."""
    words = event.split()
    return f"in {words[2]}" if words[0] == "in" else event
