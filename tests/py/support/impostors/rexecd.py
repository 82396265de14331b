# SPDX-License-Identifier: MIT
"""A rexec server, as of 4.2BSD, for a test: rexecd.py ADDRESS USER PASSWORD RUN...

A client sends a port for standard error (which is connected at once) or nothing, then user,
password and command, each ended by a NUL. It gets a NUL and then the command's output, or a byte 1
and a line. RUN sh -c COMMAND is executed.
"""

from __future__ import annotations

import socket
import subprocess
import sys

PORT = 512


def word(client: socket.socket) -> str:
    """The next word; nothing behind it is read."""
    found = b""
    while not found.endswith(b"\0"):
        byte = client.recv(1)
        if not byte:
            raise EOFError
        found += byte
    return found[:-1].decode()


def serve(client: socket.socket, user: str, password: str, run: list[str]) -> None:
    """Serve one client; the command goes on by itself."""
    port = word(client)
    errors = client
    if port.strip("0"):
        errors = socket.create_connection((client.getpeername()[0], int(port)))
    name, secret, command = word(client), word(client), word(client)
    if (name, secret) != (user, password):
        client.sendall(b"\1Login incorrect.\n")
        return
    client.sendall(b"\0")
    ends = client.fileno(), errors.fileno()
    subprocess.Popen([*run, "sh", "-c", command], stdin=ends[0], stdout=ends[0], stderr=ends[1])


def main(address: str, user: str, password: str, *run: str) -> None:
    """Serve for ever."""
    with socket.create_server((address, PORT)) as server:
        print("ready", flush=True)
        while True:
            client, _ = server.accept()
            with client:
                serve(client, user, password, list(run))


if __name__ == "__main__":
    main(*sys.argv[1:])
