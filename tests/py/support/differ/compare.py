# SPDX-License-Identifier: MIT
"""A script on 3.4.6 and on ours: what differs, seen twice and not known."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from support.differ.bed import GONE, PATIENCE, Bed, Script
from support.differ.known import comparable, known
from support.differ.scripts import TRIGGERS
from support.scoped import Scoped

# Calls that make a buffer and tell its number; that may make one without; that may free one.
MAKING = re.compile(r"^(\w+=)?(pvmf)?(initsend|mkbuf|[nt]?recv|recvinfo|upkmesg|probe)\b")
UNSEEN = re.compile(r"^packf '%\+|^(\w+=)?recvinfo")
FREEING = re.compile(rf"{MAKING.pattern}|{UNSEEN.pattern}|^(pvmf)?(freebuf|exit)\b")
# Calls that replace the send buffer, the receive buffer; that choose one of them.
SENT = re.compile(r"^(\w+=)?initsend\b|^packf '%\+")
RECEIVED = re.compile(r"^(\w+=)?([nt]?recv|recvinfo|exit)\b")
CHOOSING = re.compile(r"^(\w+=)?set[sr]buf\b")
NO_BUFFER = " -16 "
# A step is compared with more time when it differed, so that a busy machine is no difference.
LONGER = 10 * PATIENCE


@dataclass(frozen=True)
class Difference:
    """A step whose answers differ, and how it came to it."""

    script: str
    steps: tuple[tuple[int, str], ...]
    theirs: str
    ours: str

    def __str__(self) -> str:
        told = "\n".join(f"    task {task}: {line}" for task, line in self.steps[-4:])
        return f"{self.script}\n{told}\n      3.4.6: {self.theirs}\n      ours:  {self.ours}"


class Pair(Scoped):
    """A machine of each side on which the same scripts run."""

    def __init__(self, theirs: Path, ours: Path) -> None:
        self.theirs, self.ours = Bed("debian", theirs), Bed("ours", ours)

    def leave(self, failed: bool) -> None:
        self.theirs.leave(failed)
        self.ours.leave(failed)

    def drop(self) -> None:
        """Have what follows run on new machines, on both sides, so that they are alike."""
        self.theirs.drop()
        self.ours.drop()

    def differences(self, script: Script) -> list[Difference]:
        """The differences that a second run shows again.

        For that 3.4.6 gets a new machine: one that has missed the end of a task lists it for ever.
        """
        first = self._once(script, PATIENCE)
        if not first:
            return []
        self.theirs.drop()
        again = self._once(script, LONGER)
        self.drop()
        return [found for found in first if found in again]

    def _once(self, script: Script, patience: float) -> list[Difference]:
        sides = self.theirs.run(script, patience), self.ours.run(script, patience)
        if not (self.theirs.vm and self.ours.vm):
            self.drop()
        found = []
        for index, (theirs, ours) in enumerate(zip(*sides, strict=True)):
            if GONE in (theirs, ours):
                break
            if diverged(script, index, sides):
                break
            rule = known(call_of(script, index), theirs, ours)
            if not rule and comparable(theirs) != comparable(ours):
                if doubtful(script, index, sides):
                    break
                found.append(Difference(script.name, script.steps[: index + 1], theirs, ours))
            if rule and rule.last:
                break
        return found


def call_of(script: Script, index: int) -> str:
    """The call that a step makes: that of the handler, where it sends a message for one."""
    line = script.steps[index][1]
    before = script.steps[index - 1][1] if index else ""
    return before[5:] if line in TRIGGERS and before.startswith("on ") else line


# ---- numbers of buffers that are not what they were -----------------------------------------
#
# Which free number a new buffer gets depends on the messages inside the library. So what a script
# does with the number of a buffer that is gone cannot be compared, nor what follows.


def diverged(script: Script, index: int, sides: tuple[list[str], list[str]]) -> bool:
    """Whether a number that a step uses was given back, and is that of another buffer somewhere."""
    unknown = all(NO_BUFFER in answers[index] for answers in sides)
    kept = [steps_since_kept(script, index, name) for name in variables(script, index)]
    return any(
        maker(script, since, sides[0]) != maker(script, since, sides[1])
        or (given_back(script, since) and not unknown)
        for since in kept
    )


def given_back(script: Script, since: list[int]) -> bool:
    """Whether the buffer that the first step has made was replaced as send or receive buffer."""
    lines = [script.steps[at][1] for at in since]
    for role in (SENT, RECEIVED):
        if lines and role.search(lines[0]):
            changes = [line for line in lines[1:] if role.search(line) or CHOOSING.search(line)]
            return bool(changes) and not CHOOSING.search(changes[0])
    return False


def doubtful(script: Script, index: int, sides: tuple[list[str], list[str]]) -> bool:
    """Whether a number that a step uses may be that of another buffer, or of none on one side.

    What was only looked at, in sequences the variable p, goes with the next receive.
    """
    found = [NO_BUFFER not in answers[index] for answers in sides]
    peeked = "$p" in script.steps[index][1]
    doubt = FREEING if peeked or found[0] != found[1] else UNSEEN
    kept = [steps_since_kept(script, index, name) for name in variables(script, index)]
    return any(doubt.search(script.steps[at][1]) for since in kept for at in since[1:])


def variables(script: Script, index: int) -> list[str]:
    """The variables that a step uses."""
    return re.findall(r"\$(\w+)", script.steps[index][1])


def steps_since_kept(script: Script, index: int, variable: str) -> list[int]:
    """The task's steps before this one, from the last one on that has kept a value."""
    task = script.steps[index][0]
    steps = [at for at in range(index) if script.steps[at][0] == task]
    keeping = [at for at in steps if script.steps[at][1].startswith(f"{variable}=")]
    return [at for at in steps if keeping and at >= keeping[-1]]


def maker(script: Script, since: list[int], answers: list[str]) -> int:
    """The last of the steps that has made a buffer of the number which the first one has given."""
    number = re.search(r"=b (B\d+) ", answers[since[0]]) if since else None
    if not number:
        return -1
    making = [at for at in since[1:] if MAKING.search(script.steps[at][1])]
    again = [at for at in making if f"=b {number[1]} " in answers[at]]
    return again[-1] if again else since[0]


def report(found: list[Difference]) -> str:
    """What a test says about its differences: each kind of answer once."""
    kinds: dict[tuple[str, str, str], Difference] = {}
    for difference in found:
        call = difference.steps[-1][1]
        kinds.setdefault((call, difference.theirs, difference.ours), difference)
    head = f"{len(found)} differences from 3.4.6, {len(kinds)} kinds\n"
    return head + "\n".join(str(difference) for difference in kinds.values())
