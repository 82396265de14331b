# SPDX-License-Identifier: MIT
"""Options, trace masks, message contexts and handlers, exported environment variables."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from pvm3py._task import ffi, lib
from pvm3py.binding.enums import Option
from pvm3py.binding.errors import check, keep_interruption
from pvm3py.binding.strings import c_string
from pvm3py.classic.buffers import MessageInfo, bufinfo
from pvm3py.classic.process import c_text

# C functions of installed handlers; the library holds bare pointers to them.
_handlers: dict[int, Any] = {}
_match: Any = None


def setopt(option: Option, value: int) -> int:
    """Set an option; return the old value.

    AUTO_ERR is refused with ValueError: Python tasks get exceptions instead.
    """
    if option == Option.AUTO_ERR:
        raise ValueError("errors are exceptions here; AUTO_ERR cannot be set")
    old: int = lib.pvm_setopt(option, value)
    # Old values may be negative themselves; the option tells whether the call failed.
    if old < 0 and lib.pvm_getopt(option) != value:
        check("setopt", old)
    return old


def getopt(option: Option) -> int:
    """Return the value of an option, which may be negative.

    Raises ConnectionLost if it is one of the SELF options and there is no daemon, PvmError
    BAD_PARAM for POLL_TYPE and POLL_TIME.
    """
    option = Option(option)
    if option.name.startswith("SELF"):
        check("getopt", lib.pvm_mytid())
    value: int = lib.pvm_getopt(option)
    return check("getopt", value) if option in (Option.POLL_TYPE, Option.POLL_TIME) else value


def gettmask(*, child: bool = False) -> str:
    """Return the trace mask of this task, or the one that spawned tasks get.

    It is text: event k is bit k % 4 of the character k // 4.
    """
    mask = ffi.new("char[36]")
    check("gettmask", lib.pvm_gettmask(_whose(child), mask))
    return c_text(mask)


def settmask(mask: str, *, child: bool = False) -> None:
    """Set the trace mask, in the form that gettmask returns. ValueError if it has another size."""
    text = c_string(mask)
    if len(text) != 36:
        raise ValueError(f"a trace mask has 35 characters, not {len(text) - 1}")
    check("settmask", lib.pvm_settmask(_whose(child), text))


def _whose(child: bool) -> int:
    return int(lib.PvmTaskChild if child else lib.PvmTaskSelf)


def newcontext() -> int:
    """Return a message context that no other task uses."""
    return check("newcontext", lib.pvm_newcontext())


def freecontext(context: int) -> None:
    """Give a context back. Raises NotFound if it is not allocated."""
    check("freecontext", lib.pvm_freecontext(context))


def getcontext() -> int:
    """Return the context in which this task sends and receives."""
    return int(lib.pvm_getcontext())


def setcontext(context: int) -> int:
    """Send and receive in another context; return the one before."""
    return int(lib.pvm_setcontext(context))


def addmhf(
    handler: Callable[[MessageInfo], None], *, src: int = -1, tag: int = -1, context: int = -1
) -> int:
    """Call `handler` with each matching message instead of queueing it; return an id.

    It runs inside any PVM call that takes in messages, the message being the receive buffer;
    an exception in it is printed and otherwise ignored, but Ctrl-C ends the call. Raises PvmError
    EXISTS if another handler could match the same message.
    """

    @ffi.callback("int(int)", onerror=keep_interruption)  # type: ignore[untyped-decorator]
    def entry(bufid: int) -> int:
        handler(bufinfo(bufid))
        return 0

    number = check("addmhf", lib.pvm_addmhf(src, tag, context, entry))
    _handlers[number] = entry
    return number


def delmhf(number: int) -> None:
    """Remove a handler by its id. Raises NotFound."""
    check("delmhf", lib.pvm_delmhf(number))
    _handlers.pop(number, None)


def recvf(match: Callable[[int, int, int], int] | None) -> None:
    """Let a function choose what receiving functions take; None restores the usual rule.

    match  gets the buffer id of a message that is there, and the tid and tag of the receiving
           call, and rates it: 0 no; 1 take it; more: take the highest of all; less: fail
           with that code. An exception in it is printed and counts as 0.

    The rule decides on the context, too: `getminfo` shows it.
    """
    global _match  # noqa: PLW0603
    if match is None:
        if _match is not None:
            lib.pvm_recvf(ffi.NULL)
        _match = None
        return
    entry = ffi.callback("int(int, int, int)", match)
    lib.pvm_recvf(entry)
    _match = entry


def export(name: str) -> None:
    """Pass an environment variable on to tasks that are spawned from now on."""
    check("export", lib.pvm_export(c_string(name)))


def unexport(name: str) -> None:
    """Stop passing an environment variable on."""
    check("unexport", lib.pvm_unexport(c_string(name)))
