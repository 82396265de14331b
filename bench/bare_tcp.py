# SPDX-License-Identifier: MIT
"""Bytes by TCP, without PVM: `bare_tcp.py ADDRESS COUNT` prints a port and sends there whoever
connects so many random bytes; with the port as third word it takes them, and prints the seconds."""

from __future__ import annotations

import os
import socket
import sys
import time


def send(address: str, count: int) -> None:
    """Tell the port, and send to who connects."""
    with socket.create_server((address, 0)) as server:
        data = os.urandom(count)
        print(server.getsockname()[1], flush=True)
        connection, _ = server.accept()
        with connection:
            connection.sendall(data)


def take(address: str, port: int, count: int) -> float:
    """Seconds from the connection to the last byte."""
    started = time.monotonic()
    with socket.create_connection((address, port)) as connection:
        while count > 0:
            got = len(connection.recv(1 << 20))
            if not got:
                raise ConnectionError("the bytes end too early")
            count -= got
    return time.monotonic() - started


if len(sys.argv) == 3:
    send(sys.argv[1], int(sys.argv[2]))
else:
    print(take(sys.argv[1], int(sys.argv[3]), int(sys.argv[2])))
