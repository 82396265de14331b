# SPDX-License-Identifier: MIT
"""Every option of a host, in a host file and as pvm_addhosts takes it, ours and 3.4.6 mixed.

lo dx ep wd bx sp id ip   here, in a line of the file, as its defaults (*), and in a call
so=ms                     test_pair_hosts.py, test_host_started_by_hand
&                         test_pair_hosts.py, test_host_file_of_a_master
$                         here, in a line of the file and in a call
unknown ones              test_pair_hosts.py, test_each_host_of_a_request_has_its_own_result
"""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from support.machines.agent import Agent
from support.machines.hosts import Bed, Host
from support.machines.machine import PAIR_IDS, PAIRS
from support.machines.net import Namespaces, require_namespaces
from support.machines.vm import wait_until
from support.system import Side

HOST, DEBUG, NO_HOST, DUP_HOST = 1, 4, -6, -28
pytestmark = pytest.mark.parametrize(("master", "slave"), PAIRS, ids=PAIR_IDS)


def prepare(bed: Bed) -> str:
    """Files on the slave that only the options lead to; the options."""
    there = bed.slaves[0]
    (bed.directory / "alias").symlink_to(there.tmp)
    special = there.home / "special"
    special.mkdir()
    (special / "agent").symlink_to(there.program("agent"))
    debugger = special / "debugger"
    debugger.write_text('#!/bin/sh\necho "$1" >$HOME/debugged\nexec "$@"\n')
    debugger.chmod(0o755)
    daemon = special / "daemon"
    daemon.symlink_to((there.tmp / "bin" / "pvmd").resolve())
    there.set_env({"PVM_PATH": "/nowhere"})
    # The slave knows what its home is, and the master has another.
    return (
        f"lo=somebody dx={daemon} ep=$HOME/special wd=$HOME/special "
        "bx=$HOME/special/debugger sp=77 id=vm1"
    )


def start(bed: Bed, place: str, options: str) -> Agent:
    """Start the master with a host file, if the options are in one, and add the slave."""
    here, there = bed.hosts
    if place == "call":
        agent = bed.start().master.agent()
        agent.add(f"{there.name} ip=alias {options}")
        return agent
    lines = [f"{here.name} ip={here.ip}", f"{there.name} ip=alias {options}"]
    if place == "defaults":
        lines = [lines[0], f"* {options}", f"{there.name} ip=alias"]
    file = bed.directory / "hostfile"
    file.write_text("\n".join(lines) + "\n")
    agent = bed.start(str(file)).master.agent()
    wait_until(lambda: there.name in agent.config(), "the host of the file")
    return agent


@pytest.mark.parametrize("place", ["line", "defaults", "call"])
def test_options_have_their_effects(master: Side, slave: Side, place: str) -> None:
    require_namespaces()
    network = Namespaces(2, hosts="10.77.0.2 alias\n")
    with Bed([master, slave], network=network) as bed:
        there = bed.slaves[0]
        special = there.home / "special"
        agent = start(bed, place, prepare(bed))
        assert bed.shell_log()[-1].startswith(f"somebody@alias|{special}/daemon ")
        wait_until(sock_file(there, ".vm1").exists, "the daemon with this PVM_VMID")
        # A task by hand finds the daemon by the same suffix.
        done = there.run(there.program("agent"), stdin="config\n", env={"PVM_VMID": "vm1"})
        assert done.check().out.split("\t")[4::4] == [bed.master.name, there.name]
        assert agent.call("config")[-1] == "77"
        (task,) = agent.agents(there.name)
        pid, directory = task.call("process")
        assert directory == str(special)
        assert program(int(pid)) == str(special / "agent")
        assert agent.spawn("agent", where=there.name, flags=HOST | DEBUG)
        debugged = there.home / "debugged"
        wait_until(lambda: debugged.exists() and debugged.read_text(), "the debugger")
        assert debugged.read_text() == f"{special}/agent\n"


def program(pid: int) -> str:
    """The first word of a process's command line."""
    return Path(f"/proc/{pid}/cmdline").read_text().split("\0")[0]


def sock_file(host: Host, suffix: str) -> Path:
    """The file that a daemon with this end of its files' names has there."""
    return host.tmp / f"pvmd.{os.geteuid()}{suffix}"


@pytest.mark.parametrize("place", ["line", "call"])
def test_second_daemon_at_an_address_is_wanted_explicitly(
    master: Side, slave: Side, place: str
) -> None:
    with Bed([master, slave]) as bed:
        there = bed.slaves[0]
        more = f"${there.name} id=second"
        if place == "call":
            agent = bed.start().master.agent()
            agent.add(there.name)
            assert agent.ints("addhosts", f"{there.name} id=second") == [0, DUP_HOST]
            if master == "debian":
                # It takes the mark for a part of the name.
                assert agent.ints("addhosts", more) == [0, NO_HOST]
                return
            agent.add(more)
        else:
            file = bed.directory / "hostfile"
            file.write_text(f"{bed.master.name}\n{there.name}\n{more}\n")
            agent = bed.start(str(file)).master.agent()
            wait_until(lambda: len(agent.call("config")[4::4]) == 3, "the second one")
        assert agent.call("config")[4::4] == [bed.master.name, there.name, there.name]
        # 3.4.6 gives both the options of one line of that name.
        for suffix in ("", ".second") if master == "ours" else (".second",):
            wait_until(sock_file(there, suffix).exists, "its own file")
