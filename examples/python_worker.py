#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""A worker in Python for a master in C (c_master.c)."""

from __future__ import annotations

from pvm3py import Message, Task

NUMBERS, SQUARES = 1, 2

with Task() as task:
    assert task.parent, "started by c_master"
    numbers = task.receive(task.parent, NUMBERS).unpack("double", 2)
    task.Send(Message().pack([x * x for x in numbers]), task.parent, SQUARES)
