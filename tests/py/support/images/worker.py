# SPDX-License-Identifier: MIT
"""As tests/c/image_worker.c, in Python: run by an interpreter that images itself."""

from __future__ import annotations

import ctypes
import hashlib
import signal
from collections.abc import Iterator


def numbers(n: int) -> Iterator[int]:
    """The squares of the first numbers."""
    for i in range(n):
        yield i * i


def unit(number: int, table: dict[str, list[int]]) -> bool:
    """Some work with an answer that is known."""
    n = number % 200
    table[hashlib.sha256(str(number).encode()).hexdigest()] = list(numbers(n))
    if len(table) > 50:
        del table[next(iter(table))]
    return sum(table[hashlib.sha256(str(number).encode()).hexdigest()]) == (
        (n - 1) * n * (2 * n - 1) // 6
    )


def main() -> int:
    """Work until told to end; the exit status."""
    told: list[int] = []
    signal.signal(signal.SIGUSR1, lambda signum, frame: told.append(signum))
    table: dict[str, list[int]] = {}
    right, units = True, 0
    while not told or units < 50:
        units += 1
        right = unit(units, table) and right
    restarts = ctypes.CDLL(None).imager_restarts()
    print(f"right, restarted {restarts}" if right else "wrong", flush=True)
    return 0 if right else 1


if __name__ == "__main__":
    raise SystemExit(main())
