# SPDX-License-Identifier: MIT
"""Jobs that stand still for long are kept on disk: what the policy decides, by the test's clock."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from support.impostors.managed import GONE, HERE, Desk, Posted, of, stat

from pvm3py import mist
from pvm3py.mist import machine as numbers
from pvm3py.mist.scheduler import MUCH_LATER
from pvm3py.wire import constants as c
from pvm3py.wire.checkpoints import CheckpointOrder, RestartOrder, RestartReply
from pvm3py.wire.moves import MoveReply

SAVED = "/saved/job-t40001"
JOB = of(1, 1)


def stuck(desk: Callable[..., Desk], *, patience: float = numbers.PARK_SECONDS) -> Desk:
    """A job of three tasks on two hosts, whose owners have come back, one a minute later."""
    policy = mist.OwnerFirst()
    policy.patience = patience
    one = desk(policy, hosts=2)
    one.report(1, stat(JOB, held=2), stat(of(1, 2), held=2, job=JOB), owner=HERE, idle=0)
    one.report(2, stat(of(2, 1), held=2, job=JOB), owner=HERE, idle=0)
    one.later(1)
    one.sent.clear()
    return one


def wanted(one: Desk) -> list[Posted]:
    """Orders to keep a job."""
    orders = one.take(c.SM_CKPT)
    for order in orders:
        body = CheckpointOrder.decode(order.body)
        assert (body.directory, body.tids) == ("", [JOB])
        assert body.flags == c.WIRE_CKPT_JOBS | c.WIRE_CKPT_END
    return orders


def kept(desk: Callable[..., Desk]) -> Desk:
    """The same job, on disk."""
    one = stuck(desk)
    one.later(numbers.PARK_SECONDS)
    (order,) = wanted(one)
    one.reply(order, c.SM_CKPTACK, MoveReply(7, 0, SAVED))
    for number in (1, 2):
        one.report(number, owner=HERE, idle=0)
    return one


def test_job_is_kept_when_all_of_it_has_stood_still_for_long(desk: Callable[..., Desk]) -> None:
    one = stuck(desk)
    one.later(numbers.PARK_SECONDS - 2)
    assert wanted(one) == []
    one.later(3)
    assert len(wanted(one)) == 1
    one.later(100)
    assert wanted(one) == [], "it is under way"
    assert one.manager.view.tasks.keys() == {JOB, of(1, 2), of(2, 1)}


def test_job_is_not_kept_if_one_of_its_tasks_runs(desk: Callable[..., Desk]) -> None:
    one = stuck(desk)
    one.report(2, stat(of(2, 1), job=JOB, why=c.WIRE_WHY_ROLE), owner=HERE, idle=0)
    one.later(2 * numbers.PARK_SECONDS)
    assert wanted(one) == []


def test_waiting_begins_anew_when_there_was_a_host(desk: Callable[..., Desk]) -> None:
    one = stuck(desk)
    one.later(numbers.PARK_SECONDS - 5)
    one.report(2, stat(of(2, 1), held=2, job=JOB), owner=GONE)
    one.report(2, stat(of(2, 1), held=2, job=JOB), owner=HERE, idle=0)
    for order in one.take(c.SM_MIGRATE):
        one.answer(order, MoveReply(c.PvmBusy))
    one.later(numbers.PARK_SECONDS - 5)
    assert wanted(one) == []
    one.later(10)
    assert len(wanted(one)) == 1


def test_no_job_is_kept_without_patience(desk: Callable[..., Desk]) -> None:
    one = stuck(desk, patience=0)
    one.later(10 * numbers.PARK_SECONDS)
    assert wanted(one) == []


def test_refused_job_stays_and_is_tried_again_later(
    desk: Callable[..., Desk], capsys: pytest.CaptureFixture[str]
) -> None:
    one = stuck(desk)
    one.later(numbers.PARK_SECONDS)
    (order,) = wanted(one)
    one.reply(order, c.SM_CKPTACK, MoveReply(c.PvmNotMovable, 233, "it was started by hand"))
    assert "stays in memory: it was started by hand" in capsys.readouterr().out
    one.later(MUCH_LATER - 1)
    assert wanted(one) == []
    one.later(2)
    assert len(wanted(one)) == 1


def test_kept_job_starts_where_there_is_a_host(
    desk: Callable[..., Desk], capsys: pytest.CaptureFixture[str]
) -> None:
    one = kept(desk)
    assert not one.manager.view.tasks
    one.later(10 * numbers.PARK_SECONDS)
    assert one.take(c.SM_RESTART) == [] and wanted(one) == []
    one.report(2, owner=GONE)
    (order,) = one.take(c.SM_RESTART)
    body = RestartOrder.decode(order.body)
    assert (body.directory, body.number, body.outtid, body.hosts) == (SAVED, 7, -1, ["h2"])
    one.later(5)
    assert one.take(c.SM_RESTART) == [], "it is under way"
    one.reply(order, c.SM_RESTARTACK, RestartReply(3, 0, "", [JOB, of(1, 2), of(2, 1)]))
    assert not one.manager.view.parked
    assert f"job t{JOB:x} runs again: 3 tasks" in capsys.readouterr().out


def test_kept_job_that_does_not_start_is_tried_again(desk: Callable[..., Desk]) -> None:
    one = kept(desk)
    one.report(2, owner=GONE)
    (order,) = one.take(c.SM_RESTART)
    one.reply(order, c.SM_RESTARTACK, RestartReply(c.PvmAlready, c.WIRE_WHY_ALIVE, "", []))
    one.later(MUCH_LATER - 1)
    assert one.take(c.SM_RESTART) == []
    one.later(2)
    assert len(one.take(c.SM_RESTART)) == 1


@pytest.mark.parametrize("text", ["soon", "-1", "nan"])
def test_wrong_patience_is_refused(text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PVM_PARK_SECONDS", text)
    with pytest.raises(ValueError, match="is not a number of seconds"):
        mist.OwnerFirst()


def test_environment_says_how_long_a_job_stands_still(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PVM_PARK_SECONDS", "2.5")
    assert mist.OwnerFirst().patience == 2.5
