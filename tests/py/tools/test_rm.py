# SPDX-License-Identifier: MIT
"""pvm3py.rm on one host: its programs, the example of the documentation, the policies' choices."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from support import compiler
from support.impostors.rawtask import Connector, enrolled
from support.machines.agent import Agent
from support.machines.vm import VirtualMachine, wait_until
from support.programs.blocks import blocks_of
from support.programs.groups import Member, server_dir
from support.screens.console import Console
from support.system import PATIENCE, spawn_dir

from pvm3py.rm import Host, LeastLoaded, Order, ResourceManager
from pvm3py.rm.machine import Machine
from pvm3py.wire import constants as c

PVMRM = spawn_dir() / "pvmrm"
DOCUMENT = "docs/resource-managers.md"
BROKEN = """
from pvm3py.rm import ResourceManager
class Broken(ResourceManager):
    def place(self, order):
        return [] if order.count == 1 else order.missing
"""


@pytest.fixture
def manager_of() -> Iterator[Callable[[VirtualMachine], int]]:
    """Tells which manager a new task of a machine is told."""
    connector = Connector()

    def ask(vm: VirtualMachine) -> int:
        with enrolled(vm, connector) as task:
            return task.rm

    yield ask
    connector.close()


def agent_of(vm: VirtualMachine) -> Agent:
    """An agent, enrolled."""
    agent = Agent(vm.start(compiler.test_program("agent", "ours"), stdin=-1, stderr=None))
    assert agent.tid
    return agent


def spawned(agent: Agent, count: int) -> list[int]:
    """What a spawn of tasks that end at once says: number, tids or codes."""
    return agent.ints("spawn", "/bin/true", 0, "", count)


def test_manager_that_the_environment_names_starts_with_the_machine(
    manager_of: Callable[[VirtualMachine], int],
) -> None:
    with VirtualMachine(path=[PVMRM.parent], env={"PVM_RM": "pvmrm least-loaded"}) as vm:
        wait_until(lambda: manager_of(vm), "there is a manager")
        assert spawned(agent_of(vm), 3)[0] == 3


def test_console_spawns_a_manager(manager_of: Callable[[VirtualMachine], int]) -> None:
    with VirtualMachine(path=[PVMRM.parent]) as vm, Console(vm, "ours") as console:
        assert "1 successful" in console.do("spawn pvmrm round-robin")
        wait_until(lambda: manager_of(vm), "there is a manager")


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["fastest"], "no policy 'fastest'; there are round-robin, least-loaded"),
        (["no_such_module:Class"], "No module named 'no_such_module'"),
        (["json:JSONDecoder"], "no subclass of ResourceManager"),
        (["/no/such/file.py:Class"], "No such file"),
    ],
)
def test_wrong_policy_is_explained(arguments: list[str], words: str) -> None:
    with VirtualMachine() as vm:
        done = vm.run(PVMRM, *arguments)
    assert done.status == 2 and words in done.err


def test_manager_without_a_machine_says_so() -> None:
    vm = VirtualMachine()
    vm.stop()
    vm.home.mkdir(parents=True)
    try:
        done = vm.run(PVMRM)
    finally:
        vm._clean_up()
    assert done.status == 1 and "no machine" in done.err


def test_example_of_the_documentation_limits_the_tasks_of_a_host(
    tmp_path: Path, manager_of: Callable[[VirtualMachine], int]
) -> None:
    (example,) = (block.text for block in blocks_of(DOCUMENT) if block.what == "fair.py")
    assert len(example.splitlines()) <= 55
    (tmp_path / "fair.py").write_text(example)
    with VirtualMachine(path=[compiler.test_program("agent", "ours").parent]) as vm:
        log = tmp_path / "log"
        with log.open("wb") as out:
            vm.start(PVMRM, f"{tmp_path}/fair.py:Fair", stdout=out, stderr=out)
        wait_until(lambda: manager_of(vm), "there is a manager")
        # The agents that count: this one, and at most three that it spawns.
        agent = agent_of(vm)
        code, *tids = agent.ints("spawn", "agent", 0, "", 5)
        assert code == 3 and tids[3:] == [c.PvmOutOfRes] * 2
        agent.call("kill", tids[0])
        wait_until(lambda: agent.ints("spawn", "agent", 0, "", 1)[0] == 1, "there is room again")
        wait_until(lambda: "room for 3 of 5" in log.read_text(), "the example says so")


def test_error_of_a_policy_is_answered_and_reported(
    tmp_path: Path, manager_of: Callable[[VirtualMachine], int]
) -> None:
    (tmp_path / "broken.py").write_text(BROKEN)
    command = [sys.executable, "-m", "pvm3py", "rm", "broken:Broken"]
    with VirtualMachine() as vm:
        errors = tmp_path / "errors"
        with errors.open("wb") as err:
            vm.start(*command, stderr=err, env={"PYTHONPATH": str(tmp_path)})
        wait_until(lambda: manager_of(vm), "there is a manager")
        agent = agent_of(vm)
        assert spawned(agent, 1) == [0, c.PvmOutOfRes]
        assert spawned(agent, 2)[0] == c.PvmDSysErr
        said = "has no attribute 'missing'"
        wait_until(lambda: said in errors.read_text(), "the report")
        assert agent.call("config")[0] == "0"


def test_groups_learn_of_the_death_of_a_member_through_the_manager(
    manager_of: Callable[[VirtualMachine], int],
) -> None:
    with VirtualMachine(path=[server_dir("ours"), PVMRM.parent]) as vm:
        vm.start(PVMRM, stderr=None)
        wait_until(lambda: manager_of(vm), "there is a manager")
        members = [Member(vm) for _ in range(3)]
        members[0].tell("barrier(group, 3)")
        members[1].kill()
        members[2].tell("barrier(group, 3)")
        answers = {members[0].answer(), members[2].answer()}
        assert answers == {"NO_TASK"}
        for member in (members[0], members[2]):
            member.task.communicate(timeout=PATIENCE)


# ---- choices of least-loaded ---------------------------------------------------------------


def chosen(hosts: list[Host], count: int) -> list[str]:
    """Names of the hosts that least-loaded chooses."""
    order = Order(hosts, count, "program", [], 0x40001, 0, "")
    return [host.name for host in LeastLoaded().place(order)]


def host(name: str, tasks: int = 0, load: float = 0.0, cores: int = 1, speed: int = 1000) -> Host:
    """A host with so many tasks."""
    return Host(ord(name) << 18, name, "LINUX64", speed, set(range(1, tasks + 1)), load, cores)


@pytest.mark.parametrize(
    ("hosts", "count", "expected"),
    [
        ([host("a"), host("b")], 3, "aab"),
        ([host("a", tasks=2), host("b")], 3, "abb"),
        ([host("a", load=3.5), host("b")], 3, "bbb"),
        ([host("a", cores=4), host("b")], 5, "aaaab"),
        ([host("a"), host("b", speed=3000)], 4, "abbb"),
        ([host("a", tasks=4, load=1.0, cores=8), host("b", tasks=1)], 2, "aa"),
    ],
    ids=["equal", "tasks", "load", "cores", "speed", "mixed"],
)
def test_least_loaded_chooses(hosts: list[Host], count: int, expected: str) -> None:
    assert "".join(chosen(hosts, count)) == expected


def test_manager_counts_a_moved_task_where_it_runs() -> None:
    first, second = host("a"), host("b")
    machine, task = Machine(), first.tid | 5
    machine.hosts = {first.tid: first, second.tid: second}
    machine.places.moved(task, second.tid, 1)
    assert machine.host_of(task) is second and machine.host_of(task + 1) is first
    assert machine.selected(c.PvmTaskHost, ".", task) == [second]


def test_base_class_alone_places_nothing() -> None:
    with pytest.raises(NotImplementedError):
        ResourceManager().place(Order([host("a")], 1, "program", [], 0x40001, 0, ""))
