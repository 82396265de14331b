# SPDX-License-Identifier: MIT
"""The port that takes the image of a task: strangers there do not hold up the task."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import Iterator

import pytest
from support.system import PATIENCE

from pvm3py.pvmd.io import passage

TOKEN = passage.new_token()


@pytest.fixture
def listener() -> Iterator[socket.socket]:
    with passage.listen("127.0.0.1", None) as listener:
        yield listener


@pytest.fixture
def patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody is closed for being slow."""
    monkeypatch.setattr(passage, "_TOKEN_SECONDS", 10 * PATIENCE)


async def connected(listener: socket.socket, word: bytes) -> socket.socket:
    """A connection that has said this."""
    sock = socket.socket()
    sock.setblocking(False)
    await asyncio.get_running_loop().sock_connect(sock, listener.getsockname())
    sock.send(word)
    return sock


def accepted(listener: socket.socket, *words: bytes) -> tuple[socket.socket, list[socket.socket]]:
    """What is accepted when connections come one after the other and say these words."""

    async def work() -> tuple[socket.socket, list[socket.socket]]:
        accepting = asyncio.create_task(passage.accept(listener, TOKEN))
        comers = [await connected(listener, word) for word in words]
        return await asyncio.wait_for(accepting, PATIENCE), comers

    return asyncio.run(work())


def is_of(sock: socket.socket, comer: socket.socket) -> bool:
    return bool(sock.getpeername() == comer.getsockname())


def has_end(comer: socket.socket) -> bool:
    """Whether a connection was closed, be it with a reset."""
    comer.settimeout(PATIENCE)
    with contextlib.suppress(ConnectionResetError):
        return comer.recv(1) == b""
    return True


@pytest.mark.usefixtures("patient")
@pytest.mark.parametrize("strangers", [1, 8, 100])
def test_silent_strangers_do_not_hold_up_the_task(listener: socket.socket, strangers: int) -> None:
    sock, comers = accepted(listener, *[b""] * strangers, TOKEN.encode() + b"image")
    assert is_of(sock, comers[-1]) and sock.getblocking()
    assert sock.recv(100) == b"image"
    assert all(has_end(comer) for comer in comers[:-1])
    for one in (sock, *comers):
        one.close()


@pytest.mark.usefixtures("patient")
def test_task_that_is_slow_is_not_pushed_away_by_a_few(listener: socket.socket) -> None:
    async def work() -> None:
        accepting = asyncio.create_task(passage.accept(listener, TOKEN))
        task = await connected(listener, TOKEN[:5].encode())
        strangers = [await connected(listener, b"") for _ in range(10)]
        task.send(TOKEN[5:].encode())
        sock = await asyncio.wait_for(accepting, PATIENCE)
        assert is_of(sock, task)
        for one in (sock, task, *strangers):
            one.close()

    asyncio.run(work())


@pytest.mark.usefixtures("patient")
def test_who_says_something_else_is_closed_at_once(listener: socket.socket) -> None:
    async def work() -> bytes:
        accepting = asyncio.create_task(passage.accept(listener, TOKEN))
        reader, writer = await asyncio.open_connection(*listener.getsockname())
        writer.write(b"x")
        said = await asyncio.wait_for(reader.read(), PATIENCE)
        writer.close()
        accepting.cancel()
        await asyncio.wait({accepting})
        return said

    assert asyncio.run(work()) == b""


def test_who_is_silent_is_closed_in_the_end(
    listener: socket.socket, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(passage, "_TOKEN_SECONDS", 0.01)

    async def work() -> bytes:
        accepting = asyncio.create_task(passage.accept(listener, TOKEN))
        reader, writer = await asyncio.open_connection(*listener.getsockname())
        writer.write(TOKEN[:-1].encode())
        said = await asyncio.wait_for(reader.read(), PATIENCE)
        writer.close()
        accepting.cancel()
        await asyncio.wait({accepting})
        return said

    assert asyncio.run(work()) == b""
