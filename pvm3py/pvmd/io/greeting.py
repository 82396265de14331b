# SPDX-License-Identifier: MIT
"""Being started as a slave: the UDP socket, the greeting, and leaving the starter.

A slave does this before it loads the rest of the daemon, so that its master can go on meanwhile.
"""

from __future__ import annotations

import errno
import os
import signal
import socket
import sys

from pvm3py.wire import constants as c
from pvm3py.wire.hosts import OWN_CAPABILITIES, Greeting

from ..state.config import Settings, SlaveStart, StartError, data_signature


def bind(address: str, ports: tuple[int, int] | None) -> socket.socket:
    """A UDP socket on this address, and on the first free port of a range if one is given.

    Raises OSError.
    """
    sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK)
    try:
        for port in range(ports[0], ports[1] + 1) if ports else (0,):
            try:
                sock.bind((address, port))
                return sock
            except OSError as error:
                if error.errno != errno.EADDRINUSE:
                    raise
        limits = "{}-{}".format(*ports) if ports else "any"
        raise OSError(errno.EADDRINUSE, f"no free UDP port in {limits} (see PVM_PORT_RANGE)")
    except OSError:
        sock.close()
        raise


def greet(settings: Settings, start: SlaveStart) -> socket.socket:
    """Open the UDP socket and print its address for the starter. StartError: it cannot be."""
    try:
        sock = bind(start.address, settings.ports)
    except OSError as error:
        why = f"cannot open a UDP socket on {start.address}: {error.strerror or error}"
        if error.errno == errno.EADDRNOTAVAIL:
            why += (
                "; this host has no such address: correct the name that the master uses, or "
                "name an address of this host with ip="
            )
        raise StartError(why) from error
    port = sock.getsockname()[1]
    signature = data_signature()
    mtu, can = c.WIRE_FRAG_DEFAULT, OWN_CAPABILITIES
    greeting = Greeting(c.DDPROTOCOL, settings.arch, start.address, port, mtu, signature, can)
    os.write(1, greeting.line().encode() + b"\n")
    return sock


def go_background(start: SlaveStart) -> None:
    """Wait until the starter closes standard input, then go on as a child of nobody."""
    if not start.manual:
        signal.pthread_sigmask(signal.SIG_UNBLOCK, (signal.SIGTERM, signal.SIGINT))
        try:
            os.read(0, 1)
        except OSError:
            pass
    if start.foreground:
        return
    sys.stderr.flush()
    if os.fork():
        os._exit(0)
    os.setsid()
