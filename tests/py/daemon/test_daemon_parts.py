# SPDX-License-Identifier: MIT
"""Parts of the daemon that need no daemon: numbers, paths, host files, limits, order of steps."""

from __future__ import annotations

import contextlib
import os
import socket
from collections.abc import Iterable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from pvm3py.places import host_tid
from pvm3py.pvmd import serving  # noqa: F401  (it loads all topics)
from pvm3py.pvmd.core import Table
from pvm3py.pvmd.dispatch import ANSWERS, ROUTES
from pvm3py.pvmd.io.sockfile import answers
from pvm3py.pvmd.occasions import (
    END,
    HOST_LOST,
    HOSTS_ADDED,
    TASK_GONE,
    TASK_LEFT,
    Occasion,
    Step,
    on,
)
from pvm3py.pvmd.state.config import c_number, expand, read_settings, speed_of
from pvm3py.pvmd.state.dealings import (
    NOTICES_MAX,
    WAITS_BYTES,
    WAITS_MAX,
    Asked,
    Dealings,
    Wish,
)
from pvm3py.pvmd.state.events import MessageEvent
from pvm3py.pvmd.state.hostfile import parse_host
from pvm3py.pvmd.state.hosts import Host, HostTable
from pvm3py.pvmd.state.log import Log
from pvm3py.pvmd.state.plain import Plain, field
from pvm3py.pvmd.state.task import is_task
from pvm3py.pvmd.topics import (  # noqa: F401  (they are loaded when needed)
    arriving,
    evacuating,
    move_orders,
    routes,
)
from pvm3py.pvmd.topics.addhost import _Candidate as Candidate
from pvm3py.pvmd.topics.addhost import _give_indexes as give_indexes
from pvm3py.pvmd.topics.spawn import working_directory
from pvm3py.pvmd.topics.tracing import Tracers
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


def test_first_of_duplicate_host_options_wins() -> None:
    host = parse_host(" & $ alpha sp=1 sp=2 wd=/x", {"ep": "/bin", "wd": "/y"})
    assert host.name == "alpha"
    assert host.options == {"ep": "/bin", "wd": "/x", "sp": "1"}
    assert (host.start, host.overload) == (False, True)


@pytest.mark.parametrize(
    "option, speed",
    [("", 1000), (" sp=0", 1), (" sp=-5", 1), (" sp=77", 77), (" sp=2000000", 1000000)],
)
def test_speeds_have_bounds(option: str, speed: int) -> None:
    assert speed_of(parse_host(f"alpha{option}", {}).options) == speed


@pytest.mark.parametrize(
    "line", ["", "&", "a zz=1", "a sp", "a sp=fast", "a sp=", "a ip=", "a" + " sp=1" * 10]
)
def test_bad_host_lines(line: str) -> None:
    with pytest.raises(ValueError, match=r"option|too long|no host|number|address"):
        parse_host(line, {})


def test_full_disk_costs_log_lines_only(tmp_path: Path) -> None:
    log = Log(1000)
    log.open(str(tmp_path / "log"))
    with open("/dev/full", "wb") as full:
        os.dup2(full.fileno(), log._fd)
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


@pytest.mark.parametrize(
    ("occasion", "steps"),
    [
        (
            TASK_GONE,
            "ANY/arriving ANY/awaited ANY/claims ANY/managing ANY/placing OUTPUT/output "
            "BIRTHS/births TRACE/tracing MAILBOX/mailbox NOTICES/notify MANAGERS/manager "
            "ROLES/registry REPORT/manager CONTEXTS/contexts FILES/leaving "
            "MOVES/placing PLACES/tasks",
        ),
        (TASK_LEFT, "ANY/births MANAGERS/manager ROLES/registry"),
        (
            HOST_LOST,
            "ANY/arriving ANY/managing ANY/migration ANY/placing ANY/placing NOTICES/notify "
            "ANSWERS/failure MANAGERS/manager ROLES/registry REPORT/manager COLLECTORS/output "
            "ADDITION/addhost PEERS/failure MOVES/placing",
        ),
        (HOSTS_ADDED, "NOTICES/notify MANAGERS/manager ROLES/registry"),
        (END, "ANY/arriving ANY/migration ANY/watching PEERS/network TASKS/leaving"),
    ],
    ids=["task gone", "task left", "host lost", "hosts added", "end"],
)
def test_steps_of_an_occasion_are_done_in_this_order(occasion: Occasion[Any], steps: str) -> None:
    done = [
        f"{step.name}/{function.__module__.rpartition('.')[2]}"
        for step, function in occasion.functions
    ]
    # Those of any step come in the order in which their modules were loaded.
    anywhere = sum(name.startswith("ANY/") for name in done)
    assert sorted(done[:anywhere]) + done[anywhere:] == steps.split()


