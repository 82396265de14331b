# SPDX-License-Identifier: MIT
"""How a daemon finds out about an owner, and about what its host does, without a daemon."""

from __future__ import annotations

import os
import select
import struct
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from support.machines.vm import wait_until

from pvm3py.pvmd.io import owner as io_owner
from pvm3py.pvmd.io import usage
from pvm3py.pvmd.io.owner import NEVER, Owner
from pvm3py.pvmd.state.hooks import DEFAULT_OWNER, parse_owner
from pvm3py.pvmd.state.hostfile import parse_host

BURN = "while True: pass"


@pytest.mark.parametrize(
    ("text", "hooks"),
    [
        (DEFAULT_OWNER, [("tty", ""), ("input", ""), ("load", "0.5")]),
        ("none", []),
        ("load", [("load", "0.5")]),
        ("load:2+tty", [("load", "2"), ("tty", "")]),
        ("tty+file:/a+b", [("tty", ""), ("file", "/a+b")]),
        ("cmd:test 1 -lt 2 || x+y", [("cmd", "test 1 -lt 2 || x+y")]),
    ],
)
def test_words_about_owners_are_hooks(text: str, hooks: list[tuple[str, str]]) -> None:
    assert [(hook.kind, hook.value) for hook in parse_owner(text)] == hooks


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("keyboard", 'there are tty, input, load, cmd, file, none'),
        ("cmd:", "lacks what follows cmd:"),
        ("file", "lacks what follows file:"),
        ("tty:1", "nothing follows tty"),
        ("load:much", "names no number of processors"),
        ("load:-1", "names no number of processors"),
        ("load:nan", "names no number of processors"),
        ("tty++load", "tells nothing"),
    ],
)  # fmt: skip
def test_wrong_words_are_refused(text: str, why: str) -> None:
    with pytest.raises(ValueError, match=why):
        parse_owner(text)
    with pytest.raises(ValueError, match=why):
        parse_host(f"node ow={text}", {})


def test_host_file_has_an_owner_for_each_host() -> None:
    assert parse_host("node ow=tty+load:3 sp=2", {}).options["ow"] == "tty+load:3"


class Clock:
    """A clock that the test sets, and an owner by it."""

    def __init__(self, text: str) -> None:
        self.now = 5000.0
        self.owner = Owner(parse_owner(text), lambda: self.now, lambda: 1e9 + self.now)


