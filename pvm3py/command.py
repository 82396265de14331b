# SPDX-License-Identifier: MIT
"""How the commands of this package end: with a status and a line, never with a traceback."""

from __future__ import annotations

import argparse
import io
import os
import sys
from collections.abc import Callable
from typing import Literal, NoReturn, TextIO

from pvm3py import __version__, _explained

_INTERRUPTED = 130
_WRITE_FAILED = 1


def run(main: Callable[[], int], program: str) -> int:
    """Do what a command does; the exit status. program: its name in error messages."""
    _open_streams()
    try:
        status = main()
    except SystemExit as end:
        status = end.code if isinstance(end.code, int) else int(end.code is not None)
    except KeyboardInterrupt:
        status = _INTERRUPTED
    except BrokenPipeError:
        # Whoever read it has had enough.
        status = _WRITE_FAILED
    except OSError as error:
        print(f"{program}: {error_text(error)}", file=sys.stderr)
        status = 1
    except ImportError as error:
        print(f"{program}: {_explained(error)}", file=sys.stderr)
        status = 1
    return _flushed(status, program)


def _open_streams() -> None:
    """Closed standard files are as good as /dev/null; paths are written as they are."""
    # Each gets the lowest descriptor that is free: its own.
    sys.stdin = sys.stdin or _null("r")
    sys.stdout = sys.stdout or _null("w")
    sys.stderr = sys.stderr or _null("w")
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="surrogateescape")


def _null(mode: Literal["r", "w"]) -> TextIO:
    return open(os.devnull, mode, encoding="utf-8")


def _flushed(status: int, program: str) -> int:
    """The status, or another one if the output cannot be written."""
    try:
        sys.stdout.flush()
    except OSError as error:
        if status == 0 and not isinstance(error, BrokenPipeError):
            print(f"{program}: standard output: {error.strerror}", file=sys.stderr)
        # What is left is written at the end, which must not fail again.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return status or _WRITE_FAILED
    return status


def error_text(error: Exception) -> str:
    """An error in words: of the system's, what file it is about and why."""
    if not isinstance(error, OSError) or error.strerror is None:
        return str(error)
    return f"{error.filename}: {error.strerror}" if error.filename else error.strerror


class Parser(argparse.ArgumentParser):
    """Ends with status 1 after a wrong command line, as PVM's programs do."""

    def error(self, message: str) -> NoReturn:
        """Say it on standard error, and end."""
        self.print_usage(sys.stderr)
        self.exit(1, f"{self.prog}: {message}\n")


def add_version(parser: argparse.ArgumentParser) -> None:
    """The parser knows --version."""
    text = f"{parser.prog} (pvm3py {__version__})"
    parser.add_argument("--version", action="version", version=text)
