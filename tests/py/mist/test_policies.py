# SPDX-License-Identifier: MIT
"""What the policies of pvm3py.mist decide, by a clock of the test's, without a machine."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import pytest
from support.impostors.managed import AUTO, GONE, HERE, MIB, Desk, of, stat
from support.programs.blocks import blocks_of

from pvm3py import mist
from pvm3py.mist import machine as numbers
from pvm3py.mist.scheduler import MUCH_LATER
from pvm3py.places import host_tid
from pvm3py.rm import Order
from pvm3py.rm.__main__ import policy
from pvm3py.wire import constants as c
from pvm3py.wire.moves import MoveOrder, MoveReply
from pvm3py.wire.system import ExecRequest

# ---- owners ----------------------------------------------------------------------------------


def test_tasks_stop_at_once_and_leave_smallest_first_when_the_owner_returns(
    desk: Callable[..., Desk],
) -> None:
    one = desk(hosts=2)
    large, small, middle = of(1, 1), of(1, 2), of(1, 3)
    tasks = [stat(large, 90 * MIB), stat(small, MIB), stat(middle, 5 * MIB)]
    one.report(1, *tasks)
    one.report(2)
    assert one.moves() == [] and one.holds() == []
    one.report(1, *tasks, owner=HERE, idle=0)
    assert sorted(one.holds()) == [(host_tid(1), [tid], 1) for tid in (large, small, middle)]
    gone = []
    while orders := one.take(c.SM_MIGRATE):
        (order,) = orders
        gone.append(MoveOrder.decode(order.body).tid)
        one.done(order)
    assert gone == [small, middle, large]
    assert one.holds() == [], "what has come to a free host goes on by itself"


def test_one_link_carries_one_image_and_links_work_side_by_side(desk: Callable[..., Desk]) -> None:
    one = desk(hosts=3)
    tasks = [stat(of(1, n), MIB) for n in range(1, 5)]
    one.report(2)
    one.report(3)
    one.report(1, *tasks, owner=HERE, idle=0)
    orders = [MoveOrder.decode(order.body) for order in one.take(c.SM_MIGRATE)]
    assert sorted(order.host for order in orders) == ["h2", "h3"]


def test_tasks_with_nowhere_to_go_stay_stopped_until_a_host_is_free(
    desk: Callable[..., Desk],
) -> None:
    one = desk(hosts=2)
    task = of(1, 1)
    one.report(2, owner=HERE, idle=0)
    one.report(1, stat(task), owner=HERE, idle=0)
    assert one.holds() == [(host_tid(1), [task], 1)] and one.moves() == []
    one.report(1, stat(task, held=2), owner=HERE, idle=0)
    for _ in range(590):
        one.later(1.0)
    assert one.holds() == [] and one.moves() == []
    one.report(2, owner=GONE)
    assert one.moves() == [(task, "h2")]


def test_task_that_cannot_move_stays_stopped_and_goes_on_when_the_host_is_free(
    desk: Callable[..., Desk],
) -> None:
    one = desk(hosts=2)
    task = of(1, 1)
    one.report(2)
    one.report(1, stat(task, why=c.WIRE_WHY_THREADS), owner=HERE, idle=0)
    assert one.holds() == [(host_tid(1), [task], 1)] and one.moves() == []
    one.report(1, stat(task, held=2, why=c.WIRE_WHY_THREADS), owner=GONE)
    assert one.holds() == [(host_tid(1), [task], 0)]


def test_managers_and_tasks_stopped_by_hand_are_left_as_they_are(desk: Callable[..., Desk]) -> None:
    one = desk(hosts=2)
    manager, by_hand = of(1, 1), of(1, 2)
    one.report(2)
    tasks = [stat(manager, why=c.WIRE_WHY_ROLE), stat(by_hand, held=1)]
    one.report(1, *tasks, owner=HERE, idle=0)
    assert one.holds() == [(host_tid(1), [by_hand], 1)]
    assert one.moves() == [(by_hand, "h2")]


def test_refused_move_is_tried_again_soon_or_much_later(desk: Callable[..., Desk]) -> None:
    one = desk(hosts=2)
    busy, never = of(1, 1), of(1, 2)
    one.report(2)
    tasks = [stat(busy, MIB), stat(never, 2 * MIB)]
    one.report(1, *tasks, owner=HERE, idle=0)
    (order,) = one.take(c.SM_MIGRATE)
    one.answer(order, MoveReply(c.PvmBusy, c.WIRE_WHY_SLOW, "slow"))
    (order,) = one.take(c.SM_MIGRATE)
    assert MoveOrder.decode(order.body).tid == never
    one.answer(order, MoveReply(c.PvmNotMovable, c.WIRE_WHY_OFF, "no"))
    assert one.moves() == []
    one.later(1.1)
    (order,) = one.take(c.SM_MIGRATE)
    assert MoveOrder.decode(order.body).tid == busy
    one.done(order)
    one.report(1, tasks[1], owner=HERE, idle=0)
    one.later(MUCH_LATER - 5)
    assert one.moves() == []
    one.later(6)
    assert one.moves() == [(never, "h2")]


def test_host_is_free_when_it_was_idle_and_calm_for_long_enough(desk: Callable[..., Desk]) -> None:
    one = desk(hosts=1)
    host = one.host(1)
    one.report(1, owner=HERE, idle=0, others=0.9)
    assert host.owner
    one.report(1, idle=1, others=0.9)
    one.later(numbers.IDLE_SECONDS + 10)
    assert host.owner, "others are busy"
    one.report(1, idle=400, others=0.1)
    one.later(numbers.CALM_SECONDS - 1)
    assert host.owner
    one.later(2)
    assert not host.owner
    one.report(1, owner=HERE, idle=0)
    one.report(1, idle=0)
    one.later(numbers.IDLE_SECONDS - 1)
    assert host.owner
    one.later(2)
    assert not host.owner


def test_word_of_a_user_counts_at_once(desk: Callable[..., Desk]) -> None:
    one = desk(hosts=1)
    one.report(1, owner=HERE, idle=0, others=1.0)
    one.report(1, owner=GONE, idle=0, others=1.0)
    assert not one.host(1).owner


@pytest.mark.parametrize(("idle", "owner"), [(10, True), (299, True), (301, False)])
def test_host_that_was_used_a_moment_ago_is_not_free_at_the_beginning(
    desk: Callable[..., Desk], idle: int, owner: bool
) -> None:
    one = desk(hosts=1)
    one.report(1, idle=idle)
    assert one.host(1).owner is owner


def test_tasks_come_back_when_the_owner_has_gone(desk: Callable[..., Desk]) -> None:
    one = desk(hosts=2)
    tasks = [stat(of(2, 1), MIB), stat(of(2, 2), MIB)]
    one.report(1, owner=HERE, idle=0)
    one.report(2, *tasks)
    for _ in range(60):
        one.later(1.0)
    assert one.moves() == []
    one.report(1, owner=AUTO, idle=0)
    for _ in range(int(numbers.IDLE_SECONDS) - 1):
        one.later(1.0)
    assert one.moves() == [], "not before the host counts as free"
    one.later(2.0)
    (one_move,) = one.moves()
    assert one_move[1] == "h1"


# ---- balance ---------------------------------------------------------------------------------


def crowded(desk: Callable[..., Desk], size: int = MIB, policy: mist.Policy | None = None) -> Desk:
    """Three tasks that compute on a host, and another host without any; a minute has passed."""
    one = desk(policy or mist.Balance(), hosts=2)
    one.report(1, *(stat(of(1, n), size) for n in (1, 2, 3)))
    one.report(2)
    one.later(60)
    return one


def test_balance_moves_one_task_at_a_time_until_it_is_even(desk: Callable[..., Desk]) -> None:
    one = crowded(desk)
    (order,) = one.take(c.SM_MIGRATE)
    assert MoveOrder.decode(order.body).host == "h2"
    one.later(1)
    assert one.moves() == [], "one is under way"
    one.done(order)
    one.later(100)
    assert one.moves() == [], "two and one are as even as can be"


def test_balance_does_not_move_what_gains_less_than_twice_its_cost(
    desk: Callable[..., Desk],
) -> None:
    # 60 seconds ahead, of which a third is gained: 40 s; a move of 400 MB takes 33 s at first.
    assert crowded(desk, 400 * MIB).moves() == []
    assert crowded(desk, 100 * MIB).moves() != []


def test_cost_follows_what_earlier_moves_have_taken(desk: Callable[..., Desk]) -> None:
    one = desk(mist.Balance(), hosts=2)
    one.report(1, stat(of(1, 1), 125000))
    task = one.manager.view.tasks[of(1, 1)]
    goal = one.host(2)
    first = one.manager.view.cost(task, goal)
    assert first == pytest.approx(125000 * 1024 / numbers.BANDWIDTH + numbers.MOVE_SECONDS)
    one.moved(of(1, 9), host_tid(1), host_tid(2), 100000, 100)
    fast = one.manager.view.cost(task, goal)
    assert fast == pytest.approx(0.125 + numbers.MOVE_SECONDS)
    back = one.manager.view.cost(one.manager.view.appear(of(2, 8), goal), one.host(1))
    assert back == pytest.approx(numbers.MOVE_SECONDS), "the other way is another link"


def test_moved_task_rests(desk: Callable[..., Desk]) -> None:
    one = crowded(desk)
    (order,) = one.take(c.SM_MIGRATE)
    one.done(order, frozen=5000)
    moved = MoveOrder.decode(order.body).tid
    one.report(2, stat(moved), others=8.0)
    one.report(1)
    one.later(3)
    assert one.moves() == []
    one.later(10 * 5 - 4)
    assert one.moves() == []
    one.later(2)
    assert one.moves() == [(moved, "h1")]


def test_balance_does_not_tremble(desk: Callable[..., Desk]) -> None:
    """Load that comes and goes each 20 s moves a task at most once in its rest."""
    one = crowded(desk)
    count = 0
    for second in range(600):
        for order in one.take(c.SM_MIGRATE):
            count += 1
            one.done(order)
        busy = 2.0 * (second // 20 % 2)
        for number, others in ((1, busy), (2, 2.0 - busy)):
            tids = one.host(number).jobs
            one.report(number, *(stat(tid) for tid in tids), others=others)
        one.later(1)
    assert 0 < count <= 3 * 600 / numbers.REST_SECONDS


def test_task_that_has_just_begun_is_not_balanced(desk: Callable[..., Desk]) -> None:
    one = desk(mist.Balance(), hosts=2)
    one.report(2)
    one.report(1, *(stat(of(1, n)) for n in (1, 2, 3)))
    one.later(1.9)
    assert one.moves() == []


def test_tasks_that_wait_are_not_balanced(desk: Callable[..., Desk]) -> None:
    one = desk(mist.Balance(), hosts=2)
    one.report(1, *(stat(of(1, n), share=0.0) for n in (1, 2, 3)))
    one.report(2)
    one.later(600)
    assert one.moves() == []


def test_example_of_the_documentation_leaves_hosts_by_day(
    desk: Callable[..., Desk], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (example,) = (block.text for block in blocks_of("docs/mist.md") if block.what == "night.py")
    (tmp_path / "night.py").write_text(example)
    monkeypatch.setenv("NIGHT_HOSTS", "h1 h7")
    hour = 12
    monkeypatch.setattr("time.localtime", lambda: SimpleNamespace(tm_hour=hour))
    manager = policy(f"mist:{tmp_path}/night.py:Night")()
    assert isinstance(manager, mist.Scheduler)
    one = desk(manager.policy, hosts=2)
    one.report(2)
    one.report(1, stat(of(1, 1)))
    assert one.moves() == [(of(1, 1), "h2")] and one.holds() == []
    order = Order([one.host(1), one.host(2)], 2, "x", [], of(2, 1), 0, "")
    assert {host.name for host in one.manager.place(order)} == {"h2"}
    hour = 22
    assert {host.name for host in one.manager.place(order)} == {"h1", "h2"}


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("mist", mist.OwnerFirst),
        ("mist:owner-first", mist.OwnerFirst),
        ("mist:balance", mist.Balance),
    ],
)
def test_policies_have_names(name: str, kind: type[mist.Policy]) -> None:
    manager = policy(name)()
    assert isinstance(manager, mist.Scheduler) and type(manager.policy) is kind


@pytest.mark.parametrize(
    ("name", "why"),
    [
        ("mist:fair", "there are owner-first, balance"),
        ("mist:json:JSONDecoder", "no subclass of Policy"),
    ],
)
def test_wrong_policies_are_explained(name: str, why: str) -> None:
    with pytest.raises(argparse.ArgumentTypeError, match=why):
        policy(name)


# ---- placing, and what others want -----------------------------------------------------------


def test_tasks_are_started_where_no_owner_is_and_least_is_to_do(desk: Callable[..., Desk]) -> None:
    one = desk(hosts=3)
    one.report(1, owner=HERE, idle=0)
    one.report(2, stat(of(2, 1)), stat(of(2, 2)))
    one.report(3)
    hosts = list(one.manager.view.hosts.values())
    order = Order(list(hosts), 4, "x", [], of(2, 1), 0, "")
    assert [host.name for host in one.manager.place(order)].count("h3") == 3
    only_owned = Order([one.host(1)], 1, "x", [], of(2, 1), 1, "h1")
    assert list(one.manager.place(only_owned)) == [one.host(1)]


def test_hosts_that_do_not_report_get_new_tasks_and_no_moved_ones(
    desk: Callable[..., Desk],
) -> None:
    """Those are hosts of 3.4.6; of them a script tells the load."""
    one = desk(hosts=3)
    old = one.host(3)
    one.report(2, stat(of(2, 1)), stat(of(2, 2)))
    one.report(1, stat(of(1, 1)), owner=HERE, idle=0)
    assert one.moves() == [(of(1, 1), "h2")]
    order = Order([one.host(2), old], 1, "x", [], of(2, 1), 0, "")
    assert list(one.manager.place(order)) == [old]
    old.load = 9.0
    assert list(one.manager.place(order)) == [one.host(2)]


def test_hosts_that_do_not_report_are_not_told_of_the_flag(desk: Callable[..., Desk]) -> None:
    one = desk(hosts=2)
    one.manager.reporting = {host_tid(1)}
    for number, flags in ((1, c.PvmTaskFixed | 1), (2, 1)):
        job = ExecRequest(0, "x", c.PvmTaskFixed | 1, 1, [], 0, 0, 0, 0, 0, 0, [], 0, 1)
        one.manager.start(one.host(number), job, lambda _codes: None)
        (sent,) = one.take(c.SM_EXEC)
        assert ExecRequest.decode(sent.body).flags == flags


def wants(desk: Desk, tid: int, host: str = "") -> list[MoveReply]:
    """Somebody on host 3 wants a task moved: the manager's answers so far."""
    desk.hear(3, c.SM_MIGRATE, MoveOrder(tid, host, 0).encode(), wid=77)
    answers = desk.take(c.SM_MIGRATEACK)
    assert all(one.wid == 77 and one.dst == c.TIDPVMD | host_tid(3) for one in answers)
    return [MoveReply.decode(one.body) for one in answers]


