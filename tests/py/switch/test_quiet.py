# SPDX-License-Identifier: MIT
"""What the switch answers at once and tells the daemon later: trace destinations, no programs."""

from __future__ import annotations

import os
import struct
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from support.impostors.strangers import proven
from support.impostors.switchbed import DAEMON, A, B, Bed, Peer, message
from support.system import PATIENCE

from pvm3py.pvmd.io.switch import frame
from pvm3py.pvmd.state.events import (
    AnsweredEvent,
    MessageEvent,
    NoProgramEvent,
    OpenEvent,
    ReadableEvent,
)
from pvm3py.wire import constants as c
from pvm3py.wire.task import Codes, Option, SetOptRequest, SpawnRequest

# Quiet events that wake the daemon, and seconds after which one does.
MANY = 64
LATE = 0.02
# What nothing but a busy machine delays so long is seen at least once in so many attempts.
ATTEMPTS = 5


@pytest.fixture(params=[0, -1], ids=["standby", "no standby"])
def bed(request: pytest.FixtureRequest) -> Iterator[Bed]:
    with Bed(standby_us=request.param) as bed:
        yield bed


def answered(peer: Peer, tag: int, body: bytes) -> bytes:
    """Send a request with a context and a wait id; the body of its answer, which has both."""
    peer.send(frame(c.TIDPVMD, -1, tag, 5, 9, body))
    (answer,) = peer.fragments(1)
    expected = frame(answer.dst, c.TIDPVMD, tag, 5, 9, b"")[c.TDFRAGHDR :]
    assert answer.payload[: c.MSGHDRLEN] == expected
    return answer.payload[c.MSGHDRLEN :]


def reported(peer: Peer, tag: int, body: bytes) -> None:
    """Send a request, which the daemon must get to answer it."""
    peer.send(frame(c.TIDPVMD, -1, tag, 5, 9, body))
    (event,) = peer.bed.wait(MessageEvent)
    assert (type(event), event.tag, event.body) == (MessageEvent, tag, body)
    peer.bed.run()


# ---- destinations of trace events ----------------------------------------------------------


def setting(*options: tuple[int, str]) -> bytes:
    return SetOptRequest([Option(*option) for option in options]).encode()


def set_words(peer: Peer, *options: tuple[int, str]) -> None:
    for option in options:
        assert answered(peer, c.TM_SETOPT, setting(*([option]))) == b""


def told(bed: Bed, count: int) -> list[tuple[int, bytes]]:
    """So many changes that the switch has answered: whose they are, and their bodies."""
    events = bed.wait(MessageEvent, count)
    assert {(type(event), event.tag) for event in events} == {(AnsweredEvent, c.TM_SETOPT)}
    return [(event.src, event.body) for event in events]


@pytest.mark.parametrize("option", [c.TS_TRCTID, c.TS_TRCCTX, c.TS_TRCTAG])
@pytest.mark.parametrize("value", ["0", "40001", "ffffffff", "FFFFFFFF"])
def test_change_of_a_trace_destination_is_answered_and_told(
    bed: Bed, option: int, value: str
) -> None:
    set_words(bed.peer(A), (option, value))
    assert told(bed, 1) == [(A, setting((option, value)))]


