# SPDX-License-Identifier: MIT
"""Parts of the daemon that need no daemon: numbers, paths, patterns, host files, limits."""

from __future__ import annotations

import contextlib
import socket
from pathlib import Path

import pytest

from pvm3py.pvmd.io.sockfile import answers
from pvm3py.pvmd.state.config import c_number, expand, read_settings
from pvm3py.pvmd.state.hostfile import parse_host
from pvm3py.pvmd.state.log import Log
from pvm3py.pvmd.state.plain import Plain, field
from pvm3py.pvmd.state.task import Task, TaskTable, is_task
from pvm3py.pvmd.topics.contexts import Contexts
from pvm3py.pvmd.topics.mailbox import matches
from pvm3py.pvmd.topics.spawn import environment
from pvm3py.wire import constants as c

HOST = 0x40000


@pytest.mark.parametrize(
    ("text", "number"),
    [("12", 12), ("0x1f", 31), ("017", 15), ("08", 0), ("-3", -3), ("4x", 4), ("", 0), ("x", 0)],
)
def test_numbers_are_read_as_in_c(text: str, number: int) -> None:
    assert c_number(text) == number


def test_unknown_variables_stay(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KNOWN", "value")
    monkeypatch.delenv("UNKNOWN", raising=False)
    assert expand("$KNOWN/${KNOWN}x:$UNKNOWN:${UNKNOWN}:$") == "value/valuex:$UNKNOWN:${UNKNOWN}:$"


def test_daemon_of_a_tree_has_its_architecture(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PVM_ARCH", "LINUXS390")
    monkeypatch.setenv("PVM_ROOT", "/opt/pvm3")
    monkeypatch.delenv("PVM_PATH", raising=False)
    settings = read_settings([])
    assert settings.arch == "LINUXS390"
    assert settings.search_path[-1] == "/opt/pvm3/bin/LINUXS390"


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
    ],
)
def test_mailbox_patterns(pattern: str, name: str, found: bool) -> None:
    assert matches(pattern, name) is found


def test_first_of_duplicate_host_options_wins() -> None:
    host = parse_host(" & $ alpha sp=1 sp=2 wd=/x", {"ep": "/bin", "wd": "/y"})
    assert host.name == "alpha"
    assert host.options == {"ep": "/bin", "wd": "/x", "sp": "1"}
    assert (host.start, host.overload) == (False, True)


@pytest.mark.parametrize("line", ["", "&", "a zz=1", "a sp", "a" + " sp=1" * 10])
def test_bad_host_lines(line: str) -> None:
    with pytest.raises(ValueError, match=r"option|too long|no host"):
        parse_host(line, {})


def test_full_disk_costs_log_lines_only() -> None:
    log = Log(1000)
    log.open("/dev/full")
    log.quiet()
    log("lost")
    log.close()


def test_busy_listener_is_alive(tmp_path: Path) -> None:
    path = str(tmp_path / "socket")
    with contextlib.ExitStack() as stack:
        listener = stack.enter_context(socket.socket(socket.AF_UNIX))
        listener.bind(path)
        assert not answers(path)
        listener.listen(0)
        with pytest.raises(BlockingIOError):
            while True:
                client = stack.enter_context(socket.socket(socket.AF_UNIX))
                client.setblocking(False)
                client.connect(path)
        assert answers(path)


def test_local_numbers_go_round_without_those_alive() -> None:
    table = TaskTable(HOST)
    first = table.next_tid()
    table.add(Task(first, 0, 1))
    assert [table.next_tid() for _ in range(c.TIDLOCAL - 1)][-1] == HOST | c.TIDLOCAL
    assert table.next_tid() == first + 1


def test_contexts_never_include_those_of_the_system() -> None:
    contexts = Contexts(HOST)
    given = [contexts.allocate(1) for _ in range(c.TIDLOCAL - c.NUM_SYSCTX)]
    assert given[0] == HOST + 1
    assert max(given) < c.SYSCTX_LAST
    assert contexts.allocate(1) == c.PvmOutOfRes
    contexts.free_all(1)
    assert contexts.allocate(2) == HOST + 1


def test_environment_strings_are_added_last_first() -> None:
    names = list(environment(["A_1=x", "B_2=y", "no equals sign", "=z", "A_1=old"]).items())
    assert names[-2:] == [("A_1", "x"), ("B_2", "y")]


@pytest.mark.parametrize(
    ("tid", "task"),
    [(HOST | 1, True), (1, True), (HOST, False), (c.TIDPVMD, False), (c.TIDGID | 1, False)],
)
def test_what_is_a_task(tid: int, task: bool) -> None:
    assert is_task(tid) is task


class Pair(Plain):
    left: int
    right: list[int] = field(factory=list)
    name: str = "pair"


def test_plain_classes_hold_their_fields() -> None:
    first, second = Pair(1), Pair(left=2, name="other")
    first.right.append(3)
    assert (first.left, first.right, first.name) == (1, [3], "pair")
    assert (second.left, second.right, second.name) == (2, [], "other")
    assert Pair(1, [4]).right == [4]
    assert repr(second) == "Pair(left=2, right=[], name='other')"
    assert not hasattr(first, "__dict__")
    for wrong in (Pair, lambda: Pair(1, wrong=2), lambda: Pair(1, [], "a", 2)):
        with pytest.raises(TypeError):
            wrong()