def test_functions_of_an_occasion_are_called_in_the_order_of_their_steps() -> None:
    occasion: Occasion[[str]] = Occasion()
    called: list[tuple[Step, str]] = []
    for step in (Step.ROLES, Step.NOTICES, Step.ANY, Step.ANY):
        on(occasion, step)(lambda word, step=step: called.append((step, word)))
    occasion.tell("now")
    assert called == [(step, "now") for step in (Step.ANY, Step.ANY, Step.NOTICES, Step.ROLES)]
    with pytest.raises(AssertionError, match="has a function"):
        on(occasion, Step.ROLES)(print)


class Counter(Table):
    def __init__(self) -> None:
        self.count = 0


def test_a_daemon_has_one_table_of_each_kind() -> None:
    first: Any = SimpleNamespace(tables={})
    second: Any = SimpleNamespace(tables={})
    Counter.of(first).count += 1
    Counter.of(first).count += 1
    assert (Counter.of(first).count, Counter.of(second).count) == (2, 0)


def names(tags: Iterable[int]) -> str:
    return " ".join(sorted(c.message_name(tag) for tag in tags))


def test_answers_of_other_daemons_are_those_that_handlers_give_them() -> None:
    assert names(ANSWERS) == (
        "DM_ADDACK DM_CANMIGRATEACK DM_DBACK DM_DELHOSTACK DM_EVACUATEACK DM_EVACUATEDACK "
        "DM_EXECACK DM_HOLDTASKACK DM_HOSTSYNCACK DM_HTUPDACK DM_MIGRATEACK DM_MOVE_ABORTACK "
        "DM_MOVE_CLAIMACK DM_MOVE_FATEACK DM_MOVE_FLUSHACK DM_MOVE_FLUSHEDACK DM_MOVE_GOACK "
        "DM_MOVE_HOLDACK "
        "DM_MOVE_RESERVEACK DM_MOVE_WAITSACK DM_NOTIFYACK DM_OWNERACK DM_PSTATACK DM_RESETACK "
        "DM_TASKACK"
    )


def test_answers_to_other_hosts_have_the_context_of_these_requests() -> None:
    answered = [tag for tag, route in ROUTES.items() if route.context and route.reply_tag]
    assert names(answered) == "DM_ADD DM_EXEC DM_HTUPD SM_ADD SM_EXEC SM_MIGRATE"


@pytest.mark.parametrize(
    ("strings", "expected"),
    [
        (["PVMSPAWNWD=/proc", "PVMSPAWNWD=/"], "/proc"),
        (["A=1", "PVMSPAWNWD=/"], "/"),
        (["PVMSPAWNWD=", "PVMSPAWNWD=/"], None),
        (["PVMSPAWNWD=/etc/passwd"], None),
        (["PVMSPAWNWD", "XPVMSPAWNWD=/"], None),
    ],
)
def test_first_working_directory_counts(strings: list[str], expected: str | None) -> None:
    assert working_directory(strings) == expected


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


def test_destinations_of_traces_that_are_remembered_are_bounded() -> None:
    tracers = Tracers()
    for tag in range(5000):
        assert tracers.describe(7, 0, tag, "newtask") == (True, True)
        assert tracers.describe(7, 0, tag, "newtask") == (False, False)
    assert tracers.describe(7, 0, 4999, "endtask") == (False, True)
    assert tracers.describe(7, 0, 0, "newtask") == (True, True)


def test_what_a_task_has_open_with_its_manager_is_bounded() -> None:
    def asked(size: int) -> MessageEvent:
        return MessageEvent(0, 0, 0, 0, c.SM_SPAWN, 0, 0, bytes(size))

    dealings = Dealings(HOST | 9)
    assert dealings.may_ask(asked(2 * WAITS_BYTES))
    dealings.asked = [Asked(dealings.manager, asked(WAITS_BYTES // 2))]
    assert dealings.may_ask(asked(WAITS_BYTES // 2))
    assert not dealings.may_ask(asked(WAITS_BYTES // 2 + 1))
    dealings.asked = [Asked(dealings.manager, asked(0))] * WAITS_MAX
    assert not dealings.may_ask(asked(0))
    dealings.wishes = [Wish(c.PvmTaskExit, 0, 0, 0, 1)] * (NOTICES_MAX - 2)
    assert dealings.may_wish(2) and not dealings.may_wish(3)


def test_numbers_of_hosts_are_not_given_again_while_tasks_bear_them() -> None:
    own, born = Host(host_tid(1), "a", "", "", 0, 0), host_tid(2)
    pvmd: Any = SimpleNamespace(tables={}, hosts=HostTable(own))
    pvmd.hosts.places.moved(born | 1, own.tid, 1)
    first, second = Candidate("b", None), Candidate("c", None)
    give_indexes(pvmd, [first, second])
    assert (first.tid, second.tid) == (host_tid(3), host_tid(4))
