# SPDX-License-Identifier: MIT
"""group_mixed.py GROUP SIZE: the Python twin of tests/c/group_mixed.c."""

from __future__ import annotations

import math
import sys
from array import array
from collections.abc import Callable
from typing import Any

import pvm3py.classic as pvm


def combine(x: float, y: float) -> float:
    """An operation of the program."""
    return (1 + x) * (1 + y) - 1


def check_operations(group: str, size: int, me: int) -> None:
    """Every operation on two items, with every member as the root, whose function is called."""
    operations: tuple[tuple[pvm.Operation | Callable[[Any, Any], Any], int], ...] = (
        (pvm.Operation.SUM, sum(range(size + 1))),
        (pvm.Operation.PRODUCT, math.factorial(size)),
        (pvm.Operation.MIN, 1),
        (pvm.Operation.MAX, size),
        (combine, math.factorial(size + 1) - 1),
    )
    for root in range(size):
        for i, (operation, expected) in enumerate(operations):
            items = array("d", [me + 1, me + 1])
            pvm.reduce(operation, items, 10 * root + 10 + i, group, root=root)
            assert me != root or items.tolist() == [expected, expected]


def main(group: str, size: int) -> None:
    me = pvm.joingroup(group)
    pvm.barrier(group, size)
    assert pvm.gsize(group) == size
    tids = [pvm.gettid(group, i) for i in range(size)]
    assert [pvm.getinst(group, tid) for tid in tids] == list(range(size))
    assert tids[me] == pvm.mytid()
    if me == 0:
        pvm.initsend()
        pvm.pkint(size)
        pvm.bcast(group, 1)
    else:
        pvm.recv(tag=1)
        assert pvm.upkint() == size
    parts = pvm.gather(array("i", [10 * me]), 2, group)
    every = None
    if me == 0:
        assert parts is not None
        every = array("i", [part[0] for part in parts])
        assert every.tolist() == [10 * i for i in range(size)]
    one = array("i", [0])
    pvm.scatter(one, 3, group, items=every)
    assert one[0] == 10 * me
    check_operations(group, size, me)
    assert pvm.freezegroup(group, size) == size
    assert pvm.gsize(group) == size
    pvm.barrier(group)
    pvm.exit()


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]))
