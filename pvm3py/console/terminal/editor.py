# SPDX-License-Identifier: MIT
"""The front end with prompt_toolkit's line editor."""

from __future__ import annotations

import asyncio
import contextlib
import io
import os
import sys
from collections.abc import Callable, Iterable

import prompt_toolkit
from prompt_toolkit import PromptSession, completion
from prompt_toolkit.data_structures import Size
from prompt_toolkit.document import Document
from prompt_toolkit.filters import Condition
from prompt_toolkit.history import History
from prompt_toolkit.key_binding import KeyBindings, KeyPressEvent
from prompt_toolkit.output import Output
from prompt_toolkit.output.vt100 import Vt100_Output
from prompt_toolkit.shortcuts import CompleteStyle

from pvm3py.classic import PvmError

from ..interpreter import Interpreter
from ..plain import PROMPT
from ..session import Session
from .completion import complete
from .front import FrontEnd
from .history import HistoryFile

if prompt_toolkit.VERSION[0] != 3:
    raise ImportError(f"prompt_toolkit {prompt_toolkit.__version__}; 3 is needed")


class _History(History):
    """The history file, as the editor wants it."""

    def __init__(self, file: HistoryFile) -> None:
        super().__init__()
        self._file = file

    def append_string(self, string: str) -> None:
        """Keep a line that was typed."""
        if self._file.wants(string):
            super().append_string(string)

    def load_history_strings(self) -> Iterable[str]:
        """The lines of earlier consoles, the newest first."""
        return reversed(self._file.lines())

    def store_string(self, string: str) -> None:
        """Write a line for later consoles."""
        self._file.add(string)


class _Completer(completion.Completer):
    """asked: called when the daemon may have been asked, whose answer messages may precede."""

    def __init__(self, session: Session, asked: Callable[[], object]) -> None:
        self._session = session
        self._asked = asked

    def get_completions(
        self, document: Document, complete_event: completion.CompleteEvent
    ) -> Iterable[completion.Completion]:
        """Words that may stand at the cursor."""
        del complete_event
        length, candidates = complete(self._session, document.text_before_cursor)
        self._asked()
        for one in candidates:
            yield completion.Completion(one.word, -length, display_meta=one.help)


def _keys(is_empty: Callable[[], bool]) -> KeyBindings:
    """Ctrl-D, pressed while a command runs, is kept by the terminal and reaches us as a NUL."""
    keys = KeyBindings()

    @keys.add("c-@", filter=Condition(is_empty))
    def _(event: KeyPressEvent) -> None:
        event.app.exit(exception=EOFError())

    return keys


class Editor(FrontEnd):
    """Edits lines in an event loop, which runs only meanwhile."""

    def __init__(self, interpreter: Interpreter, history: HistoryFile) -> None:
        super().__init__(interpreter, history)
        self._loop = asyncio.new_event_loop()
        self._watched: list[int] = []
        self._prompt: PromptSession[str] = PromptSession(
            PROMPT,
            history=_History(history),
            completer=_Completer(self.session, lambda: self._loop.call_soon(self._arrived)),
            complete_while_typing=False,
            complete_style=CompleteStyle.READLINE_LIKE,
            reserve_space_for_menu=0,
            enable_history_search=True,
            enable_suspend=True,
            key_bindings=_keys(lambda: not self._prompt.default_buffer.text),
            output=_output(),
        )

    def run(self) -> None:
        """Read and run commands."""
        try:
            super().run()
        finally:
            self._loop.close()

    def read(self) -> str | None:
        """The next line."""
        # Ctrl-C is a key here. A signal must not interrupt the event loop just anywhere.
        asked = self._prompt.prompt_async(pre_run=self._watch, handle_sigint=False)
        try:
            return self._loop.run_until_complete(asked)
        except KeyboardInterrupt:
            return ""
        except EOFError:
            return None
        finally:
            self._forget()

    def _watch(self) -> None:
        """Serve messages when they come."""
        self._watched = self.interpreter.fds()
        for fd in self._watched:
            self._loop.add_reader(fd, self._arrived)

    def _forget(self) -> None:
        for fd in self._watched:
            self._loop.remove_reader(fd)
        self._watched = []

    def _arrived(self) -> None:
        """Take messages; what is printed stands above the line that is being typed."""
        app = self._prompt.app
        if app.is_done:
            return
        printed = io.StringIO()
        try:
            with contextlib.redirect_stdout(printed), contextlib.redirect_stderr(printed):
                self.interpreter.messages()
        except (PvmError, OSError) as error:
            self._forget()
            app.exit(exception=error)
        if printed.getvalue():
            app.renderer.erase()
            sys.stdout.write(printed.getvalue())
            sys.stdout.flush()
            app.invalidate()


def _output() -> Output:
    """The terminal. It is not asked where its cursor is: not each one answers."""

    def size() -> Size:
        columns, rows = os.get_terminal_size(sys.stdout.fileno())
        return Size(rows or 24, columns or 80)

    return Vt100_Output(sys.stdout, size, term=os.environ.get("TERM"), enable_cpr=False)
