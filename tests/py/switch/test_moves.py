# SPDX-License-Identifier: MIT
"""The switch: tasks that move. Held messages, adopted connections, places, links by address."""

from __future__ import annotations

import errno
import os
import socket
import struct
from collections.abc import Iterator

import pytest
from support.impostors.linkbed import Mesh, task_message
from support.impostors.packets import WHOLE, daemon, head, packet
from support.impostors.sharer import Sharer, Word
from support.impostors.switchbed import (
    DAEMON,
    OWN_TID,
    A,
    B,
    Bed,
    C,
    Fragment,
    Peer,
    cut,
    message,
    multicast_list,
)

from pvm3py.pvmd.state.events import (
    CloseEvent,
    DrainedEvent,
    HeldEvent,
    LogEvent,
    MessageEvent,
    SpokeEvent,
)
from pvm3py.wire import constants as c

FAR = 0x80001
"""A task whose number is another host's, of which a lone switch knows nothing."""


@pytest.fixture
def mesh() -> Iterator[Mesh]:
    with Mesh(3) as made:
        yield made


def bodies(peer: Peer, count: int) -> list[bytes]:
    """Wait for so many messages of one fragment each, and take their bodies."""
    return [f.payload[c.MSGHDRLEN :] for f in peer.fragments(count)]


def joined(peer: Peer) -> list[bytes]:
    """The bodies of the messages that have arrived, and take them: each of any number of pieces."""
    found, rest = cut(peer.stream)
    assert not rest
    result: list[bytes] = []
    for f in found:
        if f.flags & c.FFSOM:
            result.append(f.payload[c.MSGHDRLEN :])
        else:
            result[-1] += f.payload
    peer.stream = rest
    return result


def far_bodies(mesh: Mesh, peer: Peer, count: int) -> list[bytes]:
    """Wait for so many messages while all hosts run, and take their bodies."""
    mesh.until(lambda: peer.messages_here() >= count)
    found = joined(peer)
    assert len(found) == count
    return found


def refused(code: int, call: object, *args: object) -> None:
    with pytest.raises(OSError) as error:
        call(*args)  # type: ignore[operator]
    assert error.value.errno == code


def move(mesh: Mesh, task: int, old: Peer, target: int) -> Peer:
    """Take a task that sends nothing from its host to another one: its new connection."""
    for host in mesh.hosts:
        host.switch.hold_task(task)
    for i, host in enumerate(mesh.hosts):
        if i != target:
            host.switch.place_task(task, mesh.hosts[target].tid)
    old.bed.switch.close_conn(old.conn, flush=False)
    new = mesh.hosts[target].adopt(task)
    mesh.hosts[target].switch.thaw_task(task)
    old.sock.close()
    return new


# ---- holding and thawing -----------------------------------------------------------------------


def test_held_messages_come_after_a_thaw_in_their_order(bed: Bed) -> None:
    a, b = bed.peer(A), bed.peer(B)
    a.send(message(B, b"1"))
    assert bodies(b, 1) == [b"1"]
    bed.switch.hold_task(B)
    assert bed.wait(HeldEvent) == [HeldEvent(B)]
    a.send(message(B, b"2") + message(B, bytes(100000)))
    bed.until(lambda: bed.switch.queued(B) > 100000)
    bed.switch.send(B, DAEMON, 1, 0, 0, b"3")
    bed.switch.send_conn(b.conn, message(B, b"marker"))
    assert bodies(b, 1) == [b"marker"]
    bed.switch.thaw_task(B)
    a.send(message(B, b"4"))
    assert bodies(b, 4) == [b"2", bytes(100000), b"3", b"4"]


def test_marker_comes_behind_all_that_was_queued_before_the_hold(bed: Bed) -> None:
    a, b = bed.peer(A), bed.peer(B)
    a.send(message(B, b"x" * 900000))
    bed.until(lambda: bed.switch.queued(B))
    bed.switch.hold_task(B)
    a.send(message(B, b"held"))
    bed.switch.send_conn(b.conn, message(B, b"marker"))
    bed.until(lambda: b.messages_here() == 2)
    assert [len(body) for body in joined(b)] == [900000, 6]


