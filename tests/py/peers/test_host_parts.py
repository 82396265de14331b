# SPDX-License-Identifier: MIT
"""Parts of what makes hosts a machine: recorded messages, lines of a start, host files, reasons."""

from __future__ import annotations

import random
import threading
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from support.system import PATIENCE
from support.vectors.daemon_vectors import recording

from pvm3py.places import host_tid
from pvm3py.pvmd.io.shell_output import GreetingFinder
from pvm3py.pvmd.state import config
from pvm3py.pvmd.state.config import Settings, StartError
from pvm3py.pvmd.state.hostfile import HostLine, read_host_file
from pvm3py.pvmd.state.hosts import HOSTS_MAX, Host, HostTable
from pvm3py.pvmd.topics import addhost, hoster, network
from pvm3py.wire import constants as c
from pvm3py.wire.codec import WireError
from pvm3py.wire.hosts import (
    Greeting,
    SlaveSettings,
    TraceTargets,
    parse_address,
)

GREETING = "ddpro<2316> arch<LINUX64> ip<0a4d0002:e245> mtu<4080> dsig<4230209>"
SLAVE = ["-s", "-d0x0", "-nnode1", "1", "0a4d0001:cf5f", "4080", "2", "0a4d0002:0000"]


def test_settings_end_at_the_first_item_that_is_none() -> None:
    body = SlaveSettings([(1, "/bin"), (3, "/tmp")]).encode()
    hidden = body + bytes.fromhex("0000006300000000") + b"extra"
    assert SlaveSettings.decode(hidden).items == [(1, "/bin"), (3, "/tmp")]


def test_trace_targets_survive_their_text() -> None:
    text = recording("slconf-trace-on").fields["items"][-1]["value"]
    assert TraceTargets.parse(text).text() == text
    for bad in ("", "1 2 3", "x 0 0 0 0 0 0 0 @"):
        with pytest.raises(WireError):
            TraceTargets.parse(bad)


def test_greeting_is_read_and_written_as_recorded() -> None:
    greeting = Greeting.parse(GREETING)
    assert greeting == (2316, "LINUX64", "10.77.0.2", 0xE245, 4080, 4230209, 0)
    assert greeting.line() == GREETING


@pytest.mark.parametrize(
    "line",
    [
        GREETING + " win32,ack2",
        "ddpro<2316,x> new arch<LINUX64> ip<0a4d0002:e245,x> mtu<4080,9> dsig.x<4230209,1>",
    ],
)
def test_greeting_may_hold_more_than_is_known(line: str) -> None:
    assert Greeting.parse(line) == Greeting.parse(GREETING)


@pytest.mark.parametrize("before", ["", "\x1b]0;title\7", "ddpro is a word\n<a>\r", "x" * 3000])
def test_greeting_is_found_in_whatever_parts_it_comes(before: str) -> None:
    text = f"{before}{GREETING}\x1b[0m$ ".encode()
    for at in range(max(len(before) - 10, 0), len(text)):
        finder = GreetingFinder()
        found = [finder.feed(text[:at]), finder.feed(text[at:])]
        assert next(filter(None, found)) == GREETING


@pytest.mark.parametrize(
    "line",
    [
        "",
        "PvmDupHost",
        GREETING[1:],
        GREETING + " sixth<1>",
        GREETING.replace(" dsig<4230209>", ""),
        GREETING.replace("0a4d0002:e245", "0a4d000:e245"),
        GREETING.replace("0a4d0002:e245", "10.77.0.2:99"),
        GREETING.replace("4080", "-1"),
        GREETING.replace("4080", "99999999999"),
        GREETING + "x" * 255,
    ],
)
def test_wrong_greeting_is_refused(line: str) -> None:
    with pytest.raises(WireError):
        Greeting.parse(line)


def test_damaged_greeting_is_read_or_refused() -> None:
    generator = random.Random(3)
    for _ in range(3000):
        text = list(GREETING)
        for _ in range(generator.randrange(1, 5)):
            text[generator.randrange(len(text))] = chr(generator.randrange(1, 0x250))
        try:
            Greeting.parse("".join(text))
        except WireError:
            pass


def settings_of(args: list[str]) -> Settings:
    settings = Settings("/tmp", None, "LINUX64")
    config._read_arguments(args, settings)
    return settings


@pytest.mark.parametrize("args", [SLAVE, [*SLAVE[3:], *SLAVE[:3]], ["-s0x1", *SLAVE[1:]]])
def test_slave_command_line_is_that_of_the_original(args: list[str]) -> None:
    slave = settings_of(args).slave
    assert slave is not None
    assert (slave.master, slave.master_address, slave.master_port) == (1, "10.77.0.1", 0xCF5F)
    assert (slave.master_mtu, slave.index, slave.address) == (4080, 2, "10.77.0.2")
    assert not slave.manual and not slave.foreground


def test_slave_command_line_may_hold_more_behind_its_numbers() -> None:
    words = ["-S", "-f", "1,x=1", "0a4d0001:cf5f,x=1", "4080,x=1", "2,x=1", "0a4d0002:0000,x=1"]
    slave = settings_of(words).slave
    assert slave is not None and slave.manual and slave.foreground and slave.index == 2


