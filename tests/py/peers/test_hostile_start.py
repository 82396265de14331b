# SPDX-License-Identifier: MIT
"""The lines with which a slave is started, wrong in every way, in both directions."""

from __future__ import annotations

import asyncio
import os
import random
import socket
import subprocess
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.impostors.peerdaemon import MasterTarget
from support.impostors.rawtask import ints, message, string
from support.impostors.target import attacks
from support.system import PATIENCE, daemon_program

from pvm3py.pvmd.state import config
from pvm3py.pvmd.state.config import StartError
from pvm3py.pvmd.topics import handstart
from pvm3py.wire import constants as c
from pvm3py.wire.codec import WireError
from pvm3py.wire.hosts import Greeting, Start

GREETING = "ddpro<2316> arch<LINUX64> ip<0a4d0002:e245> mtu<4080> dsig<4230209>"
SLAVE = ["-s", "-d0x0", "-nnode1", "1", "7f000001:cf5f", "4080", "2", "7f000001:0000"]

some = attacks(300)


@pytest.fixture(scope="module")
def shared_master() -> Iterator[MasterTarget]:
    target = MasterTarget(1)
    yield target
    target.stop()


@pytest.fixture
def master(shared_master: MasterTarget) -> Iterator[MasterTarget]:
    yield shared_master
    shared_master.peers[0].sync()
    with shared_master.task() as task:
        assert task.request(c.TM_CONFIG).ints()[0] == 2
    assert "Traceback" not in shared_master.log()


def add(master: MasterTarget, *hosts: str) -> list[int]:
    """Add hosts, and what became of each: all must have failed."""
    with master.task() as task:
        task.send(
            message(
                c.TM_ADDHOST,
                ints(len(hosts)) + b"".join(string(h.encode()) for h in hosts),
                src=task.tid,
                wid=1,
            )
        )
        words = task.receive().ints()
    # An entry without strings: code, two empty strings, speed, signature.
    assert words[0] == len(hosts)
    return list(words[2::7])


def strange_greetings() -> dict[str, bytes]:
    """What a slave prints, and why its start fails then, as the log has it."""
    good = GREETING.encode()
    return {
        "no answer": b"",
        "ended with status": b"\n\n\n",
        "has 1 fields, not 5": b"ddpro<2316\n ddpro<2316>\n",
        "has 3 fields, not 5": b"\x1b]0;title\7" + good[:-15] + b"\n",
        "speaks protocol 2315": good.replace(b"2316", b"2315") + b"\n",
        "speaks protocol 0": good.replace(b"2316", b"0") + b"\n",
        "number '-1'": good.replace(b"2316", b"-1") + b"\n",
        "number '9999999999'": good.replace(b"4080", b"9999999999") + b"\n",
        "number ''": good.replace(b"4230209", b"") + b"\n",
        "MTU 0 ": good.replace(b"4080", b"0") + b"\n",
        "MTU 127 ": good.replace(b"4080", b"127") + b"\n",
        "address 0.0.0.0 is not": good.replace(b"0a4d0002", b"00000000") + b"\n",
        "address 239.0.0.1 is not": good.replace(b"0a4d0002", b"ef000001") + b"\n",
        "UDP port 0": good.replace(b"e245", b"0000") + b"\n",
        "address '10.77.0.2:99'": good.replace(b"0a4d0002:e245", b"10.77.0.2:99") + b"\n",
        "address '0a4d0002:e2455'": good.replace(b":e245", b":e2455") + b"\n",
        "address ''": good.replace(b"0a4d0002:e245", b"") + b"\n",
        "is not a daemon's": good.replace(b"LINUX64", b"x" * 300) + b"\n",
        "stdout@": b"hello\n" * 50,
        "PvmBadVersion": b"PvmBadVersion\n",
        "PvmDataRaw": b"PvmDataRaw\n",
        "PvmNoSuchThing": b"PvmNoSuchThing\n",
    }


