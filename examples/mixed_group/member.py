#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The Python member of a mixed group; member.c says what it does."""

from __future__ import annotations

import array

from pvm3py import Task

TAG = 7

with Task() as task, task.group("mixed") as group:
    group.barrier(3)

    number = task.receive(tag=TAG).unpack("int")
    print(f"Python: {number} was broadcast")
    own = array.array("d", [group.instance + 1])
    group.Gather(own, None, tag=TAG)
    share = array.array("d", [0])
    group.Scatter(None, share, tag=TAG)
    print(f"Python: the slice is {share[0]:g}")
    group.Reduce(share, "sum", tag=TAG)

    group.barrier(3)
