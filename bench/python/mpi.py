# SPDX-License-Identifier: MIT
"""Half round trips with mpi4py: mpiexec -n 2 python mpi.py MODE SECONDS; prints microseconds."""

from __future__ import annotations

import sys
from collections.abc import Callable

import numpy as np
from mpi4py import MPI
from mpi4py.util import pkl5
from timing import per_call

SMALL = (1, 2.5, "three")
MEBIBYTE = 131072  # doubles
ROUNDS = 4


def exchange(mode: str) -> Callable[[], None]:
    """There and back, from this process's point of view."""
    world = pkl5.Intracomm(MPI.COMM_WORLD) if mode == "array-pkl5" else MPI.COMM_WORLD
    obj = SMALL if mode == "tuple" else np.ones(MEBIBYTE)
    room = np.zeros(MEBIBYTE)
    other = 1 - world.rank

    def objects() -> None:
        world.send(obj, other)
        world.recv(source=other)

    def buffers() -> None:
        world.Send(obj, other)
        world.Recv(room, other)

    return buffers if mode == "buffer" else objects


def echo(mode: str) -> None:
    """Send back what comes until the other one says that it was the last."""
    world = pkl5.Intracomm(MPI.COMM_WORLD) if mode == "array-pkl5" else MPI.COMM_WORLD
    room = np.zeros(MEBIBYTE)
    status = MPI.Status()
    while True:
        if mode == "buffer":
            world.Recv(room, 0, MPI.ANY_TAG, status)
            if status.tag:
                return
            world.Send(room, 0)
        else:
            obj = world.recv(source=0)
            if obj is None:
                return
            world.send(obj, 0)


def main() -> None:
    """Measure, in process 0."""
    mode, seconds = sys.argv[1], float(sys.argv[2])
    if MPI.COMM_WORLD.rank == 1:
        echo(mode)
        return
    print(per_call(exchange(mode), seconds) / 2)
    if mode == "buffer":
        MPI.COMM_WORLD.Send(np.zeros(MEBIBYTE), 1, 1)
    elif mode == "array-pkl5":
        pkl5.Intracomm(MPI.COMM_WORLD).send(None, 1)
    else:
        MPI.COMM_WORLD.send(None, 1)


if __name__ == "__main__":
    main()
