# SPDX-License-Identifier: MIT
"""Memory, descriptors and threads of a Python task stay as they are over many messages."""

from __future__ import annotations

import os

import pytest
from support.programs.scripts import ScriptMachine

# Messages of each kind; a million take minutes.
MESSAGES = 1_000_000 if os.environ.get("PVM3PY_BIG") else 10_000
# Bytes that may come to be used once.
SLACK = 4 << 20

PROGRAM = """
from pvm3py import Message, Task

big, room = array.array("d", bytes(20_000)), array.array("d", bytes(20_000))
seen = [0]

def small(task, me):
    task.send((5, "text"), me)
    assert task.recv() == (5, "text")

def large(task, me):
    task.send(big, me)
    assert len(task.recv()) == len(big)

def items(task, me):
    task.Send(Message().pack(5).pack_str("x"), me)
    assert task.probe(timeout=None).length == 12
    got = task.receive()
    assert (got.unpack("int"), got.unpack_str()) == (5, "x")

def buffer(task, me):
    task.Send(big, me)
    assert task.Recv(room).count == len(big)

def handled(task, me):
    before = seen[0]
    task.send(5, me, 9)
    task.send("behind", me)
    assert task.recv() == "behind" and seen[0] == before + 1

def count(message):
    seen[0] += message.object() == 5

def figures():
    return len(os.listdir("/proc/self/fd")), threading.active_count()

def resident():
    return int(open("/proc/self/statm").read().split()[1]) * os.sysconf("SC_PAGE_SIZE")

turn, times, slack = globals()[sys.argv[1]], int(sys.argv[2]), int(sys.argv[3])
with Task() as task:
    me = task.tid
    task.handler(tag=9)(count)
    for _ in range(times // 5):
        turn(task, me)
    memory, others = resident(), figures()
    for _ in range(times):
        turn(task, me)
    assert figures() == others
    assert resident() - memory < slack, (memory, resident())
"""


@pytest.mark.slow
@pytest.mark.timeout(3600)
@pytest.mark.parametrize("turn", ["small", "large", "items", "buffer", "handled"])
def test_memory_is_flat_over_many_messages(machine: ScriptMachine, turn: str) -> None:
    program = machine.script("main_task", PROGRAM)
    machine.vm.run(program, turn, MESSAGES, SLACK, timeout=3600).check()
