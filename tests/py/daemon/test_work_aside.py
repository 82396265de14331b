# SPDX-License-Identifier: MIT
"""Work with files in a process of its own: io/aside.py."""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from pvm3py.pvmd.io.aside import aside
from pvm3py.vault.store import VaultError

LONG = 30.0


@pytest.fixture(autouse=True)
def _reap() -> Iterator[None]:
    """Nobody but the daemon's switch takes the ends of these processes."""
    yield
    while True:
        try:
            os.waitpid(-1, 0)
        except ChildProcessError:
            return


def do(work: Callable[..., Any], *args: Any, seconds: float = LONG) -> Any:
    return asyncio.run(aside(seconds, work, *args))


@pytest.mark.parametrize("size", [0, 1, 1 << 16, 5_000_000])
def test_result_comes_back(size: int) -> None:
    assert do(lambda n: (n, b"x" * n, ["a", None]), size) == (size, b"x" * size, ["a", None])


def test_it_is_another_process_with_one_descriptor() -> None:
    pid, fds = do(lambda: (os.getpid(), os.listdir("/proc/self/fd")))
    assert pid != os.getpid()
    assert len(fds) == 2, fds  # the pipe, and the directory that is listed


def test_errors_come_back_as_words() -> None:
    def refuse() -> None:
        raise VaultError("it is damaged")

    with pytest.raises(VaultError, match=r"^it is damaged$"):
        do(refuse)
    with pytest.raises(VaultError, match=r"^/nowhere/x: No such file or directory$"):
        do(os.unlink, "/nowhere/x")


def test_process_that_ends_without_a_word_is_an_error() -> None:
    with pytest.raises(VaultError, match="has ended"):
        do(os._exit, 1)


def test_what_takes_too_long_is_given_up_and_killed() -> None:
    begun = time.monotonic()
    with pytest.raises(VaultError, match=r"the disk takes more than 0\.2 s"):
        do(time.sleep, LONG, seconds=0.2)
    assert os.waitpid(-1, 0)[1] == 9
    assert time.monotonic() - begun < LONG


def test_others_go_on_meanwhile() -> None:
    async def both() -> list[int]:
        order = []

        async def other() -> None:
            await asyncio.sleep(0)
            order.append(1)

        work = asyncio.ensure_future(other())
        await aside(LONG, time.sleep, 0.05)
        order.append(2)
        await work
        return order

    assert asyncio.run(both()) == [1, 2]
