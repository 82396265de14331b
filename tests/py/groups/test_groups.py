# SPDX-License-Identifier: MIT
"""Groups in every mixture of daemon, group server and libraries, ours and 3.4.6's."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import pytest
from support import compiler
from support.machines.hosts import Bed
from support.machines.sharing import WAYS
from support.machines.vm import VirtualMachine, wait_until
from support.programs import cases
from support.programs.groups import (
    finish,
    program,
    serve_groups,
    server_dir,
    wait_for_arrivals,
)
from support.screens.console import Console, console_program
from support.system import (
    ARCH,
    PATIENCE,
    PROJECT,
    SIDES,
    Side,
    library_dir,
    modules_dir,
    pvm_root,
    require_program,
)


@pytest.fixture(params=[(d, s) for d in SIDES for s in SIDES], ids="-daemon-".join)
def machine(request: pytest.FixtureRequest) -> Iterator[VirtualMachine]:
    daemon, server = request.param
    with VirtualMachine(daemon, path=[server_dir(server)]) as vm:
        serve_groups(vm, server)
        yield vm


@pytest.mark.parametrize(
    "libraries", [("ours", "ours"), ("ours", "debian"), ("debian", "debian")], ids="+".join
)
def test_every_collective_call(machine: VirtualMachine, libraries: tuple[Side, Side]) -> None:
    wide = ["wide"] if set(libraries) == {"ours"} else []
    members = [program("group_member", side) for side in libraries] * 2
    finish([machine.start(member, "group", len(members), *wide) for member in members])


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("libraries", [("ours", "ours"), ("ours", "debian")], ids="+".join)
def test_every_collective_call_by_way(way: str, libraries: tuple[Side, Side]) -> None:
    wide = ["wide"] if set(libraries) == {"ours"} else []
    members = [program("group_member", side) for side in libraries] * 3
    with VirtualMachine("ours", path=[server_dir("ours")], env=WAYS[way]) as vm:
        finish([vm.start(member, "group", len(members), *wide) for member in members])


@pytest.mark.parametrize(
    ("daemon", "server", "library"),
    [
        *(("ours", "debian", "ours"), ("debian", "ours", "ours")),
        *(("debian", "ours", "debian"), ("debian", "debian", "debian")),
    ],
)
def test_every_error_code(daemon: Side, server: Side, library: Side) -> None:
    assert "FAIL" not in cases.group_codes(daemon, server, library)


def test_one_group_of_c_debian_c_fortran_and_python(machine: VirtualMachine) -> None:
    commands: list[list[object]] = [
        [program("group_mixed", "ours")],
        [program("group_mixed", "debian")],
        [cases.fortran_program("group_mixed.f90")],
        [sys.executable, PROJECT / "tests/py/support/programs/group_mixed.py"],
        [sys.executable, PROJECT / "tests/py/support/programs/group_face.py"],
    ]
    size = len(commands)
    env = {"PYTHONPATH": str(modules_dir())}
    finish([machine.start(str(c[0]), *c[1:], "mixed", size, env=env) for c in commands])


def test_server_is_found_without_any_setting(monkeypatch: pytest.MonkeyPatch) -> None:
    start = VirtualMachine._start

    def start_without_path(vm: VirtualMachine, command: list[str]) -> None:
        del vm.env["PVM_PATH"]
        start(vm, command)

    monkeypatch.setattr(VirtualMachine, "_start", start_without_path)
    with VirtualMachine("ours") as vm:
        finish([vm.start(program("group_mixed", "ours"), "group", 2) for _ in range(2)])


def programs_of(vm: VirtualMachine) -> list[str]:
    """The command lines of a machine's processes."""
    found = []
    for pid in vm.processes():
        with suppress(OSError):
            found.append(Path(f"/proc/{pid}/cmdline").read_text(errors="replace"))
    return found


@pytest.mark.parametrize("way", ["path", "host file", "slave's options"])
def test_our_server_is_found_whatever_the_search_path_is(way: str) -> None:
    """As ep= in the host file of docs/hosts.md, and with a pvmgs of 3.4.6 in that path."""
    require_program("pvmgs", "pvm")
    with Bed(["ours", "ours"], programs=["agent", "group_member"]) as bed:
        bed.master.set_env({"PVM_PATH": "/usr/bin" if way == "path" else "/nonexistent"})
        path = bed.directory / "hosts"
        path.write_text("* ep=/usr/bin\n" if way == "host file" else "")
        bed.start(str(path))
        host = bed.master
        if way == "slave's options":
            host.agent().add(f"{bed.slaves[0].name} ep=/usr/bin")
            host = bed.slaves[0]
        members = [host.start(host.program("group_member"), "g", 2, "wide") for _ in range(2)]
        finish(members)
        servers = [line for host in bed.hosts for line in programs_of(host) if "pvmgs" in line]
        assert servers and all("pvmgs.py" in line for line in servers), servers


def test_our_server_is_found_under_a_daemon_that_has_none() -> None:
    with VirtualMachine("debian", path=["/nonexistent"]) as vm:
        env = {"PVM_ROOT": str(pvm_root()), "PVM_ARCH": ARCH}
        members = [vm.start(program("group_member", "ours"), "g", 2, env=env) for _ in range(2)]
        finish(members)
        assert any("pvmgs.py" in line for line in programs_of(vm))