@pytest.mark.parametrize(
    "args",
    [
        SLAVE[:-1],
        [*SLAVE, "more"],
        [*SLAVE, "-z"],
        ["-s", "1", "0a4d0001:cf5f", "4080", "1", "0a4d0002:0000"],
        ["-s", "0", "0a4d0001:cf5f", "4080", "2", "0a4d0002:0000"],
        ["-s", "1", "0a4d0001:cf5f", "4080", "4096", "0a4d0002:0000"],
        ["-s", "1", "node0:cf5f", "4080", "2", "0a4d0002:0000"],
    ],
)
def test_wrong_slave_command_line_is_refused(args: list[str]) -> None:
    with pytest.raises(StartError, match="slave"):
        settings_of(args)


def test_ports_and_seconds_are_read_from_the_environment(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    assert config._read_ports("9000-9100", None) == (9000, 9100)
    assert config._read_ports(None, "10001") == (10001, 65535)
    assert config._read_ports(None, None) is None
    for text, seconds in (("10", 10.0), ("0", 0.0), ("", 2.5)):
        monkeypatch.setenv("PVM_HOST_TIMEOUT", text)
        assert config._read_seconds("PVM_HOST_TIMEOUT", 2.5) == seconds
    for bad in ("9100-9000", "9000", "0-1", "1-70000"):
        with pytest.raises(StartError, match="PVM_PORT_RANGE"):
            config._read_ports(bad, None)
    for bad in ("x", "-1", "nan"):
        with pytest.raises(StartError, match="PVM_HOST_TIMEOUT"):
            monkeypatch.setenv("PVM_HOST_TIMEOUT", bad)
            config._read_seconds("PVM_HOST_TIMEOUT", 2.5)


def test_socket_takes_the_first_free_port_of_a_range() -> None:
    with network.bind("127.0.0.1", None) as taken:
        port = taken.getsockname()[1]
        if port < 65535:
            with network.bind("127.0.0.1", (port, 65535)) as other:
                assert other.getsockname()[0] == "127.0.0.1"
                assert other.getsockname()[1] > port
        with pytest.raises(OSError, match="no free UDP port"):
            network.bind("127.0.0.1", (port, port))


def test_host_file_gives_options_to_hosts_named_later(tmp_path: Path) -> None:
    path = tmp_path / "hosts"
    path.write_text("# comment\n\n* lo=me\n&known dx=/d sp=5\n* ep=/e\n$&over\nbad zz=1\n")
    errors: list[str] = []
    hosts = read_host_file(str(path), errors.append)
    assert [(h.name, h.start, h.overload) for h in hosts.hosts] == [
        ("known", False, False),
        ("over", False, True),
    ]
    assert hosts.parse("known sp=7").options == {"lo": "me", "dx": "/d", "sp": "7"}
    assert hosts.parse("other").options == {"ep": "/e"}
    assert [text for text in errors if 'line 7: unknown option "zz=1"' in text]


@pytest.mark.parametrize("name", ["a\0b", "a..b", ".", "a" * 70, "\udcff"])
def test_impossible_name_has_no_address(name: str) -> None:
    assert network.resolve(name) is None


def test_address_needs_no_time_to_be_resolved() -> None:
    found = network.resolve_in_time(["127.5.6.7", "10.0.0.1"], 0)
    assert found == {"127.5.6.7": "127.5.6.7", "10.0.0.1": "10.0.0.1"}


def test_names_that_are_not_resolved_in_time_are_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    over = threading.Event()
    monkeypatch.setattr(network, "resolve", lambda _name: over.wait(PATIENCE))
    assert network.resolve_in_time(["name", "127.5.6.7"], 0) == {"127.5.6.7": "127.5.6.7"}
    over.set()


def test_table_keeps_its_order_and_finds_hosts() -> None:
    own = Host(host_tid(1), "a", "LINUX64", "10.0.0.1", 1000, 0)
    table = HostTable(own)
    for index in (4, 2, 3):
        tid = host_tid(index)
        table.add(Host(tid, f"h{index}", "LINUX64", f"10.0.0.{index}", 1000, 0))
    assert [host.index for host in table.hosts] == [1, 2, 3, 4]
    assert [host.index for host in table.others()] == [4, 3, 2]
    found = table.get(host_tid(3) + 17)
    assert found is not None and found.name == "h3"
    table.remove(host_tid(3))
    assert table.named("h3") is None and table.named(".") is own and table.is_master


def test_full_machine_takes_no_more_hosts() -> None:
    def host(index: int) -> Host:
        return Host(host_tid(index), f"h{index}", "LINUX64", "10.0.0.1", 1000, 0)

    table = HostTable(host(1))
    for index in range(2, HOSTS_MAX):
        table.add(host(index))
    log: list[str] = []
    pvmd: Any = SimpleNamespace(hosts=table, tables={}, log=log.append)
    last, further = (addhost._Candidate(name, HostLine(name, {})) for name in ("last", "further"))
    addhost._give_indexes(pvmd, [last, further])
    assert (last.code, last.tid) == (0, host_tid(HOSTS_MAX))
    assert further.code == c.PvmOutOfRes
    assert log == ["cannot add host further: the machine has 4095 hosts"]


@pytest.mark.parametrize(
    ("words", "status", "code", "why"),
    [
        ("ssh: Could not resolve hostname x: Name or service not known", 255, "PvmNoHost", "name"),
        ("ssh: connect to host x port 22: No route to host", 255, "PvmCantStart", "no route"),
        ("ssh: connect to host x port 22: Connection refused", 255, "PvmCantStart", "refused"),
        ("ssh: connect to host x port 22: Connection timed out", 255, "PvmCantStart", "timed out"),
        ("u@x: Permission denied (publickey).", 255, "PvmCantStart", "authentication failed"),
        ("Host key verification failed.", 255, "PvmCantStart", "host's key"),
        ("sh: 1: pvmd: not found", 127, "PvmCantStart", "command not found"),
        ("", 127, "PvmCantStart", "command not found"),
        ('pvmd: PVM is being run as user "root", which', 1, "PvmCantStart", "PVM_ALLOW_ROOT"),
        ("pvmd: Command not found.", 1, "PvmCantStart", "dx="),
        ("pvmd: not found", 1, "PvmCantStart", "dx="),
        ("pvmd3: python3.11 is needed and not found; install it", 1, "PvmCantStart", "install it"),
        ("pvmd: /t/lib/SUN4/pvmd3 does not exist: check", 1, "PvmCantStart", "check"),
        ("bash: tput: command not found\nConnection refused", 1, "PvmCantStart", "server answers"),
        ("sh: 1: /opt/pvmd: Permission denied", 126, "PvmCantStart", "executed"),
        (
            "pvmd: error while loading shared libraries: libpvm3.so.3: cannot open shared object "
            "file: No such file or directory",
            127,
            "PvmCantStart",
            "LD_LIBRARY_PATH",
        ),
        ("pvmd: symbol lookup error: undefined symbol: x", 127, "PvmCantStart", "library"),
        ("something else", 3, "PvmCantStart", "status 3: something else"),
        ("", -9, "PvmCantStart", "signal 9"),
    ],
)
def test_failed_start_is_told_apart(words: str, status: int, code: str, why: str) -> None:
    outcome = hoster.explain(status, words.splitlines(), "/opt/pvmd")
    assert outcome.text == code and why in outcome.why


@pytest.mark.parametrize(
    ("program", "cure"),
    [
        ("/opt/pvmd", "/opt/pvmd: name the daemon there with dx= or PVM_DPATH"),
        ("$PVM_ROOT/lib/pvmd", "set PVM_ROOT there as it should be, or name the daemon"),
        ("${HOME}/pvm3/lib/pvmd", "set HOME there as it should be, or name the daemon"),
    ],
)
def test_daemon_that_is_not_found_is_named_with_the_variable_in_its_path(
    program: str, cure: str
) -> None:
    outcome = hoster.explain(127, ["sh: 1: not found"], program)
    assert f"command not found: {program}: " in outcome.why and cure in outcome.why


def test_remote_shell_is_ssh_unless_set(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("PVM_RSH", raising=False)
    words = hoster.shell_command("me@node", "pvmd -s", 60.0)
    assert words[0] == "ssh" and words[-4:] == ["node", "-l", "me", "pvmd -s"]
    assert "BatchMode=yes" in words and "ConnectTimeout=50" in words
    monkeypatch.setenv("PVM_RSH", "/bin/rsh")
    assert hoster.shell_command("me@node", "c", 60.0) == ["/bin/rsh", "node", "-l", "me", "c"]
    assert hoster.shell_command("node", "c", 60.0) == ["/bin/rsh", "node", "c"]


@pytest.mark.parametrize(("program", "chosen"), [("rsh", True), ("ssh", False), (None, False)])
def test_remote_shell_may_be_chosen_in_the_tree(
    program: str | None, chosen: bool, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """A link bin/rsh, as Debian's alternative pvm-rsh; to ssh it changes nothing."""
    monkeypatch.delenv("PVM_RSH", raising=False)
    monkeypatch.setattr(hoster, "tree", lambda: str(tmp_path))
    (tmp_path / "bin").mkdir()
    if program:
        (tmp_path / program).touch()
        (tmp_path / "bin" / "rsh").symlink_to(tmp_path / program)
    words = hoster.shell_command("node", "c", 60.0)
    assert words[0] == (str(tmp_path / "bin" / "rsh") if chosen else "ssh")
    monkeypatch.setenv("PVM_RSH", "/my/own")
    assert hoster.shell_command("node", "c", 60.0)[0] == "/my/own"


def test_addresses_have_one_form() -> None:
    assert parse_address("0a4d0002:0000,x=1") == ("10.77.0.2", 0)
    for bad in ("", "0a4d0002", "0a4d0002:", "0a4d0002:12345", "g0000000:1"):
        with pytest.raises(WireError):
            parse_address(bad)
