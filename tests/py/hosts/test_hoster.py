# SPDX-License-Identifier: MIT
"""Hosts started by a registered hoster, and with a password; under a master of either kind."""

from __future__ import annotations

import os
import pwd
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from support.impostors import rexecd
from support.impostors.rawtask import Connector, RawTask, ints, message
from support.machines.agent import Agent
from support.machines.hosts import Bed
from support.machines.machine import PAIR_IDS, PAIRS
from support.machines.net import require_namespaces
from support.machines.vm import read_line, wait_until
from support.screens.terminal import master_on_terminal, read_until
from support.system import PATIENCE, SIDES, Side

from pvm3py.wire import constants as c
from pvm3py.wire.hosts import Start, StartReply, StartRequest, StartResult

USER = pwd.getpwuid(os.geteuid()).pw_name
PASSWORD = "open-sesame"


class Hoster(RawTask):
    """A hoster that does what a test wants; it starts daemons by the bed's remote shell."""

    def __init__(self, bed: Bed, connector: Connector) -> None:
        master = bed.master
        super().__init__((master.tmp / f"pvmd.{master.suffix}").read_text(), connector)
        self.bed = bed
        self.enrol(master.tmp)
        assert self.request(c.TM_HOSTER, ints(1)).ints() == (0,)

    def ordered(self) -> tuple[int, list[Start]]:
        """The next order: its wait id, and the hosts to start."""
        while (order := self.receive()).tag != c.SM_STHOST:
            pass
        return order.wid, StartRequest.decode(order.body).hosts

    def start(self, start: Start) -> StartResult:
        """Start one daemon as the built-in hoster would: what it has printed."""
        words = [str(self.bed.remote_shell), start.login, start.command]
        with subprocess.Popen(words, stdin=-1, stdout=-1) as shell:
            assert shell.stdout
            return StartResult(start.tid, read_line(shell.stdout, PATIENCE))

    def answer(self, wid: int, results: list[StartResult]) -> None:
        """Tell the master."""
        body = StartReply(results).encode()
        self.send(message(c.SM_STHOSTACK, body, src=self.tid, ctx=0, wid=wid))


@pytest.fixture(params=SIDES)
def bed(request: pytest.FixtureRequest) -> Iterator[Bed]:
    """A master of either kind, alone as yet, with four hosts that can be added."""
    with Bed([request.param, "ours", "debian", "ours", "ours"]) as made:
        yield made.start()


def config(agent: Agent, bed: Bed) -> list[int]:
    """The numbers of the bed's hosts that are in the machine."""
    names = [host.name for host in bed.hosts]
    return [names.index(name) for name in agent.config()]


def test_hoster_starts_hosts_and_tells_what_became_of_each(bed: Bed, connector: Connector) -> None:
    agent = bed.master.agent()
    first, second, third, fourth = (host.name for host in bed.slaves)
    with Hoster(bed, connector) as hoster:
        agent.tell("addhosts", first)
        wid, (start,) = hoster.ordered()
        assert start.login == first and f" -n{first} 1 " in start.command
        hoster.answer(wid, [hoster.start(start)])
        assert agent.reply()[0] == "1"
        assert config(agent, bed) == [0, 1]

        agent.tell("addhosts", f"{second} lo=somebody so=xy", third, fourth, "no.such.host")
        wid, starts = hoster.ordered()
        assert [start.login for start in starts] == [f"somebody@{second}", third, fourth]
        assert starts[0].so == "xy"
        starts[0].login = second
        begun = hoster.start(starts[0])
        failed = StartResult(starts[1].tid, "PvmCantStart")
        strange = StartResult(starts[2].tid, "Segmentation fault")
        hoster.answer(wid, [strange, begun, failed])  # in any order
        code, *results = map(int, agent.reply())
        assert code == 1 and results[0] > 0
        assert results[1:] == [c.PvmCantStart, c.PvmCantStart, c.PvmNoHost]
        assert config(agent, bed) == [0, 1, 2]
        (task,) = agent.agents(second)
        assert list(task.config()) == list(agent.config())


def test_answers_that_are_not_greetings_are_refused(bed: Bed, connector: Connector) -> None:
    agent = bed.master.agent()
    with Hoster(bed, connector) as hoster:
        agent.tell("addhosts", *[host.name for host in bed.slaves])
        wid, starts = hoster.ordered()
        greeting = "ddpro<1> arch<LINUX64> ip<0a4d0002:1234> mtu<4080> dsig<4230209>"
        texts = [greeting, "ddpro<2316> arch<LINUX64>", "PvmDupHost", "PvmNoSuchError"]
        pairs = zip(starts, texts, strict=True)
        hoster.answer(wid, [StartResult(start.tid, text) for start, text in pairs])
        codes = [c.PvmBadVersion, c.PvmCantStart, c.PvmDupHost, c.PvmCantStart]
        assert list(map(int, agent.reply())) == [0, *codes]


def add(agent: Agent, name: str) -> int:
    """Add a host once the master is ready to: its tid."""
    answers: list[int] = []

    def done() -> bool:
        answers[:] = agent.ints("addhosts", name)
        return answers[1] != c.PvmAlready and answers[0] != c.PvmAlready

    wait_until(done, "no other addition is running")
    assert answers[0] == 1
    return answers[1]


# To the last 3.4.6 does nothing: the addition, and all later ones, wait for ever.
FAILURES = [("ours", "dies"), ("debian", "dies"), ("ours", "lies"), ("ours", "unregisters")]


