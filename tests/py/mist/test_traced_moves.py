# SPDX-License-Identifier: MIT
"""What is done to a task that has a tracer comes there in words, as events of the user."""

from __future__ import annotations

from pathlib import Path

from support.impostors.rawtask import Connector, RawTask, enrolled
from support.machines.agent import Remote
from support.machines.jobs import script
from support.machines.machine import Machine

from pvm3py import trace

SELF_TRACE_TID, SELF_TRACE_CODE = 14, 15
TAG = 4711


def told(collector: RawTask) -> str:
    """What the next event of the user says."""
    while True:
        message = collector.receive()
        if message.tag != TAG:
            continue
        for part in trace.Decoder().decode(message.body, message.src):
            if isinstance(part, trace.Event) and part.name == "user_defined":
                return str(part["USR0"])


def test_tracer_is_told_what_is_done_to_a_task(
    two: Machine, task: Remote, connector: Connector, tmp_path: Path
) -> None:
    first, second = (host.name for host in two.hosts)
    name = f"t{task.tid:x}"
    with enrolled(two.hosts[0], connector) as collector:
        assert task.code("setopt", SELF_TRACE_TID, collector.tid) == 0
        assert task.code("setopt", SELF_TRACE_CODE, TAG) == 0
        assert two.here.code("migrate", task.tid, first) == 0
        assert told(collector) == f"{name} has moved from {second} to {first}"
        assert two.here.code("migrate", task.tid, second) == 0
        assert told(collector) == f"{name} has moved from {first} to {second}"
        for on, what in ((1, "is stopped"), (0, "goes on")):
            assert two.here.code("holdtask", task.tid, on) == 0
            assert told(collector) == f"{name} {what}"
        script(two, f"checkpoint({str(tmp_path)!r}, [{task.tid}])")
        assert told(collector).startswith(f"{name} is written to {tmp_path}/job-")
        assert task.code("setopt", SELF_TRACE_TID, 0) >= 0
