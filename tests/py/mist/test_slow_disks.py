# SPDX-License-Identifier: MIT
"""A disk that hangs holds up the checkpoint for a limited time, and nothing else."""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from support.machines.jobs import PROGRAMS, Job, script
from support.machines.machine import Machine
from support.machines.vm import wait_until

ENV = {"PVM_CKPT_TIMEOUT": "1"}
# Bytes of the task's memory: to write them takes long enough to be found doing that.
SIZE = 64 << 20


@pytest.fixture
def machine() -> Iterator[Machine]:
    made = Machine(("ours",), network="loopback", programs=PROGRAMS, env=ENV)
    yield made
    made.bed.stop()


def name_of(pid: int) -> str:
    """The program that a process runs; "": it has ended."""
    try:
        return Path(f"/proc/{pid}/comm").read_text().strip()
    except OSError:
        return ""


def children(pid: int) -> set[int]:
    return {int(word) for word in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()}


class Stopper:
    """Stops the next child of a daemon that has the name of a program, as a hanging disk would."""

    def __init__(self, daemon: int, name: str) -> None:
        self.daemon, self.name, self.found = daemon, name, 0
        self.known = children(daemon)
        self.thread = threading.Thread(target=self.watch)
        self.thread.start()

    def watch(self) -> None:
        until = time.monotonic() + 20
        while not self.found and time.monotonic() < until:
            for pid in children(self.daemon) - self.known:
                if name_of(pid) == self.name:
                    os.kill(pid, signal.SIGSTOP)
                    self.found = pid
                    return

    def end(self) -> None:
        self.thread.join()
        if self.found:
            os.kill(self.found, signal.SIGKILL)


def test_image_that_is_not_written_is_given_up(machine: Machine, tmp_path: Path) -> None:
    job = Job(machine, tmp_path, 0, SIZE)
    stopper = Stopper(machine.hosts[0].pid, "saved_job")
    try:
        begun = time.monotonic()
        call = f"checkpoint({str(tmp_path)!r}, [{job.root}], jobs=True)"
        said = script(machine, call, status=1).err
        assert stopper.found
        assert "the image could not be written" in said
        assert "the disk takes more than" in said
        assert time.monotonic() - begun < 40
    finally:
        stopper.end()
    wait_until(lambda: not list(job.place.glob("*")), "the part is removed")
    assert job.save() == 1
    job.kill()
    job.restart()
    job.finish()
