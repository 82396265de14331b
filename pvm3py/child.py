# SPDX-License-Identifier: MIT
"""`python -m pvm3py.child`: a task that calls the function which its parent has sent.

What the function raises ends it, with a traceback on standard error and status 1.
"""

from __future__ import annotations

import os
import runpy
import sys
import traceback
import types
from typing import Any

from pvm3py import classic
from pvm3py.binding.enums import Event
from pvm3py.task import Task
from pvm3py.task.context import within
from pvm3py.task.spawning import (
    CALL,
    CONTEXT_VARIABLE,
    JOB,
    MAIN,
    PARENT_ENDED,
    Job,
    Main,
    preparing,
)
from pvm3py.task.take import take

_NO_PARENT = 1


def main() -> int:
    """Do what the parent has sent; the exit status."""
    context = os.environ.pop(CONTEXT_VARIABLE, None)
    task = Task()
    if context is None:
        print("pvm3py.child is started by Task.spawn", file=sys.stderr)
        return _NO_PARENT
    parent = task.parent
    if parent is None:
        return _NO_PARENT  # it has ended meanwhile
    try:
        with within(int(context)):
            classic.notify(Event.TASK_EXIT, PARENT_ENDED, [parent])
            _prepare(_next(JOB))
            function, args = _next(CALL)
        function(*args)
    except Exception as error:
        show(error)
        return 1
    task.leave()
    return 0


def _next(tag: int) -> Any:
    """An object of the parent. It ends this task if it has ended itself."""
    message = take("child")
    if message.tag != tag:
        sys.exit(_NO_PARENT)
    return message.object()


def _prepare(job: Job) -> None:
    """Have modules, arguments and `__main__` as the parent has them."""
    sys.path[:] = [*job.path, *(entry for entry in sys.path if entry not in job.path)]
    sys.argv = job.argv
    if job.main is not None:
        run_main(job.main)


def run_main(main: Main) -> None:
    """Run the parent's script, under another name, so that what it defines is there."""
    preparing.script = main.name
    try:
        if main.kind == "module":
            names = runpy.run_module(main.name, run_name=MAIN, alter_sys=True)
        else:
            names = runpy.run_path(main.name, run_name=MAIN)
    finally:
        preparing.script = None
    module = types.ModuleType(MAIN)
    module.__dict__.update(names)
    sys.modules["__main__"] = sys.modules[MAIN] = module


def show(error: BaseException, label: str = "", own: str = __file__) -> None:
    """Print a traceback to standard error, from the first function on that is not this package's.

    label  in front of each line
    own    file that calls what the user has written
    """
    trace = error.__traceback__
    while trace is not None and _is_internal(trace.tb_frame.f_code.co_filename, own):
        trace = trace.tb_next
    lines = traceback.format_exception(type(error), error, trace or error.__traceback__)
    text = "".join(lines).rstrip("\n")
    print("\n".join(label + line for line in text.split("\n")), file=sys.stderr)


def _is_internal(path: str, own: str) -> bool:
    return path in (own, "<frozen runpy>", runpy.__file__)


if __name__ == "__main__":
    sys.exit(main())
