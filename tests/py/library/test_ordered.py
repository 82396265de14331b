# SPDX-License-Identifier: MIT
"""Order of messages whose ways change: memory that is too narrow, daemon and direct routes."""

from __future__ import annotations

import os
import re

import pytest
from support.compiler import test_program
from support.machines.sharing import WAYS
from support.machines.vm import VirtualMachine
from support.system import PATIENCE

SEEDS = range(int(os.environ.get("PVM3PY_ORDER_SEEDS", "1")))
BIG = "PVM3PY_BIG" in os.environ
MANY = 500 if BIG else 30


# Narrow, but for as many peers as there are.
CROWDED = WAYS["narrow"] | {"PVM_SHM_PEERS": "16"}

each_route = pytest.mark.parametrize("route", ["daemon", "direct"])
each_seed = pytest.mark.parametrize("seed", SEEDS)


def run(env: dict[str, str], *words: object) -> dict[str, int]:
    """Let tests/c/ordered.c run; what its tasks have sent by which way."""
    with VirtualMachine("ours", env=env) as vm:
        patience = PATIENCE * (10 if BIG else 1)
        done = vm.run(test_program("ordered", "ours"), *words, timeout=patience)
    assert "FAIL" not in done.out, done.out[:2000] + done.err
    done.check()
    return {name: int(n) for name, n in re.findall(r"(memory|streamed|marks) (\d+)", done.out)}


@each_seed
@each_route
@pytest.mark.parametrize("senders", [1, 4])
def test_messages_of_a_sender_come_in_order_by_changing_ways(
    senders: int, route: str, seed: int
) -> None:
    sent = run(CROWDED, senders, 4000 // senders, route, seed)
    assert sent["memory"] > 10 and sent["streamed"] > 10 and sent["marks"] > 4, sent


@each_seed
@each_route
def test_eight_tasks_that_send_to_all_others_have_all_in_order(route: str, seed: int) -> None:
    sent = run(CROWDED, "all", 8, 250, route, seed)
    assert sent["memory"] > 100 and sent["streamed"] > 10, sent


@each_seed
@each_route
def test_order_among_more_tasks_than_have_room(route: str, seed: int) -> None:
    run(WAYS["narrow"], "all", 8, 60, route, seed)


@each_route
@pytest.mark.parametrize("slots", [4, 63])
@pytest.mark.timeout(1800 if BIG else 600)
def test_many_tasks_that_send_to_all_others_have_all_in_order(slots: int, route: str) -> None:
    env = WAYS["memory"] | {"PVM_SHM_PEERS": str(slots)}
    sent = run(env, "all", MANY, 12 if BIG else 40, route, 1, 8192)
    print(sent)
    assert sent["memory"], sent


def test_order_without_memory() -> None:
    sent = run(WAYS["daemon"], 2, 100, "daemon", 1)
    assert sent == {"memory": 0, "streamed": 0, "marks": 0}


@pytest.mark.parametrize("case", ["awaited", "passed", "handler", "late"])
def test_messages_that_are_sent_while_a_route_is_made_come_and_are_not_overtaken(case: str) -> None:
    overtaking = test_program("overtaking", "ours")
    with VirtualMachine("ours", path=[overtaking.parent], env=WAYS["daemon"]) as vm:
        done = vm.run(overtaking, vm.pid, case)
        assert "FAIL" not in done.out + vm.log(), done.out + vm.log()
        done.check()
