# SPDX-License-Identifier: MIT
"""What a library call takes in: the library alone, with exact bytes at exact times."""

from __future__ import annotations

from contextlib import ExitStack

import pytest
from support.impostors.fakedaemon import reply
from support.impostors.rawtask import ints
from support.intake.bed import PVM_ROUTE, PVM_ROUTE_DIRECT, Told, Way
from support.intake.vectors import recording
from support.intake.wire import CHILD, WireBed, fragments, one
from support.system import SIDES, Side

from pvm3py.wire import constants as c

each_library = pytest.mark.parametrize("library", SIDES)

# A call that waits for the rest of a fragment has not returned after so many seconds.
WAITS = 0.15
MUCH = 8 << 20  # bytes, more than any socket holds
MBOX_WAIT = 4  # flag of pvm_recvinfo
ROUTE_ADD, ROUTE_DELETE = 4, 5
PEERS = (0x40012, 0x40011, 0x40013)


# ---- order among connections -------------------------------------------------------------


@each_library
def test_one_message_of_each_connection_in_turn(library: Side) -> None:
    with WireBed(library) as bed, ExitStack() as stack:
        routes = [stack.enter_context(bed.route(peer)) for peer in PEERS]
        names = {number: f"d{number}" for number in range(1, 5)}
        bed.send(*names)
        for peer, route in zip(PEERS, routes, strict=True):
            tags = {100 * (peer & 15) + n: f"1{peer & 15}:{n}" for n in range(1, 5)}
            names |= tags
            route.send(*tags)
        expected: list[str] = []
        for step in recording("wire_connections")["sequence"]:
            bed.poll()
            expected += step["taken_in"]
            assert [names[tag] for tag in bed.task.list()] == expected


@each_library
def test_notice_of_a_tasks_end_and_its_last_messages_on_a_route(library: Side) -> None:
    recorded = recording("wire_notice_and_route")["sequence"][0]["answer"]
    # Ours may as well give the route's messages first: they were sent before the notice.
    allowed = [recorded] if library == "debian" else [recorded, [1, 1, 1, 50]]
    with WireBed(library) as bed:
        with bed.route(PEERS[0]) as route:
            route.send(1, 1, 1)
        bed.send(50)
        assert [bed.task.call("recv", -1, -1).code for _ in range(4)] in allowed


@each_library
@pytest.mark.parametrize("case", ["1 and 1", "5 and 5", "5 and 1", "1 and 5"])
def test_select_with_two_connections(library: Side, case: str) -> None:
    ours, theirs = map(int, case.split(" and "))
    (recorded,) = [s for s in recording("wire_select_two")["sequence"] if s["call"] == case]
    with WireBed(library) as bed, bed.route(PEERS[0]) as route:
        bed.send(*[1] * ours)
        route.send(*[2] * theirs)
        got = []
        while bed.task.call("readable").code:
            got += [tag for tag in [bed.task.call("nrecv", -1, -1).code] if tag]
        if library == "ours":  # It may get what 3.4.6 leaves in the list.
            assert sorted(got) in (sorted(recorded["answer"]), [1] * ours + [2] * theirs)
        else:
            assert got == recorded["answer"] and bed.rest() == recorded["left_listed"]


@each_library
def test_receiving_until_nothing_is_there_after_select_gets_everything(library: Side) -> None:
    with WireBed(library) as bed, bed.route(PEERS[0]) as route:
        bed.send(*[1] * 5)
        route.send(*[2] * 5)
        got = []
        while bed.task.call("readable").code:
            got += bed.rest()
        assert sorted(got) == [1] * 5 + [2] * 5


# ---- fragments ---------------------------------------------------------------------------


@each_library
@pytest.mark.parametrize("count", [2, 3, 10, 40])
def test_message_of_several_fragments_from_the_daemon_is_one(library: Side, count: int) -> None:
    with WireBed(library) as bed:
        assert bed.task.waiting(Way.DAEMON) == []
        bed.put(b"".join(fragments(bed.task.tid, 5, count)) + bed.text(6))
        assert bed.task.call("nrecv", -1, 5).code == 5
        assert bed.task.waiting(Way.DAEMON) == [6]


@each_library
def test_message_that_ends_first_is_first(library: Side) -> None:
    with WireBed(library) as bed:
        a = fragments(bed.task.tid, 1, 3, CHILD)
        b = fragments(bed.task.tid, 2, 3, CHILD + 1)
        bed.put(b"".join((a[0], b[0], a[1], b[1], b[2], a[2])))
        bed.poll()
        assert bed.task.list() == [2]
        bed.poll()
        assert bed.task.list() == [2, 1]


