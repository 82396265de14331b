# SPDX-License-Identifier: MIT
"""The bed that the other tests stand on: what it makes works with 3.4.6, and all goes away."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest
from support.machines.hosts import Bed
from support.machines.net import Namespaces, NetworkKind, require_namespaces
from support.system import require_program


@pytest.mark.parametrize("network", ["namespaces", "loopback"])
def test_three_hosts_of_the_original_form_a_machine(network: NetworkKind) -> None:
    if network == "namespaces":
        require_namespaces()
    with Bed(["debian"] * 3, network=network) as bed:
        agent = bed.start().master.agent()
        agent.add(*[slave.name for slave in bed.slaves])
        assert list(agent.config()) == [host.name for host in bed.hosts]
        (far,) = agent.agents(where=bed.slaves[1].name)
        assert far.config() == agent.config()
        agent.close()
    assert not bed.directory.exists()


def test_namespaces_are_removed_when_a_test_fails() -> None:
    require_namespaces()
    with pytest.raises(ZeroDivisionError), Bed(["debian"] * 2) as bed:
        bed.start().master.agent().add(bed.slaves[0].name)
        names = [host.enter[-1] for host in bed.hosts]
        raise ZeroDivisionError
    for name in names:
        assert not Path("/run/netns", name).exists()
        assert not Path("/etc/netns", name).exists()


def test_namespaces_of_a_killed_run_are_removed_by_the_next() -> None:
    require_program("ip", "iproute2")
    require_namespaces()
    with subprocess.Popen(["true"]) as ended:
        pass
    abandoned = f"pvmtest{ended.pid}-1-1"
    subprocess.run(["ip", "netns", "add", abandoned], check=True)
    Namespaces(1).close()
    assert not Path("/run/netns", abandoned).exists()
