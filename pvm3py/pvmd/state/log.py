# SPDX-License-Identifier: MIT
"""The daemon's log: file pvml.UID, and problems of the start on standard error."""

from __future__ import annotations

import contextlib
import faulthandler
import os
import sys
import time

from pvm3py import __version__

from . import private

# The debug mask bit that produces lines here.
DEBUG_MESSAGES = 0x2
_DEBUG_NAMES = ["pkt", "msg", "tsk", "slv", "hst", "sel", "net", "mpp"]
_DEBUG_NAMES += ["sch", "app", "wai", "mem", "sem", "lck", "rtg", "mbx"]

# Characters of a line that is quoted, and of the daemon's own; lines that it says at once.
_QUOTED_MAX = 4096
_LINE_MAX = 1000
_LINES_MAX = 100
# What a terminal might obey: control characters, and bytes that are no text but could be such.
_CONTROLS = (*range(9), *range(11, 32), *range(127, 160), *range(0xDC80, 0xDCA0))
_ESCAPED = {number: f"\\x{number & 0xFF:02x}" for number in _CONTROLS}

# Who is to blame for a line: a task by its tid, or something else by its name.
Source = int | str


class _Share:
    """A part of the file: bytes that one source may fill, and all of them together."""

    def __init__(self, one: int, together: int) -> None:
        self._one, self._together = one, together
        self._used: dict[Source, int] = {}
        self._sum = 0

    def room(self, source: Source) -> int:
        """Bytes that are left for a source."""
        return min(self._one - self._used.get(source, 0), self._together - self._sum)

    def use(self, source: Source, count: int) -> None:
        """So many are used."""
        self._used[source] = self._used.get(source, 0) + count
        self._sum += count

    def clear(self) -> None:
        """A new file."""
        self._used.clear()
        self._sum = 0


