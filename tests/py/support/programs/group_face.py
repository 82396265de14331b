# SPDX-License-Identifier: MIT
"""group_face.py GROUP SIZE: the twin of tests/c/group_mixed.c with pvm3py.Group."""

from __future__ import annotations

import math
import sys
from array import array
from typing import Any

from pvm3py import Group, Task


def combine(x: Any, y: Any) -> array[float]:
    """An operation of the program."""
    return array("d", [(1 + a) * (1 + b) - 1 for a, b in zip(x, y, strict=True)])


def check_operations(group: Group, size: int) -> None:
    """Every operation on two items, with every member as the root, whose function is called."""
    operations: tuple[tuple[Any, float], ...] = (
        ("sum", sum(range(size + 1))),
        ("product", math.factorial(size)),
        ("min", 1),
        ("max", size),
        (combine, math.factorial(size + 1) - 1),
    )
    for root in range(size):
        for i, (operation, expected) in enumerate(operations):
            items = array("d", [group.instance + 1] * 2)
            group.Reduce(items, operation, root, tag=10 * root + 10 + i)
            assert group.instance != root or items.tolist() == [expected, expected]


def main(name: str, size: int) -> None:
    """Take part in everything that the others do."""
    with Task() as task:
        group = task.group(name)
        me = group.instance
        group.barrier(size)
        assert group.size == size == len(group.members) and group.members[me] == task.tid
        known = array("i", [size if me == 0 else 0])
        group.Bcast(known, tag=1)
        assert known[0] == size
        every = array("i", [0] * size) if me == 0 else None
        group.Gather(array("i", [10 * me]), every, tag=2)
        assert every is None or every.tolist() == [10 * i for i in range(size)]
        one = array("i", [0])
        group.Scatter(every, one, tag=3)
        assert one[0] == 10 * me
        check_operations(group, size)
        assert group.freeze(size) == size == group.size
        group.barrier()


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]))
