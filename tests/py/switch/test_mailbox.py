# SPDX-License-Identifier: MIT
"""The mailbox in the switch: what requests do, and which of them the daemon gets to see."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass, field

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support.impostors.switchbed import A, B, Bed, C, Peer
from support.vectors.mail import MessageHead, StoredMessage

from pvm3py.pvmd.io.switch import MAIL_ENTRY, frame
from pvm3py.pvmd.state.events import CloseEvent, MessageEvent
from pvm3py.pvmd.topics.mailbox import Mailbox
from pvm3py.wire import constants as c
from pvm3py.wire.codec import WireError
from pvm3py.wire.mailbox import MailEntry, MailRequest, NamesReply

AWAY = 0x80001
FLAGS = (c.PvmMboxPersistent, c.PvmMboxMultiInstance, c.PvmMboxOverWritable)


@pytest.fixture
def bed() -> Iterator[Bed]:
    with Bed() as bed:
        bed.switch.serve_mail()
        yield bed


def embedded(*fragments: bytes, tag: int = 7) -> bytes:
    """A message inside a message, in these fragments."""
    size = sum(map(len, fragments))
    return StoredMessage(
        MessageHead(size, 1, tag, 2, c.WIRE_ENC_XDR, 0, A, 3), list(fragments)
    ).encode()


def put(owner: int, name: str, flags: int = 0, text: bytes = b"data", index: int = -1) -> bytes:
    return MailRequest(c.TMDB_PUT, owner, name, index, flags, embedded(text)).encode()


def get(owner: int, name: str, index: int = 0, flags: int = 0) -> bytes:
    return MailRequest(c.TMDB_GET, owner, name, index, flags).encode()


def remove(owner: int, name: str, index: int = 0) -> bytes:
    return MailRequest(c.TMDB_REMOVE, owner, name, index, 0).encode()


def given_back(text: bytes) -> bytes:
    """A message as the mailbox returns it: an empty fragment, then all in one."""
    return embedded(b"", text) if text else embedded(b"")


def reply(index: int, message: bytes = b"") -> bytes:
    return struct.pack(">i", index) + message


def ask(peer: Peer, body: bytes) -> bytes:
    """Send a request as a task; the body of the answer."""
    peer.send(frame(c.TIDPVMD, -1, c.TM_DB, 5, 9, body))
    (answer,) = peer.fragments(1)
    head = frame(answer.dst, c.TIDPVMD, c.TM_DB, 5, 9, b"")[c.TDFRAGHDR :]
    assert (answer.src, answer.flags) == (c.TIDPVMD, c.FFSOM | c.FFEOM)
    assert answer.payload[: c.MSGHDRLEN] == head
    return answer.payload[c.MSGHDRLEN :]


def reported(peer: Peer, body: bytes) -> None:
    """Send a request as a task that the daemon must get."""
    peer.send(frame(c.TIDPVMD, -1, c.TM_DB, 5, 9, body))
    assert [event.body for event in peer.bed.wait(MessageEvent)] == [body]
    peer.bed.run()


# ---- what requests do -------------------------------------------------------------


@dataclass
class Model:
    """The rules of the mailbox, as short as they can be said."""

    classes: dict[str, dict[int, list[int | bytes]]] = field(default_factory=dict)

    def put(self, owner: int, name: str, index: int, flags: int, text: bytes) -> int:
        entries = self.classes.get(name, {})
        at = index if index >= 0 else flags >> c.PvmMboxDirectIndexShift
        if at in entries and flags & c.PvmMboxMultiInstance:
            if index >= 0:
                return c.PvmDenied
            at = next(i for i in range(at, 1 << 30) if i not in entries)
        if at in entries and not self.may_change(entries[at], owner):
            return c.PvmDenied
        self.classes.setdefault(name, {})[at] = [owner, flags, text]
        return at

    def get(self, op: int, owner: int, name: str, index: int, flags: int) -> bytes:
        entries = self.classes.get(name, {})
        if op == c.TMDB_GET and flags & c.PvmMboxFirstAvail:
            index = min((at for at in entries if at >= index), default=-1)
        if index not in entries:
            return reply(c.PvmNotFound)
        entry = entries[index]
        if op == c.TMDB_REMOVE or flags & c.PvmMboxReadAndDelete:
            if not self.may_change(entry, owner):
                return reply(c.PvmDenied)
            self.delete(name, index)
        text = entry[2]
        assert isinstance(text, bytes)
        return reply(index, given_back(text) if op == c.TMDB_GET else b"")

    @staticmethod
    def may_change(entry: list[int | bytes], owner: int) -> bool:
        flags = entry[1]
        assert isinstance(flags, int)
        return entry[0] == owner or bool(flags & c.PvmMboxOverWritable)

    def disown(self, owner: int) -> None:
        for name, entries in list(self.classes.items()):
            for at, entry in list(entries.items()):
                if entry[0] == owner and int(entry[1]) & c.PvmMboxPersistent:
                    entry[0] = 0
                elif entry[0] == owner:
                    self.delete(name, at)

    def delete(self, name: str, index: int) -> None:
        del self.classes[name][index]
        if not self.classes[name]:
            del self.classes[name]

    def names(self) -> list[tuple[str, list[MailEntry]]]:
        return [
            (name, [MailEntry(at, *entries[at][:2]) for at in sorted(entries)])
            for name, entries in self.classes.items()
        ]


OWNERS = st.sampled_from([A, B, AWAY])
NAMES = st.sampled_from(["a", "name", "\udcff\u00e9", "x" * 300])
INDICES = st.integers(0, 4)
PUTS = st.tuples(
    st.just(c.TMDB_PUT),
    OWNERS,
    NAMES,
    st.integers(-1, 4),
    st.builds(
        lambda flags, at: sum(flags) | at << c.PvmMboxDirectIndexShift,
        st.sets(st.sampled_from(FLAGS)),
        INDICES,
    ),
    st.binary(max_size=9),
)
GETS = st.tuples(
    st.sampled_from([c.TMDB_GET, c.TMDB_REMOVE]),
    OWNERS,
    NAMES,
    INDICES,
    st.sampled_from([0, c.PvmMboxFirstAvail, c.PvmMboxReadAndDelete, 24]),
)
ENDS = st.tuples(st.just(0), OWNERS)


@settings(max_examples=150)
@given(st.lists(st.one_of(PUTS, PUTS, GETS, ENDS), max_size=40))
def test_every_flag_by_the_rules(steps: list[tuple[int, ...]]) -> None:
    model = Model()
    with Bed() as bed:
        box = Mailbox(bed.switch)
        for op, *rest in steps:
            if op == 0:
                model.disown(*rest)
                box.owner_ended(*rest)
            elif op == c.TMDB_PUT:
                owner, name, index, flags, text = rest
                body = MailRequest(op, owner, name, index, flags, embedded(text))
                assert box.request(body) == reply(model.put(owner, name, index, flags, text))
            else:
                assert box.request(MailRequest(op, *rest)) == model.get(op, *rest)
            assert [(found.name, found.entries) for found in box.names("")] == model.names()


def test_many_entries_of_many_classes_are_found(bed: Bed) -> None:
    a = bed.peer(A)
    for name in map(str, range(600)):
        assert bed.switch.mail(put(A, name, text=name.encode())) == reply(0)
    for index in range(600):
        assert bed.switch.mail(put(A, "7", c.PvmMboxMultiInstance)) == reply(index + 1)
    for name in map(str, range(0, 600, 7)):
        assert ask(a, get(A, name)) == reply(0, given_back(name.encode()))
    assert ask(a, get(A, "7", 599)) == reply(599, given_back(b"data"))
    assert [found.name for found in Mailbox(bed.switch).names("")] == list(map(str, range(600)))


@pytest.mark.parametrize(
    "fragments", [(), (b"",), (b"abcde",), (b"", b"ab", b"", b"cde"), (bytes(100000), b"x")]
)
def test_fragments_of_a_message_become_one(bed: Bed, fragments: tuple[bytes, ...]) -> None:
    a = bed.peer(A)
    body = MailRequest(c.TMDB_PUT, A, "m", -1, 0, embedded(*fragments)).encode()
    assert ask(a, body) == reply(0)
    assert ask(a, get(A, "m")) == reply(0, given_back(b"".join(fragments)))


def test_room_is_limited_and_comes_back() -> None:
    size = MAIL_ENTRY + len("a") + len(given_back(bytes(4)))
    most = bytes(size + 4 - size % 4)
    with Bed(mail_room=size + len(most) - 4 + size) as bed:
        mail = bed.switch.mail
        assert mail(put(A, "a", c.PvmMboxOverWritable, bytes(4))) == reply(0)
        assert mail(put(A, "b", text=most + bytes(4))) == reply(c.PvmOutOfRes)
        assert mail(put(A, "b" * 5, text=most)) == reply(c.PvmOutOfRes)
        assert mail(put(A, "b", text=most)) == reply(0)
        assert mail(put(A, "c")) == reply(c.PvmOutOfRes)
        assert mail(put(A, "a", text=bytes(8))) == reply(c.PvmOutOfRes)
        assert mail(put(A, "a", text=bytes(3))) == reply(0)
        assert mail(remove(A, "a")) == reply(0)
        assert mail(get(A, "b", 0, c.PvmMboxReadAndDelete)) == reply(0, given_back(most))
        assert mail(put(A, "c", text=most)) == reply(0)
        assert mail(put(A, "d", text=bytes(4))) == reply(0)


def test_reset_spares_what_has_an_owner_and_dooms_what_is_not_kept(bed: Bed) -> None:
    box = Mailbox(bed.switch)
    for owner in (A, B, C):
        bed.switch.mail(put(owner, "persists", c.PvmMboxPersistent | c.PvmMboxMultiInstance))
    bed.switch.mail(put(B, "plain"))
    box.owner_ended(C)
    box.reset("other", -1, False, [])
    box.reset("persists", 1, False, [])
    assert [entry.owner for entry in box.names("persists")[0].entries] == [A, B, 0]
    box.reset("", -1, True, [A])
    assert [entry.owner for entry in box.names("persists")[0].entries] == [A, B]
    box.owner_ended(A)
    box.owner_ended(B)
    assert [(found.name, found.entries[0].owner) for found in box.names("")] == [("persists", 0)]


@pytest.mark.parametrize(
    ("pattern", "name", "found"),
    [
        ("", "any", True),
        ("**", "any", True),
        ("ba*", "xbarz", True),
        ("arz", "xbarz", True),
        ("*b*z", "xbarz", True),
        ("z*b", "xbarz", False),
        ("a\\*", "a*", True),
        ("a\\*", "ab", False),
        ("\\*", "*", False),
        (".", "x", False),
        ("", "", True),
        ("a", "", False),
        ("aab", "aaab", True),
        ("a*a", "a", False),
        ("a\\\\*", "a\\\\*", False),
        ("a\\\\*", "a\\*", True),
        ("b\\", "ab\\", True),
        ("*" * 9 + "é*z", "xéyz", True),
    ],
)
def test_lists_have_the_classes_that_are_like_a_pattern(
    bed: Bed, pattern: str, name: str, found: bool
) -> None:
    a = bed.peer(A)
    for stored in (name, "unlike"):
        assert ask(a, put(A, stored)) == reply(0)
    listed = NamesReply.decode(ask(a, MailRequest(c.TMDB_NAMES, A, pattern, 0, 0).encode())).classes
    assert [entry.name for entry in listed if entry.name != "unlike"] == [name] * found
    assert all(entry.entries == [MailEntry(0, A, 0)] for entry in listed)
    assert bed.events == []


LYING = [
    (8, (9,)),
    (8, (-1,)),
    (8, (2**31 - 1,)),
    (-1, (8,)),
    (2**31 - 1, (8,)),
    (4, (8,)),
    (0, (4,)),
    (9, (8,)),
]


@pytest.mark.parametrize(("length", "sizes"), LYING)
def test_message_that_does_not_add_up_is_malformed(
    bed: Bed, length: int, sizes: tuple[int, ...]
) -> None:
    lying = struct.pack(">i", length) + embedded(bytes(8))[4:32] + struct.pack(">i", *sizes)
    body = put(A, "m")[: -len(embedded(b"data"))] + lying + bytes(8)
    reported(bed.peer(A), body)
    with pytest.raises(WireError):
        bed.switch.mail(body)


def test_bodies_that_end_early_are_the_daemon_s_to_refuse(bed: Bed) -> None:
    a = bed.peer(A)
    whole = put(A, "name")
    for size in range(len(whole)):
        reported(a, whole[:size])
    for size in (0, -1, 2**31 - 1, 12):
        reported(a, get(A, "name")[:8] + struct.pack(">i", size) + get(A, "name")[12:])
    assert Mailbox(bed.switch).names("") == []


# ---- who answers ------------------------------------------------------------------


def test_tasks_are_answered_without_the_daemon(bed: Bed) -> None:
    a, b = bed.peer(A), bed.peer(B)
    assert ask(a, put(A, "m")) == reply(0)
    assert ask(b, put(B, "m")) == reply(c.PvmDenied)
    assert ask(b, get(B, "m")) == reply(0, given_back(b"data"))
    assert ask(b, remove(B, "m")) == reply(c.PvmDenied)
    assert ask(a, remove(A, "m")) == reply(0)
    assert ask(b, get(B, "m")) == reply(c.PvmNotFound)
    assert bed.events == []


def test_daemon_gets_what_is_not_ordinary(bed: Bed) -> None:
    a = bed.peer(A)
    reported(a, put(B, "of another"))
    reported(a, get(A, "m", 0, c.PvmMboxWaitForInfo))
    reported(a, MailRequest(c.TMDB_RESET, A, "", -1, 0, bytes(4)).encode())
    reported(a, MailRequest(99, A, "", 0, 0).encode())
    bed.switch.forget(A)
    reported(a, put(A, "gone"))


def test_daemon_gets_all_unless_it_keeps_the_mailbox() -> None:
    with Bed() as bed:
        a = bed.peer(A)
        reported(a, put(A, "m"))
        reported(a, get(A, "m"))
        reported(a, remove(A, "m"))


def test_daemon_gets_puts_while_somebody_waits(bed: Bed) -> None:
    a = bed.peer(A)
    assert ask(a, put(A, "other")) == reply(0)
    assert bed.switch.mail(get(B, "m", 0, c.PvmMboxWaitForInfo)) is None
    assert ask(a, get(A, "other")) == reply(0, given_back(b"data"))
    reported(a, put(A, "m"))
    assert bed.switch.mail(put(A, "m")) == reply(0)
    assert bed.switch.mail(get(B, "m", 0, c.PvmMboxWaitForInfo)) == reply(0, given_back(b"data"))
    bed.switch.serve_mail()
    assert ask(a, put(A, "m")) == reply(0)


def test_switch_serves_puts_again_though_a_get_did_not_wait_after_all(bed: Bed) -> None:
    a, box = bed.peer(A), Mailbox(bed.switch)
    assert box.request(MailRequest(c.TMDB_GET, B, "m", 0, c.PvmMboxWaitForInfo)) is None
    reported(a, put(A, "m"))
    assert box.request(MailRequest.decode(put(A, "m"))) == reply(0)
    assert ask(a, put(A, "m")) == reply(0)


def test_request_behind_the_end_of_an_owner_waits_for_the_daemon(bed: Bed) -> None:
    a, b = bed.peer(A), bed.peer(B)
    for name in ("m", "n"):
        assert ask(a, put(A, name)) == reply(0)
    a.sock.close()
    bed.wait(CloseEvent)
    names = MailRequest(c.TMDB_NAMES, B, "", 0, 0).encode()
    first = get(B, "m", -5, c.PvmMboxFirstAvail)
    for body in (get(B, "m"), first, put(B, "n"), remove(B, "n"), names):
        reported(b, body)
    bed.switch.mail_disown(A)
    assert ask(b, get(B, "m")) == reply(c.PvmNotFound)


def test_task_that_asks_without_reading_has_to_wait(bed: Bed) -> None:
    a = bed.peer(A)
    assert ask(a, put(A, "long", text=bytes(1 << 16))) == reply(0)
    requests = frame(c.TIDPVMD, -1, c.TM_DB, 0, 0, get(A, "long")) * 200
    a.start(requests)
    bed.until(lambda: bed.switch.statistics().parked)
    assert bed.switch.statistics().queued_bytes < 4 << 20
    answer = 4 + len(given_back(bytes(1 << 16))) + c.MSGHDRLEN + c.TDFRAGHDR
    received = 0

    def all_answered() -> bool:
        nonlocal received
        a.drain()
        received += len(a.stream)
        a.stream = b""
        return received == 200 * answer

    bed.until(all_answered)
    assert bed.events == []
