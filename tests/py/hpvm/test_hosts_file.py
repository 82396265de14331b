# SPDX-License-Identifier: MIT
"""hpvm_hosts.cfg: what is read, what is refused with which words, and the machine of it."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from support.system import library_dir, require_daemon

GOOD = "127.0.0.1 hpvm_host\n"


def hpvm(*words: object, cwd: Path, **env: str) -> subprocess.CompletedProcess[str]:
    """Run the command hpvm; the home directory is where it runs."""
    environment = {k: v for k, v in os.environ.items() if not k.startswith("HPVM_")}
    environment |= {"HOME": str(cwd), "PVM_ALLOW_ROOT": "1", **env}
    command = [str(library_dir() / "hpvm"), *map(str, words)]
    return subprocess.run(
        command, capture_output=True, text=True, env=environment, cwd=cwd, timeout=100
    )


def hosts_of(text: str, place: Path) -> subprocess.CompletedProcess[str]:
    """`hpvm hosts` of a file with this text."""
    (place / "x.cfg").write_text(text, newline="")
    return hpvm("hosts", "x.cfg", cwd=place)


def listed(text: str, place: Path) -> list[list[str]]:
    """The words of each host's line."""
    done = hosts_of(text, place)
    assert done.returncode == 0, done.stderr
    first, *lines = done.stdout.splitlines()
    assert first.startswith("x.cfg: clients call back at ")
    return [line.split() for line in lines]


# ---- good ones


def test_file_of_the_note_with_addresses(tmp_path: Path) -> None:
    text = "127.0.0.1     localhost\n192.168.1.20  bigboy\n127.0.0.1  hpvm_host\n"
    assert listed(text, tmp_path) == [
        ["localhost", "127.0.0.1", "this", "machine"],
        ["bigboy", "192.168.1.20"],
    ]


def test_options_tabs_comments_and_foreign_line_ends(tmp_path: Path) -> None:
    text = (
        "# hosts\r\n\r\n \t192.168.1.20\t bigboy  sp=2000 cpus=3 ep=$HOME/bin export=/d # big\r\n"
        "node7.example.org a-b_c.D9\r\n127.0.0.2 hpvm_host#not a comment\r\n"
    )
    done = hosts_of(text, tmp_path)
    assert done.returncode == 1
    assert '"hpvm_host#not" is no name' in done.stderr
    assert listed(text.replace("#not", " # not"), tmp_path) == [
        ["bigboy", "192.168.1.20", "cpus=3", "export=/d", "sp=2000", "ep=$HOME/bin"],
        ["a-b_c.D9", "node7.example.org"],
    ]


def test_first_line_of_hpvm_host_for_this_machine_counts(tmp_path: Path) -> None:
    text = "192.0.2.1 hpvm_host\n127.0.0.3 hpvm_host\n127.0.0.1 hpvm_host\n"
    done = hosts_of(text, tmp_path)
    assert done.stdout == "x.cfg: clients call back at 127.0.0.3\n"


def test_last_line_needs_no_end(tmp_path: Path) -> None:
    assert listed("10.0.0.1 a\n127.0.0.1 hpvm_host", tmp_path) == [["a", "10.0.0.1"]]


# ---- bad ones: line, sentence


NAME = 'is no name: it has letters, digits, ".", "-" and "_", up to 63'
BAD: dict[str, list[str]] = {
    "localhost\n" + GOOD: [' line 1: there is only "localhost": a line has an address and a name'],
    "300.1.1.1 a\n" + GOOD: [' line 1: "300.1.1.1" is not an IPv4 address'],
    "1.2.3 a\n" + GOOD: [' line 1: "1.2.3" is not an IPv4 address'],
    "1.2.3.4.5 a\n" + GOOD: [' line 1: "1.2.3.4.5" is not an IPv4 address'],
    "::1 a\n" + GOOD: [' line 1: "::1" is not an IPv4 address'],
    "pa_lm a\n" + GOOD: [' line 1: "pa_lm" is neither an IPv4 address nor the name of a host'],
    "-n a\n" + GOOD: [' line 1: "-n" is neither an IPv4 address nor the name of a host'],
    "10.0.0.1 a/b\n" + GOOD: [f' line 1: "a/b" {NAME}'],
    f"10.0.0.1 {'a' * 64}\n" + GOOD: [f' line 1: "{"a" * 64}" {NAME}'],
    "10.0.0.1 a\n10.0.0.2 a\n" + GOOD: [' line 2: "a" is the name of line 1 already'],
    "10.0.0.1 a\n10.0.0.1 b\n" + GOOD: [" line 2: 10.0.0.1 is the address of line 1 already"],
    "10.0.0.1 a speed=1\n" + GOOD: [' line 1: unknown option "speed=1"'],
    "10.0.0.1 a sp=fast\n" + GOOD: [' line 1: "sp=fast" is no number'],
    "10.0.0.1 a cpus=0\n" + GOOD: [' line 1: "cpus=0" is no number from 1 to 1024'],
    "10.0.0.1 a cpus=1025\n" + GOOD: [' line 1: "cpus=1025" is no number from 1 to 1024'],
    "10.0.0.1 a ip=10.0.0.2\n" + GOOD: [
        ' line 1: "ip=10.0.0.2" is not wanted: the address is the first word'
    ],
    "10.0.0.1 a" + " sp=1" * 9 + "\n" + GOOD: [" line 1: there are more than 8 options"],
    f"10.0.0.1 a ep={'x' * 600}\n" + GOOD: [" line 1: the options are too long"],
    f"10.0.0.1 a export={'x' * 600}\n" + GOOD: [" line 1: the options are too long"],
    f"10.0.0.1 a ep={'x' * 1100}\n" + GOOD: [" line 1: this is no line of text"],
    "10.0.0.1 a\x01\n" + GOOD: [" line 1: this is no line of text"],
    "10.0.0.1 a\0\n" + GOOD: [" line 1: this is no line of text"],
    "127.0.0.1 hpvm_host sp=1\n": [" line 1: hpvm_host takes no options"],
    "10.0.0.1 a\n": [': no line "ADDRESS hpvm_host", which says where clients call back'],
    "": [': no line "ADDRESS hpvm_host", which says where clients call back'],
    "192.0.2.1 hpvm_host\n": [": no hpvm_host line has an address of this machine: 192.0.2.1"],
    "x\n\n10.0.0.1 a b=1 c\n": [
        ' line 1: there is only "x": a line has an address and a name',
        ' line 3: unknown option "b=1"',
        ' line 3: unknown option "c"',
        ': no line "ADDRESS hpvm_host", which says where clients call back',
    ],
}


