# SPDX-License-Identifier: MIT
"""The daemon against files of authentication that are traps, missing, or not made use of."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable
from pathlib import Path

import pytest
from support.impostors.rawtask import ClosedError, RawTask, ints, message, string
from support.impostors.target import Target
from support.machines.vm import wait_until

from pvm3py.wire import constants as c


def foreign_file(directory: Path) -> Path:
    path = directory / "foreign"
    path.write_bytes(b"precious")
    return path


def link_to_foreign_file(directory: Path) -> Path:
    path = directory / "link"
    path.symlink_to(foreign_file(directory))
    return path


def fifo_without_reader(directory: Path) -> Path:
    path = directory / "fifo"
    os.mkfifo(path)
    return path


def link_to_nowhere(directory: Path) -> Path:
    path = directory / "dangling"
    path.symlink_to(directory / "created-by-daemon")
    return path


AUTH_FILES: list[Callable[[Path], Path]] = [
    foreign_file,
    link_to_foreign_file,
    link_to_nowhere,
    fifo_without_reader,
    lambda directory: directory,
    lambda directory: directory / "absent",
    lambda directory: Path("/dev/full"),
    lambda directory: Path("/dev/ptmx"),
    lambda directory: Path("/proc/self/oom_score_adj"),
    lambda directory: Path("x" * 3900),
    lambda directory: Path("relative"),
    lambda directory: directory / "\udcff\udc80",
]


def _auth_files(target: Target) -> list[Path]:
    return [p for p in target.vm.tmp.glob("pvmtmp*") if p.is_file()]


@pytest.mark.parametrize("make", AUTH_FILES)
@pytest.mark.parametrize("inside", [True, False], ids=["in PVM_TMP", "elsewhere"])
def test_auth_file_that_is_a_trap_is_refused(
    target: Target, make: Callable[[Path], Path], inside: bool, tmp_path: Path
) -> None:
    directory = target.vm.tmp / "trap" if inside else tmp_path / "trap"
    directory.mkdir()
    path = make(directory)
    try:
        with target.connect() as task:
            body = ints(c.TDPROTOCOL) + string(os.fsencode(path))
            task.send(message(c.TM_CONNECT, body, wid=1))
            with contextlib.suppress(ClosedError):
                assert task.receive().ints()[1] == 0
            task.wait_closed()
        foreign = directory / "foreign"
        assert not foreign.exists() or foreign.read_bytes() == b"precious"
        assert not (directory / "absent").exists()
        assert not (directory / "created-by-daemon").exists()
    finally:
        for entry in directory.iterdir():
            entry.unlink()
        directory.rmdir()


def test_enrolment_without_writing_the_daemons_file_is_not_enrolled(target: Target) -> None:
    with target.connect() as task:
        path = target.vm.tmp / "auth"
        path.touch(0o600)
        assert task.request(c.TM_CONNECT, ints(c.TDPROTOCOL) + string(bytes(path))).ints()[1]
        path.unlink()
        task.send(message(c.TM_CONN2, ints(target.connector.pid, 0) + string(b""), wid=2))
        task.wait_closed()
    wait_until(lambda: not _auth_files(target), "the daemon's authentication file removed")


def test_enrolment_given_up_halfway_leaves_no_file(target: Target) -> None:
    path = target.vm.tmp / "auth"
    path.touch(0o600)
    for _ in range(20):
        path.write_bytes(b"")
        with target.connect() as task:
            task.request(c.TM_CONNECT, ints(c.TDPROTOCOL) + string(bytes(path)))
    path.unlink()
    wait_until(lambda: not _auth_files(target), "the daemon's authentication files removed")


def _first_round(task: RawTask, path: Path) -> str:
    """Path of the file that the daemon has made."""
    path.write_bytes(b"")
    answer = task.request(c.TM_CONNECT, ints(c.TDPROTOCOL) + string(bytes(path)))
    protocol, accepted, size = answer.ints()[:3]
    assert (protocol, accepted) == (c.TDPROTOCOL, 1)
    return answer.body[12 : 12 + size - 1].decode()


def test_every_first_round_has_a_file_of_its_own_and_one_is_left(target: Target) -> None:
    path = target.vm.tmp / "auth"
    path.touch(0o600)
    with target.connect() as task:
        names = [_first_round(task, path) for _ in range(20)]
        assert len({*names}) == 20
        assert _auth_files(target) == [Path(names[-1])]
        status = os.lstat(names[-1])
        assert (status.st_mode & 0o777, status.st_size) == (0o600, 0)
        path.unlink()


def test_names_of_authentication_files_begin_again(target: Target) -> None:
    """One of them is that of the daemon's socket, which is passed over.

    A connection that stays without a task has a time limit, so there is a new one now and then.
    """
    path = target.vm.tmp / "auth"
    path.touch(0o600)
    names = []
    for _ in range(100):
        with target.connect() as task:
            names += [_first_round(task, path) for _ in range(100)]
    assert names[-1] == names[0]
    assert target.vm.address not in names
    path.unlink()


def test_authentication_file_gets_another_name_if_many_are_taken(target: Target) -> None:
    path = target.vm.tmp / "auth"
    path.touch(0o600)
    with target.connect() as task:
        stem, _, number = _first_round(task, path).rpartition(".")
        taken = [Path(f"{stem}.{int(number) + 1 + following}") for following in range(16)]
        for name in taken:
            name.write_bytes(b"")
        assert not _first_round(task, path).rpartition(".")[2].isdigit()
        assert all(name.exists() for name in taken)
        for name in (*taken, path):
            name.unlink()
