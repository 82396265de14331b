# SPDX-License-Identifier: MIT
"""The program `trcsort`: the events of a trace file in the order of their times."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import BinaryIO

from pvm3py.command import Parser, add_version, error_text, run

from .file import Writer, head_of, read
from .message import Event
from .options import add_common

# Text of an output event about a stream itself, and what the copy of the output says for it.
_STREAM = {"CREATION": None, "GOTSPAWN": None, "GOTEOF": "EOF"}


def parser(program: str) -> argparse.ArgumentParser:
    """The command line; the manual page is made of it as well."""
    made = Parser(
        prog=program,
        description="Sort the events of a trace file by their times.",
        allow_abbrev=False,
    )
    made.add_argument(
        "file", nargs="?", default="/dev/stdin", help="trace file; default: standard input"
    )
    made.add_argument(
        "-o", dest="out", metavar="FILE", help="where to write; default: standard output"
    )
    add_common(made)
    add_version(made)
    return made


def main(arguments: list[str], program: str = "trcsort") -> int:
    """Sort; return the exit status."""
    given = parser(program).parse_args(arguments)
    try:
        data = Path(given.file).read_bytes()
        events = sorted(read(given.file, data), key=lambda event: event.time)
    except (OSError, ValueError, KeyError) as error:
        print(f"{program}: {error_text(error)}", file=sys.stderr)
        return 1
    if given.copy is not None:
        Path(given.copy).write_text(
            "".join(output_lines(events)), encoding="utf-8", errors="surrogateescape"
        )
    if given.out is None:
        write(events, head_of(data), sys.stdout.buffer)
    else:
        with open(given.out, "wb") as out:
            write(events, head_of(data), out)
    return 0


def write(events: Iterable[Event], head: bytes, out: BinaryIO) -> None:
    """Write a trace file with this head."""
    writer = Writer(out, head=head)
    for event in events:
        writer.write(event)


def output_lines(events: Iterable[Event]) -> Iterable[str]:
    """What the tasks have printed, each line with its task in front."""
    for event in events:
        if event.name == "output":
            text = _STREAM.get(event["OS"], event["OS"])
            if text is not None:
                yield f"[0x{event.tid:x}] {text}\n"


if __name__ == "__main__":
    sys.exit(run(lambda: main(sys.argv[1:]), "trcsort"))
