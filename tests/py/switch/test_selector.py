# SPDX-License-Identifier: MIT
"""The switch as asyncio's selector, and its standby thread."""

from __future__ import annotations

import asyncio
import os
import selectors
import signal
import socket
import sys
import threading
import time
from collections.abc import Coroutine, Iterator
from typing import Any

import pytest
from support.impostors.switchbed import DAEMON, Bed, Peer, message, tid
from support.machines.vm import wait_until
from support.system import PATIENCE

from pvm3py.pvmd.io import switch as sw
from pvm3py.pvmd.io.selector import SwitchSelector, new_event_loop
from pvm3py.pvmd.state.events import CloseEvent, Event, MessageEvent, OpenEvent
from pvm3py.wire import constants as c

A, B = tid(1), tid(2)


@pytest.fixture(params=[0, -1], ids=["standby", "no standby"])
def bed(request: pytest.FixtureRequest) -> Iterator[Bed]:
    with Bed(standby_us=request.param) as bed:
        yield bed


def run(bed: Bed, main: Coroutine[Any, Any, Any]) -> Any:
    loop = new_event_loop(bed.switch)
    loop.set_debug(True)
    loop.slow_callback_duration = 10
    try:
        return loop.run_until_complete(asyncio.wait_for(main, 20))
    finally:
        loop.run_until_complete(loop.shutdown_default_executor())
        loop.close()


# ---- asyncio on it ---------------------------------------------------------


def test_signal_handlers(bed: Bed) -> None:
    async def main() -> None:
        got = asyncio.Event()
        loop = asyncio.get_running_loop()
        loop.add_signal_handler(signal.SIGUSR1, got.set)
        os.kill(os.getpid(), signal.SIGUSR1)
        await got.wait()
        got.clear()
        threading.Timer(0.05, os.kill, (os.getpid(), signal.SIGUSR1)).start()
        await got.wait()
        loop.remove_signal_handler(signal.SIGUSR1)

    run(bed, main())


def test_subprocess_with_large_pipes(bed: Bed) -> None:
    async def main() -> bytes:
        process = await asyncio.create_subprocess_exec("cat", stdin=-1, stdout=-1)
        out, _ = await process.communicate(bytes(3 << 20))
        assert process.returncode == 0
        return out

    asyncio.set_child_watcher(asyncio.ThreadedChildWatcher())
    assert run(bed, main()) == bytes(3 << 20)


@pytest.mark.parametrize("way", ["soon", "later", "descriptor", "pending"])
def test_kept_answers_are_forgotten_before_anything_else_is_called(
    bed: Bed, monkeypatch: pytest.MonkeyPatch, way: str
) -> None:
    """A handler keeps an answer, and what it lets be called finds none that is kept."""
    kept, found = False, []

    def forget() -> None:
        nonlocal kept
        kept = False

    async def main() -> None:
        loop, done = asyncio.get_running_loop(), asyncio.Event()
        near, far = socket.socketpair()

        def called() -> None:
            found.append(kept)
            loop.remove_reader(near)
            done.set()

        def handle(_event: object) -> None:
            nonlocal kept
            bed.switch.handler = lambda _event: None
            if way == "soon":
                loop.call_soon(called)
            elif way == "later":
                loop.call_later(0.001, called)
            elif way == "descriptor":
                loop.add_reader(near, called)
            kept = True

        with near, far, bed.socket():
            far.send(b"x")
            if way == "pending":
                handle(None)
                loop.call_soon(called)
            else:
                bed.switch.handler = handle
            await done.wait()

    monkeypatch.setattr(bed.switch, "forget_answers", forget)
    run(bed, main())
    assert found == [False]


def test_executor_and_calls_from_other_threads(bed: Bed) -> None:
    async def main() -> None:
        loop = asyncio.get_running_loop()
        here = threading.get_ident()
        assert await asyncio.to_thread(threading.get_ident) != here
        done = loop.create_future()
        thread = threading.Thread(
            target=lambda: loop.call_soon_threadsafe(done.set_result, threading.get_ident())
        )
        thread.start()
        assert await done != here
        thread.join()

    run(bed, main())


def test_timers_are_neither_early_nor_lost(bed: Bed) -> None:
    async def main() -> None:
        loop = asyncio.get_running_loop()
        order: list[float] = []
        for delay in (0.02, 0.001, 0.0003, 0.01):
            due = loop.time() + delay
            loop.call_at(due, lambda due=due: order.append(loop.time() - due))
        cancelled = loop.call_later(0.005, order.append, -1.0)
        cancelled.cancel()
        await asyncio.sleep(0.03)
        assert len(order) == 4
        assert min(order) >= -0.001
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.002):
                await asyncio.sleep(60)

    run(bed, main())


