# SPDX-License-Identifier: MIT
"""The program `pvm`, also `python -m pvm3py console`: its command line, and how it ends."""

from __future__ import annotations

import argparse
import os
import signal
import sys
from typing import TYPE_CHECKING

from pvm3py.command import Parser, add_version, run

if TYPE_CHECKING:
    from .interpreter import Interpreter
    from .output import Output

_HELP = """With no daemon running, one is started with -n, -d and the host file as arguments.
Without -c and a script, commands are read from standard input; `help` lists them. The
status is 1 if no daemon could be reached or it has ended, or if a command of -c or of a script
could not do all that it was asked for; else 0. -c and scripts wait at the end for their jobs."""
_RESTART_HELP = """start the tasks of this checkpoint again, in a machine whose other tasks leave
their numbers free"""
_SCRIPT_HELP = """a script of commands if its name ends in .pvm or its first line begins with #!
and names pvm; any other file is a host file: hosts to start with the daemon"""


def main(arguments: list[str], program: str = "pvm") -> int:
    """Run a console; return the exit status."""
    given = parser(program).parse_args(arguments)
    from pvm3py.classic import ConnectionLost, PvmError  # noqa: PLC0415

    _take_ending_signals()
    try:
        return _serve(given)
    except ConnectionLost as error:
        sys.stdout.flush()
        print(f"{program}: {_lost(error)}", file=sys.stderr)
    except PvmError as error:
        sys.stdout.flush()
        print(f"libpvm [pid{os.getpid()}]: Console: {error.text}", file=sys.stderr)
        print(f"{program}: {error.advice or error}", file=sys.stderr)
    return 1


def parser(program: str = "pvm") -> argparse.ArgumentParser:
    """The command line; the manual page is made of it as well."""
    made = Parser(
        prog=program,
        description="The console of a virtual machine.",
        epilog=_HELP,
        allow_abbrev=False,
    )
    made.add_argument("-c", dest="commands", metavar="COMMANDS", help="run them, with ; between")
    made.add_argument("-n", dest="name", metavar="NAME", help="name or address of this host")
    made.add_argument("-d", dest="mask", metavar="MASK", type=_checked_mask, help="debug mask")
    made.add_argument("--restart", metavar="DIR[@N]", help=_RESTART_HELP)
    made.add_argument("file", nargs="?", help=_SCRIPT_HELP)
    add_version(made)
    return made


def is_script(path: str) -> bool:
    """Whether a file is one of commands, and no host file."""
    if path.endswith(".pvm"):
        return True
    try:
        with open(path, "rb") as file:
            first = file.readline(256)
    except OSError:
        return False
    return first.startswith(b"#!") and b"pvm" in first


def _serve(given: argparse.Namespace) -> int:
    """Attach, and run what the command line asks for."""
    script = given.file if given.file and is_script(given.file) else None
    text = _commands(given.commands, script)
    out = _output(people=text is None)
    if given.restart is not None:
        os.environ["PVM_RESTART"] = os.path.abspath(given.restart)
    interpreter, started = _attached(_daemon_arguments(given, script), out)
    status = 0 if given.restart is None else _restart(interpreter)
    if given.mask is not None:
        _set_mask(given.mask)
    if text is not None:
        from .batch import run_text  # noqa: PLC0415

        status = run_text(interpreter, text) or status
    else:
        _converse(interpreter, started)
    _leave(interpreter)
    return status


def _restart(interpreter: Interpreter) -> int:
    """Start the tasks of the checkpoint; the exit status."""
    from shlex import quote  # noqa: PLC0415

    return int(not interpreter.line(f"restart {quote(os.environ['PVM_RESTART'])}"))


def _set_mask(text: str) -> None:
    """The mask of the daemon is that of this task as well."""
    from pvm3py.classic import Option, setopt  # noqa: PLC0415

    setopt(Option.DEBUG_MASK, _mask(text))


def _mask(text: str) -> int:
    """A mask as C writes numbers. ValueError: it is none."""
    octal = text.startswith("0") and text.isdecimal()
    return int(text, 8 if octal else 0) & 0x7FFFFFFF


def _checked_mask(text: str) -> str:
    """The mask as it was given, since the daemon gets it, too."""
    try:
        _mask(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text} is no number") from None
    return text


def _commands(words: str | None, script: str | None) -> str | None:
    """The commands that need no front end; None: there are none. OSError: no such script."""
    if script is None:
        return words
    with open(script, encoding="utf-8", errors="surrogateescape") as file:
        text = file.read()
    return text if words is None else f"{words}\n{text}"


def _daemon_arguments(given: argparse.Namespace, script: str | None) -> list[str]:
    """What a daemon gets that is started."""
    switches = [("-n", given.name), ("-d", given.mask)]
    arguments = [f"{switch}{value}" for switch, value in switches if value is not None]
    return arguments + ([given.file] if given.file and script is None else [])


def _output(*, people: bool) -> Output:
    """Where results go: people get tables in colours."""
    from .output import Output  # noqa: PLC0415

    if people:
        from .terminal.choice import on_terminal  # noqa: PLC0415
        from .terminal.pretty import Pretty  # noqa: PLC0415

        if on_terminal():
            return Pretty()
    return Output()


def _attached(arguments: list[str], out: Output) -> tuple[Interpreter, bool]:
    """A console that is a task of the machine, and whether its daemon was started for it."""
    from .interpreter import Interpreter  # noqa: PLC0415
    from .machine import attach  # noqa: PLC0415
    from .session import Session  # noqa: PLC0415

    started = attach(arguments)
    return Interpreter(Session(out)), started


def _converse(interpreter: Interpreter, started: bool) -> None:
    """Read commands from standard input."""
    from .batch import start_up_lines  # noqa: PLC0415
    from .terminal.choice import front_end  # noqa: PLC0415

    session = interpreter.session
    if not started:
        session.out.line("pvmd already running.")
    for line in start_up_lines():
        session.out.line(line)
        interpreter.line(line)
        if session.over:
            break
    if not session.over:
        front_end(interpreter).run()
    if not session.halted:
        session.out.line("\nConsole: exit handler called\npvmd still running.")


def _leave(interpreter: Interpreter) -> None:
    """Leave the machine, if there still is one."""
    from pvm3py.classic import PvmError, exit  # noqa: PLC0415

    interpreter.session.out.flush()
    try:
        exit()
    except PvmError:
        pass


def _lost(error: Exception) -> str:
    """Why the console ends in the middle."""
    _, _, more = str(getattr(error, "advice", error)).rpartition("; ")
    return f"the daemon of this host has ended; {more}"


def _take_ending_signals() -> None:
    """Take the signals that end the console, but for a hang-up that it was told to ignore."""
    from .interrupts import ENDING  # noqa: PLC0415

    for signum in ENDING:
        if signum == signal.SIGTERM or signal.getsignal(signum) != signal.SIG_IGN:
            signal.signal(signum, _terminated)


def _terminated(signum: int, frame: object) -> None:
    """End by the signal, and lose no output."""
    del frame
    try:
        sys.stdout.flush()
    except (OSError, RuntimeError):
        pass  # nobody reads it; or it was being written just now
    signal.signal(signum, signal.SIG_DFL)
    os.kill(os.getpid(), signum)


if __name__ == "__main__":
    sys.exit(run(lambda: main(sys.argv[1:]), "pvm"))