def test_held_tasks_get_answers_to_their_requests_after_the_thaw(bed: Bed) -> None:
    a = bed.peer(A)
    bed.switch.hold_task(A)
    a.send(message(DAEMON, struct.pack(">i", A), c.TM_HOSTSYNC))
    (request,) = bed.wait(MessageEvent)
    bed.switch.send(A, DAEMON, request.tag, 0, 0, b"answer")
    bed.switch.send_conn(a.conn, message(A, b"marker"))
    assert bodies(a, 1) == [b"marker"]
    bed.switch.thaw_task(A)
    assert bodies(a, 1) == [b"answer"]


def test_task_that_is_known_nowhere_here_cannot_be_held_and_a_far_one_can(bed: Bed) -> None:
    refused(errno.ENOENT, bed.switch.hold_task, A)
    bed.switch.expect(B)
    refused(errno.ENOENT, bed.switch.hold_task, B)
    refused(errno.EINVAL, bed.switch.hold_task, OWN_TID)
    a = bed.peer(A)
    bed.switch.hold_task(FAR)
    bed.wait(HeldEvent)
    a.send(message(FAR, b"kept"))
    bed.until(lambda: bed.switch.queued(FAR))


def test_thaw_needs_a_connection(bed: Bed) -> None:
    refused(errno.ENOENT, bed.switch.thaw_task, A)
    bed.peer(A)
    refused(errno.ENOENT, bed.switch.thaw_task, A)
    bed.switch.hold_task(FAR)
    refused(errno.ENOENT, bed.switch.thaw_task, FAR)


def test_second_hold_is_one_and_is_told_again(bed: Bed) -> None:
    a, b = bed.peer(A), bed.peer(B)
    for body in (b"1", b"2"):
        bed.switch.hold_task(B)
        assert bed.wait(HeldEvent) == [HeldEvent(B)]
        a.send(message(B, body))
        size = len(message(B, body)) * int(body)
        bed.until(lambda n=size: bed.switch.queued(B) == n)
    bed.switch.thaw_task(B)
    assert bodies(b, 2) == [b"1", b"2"]


# ---- bounds ------------------------------------------------------------------------------------


def test_sender_waits_at_the_first_bound_of_a_held_queue_which_does_not_grow() -> None:
    with Bed(queue_low=20000, queue_high=1 << 20) as bed:
        a, b = bed.peer(A), bed.peer(B)
        bed.switch.hold_task(B)
        a.start(message(B, bytes(5000)) * 200)
        bed.until(lambda: bed.switch.statistics().parked)
        # Some turns later than another queue would have grown.
        for _ in range(60):
            bed.run(0.002)
        assert bed.switch.queued(B) < 20000 + 2 * 5100
        bed.switch.thaw_task(B)
        bed.until(lambda: b.drain() is None or b.messages_here() == 200)


def test_sender_of_another_host_waits_at_the_bound_of_a_held_queue() -> None:
    with Mesh(2, queue_low=50000) as mesh:
        one, two = mesh.hosts
        sender, receiver = one.peer(0x40001), two.peer(FAR)
        two.switch.hold_task(FAR)
        size = 20 << 20
        sender.start(task_message(FAR, bytes(size)))
        mesh.until(lambda: one.switch.statistics().parked and two.switch.statistics().parked)
        for _ in range(60):
            mesh.turn()
        assert two.switch.queued(FAR) < 4 << 20
        two.switch.thaw_task(FAR)
        mesh.until(lambda: receiver.drain() is None or len(receiver.stream) > size)


def test_task_that_is_to_freeze_ends_its_message_whatever_the_bounds() -> None:
    with Bed(queue_low=20000, queue_high=20000) as bed:
        a, b = bed.peer(A), bed.peer(B)
        a.start(message(B, bytes(100)) * 20000)
        bed.until(lambda: bed.switch.statistics().parked)
        before = 0
        while len(a.unsent) != before:
            before = len(a.unsent)
            bed.run(0.05)
            a.pump()
        assert before, "it waits"
        bed.switch.hold_task(A)
        bed.until(lambda: not a.unsent)
        bed.until(lambda: b.drain() is None or b.messages_here() == 20000)