@each_library
@pytest.mark.parametrize("count", [2, 4, 16])
def test_message_of_several_fragments_on_a_route(library: Side, count: int) -> None:
    with WireBed(library) as bed, bed.route(PEERS[0]) as route:
        route.put(b"".join(fragments(bed.task.tid, 5, count, PEERS[0])))
        calls = 1
        while not bed.task.call("nrecv", -1, 5).code:
            calls += 1
        # 3.4.6 reads a fragment in one call or two; ours may read all of them in one.
        assert (count if library == "debian" else 1) <= calls <= 2 * count


# ---- parts of messages -------------------------------------------------------------------

HALF = c.TDFRAGHDR + (c.MSGHDRLEN + 400) // 2
PARTIAL = [
    ("nrecv -1 5", 8, 5),
    ("nrecv -1 5", 16, 5),
    ("nrecv -1 5", HALF, 5),
    ("trecv -1 5 0 100000", HALF, 5),
    ("probe -1 5", HALF, 5),
    (f"send {CHILD} 9 0", HALF, 0),
]


@pytest.mark.parametrize(("call", "there", "code"), PARTIAL)
def test_3_4_6_waits_for_the_rest_of_a_fragment_from_the_daemon(
    call: str, there: int, code: int
) -> None:
    with WireBed("debian") as bed:
        whole = one(bed.task.tid, 5, body=bytes(400))
        bed.put(whole[:there])
        bed.task.begin(*call.split())
        with pytest.raises(AssertionError, match="no line"):
            bed.task.end(WAITS)
        bed.put(whole[there:])
        assert bed.task.end().code == code


@pytest.mark.parametrize(("call", "there", "code"), PARTIAL)
def test_ours_does_not_wait_for_the_rest_and_loses_nothing(
    call: str, there: int, code: int
) -> None:
    with WireBed("ours") as bed:
        whole = one(bed.task.tid, 5, body=bytes(400))
        bed.put(whole[:there])
        assert bed.task.call(*call.split()).code == 0
        bed.put(whole[there:])
        assert bed.task.call("recv", -1, 5).code == 5


@each_library
@pytest.mark.parametrize("call", ["nrecv -1 5", "trecv -1 5 0 100000"])
def test_first_of_two_fragments_from_the_daemon_is_not_waited_for(library: Side, call: str) -> None:
    with WireBed(library) as bed:
        first, second = fragments(bed.task.tid, 5, 2)
        bed.put(first)
        assert bed.task.call(*call.split()).code == 0
        bed.put(second)
        assert bed.task.call("nrecv", -1, 5).code == 5


@each_library
def test_part_of_a_message_on_a_route_is_kept(library: Side) -> None:
    with WireBed(library) as bed, bed.route(PEERS[0]) as route:
        whole = one(bed.task.tid, 5, PEERS[0], bytes(400))
        route.put(whole[:HALF])
        assert bed.task.call("nrecv", -1, 5).code == 0
        route.put(whole[HALF:])
        assert bed.task.call("recv", -1, 5).code == 5


# ---- requests ----------------------------------------------------------------------------


def asked(
    bed: WireBed,
    call: str,
    request: int,
    body: bytes | None,
    *,
    waiting: tuple[int, ...] = (),
    before: tuple[int, ...] = (),
    behind: tuple[int, ...] = (),
) -> Told:
    """A request: what waits when it is called, comes before its reply, and at once behind it."""
    bed.send(*waiting)
    bed.task.begin(*call.split())
    asking = bed.expect(request)
    bed.put(bed.text(*before) + reply(asking, body) + bed.text(*behind))
    return bed.task.end()


SPAWNED = ints(1, CHILD)
# Call, request, body of the reply; waiting, before, behind; taken in.
CASES = {
    "nothing before": (f"pstat {CHILD}", c.TM_PSTAT, ints(0), (), (), (1, 2, 3), []),
    "two before": (f"pstat {CHILD}", c.TM_PSTAT, ints(0), (), (1, 2), (3, 4), [1, 2]),
    "waiting": (f"pstat {CHILD}", c.TM_PSTAT, ints(0), (1, 2, 3), (4,), (5,), [1, 2, 3, 4]),
    "spawn": (
        *("spawn child 1", c.TM_SPAWN, SPAWNED, (), (1, 2), (3, 4, 5, 6, 7, 8)),
        [1, 2, 3, 4],
    ),
}


@each_library
@pytest.mark.parametrize("case", CASES)
def test_request_takes_in_what_comes_before_its_reply(library: Side, case: str) -> None:
    call, request, body, waiting, before, behind, taken = CASES[case]
    with WireBed(library) as bed:
        asked(bed, call, request, body, waiting=waiting, before=before, behind=behind)
        assert bed.task.list() == taken
        assert bed.rest() == [*waiting, *before, *behind]


