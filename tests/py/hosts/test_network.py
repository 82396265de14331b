# SPDX-License-Identifier: MIT
"""Addresses and ports: which a machine uses, and what it says when they do not do."""

from __future__ import annotations

import os
import socket
import struct
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import NamedTuple

import pytest
from support import compiler
from support.machines.hosts import NAMELESS, Bed, Host
from support.machines.net import Namespaces, can_make_namespaces, require_namespaces
from support.machines.vm import wait_until
from support.system import PATIENCE, PROJECT, daemon_program, missing, pvm_root, require_program

ROUTE, DIRECT, RAW, TAG = 1, 3, 1, 61
CANT_START, DUP_HOST, LOOPBACK = -29, -28, -36
FIRST, LAST = 9100, 9103
ORDINARY_USER = 65534


class Socket(NamedTuple):
    """A socket of a network namespace: its own address and port."""

    address: str
    port: int


def sockets(host: Host, kind: str) -> set[Socket]:
    """All sockets ("udp" or "tcp") in the namespace of a host."""
    found = set()
    for line in Path(f"/proc/{host.pid}/net/{kind}").read_text().splitlines()[1:]:
        address, port = line.split()[1].split(":")
        text = socket.inet_ntoa(struct.pack("=I", int(address, 16)))
        found.add(Socket(text, int(port, 16)))
    return found


def in_range(found: set[Socket], host: Host) -> bool:
    """Whether these are of the host's own address, and their ports in the range."""
    return all(s.address == host.ip and FIRST <= s.port <= LAST for s in found)


OWN_NAMES = "{} h1\n10.78.0.2 h2\n10.77.0.3 h3\n10.78.0.3 other\n127.0.1.1 local\n"


# ---- ports -----------------------------------------------------------------------------------


def test_daemons_and_direct_routes_stay_in_the_range_of_ports() -> None:
    require_namespaces()
    with Bed(["ours"] * 3) as bed:
        bed.master.set_env({"PVM_PORT_RANGE": f"{FIRST}-{LAST}"})
        bed.start()
        assert not sockets(bed.master, "udp") | sockets(bed.master, "tcp")
        agent = bed.master.agent()
        agent.add(*[slave.name for slave in bed.slaves])
        for host in bed.hosts:
            assert len(sockets(host, "udp")) == 1
            assert in_range(sockets(host, "udp"), host)
            assert not sockets(host, "tcp")
        # Tasks learn of the range from the daemon that starts them.
        near, far = (agent.agents(slave.name)[0] for slave in bed.slaves)
        assert near.code("setopt", ROUTE, DIRECT) >= 0
        assert near.code("send", far.tid, TAG, RAW, 70000, 1) == 0
        assert far.taken(near.tid, TAG, 70000, 1) == [1, near.tid, TAG, 1]
        for slave in bed.slaves:
            assert sockets(slave, "tcp"), "a direct route"
            assert in_range(sockets(slave, "tcp"), slave)


@pytest.fixture
def two() -> Iterator[Bed]:
    """Two hosts on loopback whose daemons and tasks may use one port of their addresses."""
    with Bed(
        ["ours"] * 2,
        network="loopback",
        env={"PVM_PORT_RANGE": f"{FIRST}-{FIRST}"},
    ) as bed:
        yield bed


@pytest.mark.parametrize("number", [0, 1], ids=["master", "slave"])
def test_range_without_a_free_port_is_said(two: Bed, number: int) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as taken:
        taken.bind((two.hosts[number].ip, FIRST))
        agent = two.start().master.agent()
        assert agent.ints("addhosts", two.slaves[0].name) == [0, CANT_START]
        why = f"cannot open a UDP socket on {two.hosts[1].ip}" if number else "no UDP socket on"
        assert why in two.master.log()
        assert f"no free UDP port in {FIRST}-{FIRST} (see PVM_PORT_RANGE)" in two.master.log()
    agent.add(two.slaves[0].name)


def test_without_a_free_port_for_a_direct_route_messages_go_through_the_daemons(two: Bed) -> None:
    with ExitStack() as stack:
        for host in two.hosts:
            taken = stack.enter_context(socket.socket())
            taken.bind((host.ip, FIRST))
        agent = two.start().master.agent()
        agent.add(two.slaves[0].name)
        (far,) = agent.agents(two.slaves[0].name)
        assert agent.code("setopt", ROUTE, DIRECT) >= 0
        for size in (8, 70000):
            assert agent.code("send", far.tid, TAG, RAW, size, 2) == 0
            assert far.taken(agent.tid, TAG, size, 2) == [1, agent.tid, TAG, 1]
        ours = {host.ip for host in two.hosts}
        assert not {s for s in sockets(two.master, "tcp") if s.address in ours}


# ---- addresses -------------------------------------------------------------------------------