def test_two_tasks_that_move_and_send_to_each_other_end_their_messages() -> None:
    with Bed(queue_low=20000, queue_high=20000) as bed:
        a, b = bed.peer(A), bed.peer(B)
        for task in (A, B):
            bed.switch.hold_task(task)
        a.start(message(B, bytes(3 << 20)) + message(DAEMON, b"frozen"))
        b.start(message(A, bytes(3 << 20)) + message(DAEMON, b"frozen"))
        assert {e.src for e in bed.wait(MessageEvent, 2)} == {A, B}


# ---- adopting ----------------------------------------------------------------------------------


def test_adopted_connection_gets_what_was_held_behind_what_it_is_sent_first(bed: Bed) -> None:
    a = bed.peer(A)
    bed.switch.hold_task(FAR)
    a.send(message(FAR, b"1") + message(FAR, bytes(100000)))
    bed.until(lambda: bed.switch.queued(FAR) > 100000)
    far = bed.adopt(FAR)
    bed.switch.send_conn(far.conn, message(FAR, b"go"))
    assert bodies(far, 1) == [b"go"]
    bed.switch.thaw_task(FAR)
    a.send(message(FAR, b"2"))
    assert bodies(far, 3) == [b"1", bytes(100000), b"2"]
    far.send(message(A, b"from afar") + message(DAEMON, b"request"))
    assert a.message() == (FAR, b"from afar")
    assert [(e.conn, e.src) for e in bed.wait(MessageEvent)] == [(far.conn, FAR)]


def test_adopted_task_is_served_like_others(bed: Bed) -> None:
    bed.switch.hold_task(FAR)
    far = bed.adopt(FAR)
    bed.switch.thaw_task(FAR)
    far.send(message(DAEMON, struct.pack(">i", FAR), c.TM_PSTAT))
    assert bodies(far, 1) == [bytes(4)]
    a = bed.peer(A)
    a.send(multicast_list(A, FAR) + message(A | c.TIDGID, b"all"))
    assert [p.message() for p in (a, far)] == [(A, b"all")] * 2


def test_only_whole_frames_are_taken_over() -> None:
    """What the old connection has half written stays there; the new one begins with a frame."""
    with Bed(queue_low=1 << 20) as bed:
        a, b = bed.peer(A), bed.peer(B)
        a.send(message(B, bytes(800000)))
        bed.until(lambda: 0 < bed.switch.queued(B) < 800000)
        bed.switch.hold_task(B)
        a.send(message(B, b"next"))
        bed.until(lambda: bed.switch.statistics().fragments)
        b.sock.close()
        bed.wait(CloseEvent)
        again = bed.adopt(B)
        bed.switch.thaw_task(B)
        assert bodies(again, 1) == [b"next"]


def test_adoption_needs_a_held_task_without_connection(bed: Bed) -> None:
    bed.peer(A)
    ours, theirs = socket.socketpair()
    with ours, theirs:
        for task in (A, B, FAR):
            refused(errno.ENOENT, bed.switch.adopt_task, theirs.fileno(), task)
        bed.switch.hold_task(A)
        refused(errno.EEXIST, bed.switch.adopt_task, theirs.fileno(), A)
    bed.switch.hold_task(FAR)
    with open(os.devnull, "rb") as file:
        refused(errno.EPERM, bed.switch.adopt_task, file.fileno(), FAR)
    bed.adopt(FAR)


def test_end_of_an_adopted_connection_is_reported_and_is_the_tid_s(bed: Bed) -> None:
    a = bed.peer(A)
    bed.switch.hold_task(FAR)
    far = bed.adopt(FAR)
    bed.switch.thaw_task(FAR)
    far.sock.close()
    assert [e.conn for e in bed.wait(CloseEvent)] == [far.conn]
    a.send(message(FAR, b"lost"))
    bed.until(lambda: bed.switch.statistics().dropped == 1)