class Waiters:
    """Tasks that have joined a group and call a barrier when told."""

    def __init__(self, vm: VirtualMachine, size: int, count: int, mode: str, side: Side) -> None:
        waiter = program("group_waiter", side)
        self.vm = vm
        self.tasks = [
            vm.start(waiter, "group", size, count, mode, stdin=subprocess.PIPE) for _ in range(size)
        ]
        for task in self.tasks:
            assert task.stdout and task.stdout.readline() == b"ready\n"

    def go(self, index: int) -> None:
        pipe = self.tasks[index].stdin
        assert pipe
        pipe.write(b"go\n")
        pipe.flush()

    def result(self, index: int) -> int:
        out, _ = self.tasks[index].communicate(timeout=PATIENCE)
        return int(out)


@pytest.mark.parametrize("side", SIDES)
@pytest.mark.parametrize(("mode", "code"), [("join", -31), ("freeze", -19)])
def test_member_dies_while_others_wait_at_a_barrier(
    own_machine: VirtualMachine, side: Side, mode: str, code: int
) -> None:
    waiters = Waiters(own_machine, 3, 3, mode, side)
    waiters.go(0)
    wait_for_arrivals(waiters.vm, 1)
    waiters.tasks[2].kill()
    waiters.tasks[2].wait()
    assert waiters.result(0) == code
    waiters.go(1)
    assert waiters.result(1) == code


def test_members_that_come_at_once_start_one_server(own_machine: VirtualMachine) -> None:
    """Each task has a number, so that of a new one tells how many there were."""
    waiters = Waiters(own_machine, 8, 8, "join", "ours")
    out = own_machine.run(console_program("ours"), "-c", "id").check().out
    assert int(out.removeprefix("t"), 16) - 0x40000 == 8 + 1 + 1
    for index in range(8):
        waiters.go(index)
    assert [waiters.result(index) for index in range(8)] == [0] * 8


def test_start_is_not_waited_for_when_its_task_has_stopped(own_machine: VirtualMachine) -> None:
    """What it has put into the mailbox tells of the start, for which others wait."""
    with Console(own_machine, "ours", "ours") as console:
        console.do('put "pvmgs starts" 0 x')
        waiters = Waiters(own_machine, 2, 2, "join", "ours")
    for index in range(2):
        waiters.go(index)
    assert [waiters.result(index) for index in range(2)] == [0] * 2


def test_server_dies_while_a_member_waits(own_machine: VirtualMachine) -> None:
    waiters = Waiters(own_machine, 2, 2, "join", "ours")
    waiters.go(0)
    wait_for_arrivals(waiters.vm, 1)

    def servers_running() -> list[int]:
        return [pid for pid in own_machine.processes() if _runs(pid, "pvmgs.py")]

    (server,) = servers_running()
    own_machine.run("/bin/kill", "-9", server).check()
    assert waiters.result(0) == -19
    waiters.go(1)
    assert waiters.result(1) == -19


def _runs(pid: int, script: str) -> bool:
    try:
        return script.encode() in Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return False


@pytest.mark.slow
def test_two_hundred_members(own_machine: VirtualMachine) -> None:
    size = 200
    # It starts the server. Else most members would start one, as they find none.
    own_machine.run(library_dir() / "pvm_gstat").check()
    waiters = Waiters(own_machine, size, size, "join", "ours")
    for index in range(size):
        waiters.go(index)
    assert [waiters.result(index) for index in range(size)] == [0] * size


# Ours, 3.4.6's with our libraries, 3.4.6's.
TOOLS: dict[str, Callable[[], Path]] = {
    "ours": library_dir,
    "installed": lambda: compiler.installed_examples("ours"),
    "debian": lambda: compiler.installed_examples("debian"),
}


@pytest.mark.parametrize("tools", TOOLS)
def test_tools_show_the_groups(machine: VirtualMachine, tools: str) -> None:
    require_program("pvm_gstat", "pvm")
    tool = TOOLS[tools]() / "pvm_gstat"
    assert machine.run(tool).check().out == "no groups exist\n"
    waiters = Waiters(machine, 2, 2, "join", "debian")
    lines = machine.run(tool).check().out.splitlines()
    assert lines[0] == "group: group, size: 2,  barrier_count -1, barrier_reached 2"
    assert lines[1] == "tids:" and lines[2].startswith("0 0x") and "\t1 0x" in lines[2]
    assert lines[3] == "tids waiting on barrier:"
    for index in range(2):
        waiters.go(index)
    assert [waiters.result(index) for index in range(2)] == [0, 0]
    machine.run(TOOLS[tools]() / "pvmgroups").check()
    wait_until(lambda: "DUMP 0x" in machine.log(), "the server's state in the log")


def test_tool_without_a_server_fails() -> None:
    """The tool itself is the one task that may be."""
    with VirtualMachine("ours", env={"PVM_MAX_TASKS": "1"}) as vm:
        done = vm.run(library_dir() / "pvm_gstat").check(255)
        assert "pvm_gstat: no groups server" in done.err


def test_group_in_a_second_machine_of_one_program() -> None:
    with VirtualMachine("ours", path=[server_dir("ours")]) as vm:
        own = vm.tmp / "own"
        own.mkdir()
        done = vm.run(program("two_machines", "ours"), env={"PVM_TMP": str(own)}).check()
    assert done.out == "0 40001 -19 0 1 1 0 0\n" * 2
