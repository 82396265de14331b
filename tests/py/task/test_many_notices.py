# SPDX-License-Identifier: MIT
"""More notices than the daemon keeps for a task: all are given, or the caller gets an error."""

from __future__ import annotations

import pytest
from support.programs.scripts import ScriptMachine

from pvm3py.wire import constants as c

MANAGER = "reg_rm(); send_obj('ready', parent()); recv(parent())"
CHILD = "recv(parent())"


def test_each_of_many_dead_tasks_is_told_of(machine: ScriptMachine) -> None:
    machine.run(f"""
        first = (mytid() & 0x7ffc0000) + 1000
        dead = list(range(first, first + {c.WIRE_NOTICES_MAX + 1}))
        notify(Event.TASK_EXIT, 5, dead)
        for tid in dead:
            assert recv(tag=5) and upkint() == tid
        assert probe() is None
        """)


@pytest.mark.parametrize("event", ["TASK_EXIT", "HOST_DELETE"])
def test_notices_beyond_the_bound_are_an_error(machine: ScriptMachine, event: str) -> None:
    """What has ended, or is given, needs no room."""
    machine.run(
        f"""
        child, = spawn("child")
        event, about = Event.{event}, child
        if event == Event.HOST_DELETE:
            about = tidtohost(child)
        def refused(*wish, **count):
            try:
                notify(*wish, **count)
            except PvmError as error:
                return error.code is Code.OUT_OF_RES
            return False
        notify(event, 5, [about] * {c.WIRE_NOTICES_MAX})
        assert refused(event, 6, [about] * 2) and refused(Event.HOST_ADD, 6, count=1)
        notify(Event.TASK_EXIT, 7, [child + 1000] * 3)
        for _ in range(3):
            assert recv(tag=7) and upkint() == child + 1000
        notify(Event(event | Event.CANCEL), 5, [about])
        assert recv(tag=5) and upkint() == about
        notify(event, 6, [about])
        assert refused(event, 6, [about]) and probe() is None
        kill(child)
        """,
        child=CHILD,
    )


def test_notices_beyond_a_managers_bound_are_an_error(machine: ScriptMachine) -> None:
    """This manager never gives one; its daemon keeps in mind what it owes."""
    machine.run(
        """
        manager, child = spawn("manager") + spawn("child")
        assert recv_obj(manager)[0] == "ready"
        client, = spawn("client")
        send_obj(child, client)
        assert recv_obj(client)[0] == "done"
        for tid in manager, child:
            kill(tid)
        """,
        manager=MANAGER,
        child=CHILD,
        client=f"""
        child, _ = recv_obj()
        notify(Event.TASK_EXIT, 5, [child] * {c.WIRE_NOTICES_MAX})
        codes = []
        for more in range(2):
            try:
                notify(Event.TASK_EXIT, 6, [child] * {c.WIRE_NOTICES_MAX})
            except PvmError as error:
                codes.append(error.code)
        assert codes[-1:] == [Code.OUT_OF_RES]
        send_obj("done", parent())
        """,
    )


def test_multicast_to_more_tasks_than_the_daemon_takes_at_once(machine: ScriptMachine) -> None:
    machine.run(
        f"""
        child, = spawn("child")
        initsend()
        tids = range(1 << 18, {c.WIRE_RECEIVERS_MAX} + (1 << 19))
        mcast([tid for tid in tids if tid & 0x3FFFF], 3)
        assert recv(child, 4)
        """,
        child="recv(parent(), 3); initsend(); send(parent(), 4)",
    )
