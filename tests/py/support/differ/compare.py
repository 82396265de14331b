# SPDX-License-Identifier: MIT
"""A script on 3.4.6 and on ours: what differs, seen twice and not known."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from support.differ.bed import GONE, PATIENCE, Bed, Script
from support.differ.known import comparable, known
from support.differ.scripts import TO_HANDLER
from support.scoped import Scoped

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
        """The differences that a second run shows again."""
        first = self._once(script, PATIENCE)
        if not first:
            return []
        again = self._once(script, LONGER)
        return [found for found in first if found in again]

    def _once(self, script: Script, patience: float) -> list[Difference]:
        answers = zip(
            self.theirs.run(script, patience), self.ours.run(script, patience), strict=True
        )
        found = []
        for index, (theirs, ours) in enumerate(answers):
            if GONE in (theirs, ours):
                break
            line = call_of(script, index)
            if comparable(theirs) != comparable(ours) and not known(line, theirs, ours):
                found.append(Difference(script.name, script.steps[: index + 1], theirs, ours))
        return found


def call_of(script: Script, index: int) -> str:
    """The call that a step makes: that of the handler, where it sends a message for one."""
    before = script.steps[index - 1][1] if index else ""
    handled = before.startswith("on ") and script.steps[index][1] == TO_HANDLER
    return before[5:] if handled else script.steps[index][1]


def report(found: list[Difference]) -> str:
    """What a test says about its differences: each kind of answer once."""
    kinds: dict[tuple[str, str, str], Difference] = {}
    for difference in found:
        call = difference.steps[-1][1]
        kinds.setdefault((call, difference.theirs, difference.ours), difference)
    head = f"{len(found)} differences from 3.4.6, {len(kinds)} kinds\n"
    return head + "\n".join(str(difference) for difference in kinds.values())
