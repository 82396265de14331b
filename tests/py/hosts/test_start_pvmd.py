# SPDX-License-Identifier: MIT
"""pvm_start_pvmd with a host file: with and without waiting for its hosts."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from support.machines.hosts import Bed, Host
from support.machines.vm import read_line, wait_until
from support.system import PATIENCE, pvm_root

_SLOW_SHELL = """#!/bin/sh
>{0}/begun
while [ ! -e {0}/go ]; do sleep 0.05; done
exec {0}/rsh "$@"
"""


@pytest.fixture
def bed() -> Iterator[Bed]:
    """Two hosts, the daemon of neither running; hosts are added while there is a file "go"."""
    with Bed(["ours", "ours"], programs=["start_hosts"]) as made:
        shell = made.directory / "slow"
        shell.write_text(_SLOW_SHELL.format(made.directory))
        shell.chmod(0o755)
        made.master.set_env({"PVM_RSH": str(shell), "PVM_ROOT": str(pvm_root())})
        yield made


class Starter:
    """The program that starts the machine of a bed."""

    def __init__(self, bed: Bed, *, block: bool) -> None:
        host_file = bed.directory / "hosts"
        host_file.write_text(f"{bed.slaves[0].name}\n")
        self.host: Host = bed.master
        program = bed.programs("ours") / "start_hosts"
        name = f"-n{self.host.name}"
        self.process = self.host.start(program, int(block), name, host_file, stdin=-1)

    def line(self) -> str:
        assert self.process.stdout
        return read_line(self.process.stdout, PATIENCE)

    def hosts(self) -> int:
        assert self.process.stdin
        self.process.stdin.write(b"\n")
        self.process.stdin.flush()
        return int(self.line())

    def halt(self) -> None:
        assert self.process.stdin
        self.process.stdin.close()
        assert self.process.wait(PATIENCE) == 0
        wait_until(lambda: not Path(self.host.sock_file).exists(), "the daemon's end")


def test_without_block_it_returns_while_hosts_are_added(bed: Bed) -> None:
    starter = Starter(bed, block=False)
    assert starter.line() == "0 1"
    (bed.directory / "go").touch()
    wait_until(lambda: starter.hosts() == 2, "the second host")
    starter.halt()


def test_with_block_it_returns_when_all_hosts_are_there(bed: Bed) -> None:
    starter = Starter(bed, block=True)
    wait_until((bed.directory / "begun").exists, "the start of the second host")
    assert starter.process.poll() is None
    (bed.directory / "go").touch()
    assert starter.line() == "0 2"
    assert "cannot add host" not in bed.master.log()
    starter.halt()
