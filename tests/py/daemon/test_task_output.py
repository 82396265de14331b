# SPDX-License-Identifier: MIT
"""What tasks write: who gets it, in which order, and when it ends."""

from __future__ import annotations

import os
import re
import signal
from pathlib import Path

import pytest
from support.impostors.rawtask import Connector, RawTask, ints
from support.impostors.spawner import EXITED, TAG, collect, run, start, tids, wait_notice, watch
from support.machines.vm import VirtualMachine, wait_until

from pvm3py.wire import constants as c
from pvm3py.wire.output import STATUS_WANTED, OutputStatus, OutputText
from pvm3py.wire.task import TidBody


@pytest.mark.parametrize(("script", "status"), [("exit 3", 3), ("kill -9 $$", -9)])
def test_status_follows_the_output_if_it_was_asked_for(
    task: RawTask, script: str, status: int
) -> None:
    words = ("/bin/sh", "-c", script)
    (tid,) = tids(start(task, *words, env=(f"{STATUS_WANTED}=1",)))
    collect(task, tid)
    found = OutputStatus.decode(task.receive().body)
    assert (found.tid, found.op) == (tid, c.WIRE_TO_STATUS)
    assert os.waitstatus_to_exitcode(found.status) == status
    (other,) = tids(start(task, *words))
    watch(task, other)
    collect(task, other)
    assert task.receive().tag == EXITED


def test_output_ends_before_the_exit_notice(task: RawTask) -> None:
    (tid,) = tids(start(task, "/bin/sh", "-c", "sleep 0.1; echo out; echo err >&2; exit 3"))
    watch(task, tid)
    text = b""
    while (found := task.receive()).tag == TAG and found.ints()[1] != c.TO_EOF:
        text += OutputText.decode(found.body).text
    assert text == b"out\nerr\n"
    assert found.ints() == (tid, c.TO_EOF)
    ended = task.receive()
    assert (ended.tag, TidBody.decode(ended.body).tid) == (EXITED, tid)


def test_all_output_comes_before_the_notices_when_many_tasks_end_at_once(
    task: RawTask, tmp_path: Path
) -> None:
    end = tmp_path / "end"
    script = "head -c 20000 /dev/zero; while [ ! -e $1 ]; do sleep 0.05; done; echo last $$"
    begun = tids(start(task, "/bin/sh", "-c", script, "sh", str(end), count=100))
    assert len(begun) == 100 and min(begun) > 0
    watch(task, *begun)
    end.touch()
    texts: dict[int, bytes] = dict.fromkeys(begun, b"")
    closed, ended = set(), set()
    while len(ended) < 100:
        found = task.receive()
        if found.tag == EXITED:
            tid = TidBody.decode(found.body).tid
            assert tid in closed, "the notice follows the end of the output"
            ended.add(tid)
        elif found.ints()[1] == c.TO_EOF:
            closed.add(found.ints()[0])
        elif found.ints()[1] >= 0:
            output = OutputText.decode(found.body)
            assert output.tid not in closed
            texts[output.tid] += output.text
    for text in texts.values():
        assert re.fullmatch(rb"\0{20000}last \d+\n", text)


def test_all_of_a_long_output_arrives(task: RawTask) -> None:
    text = run(task, "/bin/sh", "-c", "head -c 3000000 /dev/zero; kill -9 $$")
    assert len(text) == 3000000


def state(vm: VirtualMachine) -> str:
    """State letter of the youngest process that writes with head; nothing if there is none."""
    names = [p for p in vm.processes() if b"head" in Path(f"/proc/{p}/cmdline").read_bytes()]
    return Path(f"/proc/{names[-1]}/stat").read_text().split()[2] if names else ""


def test_output_of_a_collector_that_does_not_read_waits(vm: VirtualMachine, task: RawTask) -> None:
    before = vm.rss()
    (tid,) = tids(start(task, "/bin/sh", "-c", "head -c 30000000 /dev/zero"))
    wait_until(lambda: state(vm) == "S", "writer blocked")
    assert vm.rss() - before < 20 << 20
    assert len(collect(task, tid)[tid]) == 30000000


def test_output_held_by_a_grandchild_ends_with_the_task(task: RawTask) -> None:
    assert run(task, "/bin/sh", "-c", "echo first; sleep 2 &") == b"first\n"


def test_endless_output_of_a_grandchild_ends_with_the_task(task: RawTask, tmp_path: Path) -> None:
    endless = "(head -c 9 /dev/zero; : >$0; exec cat /dev/zero)"
    script = f"{endless} & while [ ! -e $0 ]; do sleep 0.01; done; sleep 0.1"
    assert run(task, "/bin/sh", "-c", script, str(tmp_path / "begun")).startswith(bytes(9))
    assert task.sync()


def test_uncollected_output_goes_to_the_log(vm: VirtualMachine, task: RawTask) -> None:
    (tid,) = tids(start(task, "/bin/sh", "-c", "echo to the; echo log", collect=False))
    wait_until(lambda: f"[t{tid:x}] log\n" in vm.log(), "text in the log")
    assert f"[t{tid:x}] to the\n" in vm.log()


def test_task_may_close_its_output_and_live_on(task: RawTask) -> None:
    script = "echo out; exec >&- 2>&-; exec sleep 1000"
    (tid,) = tids(start(task, "/bin/sh", "-c", script))
    assert collect(task, tid)[tid] == b"out\n"
    assert task.request(c.TM_PSTAT, ints(tid)).ints() == (0,)
    watch(task, tid)
    task.request(c.TM_SENDSIG, ints(tid, signal.SIGKILL))
    assert task.receive().tag == EXITED


def test_collector_that_disappears_does_not_stop_the_writer(
    vm: VirtualMachine, connector: Connector, task: RawTask
) -> None:
    with RawTask(vm.address, connector) as collector:
        collector.enrol(vm.tmp)
        found = tids(start(collector, "/bin/sh", "-c", "head -c 9000000 /dev/zero"))
        watch(task, found[0])
        wait_until(lambda: state(vm) == "S", "writer blocked")
    assert wait_notice(task) == found[0]
