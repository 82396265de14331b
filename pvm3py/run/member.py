# SPDX-License-Identifier: MIT
"""One task of `pvm3py run`: it joins the group "world", and becomes the script or the module.

    python -m pvm3py.run.member script.py ARGUMENTS...
    python -m pvm3py.run.member -m module ARGUMENTS...

Each line of a traceback has the task in front, so that whoever collects the output knows it.
"""

from __future__ import annotations

import os
import runpy
import sys

from pvm3py import classic
from pvm3py.binding.post import send_object
from pvm3py.child import show
from pvm3py.task import Task
from pvm3py.task.context import within
from pvm3py.task.group import Group
from pvm3py.task.take import take
from pvm3py.wire import constants as c

WORLD = "world"
_TURN = 1


def label_of(tid: int) -> str:
    """What stands in front of the lines of a task: its tid and its host."""
    daemon = classic.tidtohost(tid)
    names = {host.tid: host.name for host in classic.config()}
    return f"[t{tid:x} {names.get(daemon, '?')}] "


def main() -> int:
    """Be a member; the exit status."""
    label = label_of(Task().tid)
    _join_in_turn()
    try:
        _become(sys.argv[1:])
    except SystemExit:
        raise
    except BaseException as error:
        show(error, label, __file__)
        return 1
    return 0


def _join_in_turn() -> None:
    """Join the group as the instance that this task is of the spawn, and wait for the others."""
    task = Task()
    members = task.siblings
    number = members.index(task.tid)
    with within(c.SYSCTX_RS7):
        if number > 0:
            take("run", members[number - 1], _TURN).release()
        group = Group(WORLD)
        if group.instance != number:
            sys.exit(f'instance {number} of group "{WORLD}" is taken: another run has not ended')
        if number + 1 < len(members):
            send_object([members[number + 1]], _TURN, None)
    group.barrier(len(members))


def _become(words: list[str]) -> None:
    """Run the script or the module as Python itself does."""
    if words[0] == "-m":
        sys.argv = words[1:]
        sys.path.insert(0, os.getcwd())
        runpy.run_module(words[1], run_name="__main__", alter_sys=True)
    else:
        sys.argv = words
        sys.path.insert(0, os.path.dirname(os.path.abspath(words[0])))
        runpy.run_path(words[0], run_name="__main__")


if __name__ == "__main__":
    sys.exit(main())