def test_who_names_no_host_has_a_task_moved_where_it_is_best(desk: Callable[..., Desk]) -> None:
    one = desk(hosts=3)
    one.report(2, owner=HERE, idle=0)
    one.report(3)
    one.report(1, stat(of(1, 1)))
    assert wants(one, of(1, 1)) == []
    (order,) = one.take(c.SM_MIGRATE)
    assert order.dst == c.TIDPVMD | host_tid(1)
    assert MoveOrder.decode(order.body) == MoveOrder(of(1, 1), "h3", 0)
    one.done(order)
    (answer,) = one.take(c.SM_MIGRATEACK)
    assert MoveReply.decode(answer.body) == MoveReply(0) and answer.wid == 77


def test_wish_is_refused_in_words(desk: Callable[..., Desk]) -> None:
    one = desk(hosts=3)
    for number in (2, 3):
        one.report(number, owner=HERE, idle=0)
    one.report(1, stat(of(1, 1)))
    for host, code, why in (
        ("h2", c.PvmBusy, c.WIRE_WHY_OWNER),
        ("", c.PvmBusy, c.WIRE_WHY_MANAGER),
        ("h9", c.PvmNoHost, 0),
    ):
        (answer,) = wants(one, of(1, 1), host)
        assert (answer.code, answer.reason) == (code, why) and answer.text
    (answer,) = wants(one, host_tid(9) | 1)
    assert answer.code == c.PvmNoTask


