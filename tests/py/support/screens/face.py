# SPDX-License-Identifier: MIT
"""Our console on a terminal, with each of its line editors."""

from __future__ import annotations

import sys
from typing import Any, Literal

from support.machines.vm import VirtualMachine
from support.screens.console import console_program
from support.screens.desk import Desk
from support.system import missing, modules_dir

Face = Literal["editor", "readline", "plain"]
FACES: tuple[Face, ...] = ("editor", "readline", "plain")
PROMPT = "pvm>"

# Modules that an installation lacks which has only this face.
_LACKING: dict[Face, list[str]] = {
    "editor": [],
    "readline": ["prompt_toolkit", "rich"],
    "plain": ["prompt_toolkit", "rich", "readline"],
}
_PROGRAM = """
import sys
sys.modules.update(dict.fromkeys({lacking}))
sys.path.insert(0, {modules!r})
from pvm3py.command import run
from pvm3py.console.__main__ import main
sys.exit(run(lambda: main(sys.argv[1:]), "pvm"))
"""


def console(vm: VirtualMachine, face: Face = "editor", **given: Any) -> Desk:
    """Our console on a terminal, of which nothing is seen yet; more arguments are Desk's."""
    return Desk(vm, _command(face), **given)


def started(vm: VirtualMachine, face: Face = "editor", **given: Any) -> Desk:
    """Our console on a terminal, at its first prompt."""
    desk = console(vm, face, **given)
    desk.see_last(PROMPT)
    return desk


def _command(face: Face) -> list[object]:
    if face == "editor":
        if not (modules_dir() / "console-libraries").is_dir():
            missing("prompt_toolkit and rich in the tree: `make` with a network brings them")
        return [console_program("ours")]
    text = _PROGRAM.format(lacking=_LACKING[face], modules=str(modules_dir()))
    return [sys.executable, "-I", "-S", "-c", text]


def do(desk: Desk, command: str) -> list[str]:
    """Type a command, and wait for the next prompt; the lines between."""
    typed = f"{PROMPT} {command}"
    before = desk.lines().count(typed)
    desk.enter(command)
    lines = desk.wait_for(
        lambda lines: lines.count(typed) > before and lines[-1] == PROMPT, f"an end of {command!r}"
    )
    begin = len(lines) - lines[::-1].index(typed)
    return lines[begin:-1]
