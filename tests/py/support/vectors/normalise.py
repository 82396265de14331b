# SPDX-License-Identifier: MIT
"""Making outputs of two runs comparable: task ids, host names and measured numbers."""

from __future__ import annotations

import re
import socket
from collections.abc import Callable

from support.system import VECTORS

_HEXADECIMAL_TID = re.compile(r"(?<![0-9a-f])(t|0x|id: )(4[0-9a-f]{4})(?![0-9a-f])")
_CONTEXT = re.compile(r"(context:? )(262\d\d\d)")
_DECIMAL_TID = re.compile(r"(?<!\d)()(262\d\d\d)(?!\d)")
_MEASURED = re.compile(r"\d+\.\d+(?:e[-+]\d+)?|\d+")


def recorded(name: str) -> str:
    """The text that PVM 3.4.6 printed for an example program, without the remarks on top."""
    text = (VECTORS / "examples" / f"{name}.txt").read_text()
    return text.split("# ----\n", 1)[1]


def normalise(text: str) -> str:
    """Replace the host name, and tasks and contexts by their rank in the text."""
    text = text.replace("/usr/bin/", "")
    host = re.escape(socket.gethostname())
    text = re.sub(rf"(<|from |machine ){host}\b", r"\1HOST", text)
    contexts = [int(m.group(2)) for m in _CONTEXT.finditer(text)]
    text = _CONTEXT.sub(_ranked(contexts, 2, 10, "CTX"), text)
    tids = [int(m.group(2), 16) for m in _HEXADECIMAL_TID.finditer(text)]
    tids += [int(m.group(2)) for m in _DECIMAL_TID.finditer(text)]
    text = _HEXADECIMAL_TID.sub(_ranked(tids, 2, 16, "TASK"), text)
    return _DECIMAL_TID.sub(_ranked(tids, 2, 10, "TASK"), text).rstrip("\n")


def mask_numbers(text: str) -> str:
    """Replace every number that stands for a measurement, and shrink blanks."""
    return "\n".join(
        re.sub(r"[ \t]+", " ", _MEASURED.sub("#", line)).strip() for line in text.splitlines()
    )


def sorted_lines(text: str) -> list[str]:
    """Lines in a fixed order, for outputs that several tasks print into."""
    return sorted(line for line in text.splitlines() if line.strip())


def _ranked(values: list[int], group: int, base: int, label: str) -> Callable[[re.Match[str]], str]:
    """Replacement for `re.sub`: group 1, then label and rank of the number in `group`."""
    rank = {value: index for index, value in enumerate(sorted(set(values)))}
    return lambda match: f"{match.group(1)}{label}{rank[int(match.group(group), base)]}"
