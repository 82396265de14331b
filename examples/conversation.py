# SPDX-License-Identifier: MIT
"""A Python task that starts a C task (sum_worker.c) and lets it add numbers."""

from __future__ import annotations

import array

import pvm3py

NUMBERS = 1
SUM = 2


def ask(worker: int, numbers: array.array[float]) -> float:
    """Send numbers to the worker and return the sum that it answers."""
    pvm3py.initsend()
    pvm3py.pkint(len(numbers))
    pvm3py.pkarray(numbers)
    pvm3py.send(worker, NUMBERS)
    pvm3py.recv(worker, SUM)
    return float(pvm3py.upkdouble())


def main() -> None:
    """Hold the conversation."""
    print(f"conversation.py: I am t{pvm3py.mytid():x}")
    (worker,) = pvm3py.spawn("sum_worker")
    for count in (3, 1000):
        numbers = array.array("d", range(1, count + 1))
        answer = ask(worker, numbers)
        print(f"conversation.py: the C task t{worker:x} says 1 + ... + {count} = {answer:g}")
    pvm3py.initsend()
    pvm3py.pkint(0)
    pvm3py.send(worker, NUMBERS)
    pvm3py.exit()


if __name__ == "__main__":
    main()