def test_connection_that_ends_while_its_task_is_held_leaves_what_is_held(bed: Bed) -> None:
    a, b = bed.peer(A), bed.peer(B)
    bed.switch.hold_task(B)
    b.sock.close()
    bed.wait(CloseEvent)
    a.send(message(B, b"kept"))
    bed.until(lambda: bed.switch.queued(B))
    refused(errno.ENOENT, bed.switch.thaw_task, B)
    bed.switch.forget(B)
    assert bed.switch.queued(B) == 0
    assert bed.switch.statistics().queued_bytes == 0


def test_manager_s_messages_that_were_held_are_reported_when_they_pass(bed: Bed) -> None:
    a, b = bed.peer(A), bed.peer(B)
    bed.switch.manager(b.conn, C, A)
    bed.switch.hold_task(B)
    bed.wait(HeldEvent)
    a.send(message(B, b"order", c.SM_FIRST) + message(B, bytes(100000)))
    bed.until(lambda: bed.switch.queued(B) > 100000)
    assert not [e for e in bed.events if isinstance(e, SpokeEvent)]
    bed.switch.thaw_task(B)
    assert [(f.src, len(f.payload)) for f in b.fragments(2)] == [(C, 37), (A, 100032)]
    assert [e.tag for e in bed.wait(SpokeEvent, 2)] == [c.SM_FIRST, 1]


# ---- placing -----------------------------------------------------------------------------------


def test_held_messages_and_later_ones_go_to_the_place_in_order(mesh: Mesh) -> None:
    one, two, three = mesh.hosts
    sender = three.peer(0xC0001)
    one.peer(A)
    for host in mesh.hosts:
        host.switch.hold_task(A)
    sender.start(message(A, b"1") + message(A, bytes(30000)))
    mesh.until(lambda: three.switch.queued(A) > 30000)
    for host in (one, three):
        host.switch.place_task(A, two.tid)
    sender.start(message(A, b"2"))
    new = two.adopt(A)
    two.switch.thaw_task(A)
    assert far_bodies(mesh, new, 3) == [b"1", bytes(30000), b"2"]
    new.start(message(0xC0001, b"answer"))
    assert far_bodies(mesh, sender, 1) == [b"answer"]


def test_task_returns_and_nothing_is_known_of_it_any_more(mesh: Mesh) -> None:
    one, two, three = mesh.hosts
    sender = three.peer(0xC0001)
    new = one.peer(A)
    for target in (1, 2, 0):
        new = move(mesh, A, new, target)
        sender.start(message(A, b"hello"))
        assert far_bodies(mesh, new, 1) == [b"hello"]
        new.start(message(0xC0001, b"here"))
        assert far_bodies(mesh, sender, 1) == [b"here"]
    two.switch.forget(A)
    sender.start(message(A, b"home"))
    assert far_bodies(mesh, new, 1) == [b"home"]


def test_what_comes_to_a_host_that_the_task_has_left_is_passed_on(mesh: Mesh) -> None:
    """The third host does not know yet, as one of 3.4.6 never does."""
    one, two, three = mesh.hosts
    sender = three.peer(0xC0001)
    one.peer(A)
    for host in (one, two):
        host.switch.hold_task(A)
    one.switch.place_task(A, two.tid)
    new = two.adopt(A)
    two.switch.thaw_task(A)
    sender.start(message(A, b"by home") + multicast_list(A) + message(0xC0001 | c.TIDGID, b"all"))
    assert far_bodies(mesh, new, 2) == [b"by home", b"all"]


def test_hosts_that_mean_each_other_drop_what_is_for_a_task(mesh: Mesh) -> None:
    one, two, three = mesh.hosts
    sender = three.peer(0xC0001)
    one.switch.place_task(A | 77, two.tid)
    two.switch.place_task(A | 77, one.tid)
    sender.start(message(A | 77, b"nowhere"))
    mesh.until(lambda: sum(h.switch.statistics().dropped for h in mesh.hosts) == 1)


