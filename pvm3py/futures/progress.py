# SPDX-License-Identifier: MIT
"""How far a map has come, for who looks at a terminal."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterable, Iterator
from typing import Any

_SECONDS = 1.0


def shown(results: Iterable[Any], total: int | None) -> Iterator[Any]:
    """The same results; tqdm shows how many there are, else a line a second on a terminal.

    total  how many there will be, if that is known
    """
    try:
        import tqdm  # noqa: PLC0415
    except ImportError:
        return _lines(results, total) if sys.stderr.isatty() else iter(results)
    return iter(tqdm.tqdm(results, total=total))


def _lines(results: Iterable[Any], total: int | None) -> Iterator[Any]:
    of = "" if total is None else f" of {total}"
    count, last = 0, time.monotonic()
    for result in results:
        yield result
        count += 1
        if time.monotonic() - last >= _SECONDS:
            last = time.monotonic()
            print(f"{count}{of} done", file=sys.stderr, flush=True)
    print(f"{count}{of} done", file=sys.stderr, flush=True)
