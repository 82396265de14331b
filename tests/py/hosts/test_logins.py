# SPDX-License-Identifier: MIT
"""Logins that print and set what they like: the daemon's greeting is found all the same."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from support.machines.hosts import Bed
from support.machines.net import Namespaces, require_namespaces
from support.machines.vm import wait_until
from support.system import DEBIAN_ROOT, SIDES, Side

CANT_START = -29
TITLE = r"\033]0;user@node: ~\007"
# What a shell does before it runs the daemon; "printf %s" has no end of line.
LOGINS = {
    "title": f"printf '{TITLE}'",
    "colours": r"printf '\033[1;32m'",
    "prompt": "printf 'user@node:~$ '",
    "motd": "echo Welcome; echo; echo 'ddpro is a word of mine'; echo Have fun",
    "carriage returns": r"printf 'Welcome\r\nto\rnode\r'",
    "half a line and more": "printf 'Wel'; sleep 0.05; printf 'come '; sleep 0.05",
    "nonsense": r"printf '\377\376\000<a><b><\033'",
    "1 MB in one line": "head -c 1000000 /dev/zero | tr '\\0' x",
    "1 MB in lines": "yes 'A very long message of the day' | head -c 1000000",
    "1 MB on standard error": "yes 'A warning' | head -c 1000000 >&2",
}


@pytest.fixture
def bed() -> Iterator[Bed]:
    with Bed(["ours", "ours"], network="loopback") as made:
        yield made


def with_login(bed: Bed, before: str, after: str = "") -> None:
    """Let the remote shell do something before it runs the daemon, and with what that prints."""
    inner = bed.directory / "rsh-inner"
    bed.remote_shell.rename(inner)
    bed.remote_shell.write_text(f'#!/bin/bash\n{before}\n{inner} "$@"{after}\n')
    bed.remote_shell.chmod(0o755)


@pytest.mark.parametrize("login", LOGINS)
def test_greeting_is_found_behind_what_a_login_prints(bed: Bed, login: str) -> None:
    with_login(bed, LOGINS[login])
    agent = bed.start().master.agent()
    assert agent.add(bed.slaves[0].name)
    assert len(bed.master.log()) < 600000, "what the log takes is bounded"
    assert f"host {bed.slaves[0].name} " in bed.master.log()
    assert "\033" not in bed.master.log()


@pytest.mark.parametrize("kind", SIDES)
def test_greeting_is_found_without_an_end_of_its_line(kind: Side) -> None:
    """The shell goes on, and colours, or carriage returns, are around the greeting."""
    with Bed(["ours", kind], network="loopback") as bed:
        with_login(bed, r"printf '\033[0m'", r" | sed -u 's/$/\r\x1b[0m/' | stdbuf -o0 tr -d '\n'")
        agent = bed.start().master.agent()
        assert agent.add(bed.slaves[0].name)


def test_question_of_a_login_is_told(bed: Bed) -> None:
    bed.remote_shell.write_text("#!/bin/sh\nprintf 'Password: '\nexec sleep 100\n")
    bed.master.set_env({"PVM_START_TIMEOUT": "4"})
    agent = bed.start().master.agent()
    assert agent.ints("addhosts", bed.slaves[0].name) == [0, CANT_START]
    said = "no answer within 4 s (PVM_START_TIMEOUT): the last that its remote shell wrote is"
    assert f"{said} 'Password: '" in bed.master.log()


@pytest.mark.parametrize("root", [DEBIAN_ROOT, Path("/nonexistent")], ids=str)
def test_daemon_called_by_its_path_uses_its_own_tree(bed: Bed, root: Path) -> None:
    slave = bed.slaves[0]
    slave.set_env({"PVM_ROOT": str(root)})
    agent = bed.start().master.agent()
    assert agent.add(slave.name)
    (task,) = agent.agents(slave.name)
    assert list(task.config()) == [host.name for host in bed.hosts]


def failure(bed: Bed) -> str:
    """Why the slave could not be added, as the master's log has it."""
    name = bed.slaves[0].name
    agent = bed.start().master.agent()
    assert agent.ints("addhosts", name) == [0, CANT_START]
    log = bed.master.log()
    return log[log.rindex(f"cannot add host {name}: ") :].splitlines()[0]


def test_wrong_architecture_is_named_with_its_cure(bed: Bed) -> None:
    bed.slaves[0].set_env({"PVM_ARCH": "SUN4"})
    why = failure(bed)
    assert "PVM_ARCH is set to SUN4" in why and "unset PVM_ARCH" in why and "dx=" not in why


def test_complaints_of_start_files_are_not_taken_for_the_reason(bed: Bed) -> None:
    with_login(bed, "echo 'bash: stty: command not found' >&2")
    bed.slaves[0].set_env({"PVM_TMP": str(bed.directory / "nowhere")})
    why = failure(bed)
    assert "the daemon there says: directory" in why and "does not exist" in why


def test_daemon_that_must_not_be_executed_is_said(bed: Bed) -> None:
    program = bed.slaves[0].tmp / "bin" / "pvmd"
    program.unlink()
    program.mkdir()
    bed.master.set_env({"PVM_DPATH": str(program)})
    assert "cannot be executed" in failure(bed)


@pytest.mark.parametrize("lost", ["to the slave", "to the master"])
def test_firewall_that_drops_udp_is_named_and_the_slave_ends(lost: str) -> None:
    require_namespaces()
    network = Namespaces(2)
    with Bed(["ours", "ours"], network=network) as bed:
        here, there = (0, 1) if lost == "to the slave" else (1, 0)
        # Nobody has this hardware address: what is sent there gets lost.
        address = network.address(there)
        network.ip(here, f"neigh add {address} lladdr 02:00:00:00:00:09 dev eth0")
        bed.master.set_env({"PVM_START_TIMEOUT": "4"})
        agent, slave = bed.start().master.agent(), bed.slaves[0]
        assert agent.ints("addhosts", slave.name) == [0, CANT_START]
        (why,) = [
            line for line in bed.master.log().splitlines() if "its first table within" in line
        ]
        assert "firewall" in why and "UDP" in why and "PVM_PORT_RANGE" in why
        assert all(f"{network.address(host)} port " in why for host in (0, 1))
        slave.wait_gone()
        if lost == "to the slave":
            assert "no host table from the master within 7 s, ending" in slave.log()
            assert f"UDP from {network.address(0)} port " in slave.log()


def test_slow_answer_to_the_first_table_is_said_before_the_limit() -> None:
    require_namespaces()
    network = Namespaces(2)
    with Bed(["ours", "ours"], network=network) as bed:
        network.ip(1, f"neigh add {network.address(0)} lladdr 02:00:00:00:00:09 dev eth0")
        agent, slave = bed.start().master.agent(), bed.slaves[0]
        agent.tell("addhosts", slave.name)
        hint = f"host {slave.name}: no answer to its first table yet: "
        wait_until(lambda: hint in bed.master.log(), "word of the firewall")
        network.ip(1, f"neigh del {network.address(0)} dev eth0")
        assert agent.reply()[0] == "1"
