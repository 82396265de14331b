# SPDX-License-Identifier: MIT
"""Tasks that move leave their direct routes. The test is their daemon, and the other task."""

from __future__ import annotations

import contextlib
import re
import select
import signal
import socket
import struct
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from support.compiler import test_program
from support.images.restarts import require_restarter
from support.impostors.mover import PEER, Frozen, Mover, Request, from_peer, order
from support.impostors.rawtask import ints, string
from support.scoped import Scoped
from support.system import PATIENCE

from pvm3py.wire import constants as c

TAG_WORK, TAG_DONE, TAG_END, TAG_BEGUN = 1, 2, 3, 5
HERE, ELSEWHERE = 0x40000, 0x80000
LARGE = 900000


class Peer(Scoped):
    """The other end of a direct route, which sends numbered messages and gets answers.

    can    what it says that it can
    place  where it says that it is
    """

    def __init__(self, mover: Mover) -> None:
        self.mover = mover
        self.can, self.place = c.WIRE_ROUTE_CAN_LEAVE, HERE
        self.listener: socket.socket | None = None
        self.route: socket.socket | None = None
        self.sent = 0
        self._asked = 0
        self._data = b""

    def leave(self, failed: bool) -> None:
        for end in filter(None, (self.listener, self.route)):
            end.close()

    # ---- making a route --------------------------------------------------------------

    def await_request(self) -> str:
        """Until the task asks for another route; with which address."""
        requests: list[Request] = []
        while len(requests) <= self._asked:
            requests = [m for m in self.mover.messages if m.tag == c.TC_CONREQ]
            if len(requests) <= self._asked:
                self.mover.read()
        body = requests[self._asked].body
        self._asked += 1
        size = struct.unpack_from("!i", body, 4)[0]
        words = body[8 + (size + 3 & ~3) :]
        assert words[:8] == ints(c.WIRE_EXT_MAGIC, c.WIRE_ROUTE_CAN_LEAVE)
        assert words[8:] == ints(self.mover.place or HERE)
        return body[8 : 8 + size - 1].decode()

    def say(self, tag: int, body: bytes) -> None:
        """Something about routes, by the daemon, with what a task says of itself."""
        own = ints(c.WIRE_EXT_MAGIC, self.can, self.place) if self.can else b""
        self.mover.send(from_peer(tag, body + own, ctx=c.SYSCTX_TC))

    def listen(self, wanted: str) -> str:
        """Listen on a socket of that kind; its address."""
        if wanted.startswith("/"):
            self.listener = socket.socket(socket.AF_UNIX)
            address = str(self.mover.tmp / f"peer{self._asked}")
            self.listener.bind(address)
            self.listener.listen()
        else:
            self.listener = socket.create_server(("127.0.0.1", 0))
            address = f"7f000001:{self.listener.getsockname()[1]:04x}"
        self.listener.settimeout(PATIENCE)
        return address

    def accept(self, kind: str) -> None:
        """Have a route that the task asks for; "/": it is local."""
        wanted = self.await_request()
        assert wanted.startswith("/") == (kind == "/")
        address = self.listen(wanted)
        assert self.listener
        self.say(c.TC_CONACK, ints(c.TDPROTOCOL, 0) + string(address.encode()))
        self.route, _ = self.listener.accept()
        self.route.settimeout(PATIENCE)
        self.listener.close()

    # ---- messages ----------------------------------------------------------------------

    def work(self, size: int = 100) -> bytes:
        """The next message."""
        self.sent += 1
        payload = bytes(i * 7 & 0xFF for i in range(min(size, 5000))).ljust(size, b"x")
        return from_peer(TAG_WORK, ints(self.sent, size, sum(payload)) + payload)

    def await_route(self, number: int) -> None:
        """Until this answer has come by the route."""
        assert self.route
        answer = ints(number)
        while not self._data.endswith(answer):
            self._data += self.route.recv(1 << 16)

    def read_route(self) -> list[int]:
        """Numbers of the answers that come by the route until its end, or have come before."""
        assert self.route
        data, self._data = self._data, b""
        while more := self.route.recv(1 << 16):
            data += more
        numbers: list[int] = []
        while data:
            size, tag = struct.unpack_from("!8xi4x4xi", data)
            body = data[c.TDFRAGHDR + c.MSGHDRLEN : c.TDFRAGHDR + size]
            numbers += struct.unpack("!i", body) if tag == TAG_DONE else ()
            data = data[c.TDFRAGHDR + size :]
        return numbers

    def answers(self) -> list[int]:
        """Numbers of those that have come by the daemon so far."""
        return [
            struct.unpack("!i", m.body)[0]
            for m in self.mover.messages
            if m.dst == PEER and m.tag == TAG_DONE
        ]