@pytest.mark.parametrize("text", BAD, ids=[str(number) for number in range(len(BAD))])
def test_bad_file_is_refused_with_all_its_errors(tmp_path: Path, text: str) -> None:
    done = hosts_of(text, tmp_path)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.splitlines() == [f"x.cfg{line}" for line in BAD[text]]


def test_file_with_more_errors_than_can_be_told_is_refused(tmp_path: Path) -> None:
    done = hosts_of("bad\n" * 5000, tmp_path)
    assert done.returncode == 1
    assert len(done.stderr.splitlines()) > 50


# ---- where it is sought


def test_file_is_sought_in_its_places(tmp_path: Path) -> None:
    here, home = tmp_path / "here", tmp_path / "home"
    here.mkdir()
    home.mkdir()
    done = hpvm("hosts", cwd=here, HOME=str(home))
    assert done.stderr == "there is no hpvm_hosts.cfg, here or in the home directory\n"
    (home / "hpvm_hosts.cfg").write_text("127.0.0.1 hpvm_host\n")
    assert hpvm("hosts", cwd=here, HOME=str(home)).stdout.startswith(f"{home}/hpvm_hosts.cfg: ")
    (here / "hpvm_hosts.cfg").write_text("127.0.0.1 hpvm_host\n")
    assert hpvm("hosts", cwd=here, HOME=str(home)).stdout.startswith("hpvm_hosts.cfg: ")
    named = hpvm("hosts", cwd=here, HPVM_HOSTS="other.cfg")
    assert (named.returncode, named.stderr) == (1, "other.cfg: No such file or directory\n")


# ---- the machine


@pytest.fixture(name="machine")
def _machine(tmp_path: Path) -> Iterator[dict[str, str]]:
    """The environment of a machine of its own, which is ended afterwards."""
    require_daemon("ours")
    env = {"PVM_TMP": str(tmp_path), "PVM_VMID": f"hosts{os.getpid()}"}
    yield env
    hpvm("halt", cwd=tmp_path, **env)


def test_machine_is_started_completed_and_halted(tmp_path: Path, machine: dict[str, str]) -> None:
    """A host that cannot be added is a line, and no failure."""
    (tmp_path / "hpvm_hosts.cfg").write_text("127.0.0.1 me\n" + GOOD)
    started = hpvm("start", cwd=tmp_path, **machine)
    assert (started.returncode, started.stdout) == (0, "started; hosts: me\n"), started.stderr
    (tmp_path / "hpvm_hosts.cfg").write_text("127.0.0.1 me\n192.0.2.7 far\n" + GOOD)
    again = hpvm("start", cwd=tmp_path, **machine)
    assert again.stdout == "the machine was running already; hosts: me\n"
    assert again.returncode == 0
    assert again.stderr.startswith("hpvm start: host far (192.0.2.7) takes no part: ")
    assert hpvm("halt", cwd=tmp_path, **machine).returncode == 0
    gone = hpvm("halt", cwd=tmp_path, **machine)
    assert gone.returncode == 1
    assert gone.stderr.splitlines()[-1] == "hpvm halt: no machine is running"


def test_bad_file_starts_nothing(tmp_path: Path, machine: dict[str, str]) -> None:
    (tmp_path / "hpvm_hosts.cfg").write_text("127.0.0.1\n")
    done = hpvm("start", cwd=tmp_path, **machine)
    assert done.returncode == 1
    assert done.stderr.startswith("hpvm_hosts.cfg line 1: there is only")
    assert hpvm("halt", cwd=tmp_path, **machine).returncode == 1