def test_wish_is_answered_when_the_task_s_host_is_lost(desk: Callable[..., Desk]) -> None:
    one = desk(hosts=3)
    one.report(3)
    one.report(1, stat(of(1, 1)))
    assert wants(one, of(1, 1), "h3") == []
    host = one.manager.hosts.pop(host_tid(1))
    one.manager.host_lost(host)
    (answer,) = one.take(c.SM_MIGRATEACK)
    assert MoveReply.decode(answer.body).code == c.PvmHostFail
    assert of(1, 1) not in one.manager.view.tasks


def test_error_of_a_policy_is_told_and_others_go_on(
    desk: Callable[..., Desk], capsys: pytest.CaptureFixture[str]
) -> None:
    class Broken(mist.Policy):
        def tick(self, machine: mist.Machine) -> list[mist.Action]:
            raise RuntimeError(f"nothing at {machine.now}")

    one = desk(Broken(), hosts=2)
    one.report(1, stat(of(1, 1)))
    assert "nothing at" in capsys.readouterr().err
    assert one.host(1).jobs.keys() == {of(1, 1)}


def test_task_that_its_host_does_not_list_any_more_is_forgotten(desk: Callable[..., Desk]) -> None:
    one = desk(hosts=1)
    one.report(1, stat(of(1, 1)), stat(of(1, 2)))
    one.later(3)
    one.report(1, stat(of(1, 2)))
    assert one.manager.view.tasks.keys() == {of(1, 2)}