@pytest.fixture
def mover() -> Iterator[Mover]:
    require_restarter()
    with Mover([test_program("moved", "ours"), "direct"]) as mover:
        yield mover


@pytest.fixture
def peer(mover: Mover) -> Iterator[Peer]:
    """It has a local route; the task has begun, and has sent one message by it."""
    mover.until(lambda m: m.tag == TAG_BEGUN)
    with Peer(mover) as peer:
        peer.mover.send(peer.work())
        peer.accept("/")
        yield peer


@pytest.fixture
def far(peer: Peer) -> Peer:
    """The same with a route over a network: the task has moved to another host."""
    peer.mover.place = ELSEWHERE
    peer.mover.move(held=peer.work())
    assert peer.read_route() == [1]
    peer.accept("net")
    return peer


def refused(mover: Mover) -> Frozen:
    """Why the task does not stop."""
    with pytest.raises(Frozen) as refused:
        mover.await_frozen()
    return refused.value


def finish(peer: Peer) -> None:
    """The task ends well."""
    peer.mover.send(from_peer(TAG_END, b""))
    with pytest.raises(EOFError):
        peer.mover.until(lambda m: False)
    assert peer.mover.process.wait(PATIENCE) == 0, peer.mover.output.read_text()


def route_write(peer: Peer, data: bytes) -> int:
    """Write to the route until it takes no more; how many bytes went."""
    assert peer.route
    peer.route.setblocking(False)
    sent = 0
    with contextlib.suppress(BrokenPipeError, ConnectionResetError):
        while sent < len(data):
            if not select.select([], [peer.route], [], 0.2)[1]:
                break
            sent += peer.route.send(data[sent:])
    peer.route.settimeout(PATIENCE)
    return sent


# ---- local routes --------------------------------------------------------------------------


def test_local_route_is_left_and_asked_for_again_when_it_is_wanted(peer: Peer) -> None:
    assert peer.route
    peer.route.sendall(peer.work() + peer.work())
    peer.mover.move(held=peer.work())
    assert peer.read_route() in ([1], [1, 2], [1, 2, 3])
    peer.accept("/")
    peer.route.sendall(peer.work())
    finish(peer)
    assert not [m for m in peer.mover.messages if m.tag == c.TM_UNROUTE]


def test_what_was_written_to_a_local_route_comes_before_what_is_held(peer: Peer) -> None:
    assert peer.route
    for _ in range(10):
        peer.route.sendall(peer.work(20000))
    peer.mover.order_freeze()
    peer.mover.await_frozen()
    with pytest.raises(BrokenPipeError):
        peer.route.sendall(b"late")
    peer.mover.take_image()
    peer.mover.start_restarter()
    peer.mover.commit()
    peer.mover.send(peer.work() + peer.work())
    by_route = peer.read_route()
    peer.accept("/")
    finish(peer)
    by_daemon = peer.answers()
    again = peer.read_route()
    assert by_route + by_daemon + again == list(range(1, peer.sent + 1))


def test_message_in_whose_middle_a_local_route_is_left_comes_by_the_daemon(peer: Peer) -> None:
    whole = peer.work(LARGE)
    peer.mover.order_freeze()
    assert route_write(peer, whole) < len(whole)
    peer.mover.await_frozen()
    peer.mover.take_image()
    peer.mover.start_restarter()
    peer.mover.commit()
    peer.mover.send(whole)
    assert peer.read_route() == [1]
    peer.accept("/")
    finish(peer)
    assert peer.answers() + peer.read_route() == [2]


def test_half_a_message_of_a_local_route_is_nothing(peer: Peer) -> None:
    assert peer.route
    whole = peer.work(5000)
    peer.route.sendall(whole[:3000])
    peer.mover.move(held=whole)
    assert peer.read_route() == [1]
    peer.accept("/")
    finish(peer)
    assert peer.answers() + peer.read_route() == [2]


@pytest.mark.parametrize(
    "way", ["recv", "trecv", "probe", "nrecv", "compute", "malloc", "handler", "select"]
)
def test_route_is_left_whatever_the_task_does(way: str) -> None:
    require_restarter()
    with Mover([test_program("moved", "ours"), way, 1, "direct"]) as mover, Peer(mover) as peer:
        answers: list[int] = []
        by_daemon = 0
        for last in (False, False, False, True):
            peer.accept("/")
            answers += peer.answers()[by_daemon:]
            by_daemon = len(peer.answers())
            assert peer.route
            for size in (0, 3000, 70000):
                peer.route.sendall(peer.work(size))
            if last:
                peer.route.sendall(from_peer(TAG_END, b""))
            else:
                mover.move(held=peer.work())
            answers += peer.read_route()
        assert answers == list(range(1, peer.sent + 1)), mover.output.read_text()