def test_place_must_be_a_host_that_knows_of_moves(bed: Bed) -> None:
    refused(errno.EINVAL, bed.switch.place_task, A, daemon(2))
    with Mesh(2) as mesh:
        one, two = mesh.hosts
        one.peer(A)
        refused(errno.EBUSY, one.switch.place_task, A, two.tid)
        refused(errno.EINVAL, one.switch.place_task, A, FAR)
        refused(errno.EINVAL, one.switch.place_task, two.tid, two.tid)
        one.knows(two, moves=False)
        one.switch.hold_task(A)
        refused(errno.EINVAL, one.switch.place_task, A, two.tid)
        refused(errno.EINVAL, one.switch.hand_over, A, two.tid)
        one.switch.thaw_task(A)


def test_answer_to_a_held_task_finds_its_place(mesh: Mesh) -> None:
    one, two, _ = mesh.hosts
    a = one.peer(A)
    one.switch.hold_task(A)
    two.switch.hold_task(A)
    a.start(message(DAEMON, b"request", 99))
    mesh.until(lambda: one.found(MessageEvent))
    one.switch.send(A, DAEMON, 99, 0, 0, b"answer")
    one.switch.place_task(A, two.tid)
    new = two.adopt(A)
    two.switch.thaw_task(A)
    assert far_bodies(mesh, new, 1) == [b"answer"]


def test_notice_finds_the_place_of_who_wished_it(mesh: Mesh) -> None:
    one, two, _ = mesh.hosts
    a = one.peer(A)
    one.peer(B)
    one.switch.notify(A, B, 0, 55, 0)
    new = move(mesh, A, a, 1)
    one.switch.forget(B)
    one.switch.notify_end(B)
    assert far_bodies(mesh, new, 1) == [struct.pack(">i", B)]
    assert two.switch.notices(A) == 0


def test_drain_of_a_moved_task_is_that_of_its_place(mesh: Mesh) -> None:
    one = mesh.hosts[0]
    new = move(mesh, A, one.peer(A), 1)
    one.switch.send(A, DAEMON, 1, 0, 0, bytes(300000))
    assert one.switch.queued(A) > 0
    one.switch.notify_drain(A, 0)
    mesh.until(lambda: one.found(DrainedEvent))
    mesh.until(new.messages_here)
    assert one.found(DrainedEvent) == [DrainedEvent(A)]


@pytest.mark.parametrize("where", ["held", "away", "bound"])
def test_entry_goes_when_the_task_has_ended(mesh: Mesh, where: str) -> None:
    one, two, _ = mesh.hosts
    sender = one.peer(0x40009)
    if where == "held":
        one.switch.hold_task(FAR)
        sender.start(message(FAR, b"dropped"))
        mesh.until(lambda: one.switch.queued(FAR))
    elif where == "away":
        one.switch.place_task(0xC0001, two.tid)
    else:
        one.switch.hold_task(FAR)
        one.adopt(FAR)
        one.switch.thaw_task(FAR)
    gone = 0xC0001 if where == "away" else FAR
    one.switch.forget(gone)
    assert one.switch.statistics().queued_bytes == 0
    # It is as if nothing had been known: the host of its number is the one that is meant.
    other = mesh.hosts[(gone >> 18) - 1].peer(gone)
    sender.start(message(gone, b"by its number"))
    assert far_bodies(mesh, other, 1) == [b"by its number"]


def test_ended_task_that_is_held_releases_who_waits() -> None:
    with Bed(queue_low=20000) as bed:
        a = bed.peer(A)
        bed.peer(B)
        bed.switch.hold_task(B)
        a.start(message(B, bytes(5000)) * 100 + message(A, b"done"))
        bed.until(lambda: bed.switch.statistics().parked)
        bed.switch.forget(B)
        assert a.message() == (A, b"done")


# ---- multicasts --------------------------------------------------------------------------------


def begun(sender: int, receivers: tuple[int, ...]) -> tuple[bytes, bytes]:
    """A multicast in two parts: the announcement and first fragment, the rest."""
    whole = task_message(sender | c.TIDGID, bytes(100000))
    return multicast_list(*receivers) + whole[: 16 + 65520], whole[16 + 65520 :]


