# SPDX-License-Identifier: MIT
"""A function over many items, on all processors of this machine or of several.

    python pool.py [HOST ...]

Nothing has to be started before. Each host named is reached with ssh, and has pvm3py in the same
place.
"""

from __future__ import annotations

import sys

from pvm3py import VirtualMachine
from pvm3py.futures import PvmPoolExecutor


def collatz(number: int) -> int:
    """Steps from a number to 1."""
    steps = 0
    while number != 1:
        number = number // 2 if number % 2 == 0 else 3 * number + 1
        steps += 1
    return steps


def main() -> None:
    """Find the number below 10,000 that takes the most steps."""
    with VirtualMachine(sys.argv[1:]) as machine, PvmPoolExecutor(machine=machine) as pool:
        steps = list(pool.map(collatz, range(1, 10_000), chunksize="auto"))
    longest = max(steps)
    print(f"{steps.index(longest) + 1} takes {longest} steps")


if __name__ == "__main__":
    main()