def test_file_tells_of_the_owner(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WHERE", str(tmp_path))
    clock = Clock("file:$WHERE/owner")
    owner = clock.owner
    assert not owner.stirs() and not owner.here and owner.idle() == NEVER
    (tmp_path / "owner").touch()
    assert owner.stirs() and owner.here and owner.idle() == 0
    clock.now += 5
    assert not owner.stirs(), "that is no news"
    assert owner.here and owner.idle() == 0
    (tmp_path / "owner").unlink()
    clock.now += 7
    assert not owner.stirs() and not owner.here and owner.idle() == 7


def test_load_of_others_tells_of_the_owner() -> None:
    clock = Clock("load:0.5")
    clock.owner.judge(0.4)
    assert not clock.owner.here
    clock.owner.judge(0.6)
    assert clock.owner.here and clock.owner.idle() == 0


def test_nothing_tells_of_an_owner_who_is_not_looked_for() -> None:
    clock = Clock("none")
    clock.owner.judge(64.0)
    assert not clock.owner.stirs() and clock.owner.idle() == NEVER


def utmp(*entries: tuple[int, str]) -> bytes:
    """A table of who has logged in: types and terminals."""
    return b"".join(struct.pack("=h2xi32s344x", kind, 1, line.encode()) for kind, line in entries)


def test_terminals_of_users_tell_of_the_owner(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    table, mine, other = tmp_path / "utmp", tmp_path / "tty1", tmp_path / "tty2"
    mine.touch()
    other.touch()
    os.utime(mine, (1e9 + 4900, 0))
    os.utime(other, (1e9 + 4999, 0))
    table.write_bytes(utmp((7, "tty1"), (8, "tty2"), (7, "none-such")))
    monkeypatch.setattr(io_owner, "_UTMP_FILES", (str(tmp_path / "missing"), str(table)))
    monkeypatch.setattr(io_owner, "_TERMINALS", str(tmp_path))
    clock = Clock("tty")
    assert clock.owner.idle() == 100 and not clock.owner.stirs()
    clock.now += 10
    os.utime(mine, (1e9 + 5009, 0))
    assert clock.owner.stirs() and clock.owner.here and clock.owner.idle() == 0
    clock.now += 3
    assert not clock.owner.stirs() and not clock.owner.here and clock.owner.idle() == 3


def test_keyboards_tell_of_the_owner_by_their_interrupts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(io_owner, "_EVENTS", "/no/such/device*")
    counts = iter([5, 5, 7, 7])
    monkeypatch.setattr(io_owner, "interrupts", lambda: next(counts))
    clock = Clock("input")
    assert [clock.owner.stirs() for _ in range(3)] == [False, True, False]


def test_keyboards_tell_of_the_owner_by_what_they_say(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pipe = tmp_path / "event0"
    os.mkfifo(pipe)
    monkeypatch.setattr(io_owner, "_EVENTS", str(tmp_path / "event*"))
    clock = Clock("input")
    with pipe.open("wb", buffering=0) as device:
        assert not clock.owner.stirs()
        device.write(b"key")
        assert clock.owner.stirs() and not clock.owner.stirs()
    clock.owner.close()


# ---- what the host does ----------------------------------------------------------------------


@pytest.fixture
def burner() -> Iterator[subprocess.Popen[bytes]]:
    """A process that does nothing but compute."""
    process = subprocess.Popen([sys.executable, "-c", BURN])
    yield process
    process.kill()
    process.wait()


def looked(meter: usage.Meter, pids: list[int], seconds: float = 1.0) -> usage.Usage:
    """What has been used in a time."""
    began = time.monotonic()
    meter.look(pids, 1.0)
    time.sleep(seconds)
    return meter.look(pids, time.monotonic() - began)


def test_load_is_that_of_others_unless_it_is_of_a_task(burner: subprocess.Popen[bytes]) -> None:
    meter = usage.Meter()

    def tells() -> bool:
        as_other, as_ours = looked(meter, []), looked(meter, [burner.pid])
        share = as_ours.shares[burner.pid]
        return as_other.ours == 0 and as_other.others > 0.02 and as_ours.ours == share > 0.02

    wait_until(tells, "a process that computes shows as what it is")


def test_children_of_a_task_are_its_own_load() -> None:
    code = f"import subprocess, sys; subprocess.run([sys.executable, '-c', '{BURN}'])"
    with subprocess.Popen([sys.executable, "-c", code], start_new_session=True) as process:
        meter = usage.Meter()
        try:
            wait_until(lambda: looked(meter, [process.pid]).ours > 0.02, "the child's time counts")
        finally:
            os.killpg(process.pid, 9)


def test_time_of_a_task_that_has_ended_is_not_others() -> None:
    meter = usage.Meter()
    code = "import time; end = time.process_time() + 1\nwhile time.process_time() < end: pass"
    with subprocess.Popen([sys.executable, "-c", code]) as process:
        meter.look([process.pid], 1.0)
        _, _, used = os.wait4(process.pid, 0)
        process.returncode = 0
    meter.child_ended(process.pid, used.ru_utime + used.ru_stime)
    assert meter.look([], 1.0).ours > 0.8
    assert meter.look([], 1.0).ours == 0


def test_memory_and_pressure_are_numbers() -> None:
    assert usage.free_megabytes() > 0
    assert 0 <= usage.pressure() <= 100
    assert usage.cores() >= 1


def test_trigger_wakes_or_is_not_there(burner: subprocess.Popen[bytes]) -> None:
    trigger = usage.Trigger()
    try:
        if trigger.fd >= 0:
            more = [subprocess.Popen([sys.executable, "-c", BURN]) for _ in range(usage.cores())]
            try:
                os.set_blocking(trigger.fd, False)
                wait_until(lambda: readable(trigger.fd), "something waits for a processor")
                trigger.take()
            finally:
                for process in more:
                    process.kill()
                    process.wait()
    finally:
        trigger.close()
    assert trigger.fd == -1 and burner.poll() is None


def readable(fd: int) -> bool:
    return bool(select.select([fd], [], [], 0)[0])