class TwoNetworks:
    """Three hosts with two interfaces each; the master's own name is 127.0.1.1 in its table."""

    def __init__(self, own: str = "127.0.1.1") -> None:
        require_namespaces()
        require_program("unshare", "util-linux")
        self.net = Namespaces(3, networks=2, named=True)
        self.net.names(0, OWN_NAMES.format(own))
        self.bed = Bed(["ours"] * 3, network=self.net)

    def __enter__(self) -> TwoNetworks:
        return self

    def __exit__(self, *error: object) -> None:
        self.bed.stop(check=error[0] is None)

    @property
    def log(self) -> str:
        """The master's log."""
        return self.bed.master.log()


def test_address_is_that_on_the_way_to_the_first_host() -> None:
    with TwoNetworks() as nets:
        agent = nets.bed.start(NAMELESS).master.agent()
        agent.add("h2")
        assert {s.address for s in sockets(nets.bed.hosts[0], "udp")} == {"10.78.0.1"}
        assert {s.address for s in sockets(nets.bed.hosts[1], "udp")} == {"10.78.0.2"}
        (far,) = agent.agents("h2")
        assert list(far.config()) == ["h1", "h2"]


def test_address_is_that_on_the_way_to_everywhere() -> None:
    with TwoNetworks() as nets:
        nets.net.ip(0, "route add default via 10.77.0.3")
        agent = nets.bed.start(NAMELESS).master.agent()
        assert "other hosts know this one as 10.77.0.1" in nets.log
        agent.add("h3")
        assert {s.address for s in sockets(nets.bed.hosts[0], "udp")} == {"10.77.0.1"}


# An address of another network: an old lease, a router's, that of a VPN which is down.
ELSEWHERE = "10.99.0.9"


def test_address_that_no_interface_has_is_replaced() -> None:
    """By that on the way to everywhere, else to the first host, as a loopback one is."""
    for route in ("route add default via 10.77.0.3", ""):
        with TwoNetworks(ELSEWHERE) as nets:
            if route:
                nets.net.ip(0, route)
            agent = nets.bed.start(NAMELESS).master.agent()
            assert ELSEWHERE in nets.log
            agent.add("h3" if route else "h2")
            address = "10.77.0.1" if route else "10.78.0.1"
            assert {s.address for s in sockets(nets.bed.hosts[0], "udp")} == {address}


def test_address_that_is_lost_before_the_first_host_is_replaced() -> None:
    with TwoNetworks("10.77.0.1") as nets:
        agent = nets.bed.start(NAMELESS).master.agent()
        nets.net.ip(0, "addr del 10.77.0.1/24 dev eth0")
        agent.add("h2")
        assert {s.address for s in sockets(nets.bed.hosts[0], "udp")} == {"10.78.0.1"}


def test_chosen_address_that_no_interface_has_is_said_with_those_that_one_has() -> None:
    with TwoNetworks("10.77.0.1") as nets:
        agent = nets.bed.start(f"-n{ELSEWHERE}").master.agent()
        why = f"has address {ELSEWHERE}, which no interface of this machine has"
        assert why in (nets.bed.master.home / "daemon.err").read_text()
        assert agent.ints("addhosts", "h2") == [0, CANT_START]
        last = nets.log.splitlines()[-1]
        assert "cannot add host h2" in last and why in last
        assert "it has 10.77.0.1, 10.78.0.1" in last and "-nADDRESS" in last


def test_host_that_does_not_have_the_address_of_its_name_says_so() -> None:
    with TwoNetworks("10.77.0.1") as nets:
        (nets.bed.directory / ELSEWHERE).symlink_to(nets.bed.hosts[1].tmp)
        agent = nets.bed.start("-n10.77.0.1").master.agent()
        assert agent.ints("addhosts", ELSEWHERE) == [0, CANT_START]
        assert f"cannot open a UDP socket on {ELSEWHERE}" in nets.log
        assert "name an address of this host with ip=" in nets.log


def test_hosts_on_different_ways_need_a_choice_which_the_log_names() -> None:
    with TwoNetworks() as nets:
        agent = nets.bed.start(NAMELESS).master.agent()
        assert agent.ints("addhosts", "h2", "h3") == [0, LOOPBACK, LOOPBACK]
        assert "cannot add host h2: this host's name h1 has address 127.0.1.1" in nets.log
        assert "start the master with -n10.78.0.1," in nets.log
        assert "start the master with -n10.77.0.1," in nets.log
        assert "ip=" in nets.log
        agent.close()
        assert not nets.bed.halt()
        agent = nets.bed.start("-n10.78.0.1").master.agent()
        (nets.bed.directory / "other").symlink_to(nets.bed.hosts[2].tmp)
        agent.add("h2", "h3 ip=other")
        assert list(agent.config()) == ["10.78.0.1", "h2", "h3"]
        for number, host in enumerate(nets.bed.hosts, 1):
            assert {s.address for s in sockets(host, "udp")} == {f"10.78.0.{number}"}


def test_host_whose_name_is_good_for_itself_alone_needs_another_address() -> None:
    with TwoNetworks() as nets:
        agent = nets.bed.start("-n10.78.0.1").master.agent()
        assert agent.ints("addhosts", "local") == [0, LOOPBACK]
        assert "cannot add host local: its address 127.0.1.1 is for its own machine" in nets.log
        assert "give another with ip=" in nets.log