def test_tcp_server_and_streams(bed: Bed) -> None:
    async def main() -> bytes:
        async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            writer.write(await reader.readexactly(1 << 20))
            await writer.drain()
            writer.close()

        async with await asyncio.start_server(serve, "127.0.0.1", 0) as server:
            reader, writer = await asyncio.open_connection(*server.sockets[0].getsockname())
            writer.write(bytes(1 << 20))
            data = await reader.read(-1)
            writer.close()
            await writer.wait_closed()
            return data

    assert run(bed, main()) == bytes(1 << 20)


def test_level_triggered_reader_is_called_until_it_has_read(bed: Bed) -> None:
    async def main() -> None:
        loop = asyncio.get_running_loop()
        near, far = socket.socketpair()
        with near, far:
            got: list[bytes] = []
            done = asyncio.Event()

            def read() -> None:
                got.append(near.recv(1))
                if len(got) == 5:
                    done.set()

            loop.add_reader(near, read)
            far.send(b"abcde")
            await done.wait()
            loop.remove_reader(near)
            assert b"".join(got) == b"abcde"

    run(bed, main())


def test_events_reach_the_handler_while_the_loop_runs(bed: Bed) -> None:
    async def main() -> None:
        opened = asyncio.Event()
        bed.switch.handler = lambda event: (bed.events.append(event), opened.set())[0]
        with bed.socket() as sock:
            await opened.wait()
            opened.clear()
            await asyncio.to_thread(sock.send, sw.frame(c.TIDPVMD, -1, 3, 0, 0, b"hello"))
            await opened.wait()

    run(bed, main())
    assert isinstance(bed.events[0], OpenEvent)
    assert isinstance(bed.events[1], MessageEvent)


def test_timers_are_not_postponed_by_events_without_end(bed: Bed) -> None:
    """Each event leads to the next one; one timer is older than they, another a handler's."""
    a = bed.peer(A)
    called: list[str] = []

    def handle(event: object) -> None:
        if not called:
            asyncio.get_running_loop().call_later(0.02, called.append, "handler's")
            called.append("begun")
        if isinstance(event, MessageEvent) and len(called) < 3:
            a.sock.send(message(DAEMON, b"x"))

    async def main() -> None:
        bed.switch.handler = handle
        asyncio.get_running_loop().call_later(0.01, called.append, "older")
        a.sock.send(message(DAEMON, b"x"))
        while len(called) < 3:
            await asyncio.sleep(0.005)

    run(bed, main())
    assert called == ["begun", "older", "handler's"]


def test_handler_may_stop_the_loop(bed: Bed) -> None:
    a = bed.peer(A)
    loop = new_event_loop(bed.switch)
    bed.switch.handler = lambda _event: loop.stop()
    a.sock.send(message(DAEMON, b"x"))
    loop.run_forever()
    loop.close()


def test_failing_handler_is_reported_and_the_next_event_delivered(bed: Bed) -> None:
    failures: list[dict[str, Any]] = []

    async def main() -> None:
        done = asyncio.Event()
        asyncio.get_running_loop().set_exception_handler(lambda _, ctx: failures.append(ctx))

        def handler(event: Event) -> None:
            if isinstance(event, OpenEvent):
                raise ValueError("no")
            done.set()

        bed.switch.handler = handler
        with bed.socket() as sock:
            sock.send(sw.frame(c.TIDPVMD, -1, 3, 0, 0, b"hello"))
            await done.wait()

    run(bed, main())
    assert isinstance(failures[0]["exception"], ValueError)


# ---- the selector itself ---------------------------------------------------


def test_regular_file_is_refused_and_not_registered(bed: Bed) -> None:
    selector = SwitchSelector(bed.switch)
    with open(sys.executable, "rb") as file, pytest.raises(PermissionError):
        selector.register(file, selectors.EVENT_READ)
    assert not selector.get_map()
    selector.close()


def test_modify_changes_events_and_data(bed: Bed) -> None:
    selector = SwitchSelector(bed.switch)
    near, far = socket.socketpair()
    with near, far:
        selector.register(near, selectors.EVENT_READ, "reader")
        assert selector.select(0) == []
        key = selector.modify(near, selectors.EVENT_WRITE, "writer")
        assert selector.select(1) == [(key, selectors.EVENT_WRITE)]
        assert selector.get_key(near).data == "writer"
        both = selector.modify(near, selectors.EVENT_READ | selectors.EVENT_WRITE)
        far.close()
        assert selector.select(1) == [(both, selectors.EVENT_READ | selectors.EVENT_WRITE)]
        selector.unregister(near)
        assert selector.select(0) == []
    selector.close()


def test_descriptor_closed_before_it_is_unregistered(bed: Bed) -> None:
    selector = SwitchSelector(bed.switch)
    near, far = socket.socketpair()
    with far:
        fd = selector.register(near, selectors.EVENT_READ).fd
        near.close()
        selector.unregister(fd)
    selector.close()


def test_timeout_is_kept(bed: Bed) -> None:
    selector = SwitchSelector(bed.switch)
    start = time.monotonic()
    assert selector.select(0.05) == []
    assert time.monotonic() - start >= 0.05
    selector.close()


