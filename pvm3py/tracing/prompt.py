# SPDX-License-Identifier: MIT
"""The commands of the tracer: what is traced from now on."""

from __future__ import annotations

import os
from dataclasses import replace

from pvm3py.console.output import Output
from pvm3py.console.plain import Lines
from pvm3py.console.tracemask import OPTIONS, changed, mask_table

from .collector import EVENTS, VERSION, Collector

PROMPT = "tracer> "
_CHUNK = 65536
_HELP = f"""
{VERSION}

mask      - display or modify the trace mask.
trace     - display or modify the trace mask.
buffer    - display or set the trace buffer size.
options   - display or set the trace options.
help      - display this help information.
help cmd  - display help information for cmd.
quit      - close trace file and exit tracer.
"""
_USAGES = {
    "mask": "mask [ [+|-] [ event | * ] ] [ default | xpvm ]",
    "buffer": "buffer [ nbytes ]",
    "options": "options [ full | time | count ]",
}
_NAMES = {
    "mask": "mask", "trace": "mask", "buffer": "buffer", "buf": "buffer", "options": "options",
    "opt": "options", "help": "help", "quit": "quit", "q": "quit", "x": "quit", "exit": "quit",
}  # fmt: skip


class Prompt:
    """Reads commands from a descriptor until it ends or one of them ends the tracer."""

    def __init__(self, collector: Collector, out: Output, fd: int = 0) -> None:
        self._collector = collector
        self._out = out
        self._fd = fd
        self._over = False

    def run(self) -> None:
        """Trace, and do what is typed."""
        self.show_mask("New Trace Mask")
        lines = Lines()
        self._out.text(PROMPT)
        while not self._over:
            self._collector.wait_for(self._fd)
            data = os.read(self._fd, _CHUNK)
            for line in lines.feed(data or b"\n"):
                self._line(line)
            if not data and not self._over:
                self._out.line("quit")
                self._over = True
        self._out.line("Quitting Tracer.")

    def show_mask(self, title: str) -> None:
        """Print which calls are traced."""
        self._out.line(f"\n{title}:\n")
        self._out.lines(mask_table(self._collector.wanted.events))
        self._out.line()

    def _line(self, line: str) -> None:
        """Do what a line says, unless the one before has ended all."""
        words = line.split()
        if self._over:
            return
        if words:
            self._do(_NAMES.get(words[0], ""), words)
        if not self._over:
            self._out.text(PROMPT)

    def _do(self, command: str, words: list[str]) -> None:
        match command:
            case "mask":
                self._mask(words[1:])
            case "buffer":
                self._buffer(words[1:])
            case "options":
                self._options(words[1:])
            case "help":
                self._help(words[1:])
            case "quit":
                self._over = True
            case _:
                self._out.line(f'Unknown Command "{words[0]}".')

    def _mask(self, words: list[str]) -> None:
        if not words:
            self.show_mask("Trace Mask")
            return
        sets = {"default": EVENTS, "xpvm": EVENTS}
        wanted = self._collector.wanted
        events, unknown = changed(wanted.events, words, sets)
        self._out.lines(f'No such event "{word}"' for word in unknown)
        self._collector.want(replace(wanted, events=events))
        if not unknown:
            self.show_mask("New Trace Mask")

    def _buffer(self, words: list[str]) -> None:
        wanted = self._collector.wanted
        if not words:
            self._out.line(f"\nCurrent Trace Buffer Size is {wanted.buffer} Bytes\n")
        elif words[0].isdecimal():
            self._collector.want(replace(wanted, buffer=int(words[0])))
        else:
            self._out.line(f"{words[0]}: no number")

    def _options(self, words: list[str]) -> None:
        wanted = self._collector.wanted
        if not words:
            self._out.line(f"\nCurrent Tracing Option is {wanted.option}.\n")
        elif words[0] in OPTIONS:
            self._collector.want(replace(wanted, option=words[0]))
        else:
            self._out.line(f'\nUnknown Trace Option "{words[0]}".\n')

    def _help(self, words: list[str]) -> None:
        if not words:
            self._out.line(_HELP)
            return
        usage = _USAGES.get(_NAMES.get(words[0], ""))
        self._out.line(f"usage:  {usage}" if usage else f'No Help Available for "{words[0]}"')