def test_own_name_is_a_host_that_is_there() -> None:
    """Also if it has a loopback address here, as on most machines."""
    with TwoNetworks() as nets:
        nets.net.ip(0, "route add default via 10.77.0.3")
        agent = nets.bed.start(NAMELESS).master.agent()
        assert list(agent.config()) == ["h1"]
        assert agent.ints("addhosts", "h1", "h3") == [1, DUP_HOST, 2 << 18]
        assert list(agent.config()) == ["h1", "h3"]


def test_host_on_another_way_than_the_masters_address_is_said() -> None:
    with TwoNetworks("10.77.0.1") as nets:
        agent = nets.bed.start(NAMELESS).master.agent()
        # The other network is reached all the same: through this interface's address.
        nets.net.ip(1, "route add 10.77.0.1 via 10.78.0.1")
        agent.add("h2")
        assert "packets to h2 (10.78.0.2) leave with address 10.78.0.1" in nets.log
        assert "start the master with -n10.78.0.1" in nets.log


# ---- an ordinary user ------------------------------------------------------------------------


def as_ordinary_user() -> list[str]:
    """First words of a command that another user runs; he may read our files, and no more."""
    require_program("setpriv", "util-linux")
    words = ["setpriv", f"--reuid={ORDINARY_USER}", f"--regid={ORDINARY_USER}", "--clear-groups"]
    reading = ["--inh-caps=+dac_read_search", "--ambient-caps=+dac_read_search"]
    for command in (words, words + reading):
        probe = [*command, sys.executable, "-c", f"open({str(pvm_root() / 'lib/pvmd')!r})"]
        if subprocess.run(probe, cwd=PROJECT, capture_output=True).returncode == 0:
            return command
    return missing("an ordinary user may not read this checkout and its interpreter")


def test_ordinary_user_runs_tests_of_hosts_on_loopback() -> None:
    if os.geteuid() != 0:
        pytest.skip("this user is an ordinary one: all tests of hosts show it")
    tests = [
        f"{test}[{pair}]"
        for pair in ("ours-adds-ours", "ours-adds-debian")
        if pair.endswith("ours") or daemon_program("debian").exists()
        for test in (
            "test_pair_hosts.py::test_both_hosts_show_the_same_machine",
            "test_pair_hosts.py::test_deleted_host_is_told_ends_and_can_be_added_again",
            "test_pair_messages.py::test_direct_route_asked_for_by_the_slaves_task",
        )
    ] + ["test_network.py::test_namespaces_are_not_for_everybody"]
    dropped = ("PVM_", "PYTEST", compiler.WORK_DIR)
    done = subprocess.run(
        [*as_ordinary_user(), sys.executable, "-P", "-m", "pytest", "-q", "-p", "no:cacheprovider"]
        + [f"tests/py/hosts/{test}" for test in tests],
        cwd=PROJECT,
        env={k: v for k, v in os.environ.items() if not k.startswith(dropped)},
        capture_output=True,
        text=True,
        timeout=4 * PATIENCE,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert f"{len(tests)} passed" in done.stdout, done.stdout


def test_namespaces_are_not_for_everybody() -> None:
    with Bed(["ours"]) as bed:
        if os.geteuid() != 0:
            assert not can_make_namespaces()
        assert isinstance(bed.network, Namespaces) == can_make_namespaces()


# ---- starts that take too long ---------------------------------------------------------------


def test_remote_shell_that_does_not_come_back_is_given_up() -> None:
    with Bed(["ours"] * 2, network="loopback") as bed:
        bed.remote_shell.write_text("#!/bin/sh\necho waiting >&2\nexec sleep 100\n")
        bed.master.set_env({"PVM_START_TIMEOUT": "4"})
        agent = bed.start().master.agent()
        assert agent.ints("addhosts", bed.slaves[0].name) == [0, CANT_START]
        wait_until(lambda: f"stderr@{bed.slaves[0].name}: waiting" in bed.master.log(), "its words")
        assert f"cannot add host {bed.slaves[0].name}: no answer within 4 s" in bed.master.log()
        assert "the last that its remote shell wrote is 'waiting'" in bed.master.log()


def test_slave_without_a_table_ends() -> None:
    with Bed(["ours"], network="loopback") as bed:
        host = bed.master
        address = f"{struct.unpack('!I', socket.inet_aton(host.ip))[0]:08x}"
        words = [
            "-s",
            "-d0x0",
            f"-n{host.name}",
            "1",
            f"{address}:1111",
            "4080",
            "2",
            f"{address}:0000",
        ]
        done = host.run(host.tmp / "bin" / "pvmd", *words, stdin="PVM_START_TIMEOUT=0.05\n")
        assert done.check().out.startswith("ddpro<")
        wait_until(
            lambda: "no host table from the master within 0.25 s, ending" in host.log(),
            "why it ends",
        )
        host.wait_gone()
        wait = f"waiting at most 0.25 s for the host table of the master, {host.ip} port "
        assert wait in host.log()
        assert host.log().endswith("pvmd ends, status 1\n")
        assert not [path.name for path in host.tmp.glob("pvm[dt]*")]
