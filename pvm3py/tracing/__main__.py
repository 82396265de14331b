# SPDX-License-Identifier: MIT
"""The program `tracer`, also `python -m pvm3py.tracing`: its command line, and how it ends."""

from __future__ import annotations

import argparse
import getpass
import os
import sys

from pvm3py.command import Parser, add_version, run
from pvm3py.trace.options import add_common

_OPTIONS = ("full", "time", "count")


def parser(program: str) -> argparse.ArgumentParser:
    """The command line; the manual page is made of it as well."""
    made = Parser(
        prog=program,
        description="Write what the tasks of the virtual machine trace to a file.",
        allow_abbrev=False,
    )
    made.add_argument(
        "-T", dest="trace", metavar="FILE", help="trace file; default: tracefile.USER in PVM_TMP"
    )
    add_common(made)
    made.add_argument(
        "-B", dest="buffer", metavar="BYTES", type=int, default=0, help="size of trace buffers"
    )
    made.add_argument(
        "option",
        nargs="?",
        choices=_OPTIONS,
        default="full",
        help="whole events, or the time spent in calls, or the number of calls",
    )
    made.add_argument("-H", action="help", help="print this, too")
    add_version(made)
    return made


def main(arguments: list[str], program: str = "tracer") -> int:
    """Trace until a command ends it; return the exit status."""
    given = parser(program).parse_args(arguments)
    from pvm3py.classic import Code, ConnectionLost, PvmError  # noqa: PLC0415

    try:
        _serve(given)
    except ConnectionLost as error:
        sys.stdout.flush()
        print(f"{program}: {error.advice}", file=sys.stderr)
    except PvmError as error:
        sys.stdout.flush()
        other = error.function == "reg_tracer" and error.code == Code.ALREADY
        text = "another tracer runs in this machine" if other else str(error)
        print(f"{program}: {text}", file=sys.stderr)
    else:
        return 0
    return 1


def _serve(given: argparse.Namespace) -> None:
    """Be the tracer. PvmError: no daemon, another tracer. OSError: a file cannot be opened."""
    import pvm3py.classic as pvm  # noqa: PLC0415
    from pvm3py.console.output import Output  # noqa: PLC0415

    from .collector import Collector, Wanted  # noqa: PLC0415
    from .prompt import Prompt  # noqa: PLC0415

    out = Output()
    tid = pvm.mytid()
    out.line(f"\nTracer connected as tid=0x{tid:x}.")
    path = given.trace or os.path.join(pvm.pvmgettmp(), f"tracefile.{getpass.getuser()}")
    collector = Collector(path, given.copy, Wanted(buffer=given.buffer, option=given.option), out)
    Prompt(collector, out).run()
    collector.close()
    pvm.exit()


if __name__ == "__main__":
    sys.exit(run(lambda: main(sys.argv[1:]), "tracer"))
