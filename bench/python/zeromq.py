# SPDX-License-Identifier: MIT
"""Half round trips with pyzmq: python zeromq.py MODE SECONDS; prints microseconds."""

from __future__ import annotations

import asyncio
import pickle
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
import zmq
import zmq.asyncio
from timing import per_call

SMALL = (1, 2.5, "three")
MEBIBYTE = 131072  # doubles
BATCH = 200


def send(socket: Any, obj: object) -> None:
    """Send an object with its buffers apart."""
    buffers: list[pickle.PickleBuffer] = []
    head = pickle.dumps(obj, 5, buffer_callback=buffers.append)
    socket.send_multipart([head, *(buffer.raw() for buffer in buffers)], copy=len(head) > 4096)


def recv(socket: Any) -> Any:
    """Receive one."""
    head, *buffers = socket.recv_multipart(copy=False)
    return pickle.loads(head.buffer, buffers=[buffer.buffer for buffer in buffers])


def echo(address: str) -> None:
    """Send back each object until None comes."""
    socket = zmq.Context().socket(zmq.PAIR)
    socket.connect(address)
    while (obj := recv(socket)) is not None:
        send(socket, obj)


async def awaited(address: str, seconds: float) -> float:
    """Half a round trip in an event loop."""
    socket = zmq.asyncio.Context().socket(zmq.PAIR)
    socket.bind(address)
    figures = []
    end = time.perf_counter() + seconds
    while len(figures) < 3 or time.perf_counter() < end:
        start = time.perf_counter()
        for _ in range(BATCH):
            await socket.send(pickle.dumps(SMALL, 5))
            pickle.loads(await socket.recv())
        figures.append((time.perf_counter() - start) / BATCH / 2 * 1e6)
    await socket.send(pickle.dumps(None, 5))
    return statistics.median(figures)


def blocking(address: str, mode: str, seconds: float) -> float:
    """Half a round trip without one."""
    socket = zmq.Context().socket(zmq.PAIR)
    socket.bind(address)
    obj = SMALL if mode == "tuple" else np.ones(MEBIBYTE)

    def there_and_back() -> None:
        send(socket, obj)
        recv(socket)

    figure = per_call(there_and_back, seconds) / 2
    send(socket, None)
    return figure


def main() -> None:
    """Measure, or be the other side."""
    mode, argument = sys.argv[1:]
    if mode == "echo":
        echo(argument)
        return
    with tempfile.TemporaryDirectory() as directory:
        address = f"ipc://{Path(directory) / 'pair'}"
        other = subprocess.Popen([sys.executable, __file__, "echo", address])
        if mode == "await":
            print(asyncio.run(awaited(address, float(argument))))
        else:
            print(blocking(address, mode, float(argument)))
        other.wait()


if __name__ == "__main__":
    main()