def test_of_changes_in_a_row_the_last_is_told(bed: Bed) -> None:
    a = bed.peer(A)
    # All of them are there before the switch looks, so nothing is told between them.
    changes = [(c.TS_TRCTID, f"{number:x}") for number in range(MANY // 2)]
    a.start(b"".join(frame(c.TIDPVMD, -1, c.TM_SETOPT, 0, 0, setting(x)) for x in changes))
    a.fragments(len(changes))
    assert told(bed, 1) == [(A, setting(changes[-1]))]


def test_changes_of_other_words_and_tasks_are_told_in_their_order(bed: Bed) -> None:
    a, b = bed.peer(A), bed.peer(B)
    first, second = (c.TS_TRCTID, "1"), (c.TS_TRCTAG, "2")
    set_words(a, first, second)
    set_words(b, second)
    set_words(a, second, first)
    whose = [(A, first), (A, second), (B, second), (A, second), (A, first)]
    assert told(bed, 5) == [(task, setting(option)) for task, option in whose]


def test_later_events_come_behind_what_was_answered(bed: Bed) -> None:
    a, b = bed.peer(A), bed.peer(B)
    a.start(frame(c.TIDPVMD, -1, c.TM_SETOPT, 0, 0, setting((c.TS_TRCTID, "1"))))
    b.start(frame(c.TIDPVMD, -1, c.TM_TASK, 0, 0, b""))
    a.start(frame(c.TIDPVMD, -1, c.TM_GETOPT, 0, 0, b""))
    events = bed.wait(MessageEvent, 3)
    tags = [event.tag for event in events if event.src == A]
    assert tags == [c.TM_SETOPT, c.TM_GETOPT]


def test_end_of_a_task_comes_behind_what_was_answered(bed: Bed) -> None:
    a = bed.peer(A)
    a.start(frame(c.TIDPVMD, -1, c.TM_SETOPT, 0, 0, setting((c.TS_TRCTID, "1"))))
    a.sock.close()
    bed.until(lambda: len(bed.events) == 2)
    assert [type(event).__name__ for event in bed.events] == ["AnsweredEvent", "CloseEvent"]
    bed.peers.clear()


@pytest.mark.parametrize(
    "body",
    [
        b"",
        setting((c.TS_OUTTID, "1")),
        setting((c.TS_TRCTID, "1"), (c.TS_OUTTID, "1")),
        setting((c.TS_TRCTID, "1"), (c.TS_TRCTAG, "1")),
        setting((c.TS_TRCTID, "")),
        setting((c.TS_TRCTID, "x")),
        setting((c.TS_TRCTID, "-1")),
        setting((c.TS_TRCTID, "123456789")),
        setting((99, "1")),
        struct.pack(">ii4s", c.TS_TRCTID, 4, b"abcd"),
        struct.pack(">ii", c.TS_TRCTID, 0),
        struct.pack(">ii", c.TS_TRCTID, -1),
        struct.pack(">ii", c.TS_TRCTID, 2),
    ],
)
def test_other_options_are_the_daemons(bed: Bed, body: bytes) -> None:
    reported(bed.peer(A), c.TM_SETOPT, body)


def test_daemon_that_is_behind_gets_the_rest_to_answer(bed: Bed) -> None:
    a, words = bed.peer(A), [c.TS_TRCTID, c.TS_TRCTAG]
    changes = [setting((words[number % 2], f"{number:x}")) for number in range(2 * MANY)]
    a.start(b"".join(frame(c.TIDPVMD, -1, c.TM_SETOPT, 0, 0, change) for change in changes))
    events = bed.wait(MessageEvent, len(changes))
    assert [event.body for event in events] == changes
    assert {type(event) for event in events[:MANY]} == {AnsweredEvent}
    assert type(events[MANY]) is MessageEvent


# ---- programs that there are not -----------------------------------------------------------


@pytest.fixture
def places(bed: Bed) -> list[Path]:
    """Directories in which the switch looks for programs."""
    made = [bed.dir / "one", bed.dir / "two"]
    for directory in made:
        directory.mkdir()
    bed.switch.programs(["", *map(str, made), str(bed.dir / "none")])
    return made


def spawn(
    file: str,
    *,
    flags: int = 0,
    where: str = "",
    count: int = 1,
    env: tuple[str, ...] = ("PVM_EXPORT=",),
) -> bytes:
    return SpawnRequest(file, flags, where, count, ["x"], 1, 2, 3, 4, 5, 6, [*env]).encode()


def missed(peer: Peer, file: str, count: int = 1) -> None:
    """Ask for tasks of a program that there is not: the daemon is to say so."""
    peer.send(frame(c.TIDPVMD, -1, c.TM_SPAWN, 5, 9, spawn(file, count=count)))
    events = peer.bed.wait(NoProgramEvent)
    task = A if peer is peer.bed.peers[0] else B
    assert events == [NoProgramEvent(peer.conn, task, 5, 9, count, file, answered=False)]
    peer.bed.run()


def program(directory: Path, name: str, mode: int = 0o700) -> None:
    (directory / name).write_bytes(b"")
    (directory / name).chmod(mode)


@pytest.mark.usefixtures("places")
def test_no_program_is_the_daemons_to_answer(bed: Bed) -> None:
    a = bed.peer(A)
    missed(a, "none")
    missed(a, "n\udcff\xe4", count=3)
    assert a.messages_here() == 0


def test_program_is_looked_for_each_time(bed: Bed, places: list[Path]) -> None:
    a = bed.peer(A)
    for directory in places:
        missed(a, "late")
        program(directory, "late")
        reported(a, c.TM_SPAWN, spawn("late"))
        (directory / "late").unlink()
    missed(a, "late")


def test_only_a_file_that_its_owner_may_execute_is_a_program(bed: Bed, places: list[Path]) -> None:
    a = bed.peer(A)
    (places[0] / "directory").mkdir()
    program(places[0], "data", 0o677)
    (places[0] / "dangling").symlink_to("nowhere")
    for name in ("directory", "data", "dangling"):
        missed(a, name)
    program(places[1], "data", 0o100)
    (places[0] / "link").symlink_to(places[1] / "data")
    for name in ("data", "link"):
        reported(a, c.TM_SPAWN, spawn(name))


@pytest.mark.usefixtures("places")
def test_muted_connection_is_answered_and_the_daemon_told_later(bed: Bed) -> None:
    a, b = bed.peer(A), bed.peer(B)
    bed.switch.mute(a.conn, True)
    for count in (1, 64):
        answer = answered(a, c.TM_SPAWN, spawn("none", count=count))
        assert Codes.decode(answer).values == [c.PvmNoFile] * count
    events = bed.wait(NoProgramEvent, 2)
    assert [(event.tasks, event.answered) for event in events] == [(1, True), (64, True)]
    missed(b, "none")
    bed.switch.mute(a.conn, False)
    missed(a, "none")


@pytest.mark.usefixtures("places")
@pytest.mark.parametrize(
    "body",
    [
        spawn("/none"),
        spawn("a/none"),
        spawn(""),
        spawn("n" * 256),
        spawn("none", flags=c.PvmTaskHost, where="."),
        spawn("none", flags=c.PvmMppFront),
        spawn("none", flags=c.PvmHostCompl),
        spawn("none", where=":/tmp"),
        spawn("none", count=0),
        spawn("none", count=-1),
        spawn("none", count=65),
        spawn("none", env=("PVMSPAWNWD=/tmp",)),
        spawn("none") + b"more",
        spawn("none")[:-4],
        spawn("none")[:20],
        b"",
        struct.pack(">i", -1),
        struct.pack(">i4s", 4, b"none"),
        struct.pack(">i", 0x7FFFFFFF) + b"none",
    ],
)
def test_spawn_that_means_more_than_a_name_is_the_daemons(bed: Bed, body: bytes) -> None:
    reported(bed.peer(A), c.TM_SPAWN, body)


def test_without_directories_every_spawn_is_the_daemons(bed: Bed) -> None:
    reported(bed.peer(A), c.TM_SPAWN, spawn("none"))


@pytest.mark.usefixtures("places")
def test_what_follows_a_search_waits_for_it(bed: Bed) -> None:
    a, b = bed.peer(A), bed.peer(B)
    bed.switch.mute(a.conn, True)
    a.start(
        frame(c.TIDPVMD, -1, c.TM_SPAWN, 5, 9, spawn("none"))
        + frame(B, -1, 1, 0, 0, b"behind")
        + frame(c.TIDPVMD, -1, c.TM_PSTAT, 6, 8, struct.pack(">i", A))
    )
    answers = a.fragments(2)
    assert [struct.unpack(">i", f.payload[4:8])[0] for f in answers] == [c.TM_SPAWN, c.TM_PSTAT]
    assert b.message() == (A, b"behind")


@pytest.mark.usefixtures("places")
def test_asker_may_leave_during_a_search(bed: Bed) -> None:
    for _ in range(20):
        peer = bed.peer(A)
        peer.start(frame(c.TIDPVMD, -1, c.TM_SPAWN, 5, 9, spawn("none")))
        peer.sock.close()
        bed.until(lambda: not bed.switch.statistics().connections)
        bed.switch.forget(A)
        bed.peers.clear()


# ---- leaving -------------------------------------------------------------------------------


def leaves(*, child: bool) -> float:
    """Seconds until the daemon is woken as a task leaves whose end another one awaits."""
    with Bed() as bed:
        b = bed.peer(B)
        bed.switch.serve_enrolments(f"{bed.dir}/file.", 20)
        a = proven(bed)
        a.start(message(DAEMON, b"", c.TM_CONN2))
        (opened,) = bed.wait(OpenEvent)
        bed.wait(MessageEvent)
        bed.switch.bind(opened.conn, A, child=child)
        bed.switch.notify(B, A, 0, 7, 0)
        started = time.monotonic()
        a.start(message(DAEMON, b"", c.TM_EXIT))
        bed.run(PATIENCE)
        taken = time.monotonic() - started
        assert [event.tag for event in bed.wait(MessageEvent)] == [c.TM_EXIT]
        assert a.fragments(1)[0].src == DAEMON
        assert b.messages_here() == 0
        return taken


def test_child_leaves_quietly_though_another_task_awaits_its_end() -> None:
    assert leaves(child=True) > 0.9 * LATE


def test_other_tasks_whose_end_is_awaited_do_not() -> None:
    assert min(leaves(child=False) for _ in range(ATTEMPTS)) < 0.9 * LATE


# ---- pipes ---------------------------------------------------------------------------------


@pytest.fixture
def pipe(bed: Bed) -> Iterator[tuple[int, int]]:
    """A pipe that the switch is to tell of; both ends are the test's to close."""
    ends = os.pipe2(os.O_CLOEXEC)
    bed.switch.await_pipe(ends[0])
    yield ends
    os.close(ends[0])


def test_pipe_is_told_of_once_until_it_is_awaited_again(bed: Bed, pipe: tuple[int, int]) -> None:
    fd, writer = pipe
    for _ in range(2):
        os.write(writer, b"text")
        assert bed.wait(ReadableEvent) == [ReadableEvent(fd, ended=False)]
        os.write(writer, b"more")
        bed.run(2 * LATE)
        assert bed.events == []
        bed.switch.await_pipe(fd)
        assert bed.wait(ReadableEvent) == [ReadableEvent(fd, ended=False)]
        os.read(fd, 100)
        bed.switch.await_pipe(fd)
    os.close(writer)
    assert bed.wait(ReadableEvent) == [ReadableEvent(fd, ended=True)]


def test_end_of_a_pipe_with_something_in_it_is_not_yet_told(
    bed: Bed, pipe: tuple[int, int]
) -> None:
    fd, writer = pipe
    os.write(writer, b"last")
    os.close(writer)
    assert bed.wait(ReadableEvent) == [ReadableEvent(fd, ended=False)]


def test_pipe_that_was_closed_is_not_told_of(bed: Bed) -> None:
    read_end, write_end = os.pipe2(os.O_CLOEXEC)
    bed.switch.await_pipe(read_end)
    os.close(read_end)
    os.close(write_end)
    bed.run(2 * LATE)
    assert bed.events == []


def test_what_is_no_pipe_is_refused(bed: Bed) -> None:
    with open("/dev/null", "rb") as file, pytest.raises(OSError):
        bed.switch.await_pipe(file.fileno())