# ---- routes over a network -------------------------------------------------------------------


def leave(peer: Peer) -> None:
    """Do what the daemon of the other task has that do."""
    assert peer.route
    request = peer.mover.until(lambda m: m.tag == c.TM_UNROUTE)
    assert request.body == ints(peer.mover.epoch, PEER)
    peer.route.shutdown(socket.SHUT_WR)


def go_on(mover: Mover) -> None:
    """The steps of a move behind TM_FROZEN."""
    mover.take_image()
    mover.start_restarter()
    mover.commit()


def test_route_over_a_network_is_left_with_the_other_tasks_help(far: Peer) -> None:
    assert far.route
    for _ in range(5):
        far.route.sendall(far.work(20000))
    far.mover.order_freeze()
    far.route.sendall(far.work())
    leave(far)
    far.mover.await_frozen()
    go_on(far.mover)
    far.mover.send(far.work())
    by_route = far.read_route()
    far.accept("net")
    finish(far)
    assert [1, *by_route, *far.answers(), *far.read_route()] == list(range(1, far.sent + 1))


def test_other_task_that_moves_too_need_not_be_asked(far: Peer) -> None:
    """Each has the order of the other in its stream, behind its own."""
    assert far.route
    far.mover.order_freeze()
    far.mover.send(order(c.TM_LEAVE, ints(PEER)))
    # The task writes nothing more, though the other one has not closed its side.
    assert far.read_route() == [2]
    far.route.shutdown(socket.SHUT_WR)
    far.mover.await_frozen()
    go_on(far.mover)
    far.mover.send(far.work())
    far.accept("net")
    finish(far)
    assert far.answers() + far.read_route() == [3]


def test_move_is_off_if_the_other_task_does_not_leave_and_the_route_goes_on(far: Peer) -> None:
    assert far.route
    far.mover.order_freeze()
    why = refused(far.mover)
    assert (why.code, why.reason) == (c.PvmBusy, c.WIRE_WHY_PEERS)
    far.route.sendall(far.work())
    far.mover.send(from_peer(TAG_END, b""))
    assert far.read_route() == [2, 3]


def test_move_is_off_behind_a_left_route_and_nothing_is_lost(far: Peer) -> None:
    assert far.route
    far.route.sendall(far.work())
    far.mover.order_freeze()
    leave(far)
    far.mover.await_frozen()
    far.mover.take_image()
    far.mover.give_up_image()
    far.mover.thaw()
    far.mover.send(far.work())
    by_route = far.read_route()
    far.accept("net")
    finish(far)
    assert by_route + far.answers() + far.read_route() == [2, 3, 4]


def test_task_that_is_told_leaves_its_route_wherever_it_computes(far: Peer) -> None:
    """The other task moves."""
    assert far.route
    far.mover.signal()
    far.mover.send(order(c.TM_LEAVE, ints(PEER)))
    assert far.read_route() == [2]
    far.route.close()
    far.mover.send(far.work())
    far.accept("net")
    finish(far)
    assert far.answers() + far.read_route() == [3]


def test_order_to_leave_a_route_that_there_is_not_changes_nothing(far: Peer) -> None:
    assert far.route
    for tid in (PEER + 1, 0, -1):
        far.mover.signal()
        far.mover.send(order(c.TM_LEAVE, ints(tid)))
    far.route.sendall(far.work())
    far.mover.send(from_peer(TAG_END, b""))
    assert far.read_route() == [2, 3]


# ---- routes that are being made -----------------------------------------------------------


def begun(mover: Mover) -> Peer:
    """The task has asked for a route, and waits for the answer."""
    mover.until(lambda m: m.tag == TAG_BEGUN)
    peer = Peer(mover)
    mover.send(peer.work())
    assert peer.await_request().startswith("/")
    return peer


def test_task_that_has_asked_for_a_route_asks_again_where_it_has_come(mover: Mover) -> None:
    with begun(mover) as peer:
        mover.place = ELSEWHERE
        mover.move()
        address = peer.listen("/")
        peer.say(c.TC_CONACK, ints(c.TDPROTOCOL, 0) + string(address.encode()))
        peer.accept("net")
        finish(peer)
        assert peer.answers() + peer.read_route() == [1]


