# SPDX-License-Identifier: MIT
"""A script on 3.4.6 and on ours: what differs, seen twice and not known."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from support.differ.bed import GONE, PATIENCE, Bed, Script
from support.differ.known import comparable, incomparable_after, known
from support.differ.scripts import TO_HANDLER
from support.scoped import Scoped

# Calls that give a buffer its number.
MAKING = re.compile(r"^(\w+=)?(pvmf)?(initsend|mkbuf|[nt]?recv|recvinfo|upkmesg|probe)\b")
# Those that do so without telling it.
UNSEEN = re.compile(r"^packf '%\+")
# A step is compared with more time when it differed, so that a busy machine is no difference.
LONGER = 3 * PATIENCE


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

    def differences(self, script: Script) -> list[Difference]:
        """The differences that a second run shows again.

        For that 3.4.6 gets a new machine: one that has missed the end of a task lists it for ever.
        """
        first = self._once(script, PATIENCE)
        if not first:
            return []
        self.theirs.drop()
        again = self._once(script, LONGER)
        return [found for found in first if found in again]

    def _once(self, script: Script, patience: float) -> list[Difference]:
        sides = self.theirs.run(script, patience), self.ours.run(script, patience)
        found = []
        for index, (theirs, ours) in enumerate(zip(*sides, strict=True)):
            if GONE in (theirs, ours):
                break
            line = call_of(script, index)
            if comparable(theirs) != comparable(ours) and not known(line, theirs, ours):
                if any(stale(script, index, answers) for answers in sides):
                    break
                found.append(Difference(script.name, script.steps[: index + 1], theirs, ours))
            if incomparable_after(line, theirs):
                break
        return found


def call_of(script: Script, index: int) -> str:
    """The call that a step makes: that of the handler, where it sends a message for one."""
    before = script.steps[index - 1][1] if index else ""
    handled = before.startswith("on ") and script.steps[index][1] == TO_HANDLER
    return before[5:] if handled else script.steps[index][1]


def stale(script: Script, index: int, answers: list[str]) -> bool:
    """Whether a step uses the number of a buffer that is another one by now.

    Which free number a new buffer gets depends on the messages inside the library, so that nothing
    can be compared from such a step on.
    """
    task, line = script.steps[index]
    earlier = [at for at in range(index) if script.steps[at][0] == task]
    return any(
        renumbered(script, earlier, variable, answers) for variable in re.findall(r"\$(\w+)", line)
    )


def renumbered(script: Script, steps: list[int], variable: str, answers: list[str]) -> bool:
    """Whether a task has made another buffer of a variable's number since it was kept there."""
    lines = [script.steps[at][1] for at in steps]
    kept = max((i for i, line in enumerate(lines) if line.startswith(f"{variable}=")), default=-1)
    number = re.search(r"=b (B\d+) ", answers[steps[kept]]) if kept >= 0 else None
    if not number:
        return False
    later = range(kept + 1, len(lines))
    same = (i for i in later if f"=b {number[1]} " in answers[steps[i]])
    return any(MAKING.search(lines[i]) for i in same) or any(UNSEEN.search(lines[i]) for i in later)


def report(found: list[Difference]) -> str:
    """What a test says about its differences: each kind of answer once."""
    kinds: dict[tuple[str, str, str], Difference] = {}
    for difference in found:
        call = difference.steps[-1][1]
        kinds.setdefault((call, difference.theirs, difference.ours), difference)
    head = f"{len(found)} differences from 3.4.6, {len(kinds)} kinds\n"
    return head + "\n".join(str(difference) for difference in kinds.values())
