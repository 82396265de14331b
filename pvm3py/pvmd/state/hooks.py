# SPDX-License-Identifier: MIT
"""How a host finds out whether its owner uses it: `ow=` of the host file, PVM_OWNER."""

from __future__ import annotations

from .plain import Plain

DEFAULT_OWNER = "tty+input+load:0.5"
# Kinds of hooks, and whether one has a value behind a colon: yes, no, or as it likes.
_KINDS = {"tty": False, "input": False, "load": None, "cmd": True, "file": True, "none": False}
_LOAD = "0.5"


class Hook(Plain):
    """What to look at: a kind of _KINDS, and its value."""

    kind: str
    value: str = ""


def parse_owner(text: str) -> list[Hook]:
    """The hooks that a text names, with `+` between them. ValueError says what is wrong with it.

    What follows `cmd:` or `file:` goes up to the end.
    """
    hooks: list[Hook] = []
    rest = text
    while rest:
        word = rest.partition("+")[0]
        if rest.startswith(("cmd:", "file:")):
            word = rest
        rest = rest[len(word) + 1 :]
        hooks.append(_parse_hook(word))
    return [hook for hook in hooks if hook.kind != "none"]


def _parse_hook(word: str) -> Hook:
    kind, colon, value = word.partition(":")
    if kind not in _KINDS:
        raise ValueError(f'"{word}" tells nothing of an owner; there are {", ".join(_KINDS)}')
    if _KINDS[kind] is True and not value:
        raise ValueError(f'"{word}" lacks what follows {kind}:')
    if _KINDS[kind] is False and colon:
        raise ValueError(f'"{word}": nothing follows {kind}')
    if kind == "load":
        value = value or _LOAD
        _check_load(word, value)
    return Hook(kind, value)


def _check_load(word: str, value: str) -> None:
    try:
        right = 0 < float(value) < 1e6
    except ValueError:
        right = False
    if not right:
        raise ValueError(f'"{word}" names no number of processors')
