# SPDX-License-Identifier: MIT
"""Where the system refuses what shared memory takes, messages go by the daemon."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from support.compiler import test_program as program
from support.machines.sharing import WAYS
from support.machines.vm import VirtualMachine, wait_until
from support.system import missing

# Of the control group: less than a link may have of messages that are not received.
GROUP_BYTES = 6 << 20
# The mount, and the file with the limit, of control groups of version 2 and of version 1.
GROUPS = {"": ("", "memory.max"), "memory": ("memory", "memory.limit_in_bytes")}


def run(scarce: str, **env: str) -> int:
    """Let tests/c/shared_scarce.c run; how many messages its first task has sent by memory."""
    tasks = program("shared_scarce", "ours")
    with VirtualMachine("ours", path=[tasks.parent], env=WAYS["memory"] | env) as vm:
        done = vm.run(tasks, scarce, timeout=100).check()
        assert "FAIL" not in done.out + vm.log(), vm.log()
        found = re.search(r"^(\d+) by memory$", done.out, re.MULTILINE)
        assert found, done.out
        return int(found[1])


@pytest.mark.parametrize("scarce", ["files", "memfd", "eventfd", "fallocate"])
def test_messages_arrive_where_there_can_be_no_memory(scarce: str) -> None:
    assert run(scarce) == 0


@pytest.mark.parametrize("scarce", ["space", "descriptors", "proc"])
def test_messages_arrive_where_memory_may_not_be_shared(scarce: str) -> None:
    if scarce == "proc" and os.geteuid():
        missing("only root can hide /proc")
    run(scarce)


def test_memory_is_shared_where_none_may_be_locked() -> None:
    assert run("locked") > 0


@pytest.fixture
def group() -> Iterator[Path]:
    """A control group with little memory."""
    top = Path("/sys/fs/cgroup")
    for line in Path("/proc/self/cgroup").read_text().splitlines():
        _, controllers, own = line.split(":", 2)
        mount, name = GROUPS.get(controllers, ("none", ""))
        made = top / mount / own.strip("/") / f"pvm3py-test-{os.getpid()}"
        try:
            made.mkdir()
        except OSError:
            continue
        try:
            (made / name).write_text(str(GROUP_BYTES))
            yield made
        except OSError:
            continue
        finally:
            wait_until(lambda made=made: not (made / "cgroup.procs").read_text(), "group is empty")
            made.rmdir()
        return
    missing("no control group with a limit of memory can be made")


def test_sender_is_not_killed_where_its_control_group_has_little_memory(group: Path) -> None:
    assert run("group", PVM_TEST_GROUP=str(group)) > 0
