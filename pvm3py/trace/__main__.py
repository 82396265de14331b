# SPDX-License-Identifier: MIT
"""`python -m pvm3py trace convert FILE [-o OUT]`: a trace file as Chrome trace JSON."""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path

from .chrome import convert
from .file import read


def main(arguments: list[str], program: str = "python -m pvm3py trace") -> int:
    """Do what the command line asks for; return the exit status."""
    parser = argparse.ArgumentParser(prog=program)
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    one = commands.add_parser("convert", help="make Chrome or Perfetto trace JSON of a trace file")
    one.add_argument("file", type=Path, help="trace file, as the program tracer writes them")
    one.add_argument("-o", dest="out", type=Path, help="where to write; default: standard output")
    options = parser.parse_args(arguments)
    try:
        text = json.dumps(convert(read(options.file))) + "\n"
        if options.out is None:
            sys.stdout.write(text)
        else:
            options.out.write_text(text, encoding="utf-8")
    except (OSError, ValueError, KeyError) as error:
        print(f"{parser.prog}: {options.file}: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