def test_task_that_asks_with_a_socket_of_the_wrong_kind_asks_with_the_other(mover: Mover) -> None:
    with begun(mover) as peer:
        peer.place = ELSEWHERE
        peer.say(c.TC_CONACK, ints(c.TDPROTOCOL, 1) + string(b""))
        peer.accept("net")
        finish(peer)
        assert peer.answers() + peer.read_route() == [1]


def await_answer(mover: Mover, count: int) -> bytes:
    """The body of the answer to the test's request."""
    answers: list[Request] = []
    while len(answers) < count:
        mover.read()
        answers = [m for m in mover.messages if m.tag == c.TC_CONACK]
    return answers[-1].body


def address_of(answer: bytes) -> str:
    """The address of an acceptance."""
    version, refused, size = struct.unpack_from("!iii", answer)
    assert (version, refused) == (c.TDPROTOCOL, 0)
    return answer[12 : 12 + size - 1].decode()


def test_request_with_a_socket_of_the_wrong_kind_is_refused(mover: Mover) -> None:
    mover.until(lambda m: m.tag == TAG_BEGUN)
    with Peer(mover) as peer:
        for place, address in ((HERE, "7f000001:1234"), (ELSEWHERE, "/tmp/none")):
            peer.place = place
            peer.say(c.TC_CONREQ, ints(c.TDPROTOCOL) + string(address.encode()))
        own = ints(c.WIRE_EXT_MAGIC, c.WIRE_ROUTE_CAN_LEAVE, HERE)
        refusal = ints(c.TDPROTOCOL, 1) + string(b"") + own
        assert [await_answer(mover, n + 1) for n in range(2)] == [refusal] * 2
        peer.place = HERE
        peer.say(c.TC_CONREQ, ints(c.TDPROTOCOL) + string(b"/tmp/none"))
        assert address_of(await_answer(mover, 3)).startswith("/")
        finish(peer)


def test_local_socket_that_is_listened_on_is_closed_for_a_move(mover: Mover) -> None:
    """Who connects late sees that, and asks again."""
    mover.until(lambda m: m.tag == TAG_BEGUN)
    with Peer(mover) as peer:
        peer.say(c.TC_CONREQ, ints(c.TDPROTOCOL) + string(b"/tmp/none"))
        address = Path(address_of(await_answer(mover, 1)))
        assert address.exists()
        mover.move(held=peer.work())
        assert not address.exists()
        peer.accept("/")
        finish(peer)
        assert peer.answers() + peer.read_route() == [1]


def test_what_was_written_to_a_local_socket_that_was_not_accepted_is_taken_along(
    mover: Mover,
) -> None:
    mover.until(lambda m: m.tag == TAG_BEGUN)
    with Peer(mover) as peer:
        peer.say(c.TC_CONREQ, ints(c.TDPROTOCOL) + string(b"/tmp/none"))
        address = address_of(await_answer(mover, 1))
        peer.route = socket.socket(socket.AF_UNIX)
        mover.process.send_signal(signal.SIGSTOP)
        peer.route.connect(address)
        peer.route.sendall(peer.work(3000))
        mover.order_freeze()
        mover.process.send_signal(signal.SIGCONT)
        mover.await_frozen()
        go_on(mover)
        mover.send(peer.work())
        peer.accept("/")
        finish(peer)
        assert peer.answers() + peer.read_route() == [1, 2]


# ---- other libraries --------------------------------------------------------------------------


def test_route_to_a_task_with_another_library_is_named_as_the_reason(mover: Mover) -> None:
    with begun(mover) as peer:
        peer.can = 0
        address = peer.listen("/")
        peer.say(c.TC_CONACK, ints(c.TDPROTOCOL, 0) + string(address.encode()))
        assert peer.listener
        peer.route, _ = peer.listener.accept()
        for _ in range(2):
            mover.order_freeze()
            why = refused(mover)
            assert (why.code, why.reason) == (c.PvmNotMovable, c.WIRE_WHY_ROUTES)
            assert re.search(r"direct route .* 3\.4\.6", why.text)
            peer.route.sendall(peer.work())
        mover.send(from_peer(TAG_END, b""))
        assert peer.read_route() == [1, 2, 3]


def test_signal_whose_order_a_call_has_read_stops_nothing(peer: Peer) -> None:
    """Without that the task would wait 5 s for an order each time."""
    assert peer.route
    begin = time.monotonic()
    for _ in range(5):
        peer.mover.send(order(c.TM_LEAVE, ints(PEER + 1)) + peer.work())
        peer.await_route(peer.sent)
        peer.mover.signal()
        peer.route.sendall(peer.work())
        peer.await_route(peer.sent)
    assert time.monotonic() - begin < 20
    finish(peer)
