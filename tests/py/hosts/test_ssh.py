# SPDX-License-Identifier: MIT
"""Hosts started through a real OpenSSH server, and why that may fail."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from support.machines.hosts import Bed
from support.machines.machine import PAIR_IDS, PAIRS
from support.machines.net import Namespaces, require_namespaces
from support.machines.sshd import SecureShell
from support.system import SIDES, Side

NO_HOST, BAD_VERSION, CANT_START = -6, -26, -29


@pytest.fixture
def bed() -> Iterator[Bed]:
    with Bed(["ours", "ours"]) as made:
        yield made


@pytest.mark.parametrize(("master", "slave"), PAIRS, ids=PAIR_IDS)
def test_host_is_started_by_ssh(master: Side, slave: Side) -> None:
    with Bed([master, slave]) as bed:
        shell = SecureShell(bed)
        bed.master.set_env({"PVM_RSH": str(shell.command)})
        agent = bed.start().master.agent()
        agent.add(bed.slaves[0].name)
        (task,) = agent.agents(bed.slaves[0].name)
        assert list(task.config()) == [host.name for host in bed.hosts]


@pytest.mark.parametrize("slave", SIDES)
def test_ssh_is_the_remote_shell_unless_told_otherwise(slave: Side) -> None:
    with Bed(["ours", slave]) as bed:
        SecureShell(bed)
        del bed.master.env["PVM_RSH"]
        agent = bed.start().master.agent()
        agent.add(bed.slaves[0].name)
        (task,) = agent.agents(bed.slaves[0].name)
        assert list(task.config()) == [host.name for host in bed.hosts]


def failure(bed: Bed, options: str = "") -> tuple[int, str]:
    """Code of adding the slave by plain ssh, and the master's log."""
    bed.master.env.pop("PVM_RSH", None)
    agent = bed.start().master.agent()
    code, *results = agent.ints("addhosts", bed.slaves[0].name + options)
    assert code == 0
    assert list(agent.config()) == [bed.master.name]
    return results[0], bed.master.log()


def test_refused_login_is_said(bed: Bed) -> None:
    SecureShell(bed, allowed=False)
    code, log = failure(bed)
    assert code == CANT_START
    assert "Permission denied" in log
    assert "authentication" in log.lower()


def test_refused_connection_is_said(bed: Bed) -> None:
    shell = SecureShell(bed)
    shell.stop()
    code, log = failure(bed)
    assert code == CANT_START
    assert "refused" in log


@pytest.mark.parametrize("why", ["no route to host", "connection timed out"])
def test_host_that_is_not_reached_is_said(why: str) -> None:
    require_namespaces()
    network = Namespaces(2)
    with Bed(["ours", "ours"], network=network) as bed:
        SecureShell(bed)
        if "timed out" in why:
            # Nobody has this hardware address: what is sent there gets lost.
            network.ip(0, "neigh add 10.77.0.9 lladdr 02:00:00:00:00:09 dev eth0")
            bed.master.set_env({"PVM_START_TIMEOUT": "2"})
        code, log = failure(bed, " ip=10.77.0.9" if "timed out" in why else " ip=10.99.0.1")
        name = bed.slaves[0].name
        assert code == CANT_START
        assert f"stderr@{name}: ssh: connect to host" in log
        assert why in log[log.index(f"cannot add host {name}: ") :]


def test_missing_daemon_is_said(bed: Bed) -> None:
    SecureShell(bed)
    (bed.slaves[0].tmp / "bin" / "pvmd").unlink()
    bed.master.set_env({"PVM_DPATH": "/nowhere/pvmd"})
    code, log = failure(bed)
    assert code == CANT_START
    assert "/nowhere/pvmd" in log
    assert "not found" in log


def test_other_version_is_said(bed: Bed) -> None:
    SecureShell(bed)
    program = bed.slaves[0].tmp / "bin" / "pvmd"
    program.unlink()
    program.write_text(
        "#!/bin/sh\necho 'ddpro<2315> arch<LINUX64> ip<0a4d0002:e245> mtu<4080> dsig<4230209>'\n"
    )
    program.chmod(0o755)
    code, log = failure(bed)
    assert code == BAD_VERSION
    assert "2315" in log


def test_unknown_name_is_said(bed: Bed) -> None:
    agent = bed.start().master.agent()
    assert agent.ints("addhosts", "no-such-host.invalid") == [0, NO_HOST]
    assert "no-such-host.invalid" in bed.master.log()