# ---- the standby thread ----------------------------------------------------


def ping_while_away(peer: Peer, other: Peer, dst: int) -> None:
    """One message from peer to other, while nobody is in the switch's run."""
    peer.sock.setblocking(True)
    other.sock.setblocking(True)
    other.sock.settimeout(PATIENCE)
    peer.sock.send(sw.frame(dst, -1, 1, 0, 0, b"ping"))
    assert other.sock.recv(4096)[-4:] == b"ping"


def test_standby_forwards_while_a_handler_sleeps() -> None:
    with Bed() as bed:
        a, b = bed.peer(A), bed.peer(B)
        bed.run()
        for _ in range(50):
            ping_while_away(a, b, B)
            ping_while_away(b, a, A)
        bed.run()
        ping_while_away(a, b, B)


def test_without_standby_nothing_is_forwarded_meanwhile() -> None:
    with Bed(standby_us=-1) as bed:
        a, b = bed.peer(A), bed.peer(B)
        a.sock.send(sw.frame(B, -1, 1, 0, 0, b"ping"))
        time.sleep(0.05)
        assert not b.drain()
        assert b.message() == (A, b"ping")


def test_standby_keeps_requests_and_new_connections_for_the_caller() -> None:
    with Bed() as bed:
        a, b = bed.peer(A), bed.peer(B)
        bed.run()
        for i in range(20):
            a.sock.send(sw.frame(c.TIDPVMD, -1, 3, 0, i, b"request"))
        a.sock.send(sw.frame(B, -1, 1, 0, 0, b"behind"))
        ping_while_away(b, a, A)
        with bed.socket():
            found: list[Any] = []
            while len(found) < 20:
                found += bed.wait(MessageEvent)
            assert [e.wid for e in found] == list(range(20))
            bed.wait(OpenEvent)
        b.sock.setblocking(False)
        assert b.message() == (A, b"behind")


def test_standby_sees_what_the_caller_left_although_it_waited_before() -> None:
    """The caller may be told of a message before it sees that the connection has ended."""
    with Bed() as bed:
        b = bed.peer(B)
        b.sock.settimeout(PATIENCE)
        for _ in range(40):
            a = bed.peer(A)
            # The standby thread forwards this, and then waits.
            a.sock.sendall(message(B, b"one"))
            assert b.sock.recv(1000)

            def leave(peer: Peer) -> None:
                peer.sock.sendall(message(DAEMON, b"last"))
                peer.sock.close()

            leaving = threading.Timer(0.002, leave, [a])
            leaving.start()
            bed.wait(MessageEvent)
            wait_until(lambda: bed.switch.statistics().connections == 1, "the end of the other")
            leaving.join()
            bed.peers.remove(a)
            bed.wait(CloseEvent)


def test_caller_and_standby_take_turns() -> None:
    """Two tasks play ping-pong while the caller comes and goes, sends and receives."""
    with Bed(standby_us=50) as bed:
        a, b = bed.peer(A), bed.peer(B)
        ping = sw.frame(B, -1, 1, 0, 0, bytes(8))
        pong = sw.frame(A, -1, 1, 0, 0, bytes(8))
        done = threading.Event()
        failures: list[BaseException] = []

        def play(sock: socket.socket, out: bytes, first: bool) -> None:
            try:
                sock.setblocking(True)
                sock.settimeout(PATIENCE)
                for i in range(3000):
                    if first:
                        sock.sendall(out)
                    got = sock.recv(len(out), socket.MSG_WAITALL)
                    assert got[48:] == out[48:], i
                    if not first:
                        sock.sendall(out)
            except BaseException as error:
                failures.append(error)
            if first:
                done.set()

        players = [
            threading.Thread(target=play, args=(a.sock, ping, True)),
            threading.Thread(target=play, args=(b.sock, pong, False)),
        ]
        for player in players:
            player.start()
        turn = 0
        requests = bed.peer(tid(3))
        while not done.is_set():
            bed.run(0.0005 * (turn % 3))
            requests.sock.send(sw.frame(c.TIDPVMD, -1, 3, 0, turn, b""))
            bed.switch.send(tid(3), c.TIDPVMD, 3, 0, turn, b"")
            time.sleep(0.0001 * (turn % 7))
            turn += 1
        for player in players:
            player.join()
        assert not failures
        bed.until(lambda: sum(isinstance(e, MessageEvent) for e in bed.events) == turn)
        bed.until(lambda: requests.messages_here() == turn)


def test_idle_switch_uses_no_processor_time() -> None:
    with Bed() as bed:
        a, b = bed.peer(A), bed.peer(B)
        a.send(sw.frame(B, -1, 1, 0, 0, b""))
        b.fragments(1)
        before = time.process_time()
        bed.run(0.5)
        assert time.process_time() - before < 0.05
