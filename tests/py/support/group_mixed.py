# SPDX-License-Identifier: MIT
"""group_mixed.py GROUP SIZE: the Python twin of tests/c/group_mixed.c."""

from __future__ import annotations

import sys
from array import array

import pvm3py as pvm


def main(group: str, size: int) -> None:
    me = pvm.joingroup(group)
    pvm.barrier(group, size)
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
    total = array("d", [me + 0.5])
    pvm.reduce(pvm.Operation.SUM, total, 4, group)
    if me == 0:
        assert total[0] == size * (size - 1) / 2 + 0.5 * size
    pvm.barrier(group, size)
    one[0] = me
    pvm.reduce(max, one, 5, group, root=size - 1)
    if me == size - 1:
        assert one[0] == size - 1
    assert pvm.freezegroup(group, size) == size
    assert pvm.gsize(group) == size
    pvm.barrier(group)
    pvm.exit()


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]))