class Log:
    """Lines "[t80040000] MM/DD hh:mm:ss text", in files of up to a number of bytes.

    When the file is full its lines so far become an older part, PATH~, and a new file begins; an
    older part of before goes. Nobody else may fill it: what others have written (quote) gets five
    eighths of a file, half for one source; lines about requests a quarter, a sixteenth for one
    that makes them. The rest is the daemon's own, which alone makes a new file begin.
    A line that cannot be written, because the disk is full for instance, is lost and no error.

    about: whose request the lines are about; None: they are the daemon's own.
    """

    def __init__(self, limit: int, mask: int = 0) -> None:
        self.mask = mask
        self.tid = 0
        self.about: Source | None = None
        self._limit = max(limit, 0)
        self._size = 0
        self._quotes = _Share(self.share, self._limit * 5 // 8)
        self._blames = _Share(self._limit // 16, self._limit // 4)
        self._path = ""
        self._fd = -1
        self._early: list[bytes] | None = []
        self._stderr = True
        self._last_words = False
        self._second = -1
        self._head = ""

    def open(self, path: str) -> None:
        """Log to `path` from now on, in the place of an older log. OSError: it cannot be."""
        self._fd = private.create_anew(path)
        self._path = path
        private.remove(f"{path}~")
        early, self._early = self._early, None
        for lines in early or ():
            self._write(lines)

    def quiet(self) -> None:
        """Start-up is complete: no more lines on standard error."""
        self._stderr = False
        self._early = None

    def take_last_words(self) -> None:
        """Have standard error of this process, where C code says why it aborts, be the log.

        There Python says, too, at which fault the process ends, its own or one that was sent.
        """
        self._last_words = True
        self._follow()
        faulthandler.enable(2, all_threads=False)

    def look_after(self) -> None:
        """Go on in a new file if somebody has removed the present one.

        What is there instead, if anything, is left alone.
        """
        if self._fd < 0 or os.path.lexists(self._path):
            return
        with contextlib.suppress(OSError):
            self._go_on(private.create(self._path))
            self(f"the log before this line was lost: somebody has removed {self._path}")

    def _go_on(self, fd: int) -> None:
        """Write to another file, which is empty."""
        os.close(self._fd)
        self._fd = fd
        self._forget()
        self._follow()

    def _forget(self) -> None:
        """Nothing of the file is used."""
        self._size = 0
        self._quotes.clear()
        self._blames.clear()

    def _follow(self) -> None:
        if self._last_words and self._fd >= 0:
            os.dup2(self._fd, 2)

    def close(self) -> None:
        """Close the file."""
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1

    def __call__(self, text: str) -> None:
        """One line; of several lines in `text` each gets its own."""
        if not self.muted:
            self._add(_lines(text), aloud=self._stderr)

    @property
    def muted(self) -> bool:
        """Whether who makes the present request has no room left: nobody need make up a line."""
        return self.about is not None and self._early is None and self._blames.room(self.about) <= 0

    def note(self, text: str) -> None:
        """The same of what is no problem: whoever starts the daemon does not see it."""
        self._add(_lines(text), aloud=False)

    @property
    def share(self) -> int:
        """Bytes of a file that one source of what is quoted may fill."""
        return self._limit // 2

    def full(self, source: Source) -> bool:
        """Whether no more of this source is quoted: who asks need not make up a text."""
        return self._early is None and (self._fd < 0 or self._quotes.room(source) <= 0)

    def quote(self, source: Source, text: str) -> None:
        """Lines that somebody else has written, a task or a remote shell."""
        if not self.full(source):
            lines = [_shortened(line, _QUOTED_MAX) for line in text.split("\n")]
            self._add(lines, aloud=self._stderr, quoted=source)

    def _add(self, lines: list[str], *, aloud: bool, quoted: Source | None = None) -> None:
        head = self._line_head()
        whole = "".join(f"{head}{printable(line)}\n" for line in lines)
        if aloud:
            with contextlib.suppress(OSError):
                sys.stderr.write(whole)
        data = whole.encode("utf-8", "surrogateescape")
        if self._early is not None:
            self._early.append(data)
        elif quoted is not None:
            self._write_for(quoted, self._quotes, data)
        elif self.about is not None:
            self._write_for(self.about, self._blames, data)
        else:
            self._write(data)

    def _line_head(self) -> str:
        """How lines of this second begin."""
        second = int(time.time())
        if second != self._second or not self.tid:
            who = f"t{self.tid & 0xFFFFFFFF:x}" if self.tid else f"pvmd pid{os.getpid()}"
            self._head = f"[{who}] {time.strftime('%m/%d %H:%M:%S', time.localtime(second))} "
            self._second = second if self.tid else -1
        return self._head

    def _write(self, data: bytes) -> None:
        """Lines of the daemon's own."""
        if self._fd >= 0 and 0 < self._limit < self._size + len(data) and self._size:
            self._begin_anew()
        self._put(data)

    def _write_for(self, source: Source, share: _Share, data: bytes) -> None:
        """What fits in the room of a source; at its end a line says so."""
        room = share.room(source)
        if room <= 0:
            return
        if len(data) < room:
            share.use(source, len(data))
            self._put(data)
            return
        share.use(source, room)
        who = source if isinstance(source, str) else f"t{source & 0xFFFFFFFF:x}"
        end = f"{self._line_head()}*** no more of {who} is logged\n"
        self._put(data[: data.rfind(b"\n", 0, room) + 1] + end.encode())

    def _put(self, data: bytes) -> None:
        if self._fd < 0 or not self._limit:
            return
        self._size += len(data)
        with contextlib.suppress(OSError):
            os.write(self._fd, data)

    def _begin_anew(self) -> None:
        """The lines so far become the older part; if that cannot be, they are lost."""
        self._forget()
        older = f"{self._path}~"
        try:
            os.rename(self._path, older)
            fd = private.create_anew(self._path)
        except OSError:
            with contextlib.suppress(OSError):
                os.rename(older, self._path)
            with contextlib.suppress(OSError):
                os.ftruncate(self._fd, 0)
            return
        self._go_on(fd)


def _lines(text: str) -> list[str]:
    """The lines of what the daemon has to say, which may name what others made up."""
    lines = [_shortened(line, _LINE_MAX) for line in text.rstrip("\n").split("\n")]
    if len(lines) > _LINES_MAX:
        lines[_LINES_MAX:] = [f"... ({len(lines)} lines)"]
    return lines


def _shortened(text: str, longest: int) -> str:
    """A text without what is beyond so many characters."""
    if len(text) <= longest:
        return text
    return f"{text[:longest]}... ({len(text)} characters)"


def printable(text: str) -> str:
    """A text that no terminal obeys: control characters as \\x1b, but tabs and line ends."""
    return text if text.isprintable() else text.translate(_ESCAPED)


def mask_text(mask: int) -> str:
    """A debug mask as "0x6 (msg,tsk)"."""
    names = [name for bit, name in enumerate(_DEBUG_NAMES) if mask >> bit & 1]
    return f"{mask:#x} ({','.join(names)})"


def start_log(path: str, log: Log) -> None:
    """Begin to write the log file, and say what is logged."""
    try:
        log.open(path)
    except OSError as error:
        log(f"no log file: {path}: {error.strerror}")
    if log.mask:
        log(f"version {__version__}, debug mask is {mask_text(log.mask)}")
