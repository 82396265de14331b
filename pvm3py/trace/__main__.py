# SPDX-License-Identifier: MIT
"""`python -m pvm3py trace convert FILE [-o OUT]`: a trace file as Chrome trace JSON."""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path

from pvm3py.command import add_version, error_text, run

from .chrome import convert
from .file import read


def main(arguments: list[str], program: str = "python -m pvm3py trace") -> int:
    """Do what the command line asks for; return the exit status."""
    parser = argparse.ArgumentParser(prog=program)
    add_version(parser)
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    one = commands.add_parser("convert", help="make Chrome or Perfetto trace JSON of a trace file")
    one.add_argument("file", type=Path, help="trace file, as the program tracer writes them")
    one.add_argument("-o", dest="out", type=Path, help="where to write; default: standard output")
    options = parser.parse_args(arguments)
    try:
        text = json.dumps(convert(read(options.file))) + "\n"
        if options.out is not None:
            options.out.write_text(text, encoding="utf-8")
    except (OSError, ValueError, KeyError) as error:
        where = "" if isinstance(error, OSError) and error.filename else f"{options.file}: "
        print(f"{parser.prog}: {where}{error_text(error)}", file=sys.stderr)
        return 1
    if options.out is None:
        sys.stdout.write(text)
    return 0


if __name__ == "__main__":
    sys.exit(run(lambda: main(sys.argv[1:]), "python -m pvm3py.trace"))