def test_hold_waits_for_a_multicast_that_names_the_task_at_another_host(mesh: Mesh) -> None:
    one, two, _ = mesh.hosts
    sender, receiver, other = one.peer(A), two.peer(FAR), two.peer(FAR + 1)
    first, rest = begun(A, (FAR, FAR + 1))
    sender.start(first)
    mesh.until(lambda: receiver.drain() is None or receiver.stream)
    one.switch.hold_task(FAR)
    one.switch.hold_task(FAR + 2)
    mesh.until(lambda: one.found(HeldEvent))
    assert one.found(HeldEvent) == [HeldEvent(FAR + 2)], "nobody has named this one"
    sender.start(rest)
    mesh.until(lambda: HeldEvent(FAR) in one.found(HeldEvent))
    for peer in (receiver, other):
        mesh.until(peer.messages_here)
    sender.start(multicast_list(FAR) + message(A | c.TIDGID, b"held"))
    mesh.until(lambda: one.switch.queued(FAR))
    assert not receiver.drain()


def test_hold_waits_no_more_when_the_sender_of_a_multicast_ends(mesh: Mesh) -> None:
    one, two, _ = mesh.hosts
    sender, receiver = one.peer(A), two.peer(FAR)
    sender.start(begun(A, (FAR,))[0])
    mesh.until(lambda: receiver.drain() is None or receiver.stream)
    one.switch.hold_task(FAR)
    one.run()
    assert not one.found(HeldEvent)
    sender.sock.close()
    mesh.until(lambda: one.found(HeldEvent))


def test_multicast_under_way_follows_a_task_that_leaves(mesh: Mesh) -> None:
    one = mesh.hosts[0]
    sender, receiver = one.peer(A), one.peer(B)
    first, rest = begun(A, (B,))
    sender.start(first)
    mesh.until(lambda: receiver.drain() is None or receiver.stream)
    new = move(mesh, B, receiver, 1)
    sender.start(rest + message(B, b"next"))
    mesh.until(lambda: new.messages_here() == 2)
    size = sum(len(f.payload) for f in cut(receiver.stream + new.stream)[0])
    assert size == 2 * c.MSGHDRLEN + 100000 + 4


def test_multicast_to_moved_tasks_goes_where_they_are(mesh: Mesh) -> None:
    one, two, three = mesh.hosts
    sender = three.peer(0xC0001)
    stays = one.peer(B)
    new = move(mesh, A, one.peer(A), 1)
    other = two.peer(FAR)
    sender.start(multicast_list(A, B, FAR) + message(0xC0001 | c.TIDGID, b"all"))
    for peer in (new, stays, other):
        assert far_bodies(mesh, peer, 1) == [b"all"]


# ---- links by address --------------------------------------------------------------------------


def test_packets_in_other_names_are_taken_only_from_hosts_that_know_of_moves(mesh: Mesh) -> None:
    one, two, three = mesh.hosts
    three.peer(0xC0001)
    new = move(mesh, A, one.peer(A), 1)
    three.knows(two, moves=False)
    new.start(message(0xC0001, b"refused"))
    mesh.until(lambda: three.found(LogEvent))
    assert "stranger" in three.found(LogEvent)[0].text


def test_daemon_speaks_in_no_other_daemon_s_name(mesh: Mesh) -> None:
    one, two, _ = mesh.hosts
    one.switch.send(two.tid, one.tid, 5, 0, 0, b"own")
    mesh.until(lambda: two.found(MessageEvent))
    one.switch.send(two.tid, daemon(3), 6, 0, 0, b"foreign")
    mesh.until(lambda: two.found(LogEvent))
    assert [e.tag for e in two.found(MessageEvent)] == [5]


def test_packet_for_another_host_without_the_flag_is_not_taken() -> None:
    """A task that is unknown here is no reason to take what was meant for an earlier daemon."""
    with Mesh(2) as mesh, socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        one, two = mesh.hosts
        sock.bind(("127.0.0.1", 0))
        port = sock.getsockname()[1]
        one.switch.host(daemon(3), "127.0.0.1", port, c.WIRE_PKT_DEFAULT, moves=True)
        sock.sendto(packet(FAR, daemon(3), 1, WHOLE, head(1)), ("127.0.0.1", one.port))
        mesh.until(lambda: one.found(LogEvent))
        assert "another host" in one.found(LogEvent)[0].text
        flags = WHOLE | c.WIRE_PKT_MOVED
        sock.sendto(packet(FAR, daemon(3), 1, flags, head(1)), ("127.0.0.1", one.port))
        mesh.until(lambda: two.switch.statistics().dropped == 1)