@pytest.mark.parametrize(("bed", "how"), FAILURES, ids="-".join, indirect=["bed"])
def test_hoster_that_fails_fails_the_addition_and_not_the_next(
    how: str, bed: Bed, connector: Connector
) -> None:
    agent = bed.master.agent()
    with Hoster(bed, connector) as hoster:
        agent.tell("addhosts", *[host.name for host in bed.slaves[2:]])
        wid, _ = hoster.ordered()
        if how == "dies":
            hoster.socket.close()
        elif how == "unregisters":
            assert hoster.request(c.TM_HOSTER, ints(0)).ints() == (0,)
        else:
            hoster.answer(wid, [StartResult(99 << 18, "PvmCantStart")])
            assert hoster.request(c.TM_HOSTER, ints(0)).ints() == (0,)
        assert int(agent.reply()[0]) == c.PvmDSysErr
        assert config(agent, bed) == [0]
        add(agent, bed.slaves[0].name)
        assert config(agent, bed) == [0, 1]


def test_silent_hoster_keeps_additions_waiting_and_nothing_else(connector: Connector) -> None:
    with Bed(["ours", "ours", "ours", "ours"]) as bed:
        agent, other = bed.start().master.agent(), bed.master.agent()
        present, wanted, refused = (host.name for host in bed.slaves)
        agent.add(present)
        with Hoster(bed, connector) as hoster:
            agent.tell("addhosts", wanted)
            hoster.ordered()
            assert other.code("addhosts", refused) == c.PvmAlready
            assert other.ints("delhosts", present) == [1, 0]
            wait_until(lambda: config(other, bed) == [0], "the host is gone")
            assert bed.halt() == []


def test_late_and_strange_answers_of_a_hoster_change_nothing(
    bed: Bed, connector: Connector
) -> None:
    agent = bed.master.agent()
    name = bed.slaves[0].name
    with Hoster(bed, connector) as hoster:
        hoster.answer(4711, [])
        agent.tell("addhosts", name)
        wid, (start,) = hoster.ordered()
        hoster.answer(wid + 1, [StartResult(start.tid, "PvmCantStart")])
        hoster.answer(wid, [hoster.start(start)])
        assert agent.reply()[0] == "1"
        hoster.answer(wid, [StartResult(start.tid, "PvmCantStart")])
        assert config(agent, bed) == [0, 1]


# ---- with a password -----------------------------------------------------------------------


class Rexec:
    """A rexec server on the first slave of a bed."""

    def __init__(self, bed: Bed) -> None:
        slave = bed.slaves[0]
        words = [*slave.enter, sys.executable, rexecd.__file__, slave.ip, USER, PASSWORD]
        self.process = subprocess.Popen([*words, str(slave.tmp / "run")], stdout=subprocess.PIPE)
        assert self.process.stdout
        assert read_line(self.process.stdout, PATIENCE) == "ready"

    def __enter__(self) -> Rexec:
        return self

    def __exit__(self, *_: object) -> None:
        self.process.kill()
        self.process.communicate()


def write_netrc(bed: Bed, password: str) -> None:
    """Let the master's user have this password for the slave in his ~/.netrc."""
    path = Path(bed.master.env["HOME"]) / ".netrc"
    path.write_text(f"machine {bed.slaves[0].name} login {USER} password {password}\n")
    path.chmod(0o600)


@pytest.mark.parametrize(("master", "slave"), PAIRS, ids=PAIR_IDS)
def test_host_is_started_with_a_password(master: Side, slave: Side) -> None:
    require_namespaces()
    with Bed([master, slave]) as bed, Rexec(bed):
        name = bed.slaves[0].name
        write_netrc(bed, PASSWORD)
        agent = bed.start().master.agent()
        agent.add(f"{name} so=pw")
        (task,) = agent.agents(name)
        assert list(task.config()) == [host.name for host in bed.hosts]
        assert bed.shell_log() == []


@pytest.mark.parametrize("master", SIDES)
def test_wrong_password_is_refused(master: Side) -> None:
    require_namespaces()
    with Bed([master, "ours"]) as bed, Rexec(bed):
        write_netrc(bed, "wrong")
        agent = bed.start().master.agent()
        assert agent.ints("addhosts", f"{bed.slaves[0].name} so=pw") == [0, c.PvmCantStart]
        if master == "ours":
            assert "rexec refused: Login incorrect." in bed.master.log()


def test_password_is_asked_for_on_the_terminal() -> None:
    require_namespaces()
    with Bed(["ours", "ours"]) as bed, Rexec(bed), master_on_terminal(bed) as user:
        name = bed.slaves[0].name
        agent = bed.master.agent()
        agent.tell("addhosts", f"{name} so=pw")
        read_until(user, f"Password ({name}:{USER}):".encode())
        user.write(PASSWORD.encode() + b"\n")
        assert agent.reply()[0] == "1"
        assert PASSWORD.encode() not in user.read(100), "it is not echoed"
        assert list(agent.config()) == [host.name for host in bed.hosts]


def test_missing_server_and_missing_terminal_are_explained() -> None:
    require_namespaces()
    with Bed(["ours", "ours"]) as bed:
        agent = bed.start().master.agent()
        line = f"{bed.slaves[0].name} so=pw"
        assert agent.ints("addhosts", line) == [0, c.PvmCantStart]
        write_netrc(bed, PASSWORD)
        assert agent.ints("addhosts", line) == [0, c.PvmCantStart]
        log = bed.master.log()
        assert "no password in ~/.netrc" in log and "refused" in log