@each_library
def test_waiting_for_an_entry_of_the_mailbox_takes_in_what_comes_meanwhile(library: Side) -> None:
    with WireBed(library) as bed:
        bed.task.begin("recvinfo", "name", MBOX_WAIT)
        asking = bed.expect(c.TM_DB)
        bed.send(1, 2)
        bed.wait_until_read()
        bed.put(bed.text(3) + reply(asking) + bed.text(5, 6))
        bed.task.end()
        assert bed.task.list() == [1, 2, 3]
        assert bed.rest() == [1, 2, 3, 5, 6]


@each_library
def test_first_send_on_a_route_takes_in_what_comes_before_the_answer(library: Side) -> None:
    with WireBed(library) as bed:
        bed.task.call("setopt", PVM_ROUTE, PVM_ROUTE_DIRECT)
        bed.send(1, 2, 3)
        with bed.accepting(CHILD) as accept:
            bed.task.begin("send", CHILD, 9, 0)
            accept(bed.text(4, 5), bed.text(6, 7, 8, 9))
            assert bed.task.end().code == 0
        assert bed.task.list() == [1, 2, 3, 4, 5, 6]
        assert bed.rest() == [1, 2, 3, 4, 5, 6, 7, 8, 9]


# ---- sends -------------------------------------------------------------------------------


@each_library
def test_send_that_is_blocked_takes_in_everything_that_comes(library: Side) -> None:
    with WireBed(library) as bed:
        bed.task.begin("packed", CHILD, 9, 0, MUCH)
        tags = list(range(100, 120))
        bed.send(*tags)
        bed.wait_until_read()
        bed.discard(MUCH)
        assert bed.task.end().code == 0
        assert bed.task.list() == tags


@each_library
def test_mcast_to_five_tasks_takes_in_two(library: Side) -> None:
    with WireBed(library) as bed:
        bed.send(*range(1, 21))
        assert bed.task.call("mcast", 9, *range(CHILD, CHILD + 5)).code == 0
        assert bed.task.list() == [1, 2]


# ---- time --------------------------------------------------------------------------------


@each_library
@pytest.mark.parametrize(("time", "code"), [("0 0", 30), ("100 0", 30), ("-1 0", 0), ("0 -1", 0)])
def test_trecv_of_the_last_of_thirty(library: Side, time: str, code: int) -> None:
    with WireBed(library) as bed:
        bed.send(*range(1, 31))
        assert bed.task.call("trecv", -1, 30, *time.split()).code == code
        assert bed.task.list() == (list(range(1, 30)) if code else [])


# ---- notices of routes -------------------------------------------------------------------


@each_library
def test_notices_of_a_route_that_another_task_asks_for(library: Side) -> None:
    with WireBed(library) as bed:
        assert bed.task.call("notify", ROUTE_ADD, 60, -1).code == 0
        address = bed.ask_for_route(PEERS[0])
        assert bed.task.list() == [60]
        with bed.connected(PEERS[0], address) as route:
            bed.poll(2)
            assert bed.task.list() == [60, 60]
            assert bed.rest() == [60, 60]
            assert bed.task.call("notify", ROUTE_DELETE, 61, 1, PEERS[0]).code == 0
            route.send(70, 71)
        bed.poll(8)
        assert bed.task.list() == [70, 71, 61]


# ---- the end -----------------------------------------------------------------------------


@each_library
def test_exit_runs_the_handlers_of_what_comes_before_its_reply(library: Side) -> None:
    runs = recording("wire_exit")["sequence"][0]["handler_runs"]
    with WireBed(library) as bed:
        assert bed.task.call("handler", 4).code == 0
        told = asked(
            *(bed, "exit", c.TM_EXIT, b""), waiting=(1, 4, 2, 4, 3, 4), before=(4, 4), behind=(4, 4)
        )
        assert (told.events, told.code) == (["handler 4"] * runs, 0)


LOST = {
    "nothing": ("", ["recv -1 2", "nrecv -1 1", "nrecv -1 3", "nrecv -1 3"], [2, 1, 3, -14]),
    "send": (f"send {CHILD} 9 0", ["nrecv -1 -1"] * 4, [1, 2, 3, -14]),
    "pstat": (f"pstat {CHILD}", ["nrecv -1 -1"] * 4, [1, 2, 3, -14]),
}


@each_library
@pytest.mark.parametrize("first", LOST)
def test_what_came_before_the_daemons_end_is_received(library: Side, first: str) -> None:
    before, calls, answers = LOST[first]
    with WireBed(library) as bed:
        bed.send(1, 2, 3)
        bed.daemon.leave(False)
        if before:
            assert bed.task.call(*before.split()).code == -14
        assert [bed.task.call(*call.split()).code for call in calls] == answers