def test_strange_answers_of_slaves(master: MasterTarget) -> None:
    greetings = strange_greetings()
    hosts = [master.network.address(60 + number) for number in range(len(greetings))]
    # A script that ends at once; else one without an answer is waited for.
    shell = master.tmp / "shell"
    shell.write_text(f"#!/bin/sh\ncat {master.tmp}/greeting-$1\n")
    for host, text in zip(hosts, greetings.values(), strict=True):
        master.greet(host, text)
    codes = add(master, *hosts)
    assert all(code in (c.PvmCantStart, c.PvmBadVersion) for code in codes), codes
    log = master.log()
    for host, said in zip(hosts, greetings, strict=True):
        lines = [line for line in log.splitlines() if host in line]
        expected = "ended with status" if said == "no answer" else said
        assert any(expected in line for line in lines), (said, lines)


def test_greeting_that_names_a_host_of_the_machine(master: MasterTarget) -> None:
    known, host = master.peers[0], master.network.address(50)
    master.greet(host, known.greeting().encode() + b"\n")
    assert add(master, host) == [c.PvmDupHost]
    assert f"{known.address}:{known.port} is that of" in master.log()


@some
@given(seed=st.integers(0, 2**32 - 1))
def test_any_answer_is_a_greeting_or_refused(seed: int) -> None:
    rng = random.Random(seed)
    line = list(GREETING)
    for _ in range(rng.randint(1, 4)):
        at = rng.randrange(len(line))
        letters = rng.choices("<>:09af-+ \0\xb2\u0663x", k=rng.randint(0, 3))
        line[at : at + rng.randint(0, 2)] = letters
    try:
        greeting = Greeting.parse("".join(line))
    except WireError:
        return
    assert Greeting.parse(greeting.line()) == greeting
    assert 0 <= greeting.port <= 0xFFFF and 0 <= greeting.mtu < 2**31


# ---- what the slave is told -----------------------------------------------------------------


@some
@given(seed=st.integers(0, 2**32 - 1))
def test_any_arguments_are_taken_or_refused(seed: int) -> None:
    rng = random.Random(seed)
    words = list(SLAVE)
    for _ in range(rng.randint(1, 3)):
        at = rng.randrange(len(words))
        change = rng.randrange(5)
        if change == 0:
            del words[at : at + rng.randint(1, 3)]
        elif change == 1:
            words.insert(at, rng.choice(["-S", "-f", "-x", "", "0", "9" * 5000, "-d" + "9" * 5000]))
        elif change == 2:
            words[at] = rng.choice(["-1", "0", "0x", "9" * 11, "\u0663", ":", "\udcff", "7f000001"])
        else:
            letters = list(words[at])
            letters.insert(rng.randint(0, len(letters)), rng.choice("0-9xf:\u0663 \udcff"))
            words[at] = "".join(letters)
        if not words:
            return
    settings_ = config.Settings(tmp="/tmp", vmid=None, arch="X")
    try:
        config._read_arguments(words, settings_)
    except StartError:
        return
    start = settings_.slave
    if start is not None:
        assert 0 < start.master < 4096 and 0 < start.index < 4096
        assert 0 < start.master_port <= 0xFFFF
        assert c.WIRE_PKT_LEAST <= start.master_mtu < 2**31


@pytest.mark.parametrize(
    ("number", "word", "said"),
    [
        (3, "0", "bad args"),
        (3, "9" * 6000, "bad args"),
        (4, "nonsense", "is not like 0a4d0002:e245"),
        (4, "7f000001:0", "bad args"),
        (5, "99999999999999999999", "bad args"),
        (5, "127", "bad args"),
        (6, "1", "bad args"),
        (7, "cb007101:0000", "cannot open a UDP socket on 203.0.113.1"),
        (7, "7f000001:0000 more", ""),
        (1, "-d" + "7" * 6000, ""),
        (2, "--version", "unknown switch"),
    ],
)
def test_slave_with_wrong_arguments_says_so(
    tmp_path_factory: pytest.TempPathFactory, number: int, word: str, said: str
) -> None:
    words = [*SLAVE[:number], *word.split(" ")[:1], *SLAVE[number + 1 :]]
    done = start_slave(tmp_path_factory, words if said else [*words, "more"], b"")
    assert done.returncode == 1
    assert (said or "bad args") in done.stderr
    assert "Traceback" not in done.stderr and "ddpro" not in done.stdout