def test_multicast_that_was_held_is_as_any_other_message(bed: Bed) -> None:
    a = bed.peer(A)
    bed.switch.hold_task(FAR)
    a.send(multicast_list(FAR, A) + message(A | c.TIDGID, b"x" * 5000))
    bed.until(lambda: bed.switch.queued(FAR) > 5000)
    far = bed.adopt(FAR)
    bed.switch.thaw_task(FAR)
    wanted = message(FAR, b"x" * 5000)[c.TDFRAGHDR :]
    assert far.fragments(1) == [Fragment(FAR, A, c.FFSOM | c.FFEOM, wanted)]


# ---- memory ------------------------------------------------------------------------------------


def test_task_that_is_held_gets_no_new_links(bed: Bed, a: Sharer, b: Sharer) -> None:
    bed.switch.hold_task(B)
    a.say(c.SHARE_LINK, B, 0)
    assert a.heard() == Word(c.SHARE_REFUSE, B, c.SHARE_LATER)
    b.say(c.SHARE_LINK, A, 0)
    assert b.heard() == Word(c.SHARE_REFUSE, A, c.SHARE_LATER)


def test_held_task_hears_of_its_links_as_before(bed: Bed, a: Sharer, b: Sharer) -> None:
    """What is said of memory here is void elsewhere, and true again after a thaw."""
    a.say(c.SHARE_LINK, B, 1)
    assert b.heard() == Word(c.SHARE_LINK, A, 1, a.inode)
    b.say(c.SHARE_ACCEPT, A, 2)
    assert a.heard() == Word(c.SHARE_ACCEPT, B, 2, b.inode)
    bed.switch.hold_task(B)
    a.say(c.SHARE_CLOSE, B)
    assert b.heard() == Word(c.SHARE_CLOSE, A)
    bed.switch.thaw_task(B)
    b.say(c.SHARE_DONE, A)
    assert a.heard() == Word(c.SHARE_DONE, B)


def test_peers_hear_of_the_end_of_a_link_when_the_task_has_left(mesh: Mesh) -> None:
    one = mesh.hosts[0]
    a, b = Sharer(one, A).offer(), Sharer(one, B).offer()
    a.say(c.SHARE_LINK, B, 1)
    assert b.heard() == Word(c.SHARE_LINK, A, 1, a.inode)
    b.say(c.SHARE_ACCEPT, A, 2)
    assert a.heard() == Word(c.SHARE_ACCEPT, B, 2, b.inode)
    move(mesh, B, b, 1)
    assert a.heard() == Word(c.SHARE_GONE, B)
    a.say(c.SHARE_LINK, B, 1)
    assert a.heard() == Word(c.SHARE_REFUSE, B, c.SHARE_LATER)
    assert one.switch.statistics().links == 0
    for sharer in (a, b):
        sharer.release()


# ---- two that move -----------------------------------------------------------------------------


def test_what_a_frozen_task_has_sent_to_a_held_one_is_handed_over(mesh: Mesh) -> None:
    """It will send more from its new host, which must not come before."""
    one, two, three = mesh.hosts
    a, other = one.peer(A), one.peer(B)
    three.peer(0xC0001)
    for host in mesh.hosts:
        host.switch.hold_task(0xC0001)
    for peer in (a, other, a):
        peer.start(message(0xC0001, b"%d" % peer.conn))
        mesh.until(lambda p=peer: not p.unsent and p.bed.run() is None)
    bed_bytes = one.switch.queued(0xC0001)
    one.switch.hold_task(A)
    two.switch.hold_task(A)
    one.switch.hand_over(A, two.tid)
    assert one.switch.queued(0xC0001) == bed_bytes // 3
    mesh.until(lambda: two.switch.queued(0xC0001) == bed_bytes // 3 * 2)
