# SPDX-License-Identifier: MIT
"""Starts with the help of a person: by hand (so=ms), and with a password (so=pw, BSD rexec)."""

from __future__ import annotations

import asyncio
import contextlib
import getpass
import netrc
import os
import socket
import termios
import threading
from collections.abc import Callable

from pvm3py.wire.hosts import Start

from ..core import Pvmd
from ..io.shell_output import GreetingFinder, find_greeting, printable
from . import network

_REXEC_PORT = 512
_LINE_MAX = 255
# Characters of what a rexec server sends that the log takes.
_LOGGED_MAX = 10000
_FAILED = "PvmCantStart"


async def manual(pvmd: Pvmd, start: Start, name: str) -> tuple[str, str]:
    """Ask the user on the daemon's terminal to start a slave: what it answered, and why not."""
    problem = _no_terminal(pvmd)
    if problem:
        return _FAILED, f"manual start: {problem}; it would be: {start.command}"
    assert pvmd.terminal is not None
    stdin, stderr = pvmd.terminal
    text = f'*** Manual startup ***\nLogin to "{name}" and type:\n{start.command}\n\n'
    if start.windows:
        text += f"or, if that command fails, for WIN32 hosts try:\n{start.windows}\n\n"
    note = f"Now Type the Virtual Machine ID on {name}:\n{start.vmid}\n" if start.vmid else ""

    def ask() -> str:
        os.write(stderr, f"{text}Type response: ".encode())
        answer = _read_line(stdin)
        os.write(stderr, f"{note}Thanks\n".encode())
        return answer

    answer = await _in_thread(pvmd.loop, ask)
    if not answer:
        return _FAILED, "manual start: no answer was typed"
    return find_greeting(answer), ""


def _no_terminal(pvmd: Pvmd) -> str:
    """Why the user cannot be asked; empty: he can."""
    if pvmd.terminal is None:
        return "the master was started without standard input"
    if os.isatty(pvmd.terminal[0]) and os.tcgetpgrp(pvmd.terminal[0]) != os.getpgrp():
        return "the master is not in the foreground of its terminal"
    return ""


def _read_line(fd: int) -> str:
    """A line that is typed, without its end; empty: there is none."""
    line = b""
    while len(line) < _LINE_MAX:
        try:
            byte = os.read(fd, 1)
        except OSError:
            break
        if byte in (b"", b"\n"):
            break
        line += byte
    return line.decode("utf-8", "replace").strip()


async def _in_thread(loop: asyncio.AbstractEventLoop, work: Callable[[], str]) -> str:
    """What the user types, empty if he cannot. Blocks, but the daemon can end meanwhile."""
    done: asyncio.Future[str] = loop.create_future()

    def tell(result: str) -> None:
        if not done.done():
            done.set_result(result)

    def run() -> None:
        try:
            result = work()
        except (OSError, ValueError, termios.error):
            result = ""
        with contextlib.suppress(RuntimeError):
            loop.call_soon_threadsafe(tell, result)

    threading.Thread(target=run, daemon=True).start()
    return await done


async def password(pvmd: Pvmd, start: Start, name: str, seconds: float) -> tuple[str, str]:
    """Start a slave by rexec, with the password of ~/.netrc or of the daemon's terminal.

    The greeting of the slave or the name of an error, and why.
    """
    user, _, host = start.login.rpartition("@")
    user = user or getpass.getuser()
    secret = _known_password(host, user)
    if secret is None:
        problem = _no_terminal(pvmd)
        if problem:
            return _FAILED, f"no password in ~/.netrc, and none can be asked for: {problem}"
        secret = await _in_thread(pvmd.loop, lambda: _ask_password(pvmd, host, user))
        if not secret:
            return _FAILED, "rexec: no password was typed"
    order = b"".join(os.fsencode(word) + b"\0" for word in ("", user, secret, start.command))
    try:
        async with asyncio.timeout(seconds):
            return await _rexec(pvmd, host, order, start.vmid, name)
    except TimeoutError:
        return _FAILED, f"rexec: no answer within {seconds:g} s"
    except OSError as error:
        return _FAILED, f"rexec: {os.strerror(error.errno) if error.errno else error}"
    except ValueError:
        return _FAILED, "rexec: the answer is no line of text"


def _known_password(host: str, user: str) -> str | None:
    try:
        entry = netrc.netrc().authenticators(host)
    except (OSError, netrc.NetrcParseError):
        return None
    return entry[2] if entry is not None and entry[0] in ("", user) else None


def _ask_password(pvmd: Pvmd, host: str, user: str) -> str:
    """Ask on the terminal, without echo."""
    assert pvmd.terminal is not None
    stdin, stderr = pvmd.terminal
    old = termios.tcgetattr(stdin)
    quiet = [*old[:3], old[3] & ~termios.ECHO, *old[4:]]
    try:
        termios.tcsetattr(stdin, termios.TCSADRAIN, quiet)
        os.write(stderr, f"Password ({host}:{user}):".encode())
        return _read_line(stdin)
    finally:
        termios.tcsetattr(stdin, termios.TCSADRAIN, old)
        os.write(stderr, b"\n")


async def _rexec(pvmd: Pvmd, host: str, order: bytes, vmid: str, name: str) -> tuple[str, str]:
    """Run a command on a rexec server and return the first line that is a greeting."""
    try:
        port = socket.getservbyname("exec", "tcp")
    except OSError:
        port = _REXEC_PORT
    address = (await network.resolve_all(pvmd.loop, [host])).get(host)
    if address is None:
        return _FAILED, f"rexec: no address of {host} is known"
    reader, writer = await asyncio.open_connection(address, port, family=socket.AF_INET)
    try:
        writer.write(order)
        refused = await reader.read(1) != b"\0"
        if refused:
            words = (await reader.readline()).decode("utf-8", "replace").strip()
            return _FAILED, f"rexec refused: {words}"
        if vmid:
            writer.write(f"PVM_VMID={vmid}\n".encode())
        greeting = await _read_greeting(pvmd, reader, name)
        if greeting:
            return greeting, ""
        return _FAILED, "rexec: the command ended without an answer"
    finally:
        writer.close()


async def _read_greeting(pvmd: Pvmd, reader: asyncio.StreamReader, name: str) -> str:
    """The greeting in what a server sends, empty if it ends without; the rest goes to the log."""
    finder = GreetingFinder()
    logged = 0
    while data := await reader.read(4096):
        greeting = finder.feed(data)
        if greeting:
            return greeting
        text = data[: _LOGGED_MAX - logged].decode("utf-8", "replace")
        logged += len(data)
        for line in text.splitlines():
            pvmd.log(f"stdout@{name}: {printable(line)}")
    return finder.feed(b"\n")