def start_slave(
    factory: pytest.TempPathFactory, words: list[str], line: bytes
) -> subprocess.CompletedProcess[str]:
    """Run our daemon with these arguments, which must end it."""
    env = {"PATH": os.environ["PATH"], "PVM_ALLOW_ROOT": "1", "HOME": "/"}
    env["PVM_TMP"] = str(factory.mktemp("p"))
    # A file, for the daemon takes only what is there when it looks.
    stdin = Path(env["PVM_TMP"]) / "stdin"
    stdin.write_bytes(line)
    with stdin.open("rb") as source:
        done = subprocess.run(
            [str(daemon_program("ours")), *words],
            env=env,
            stdin=source,
            capture_output=True,
            timeout=PATIENCE,
            check=False,
        )
    return subprocess.CompletedProcess(
        words, done.returncode, done.stdout.decode(), done.stderr.decode(errors="replace")
    )


@pytest.mark.parametrize(
    ("line", "said"),
    [
        (b"PVM_VMID=a/b\n", "contains a slash"),
        (b"PVM_VMID=" + b"v" * 246 + b"\n", "PVM_VMID is too long"),
        (b"PVM_HOST_TIMEOUT=nan\n", "PVM_HOST_TIMEOUT=nan is not a number"),
        (b"PVM_HOST_TIMEOUT=-1 x=y ==\n", "PVM_HOST_TIMEOUT=-1 is not a number"),
        (b"PVM_PORT_RANGE=1-99999999999\n", "PVM_PORT_RANGE=1-99999999999 is not of the form"),
        (b"PVM_PORT_RANGE=9-3\n", "PVM_PORT_RANGE=9-3 is not of the form"),
        (b"\0\xff=\xff PVM_VMID=\0/\xff\n", "contains a slash"),
        (b"PVM_VMID=" + b"x/" * 400, "contains a slash"),
    ],
)
def test_slave_with_a_wrong_line_on_its_input_says_so(
    tmp_path_factory: pytest.TempPathFactory, line: bytes, said: str
) -> None:
    # Words that make a master: the line is read by both alike, and this one ends by itself.
    done = start_slave(tmp_path_factory, ["-t"], line)
    assert done.returncode == 1, done
    assert said in done.stderr and "Traceback" not in done.stderr


# ---- starts with a password ----------------------------------------------------------------

ANSWERS = {
    b"": "rexec refused: ",
    b"\1no such user\n": "rexec refused: no such user",
    b"\0": "the command ended without an answer",
    b"\0hello\n": "the command ended without an answer",
    b"\0" + b"x" * 200000: "the command ended without an answer",
    b"\1" + b"x" * 200000: "no line of text",
}


def start_by_rexec(
    monkeypatch: pytest.MonkeyPatch, answer: bytes, netrc: str, terminal: tuple[int, int] | None
) -> tuple[str, str]:
    """What a start with a password comes to when the server answers so."""
    monkeypatch.setattr(handstart, "_known_password", lambda _host, _user: netrc or None)

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"command\0")
        writer.write(answer)
        writer.close()

    async def run() -> tuple[str, str]:
        async with await asyncio.start_server(serve, "127.0.0.1", 0) as server:
            port = server.sockets[0].getsockname()[1]
            monkeypatch.setattr(socket, "getservbyname", lambda *_: port)
            loop = asyncio.get_running_loop()
            pvmd: Any = SimpleNamespace(log=lambda _: None, loop=loop, terminal=terminal)
            start = Start(2 << 18, "pw", "me@127.0.0.1", "command", "", "")
            return await handstart.password(pvmd, start, "host", 20.0)

    return asyncio.run(run())


@pytest.mark.parametrize("answer", ANSWERS, ids=lambda answer: repr(answer[:8]))
def test_strange_answers_of_rexec_servers(monkeypatch: pytest.MonkeyPatch, answer: bytes) -> None:
    text, why = start_by_rexec(monkeypatch, answer, "secret", None)
    assert text == "PvmCantStart" and ANSWERS[answer] in why


def test_password_without_a_terminal_is_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    null = os.open(os.devnull, os.O_RDWR)
    try:
        text, why = start_by_rexec(monkeypatch, b"\0", "", (null, null))
    finally:
        os.close(null)
    assert (text, why) == ("PvmCantStart", "rexec: no password was typed")
