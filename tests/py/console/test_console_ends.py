# SPDX-License-Identifier: MIT
"""How our console begins and ends, and what it makes of hostile input and of a daemon that dies."""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from support.machines.vm import VirtualMachine, sleeping, wait_until
from support.screens.console import Console, console_program
from support.system import PATIENCE, modules_dir, pvm_root, require_daemon

from pvm3py.trace import read

PVM = console_program("ours")
HALTED = -signal.SIGTERM


# ---- beginning -----------------------------------------------------------------------------


@pytest.fixture
def nothing() -> Iterator[dict[str, str]]:
    """The environment of a user without a daemon; one that was started is halted at the end."""
    require_daemon("ours")
    tmp = tempfile.mkdtemp(prefix="pv")
    env = {"PATH": os.environ["PATH"], "HOME": tmp, "PVM_TMP": tmp, "PVM_ALLOW_ROOT": "1"}
    yield env
    if (Path(tmp) / f"pvmd.{os.geteuid()}").exists():
        run(env, "-c", "halt")
        wait_until(lambda: not (Path(tmp) / f"pvmd.{os.geteuid()}").exists(), "no daemon is left")
    shutil.rmtree(tmp)


def run(
    env: dict[str, str], *arguments: str, stdin: bytes = b""
) -> subprocess.CompletedProcess[str]:
    """Run the console; nobody shall see a traceback."""
    done = subprocess.run(
        [PVM, *arguments], env=env, input=stdin, capture_output=True, cwd="/", timeout=PATIENCE
    )
    out, err = (text.decode(errors="surrogateescape") for text in (done.stdout, done.stderr))
    assert "Traceback" not in err, err
    return subprocess.CompletedProcess(done.args, done.returncode, out, err)


def test_daemon_is_started_and_then_found(nothing: dict[str, str]) -> None:
    first = run(nothing)
    assert first.returncode == 0 and first.stdout.startswith("pvm> quit\n\nConsole: exit handler")
    second = run(nothing)
    assert second.returncode == 0 and second.stdout.startswith("pvmd already running.\npvm> ")


def test_host_file_and_switches_are_those_of_the_daemon(nothing: dict[str, str]) -> None:
    path = Path(nothing["HOME"]) / "hosts"
    path.write_text("localhost sp=1234\n")
    done = run(nothing, "-nlocalhost", str(path), stdin=b"conf\n")
    assert done.returncode == 0, done.stderr
    assert re.search(r"localhost +40000 +\w+ +1234 ", done.stdout)


def test_profiles_are_read(nothing: dict[str, str]) -> None:
    (Path(nothing["HOME"]) / ".pvmprofile").write_text("export SEEN=yes\n")
    assert run(nothing, "-c", "setenv SEEN").stdout == "yes\n"


def test_failed_start_is_said(nothing: dict[str, str]) -> None:
    done = run(nothing | {"PVM_TMP": "/nodir"})
    assert done.returncode == 1 and done.stdout == ""
    assert re.search(r"^libpvm \[pid\d+\]: Console: Can't start pvmd$", done.stderr, re.MULTILINE)
    assert "/nodir" in done.stderr


def test_start_script_goes_by_links_and_blanks(nothing: dict[str, str]) -> None:
    link = Path(nothing["HOME"]) / "a b"
    link.symlink_to(pvm_root() / "lib" / "pvm")
    done = subprocess.run(
        [link, "-c", "echo 'x  y'"], env=nothing, capture_output=True, text=True, timeout=PATIENCE
    )
    assert (done.returncode, done.stdout) == (0, "x  y\n")


# ---- ending --------------------------------------------------------------------------------


def test_halt_ends_with_0_and_loses_no_output(vm: VirtualMachine) -> None:
    done = vm.run(PVM, stdin="echo " + "x" * 5000 + "\nhalt\n").check(0)
    assert done.err == ""
    assert done.out.endswith("x" * 5000 + "\npvm> halt\n")
    assert vm.process.wait(PATIENCE) == 0


def test_halt_of_one_console_ends_the_others(vm: VirtualMachine) -> None:
    with Console(vm, "debian", "ours") as first, Console(vm, "debian", "ours") as second:
        first.do("spawn -2 -> /bin/sleep 1000")
        second.type("halt")
        assert second.finish() == (0, "halt\n")
        assert first.process.wait(PATIENCE) == HALTED
        assert vm.process.wait(PATIENCE) == 0


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL])
def test_console_killed_in_the_middle_of_a_job_has_written_its_output(
    vm: VirtualMachine, number: signal.Signals
) -> None:
    task = vm.start(PVM, stdin=subprocess.PIPE)
    assert task.stdin is not None and task.stdout is not None
    task.stdin.write(b"spawn -> /bin/sleep 1000\nwait\n")
    task.stdin.flush()
    text = b""
    while not text.endswith(b"pvm> wait\n"):
        byte = task.stdout.read(1)
        assert byte, text
        text += byte
    task.send_signal(number)
    assert task.wait(PATIENCE) == -number
    assert "/bin/sleep" in vm.run(PVM, "-c", "ps; reset").check().out


def test_daemon_that_dies_under_the_prompt_is_a_line(vm: VirtualMachine) -> None:
    with Console(vm, "debian", "ours") as console:
        vm.process.kill()
        vm.process.wait()
        status, text = console.finish_by_itself()
    assert status == 1
    (line,) = text.splitlines()
    assert line.startswith("pvm: the daemon of this host has ended")
    vm.sock_file.unlink()
    for path in vm.tmp.glob("pvmtmp*"):
        path.unlink()


def test_reader_that_has_enough_ends_the_console(vm: VirtualMachine) -> None:
    script = f"{PVM} -c 'setenv; setenv; ps -a; conf' | head -1; exit"
    done = vm.run("/bin/bash", "-c", script).check()
    assert len(done.out.splitlines()) == 1 and done.err == ""
    reading, writing = os.pipe()
    os.close(reading)
    for arguments in (["-c", "conf"], []):
        task = vm.start(PVM, *arguments, stdout=writing)
        assert task.wait(PATIENCE) == 1
        assert task.stderr is not None and task.stderr.read() == b""
    os.close(writing)


def test_closed_input_is_an_empty_one(vm: VirtualMachine) -> None:
    done = vm.run("/bin/sh", "-c", f"exec {PVM} <&-").check()
    assert done.out.startswith("pvmd already running.\npvm> quit\n") and done.err == ""


def test_interrupt_ends_the_command_and_not_the_console(vm: VirtualMachine) -> None:
    with Console(vm, "debian", "ours") as console:
        tid = console.do("spawn /bin/sleep 1000").splitlines()[2]
        console.type(f"wait {tid}")
        console.read(f"wait {tid}\n".rstrip())
        wait_until(lambda: sleeping(console.process.pid), "the console waits")
        console.process.send_signal(signal.SIGINT)
        console.read("pvm> ")
        assert console.do("echo after").splitlines()[-2:] == ["after", "pvm> "]
        console.process.send_signal(signal.SIGINT)
        console.read("pvm> ")
        console.do(f"kill {tid}")


INTERRUPTED = """
import os, signal
import pvm3py.classic as pvm
from pvm3py.console.machine import attach
from pvm3py.console.output import Output
from pvm3py.console.session import Session

attach([])
session = Session(Output())
session.interrupts.take()
taken = []

def take(message):
    os.kill(os.getpid(), signal.SIGINT)
    taken.append(pvm.upkint())

tag = session.mail.new_tag(take, tasks=True)
for number in range(3):
    pvm.initsend()
    pvm.pkint(number)
    pvm.send(pvm.mytid(), tag)
while len(taken) < 3:
    assert not session.interrupts.run(lambda: session.mail.wait(lambda: len(taken) == 3))
print(taken)
"""


def test_interrupt_in_the_middle_of_a_message_does_not_lose_it(vm: VirtualMachine) -> None:
    env = {"PYTHONPATH": str(modules_dir())}
    assert vm.run(sys.executable, "-c", INTERRUPTED, env=env).check().out == "[0, 1, 2]\n"


# ---- hostile input -------------------------------------------------------------------------


def test_line_of_a_megabyte_is_refused_and_the_next_one_taken(vm: VirtualMachine) -> None:
    done = vm.run(PVM, stdin="echo " + "x" * (1 << 20) + "\necho after\n").check()
    lines = done.out.splitlines()
    assert "line is longer than 65536 characters" in lines
    assert lines[lines.index("pvm> echo after") + 1] == "after" and len(done.out) < 2000
    assert "longer than" in vm.run(PVM, "-c", "echo " + "x" * 100000).check(1).out


def test_binary_input_is_survived(vm: VirtualMachine) -> None:
    noise = bytes(range(256)) * 40 + b"\necho after\n"
    done = run(vm.env, stdin=noise)
    assert done.returncode == 0
    assert "\nline has a NUL character\n" in done.stdout and "\nafter\n" in done.stdout
    path = vm.home / "noise.pvm"
    path.write_bytes(bytes(range(1, 256)) * 40)
    assert vm.run(PVM, path).check(1).err == ""


JUNK = """
import sys
from pvm3py.classic import *
console = int(sys.argv[1], 16)
for tag in range(0x43000000, 0x43000008):
    for numbers in ([], [-1], [2**31 - 1], [5, 2**31 - 1], [5, -7], [0x40099, 0], [2, 1, 2]):
        initsend()
        pkint(numbers)
        send(console, tag)
exit()
"""


def test_messages_of_strangers_are_survived(vm: VirtualMachine) -> None:
    with Console(vm, "debian", "ours") as console:
        console.do("spawn -> /bin/sleep 1000")
        tid = console.do("id").splitlines()[-2]
        env = {"PYTHONPATH": str(modules_dir())}
        vm.run(sys.executable, "-c", JUNK, tid.removeprefix("t"), env=env).check()
        assert console.do("echo after").splitlines()[-2] == "after"
        assert len(console.do("jobs").splitlines()[-2].split()) == 2  # "1: t4..."
        console.do("spawn -@ -> /bin/sleep 1000")
        vm.run(sys.executable, "-c", JUNK, tid.removeprefix("t"), env=env).check()
        assert "after" in console.do("echo after")
        console.do("reset", until="[1] finished")


TRACED = """
import sys
from pvm3py.classic import *
console = int(sys.argv[1], 16)
print(f"t{mytid():x}")
settmask("O" * 35)
setopt(Option.SELF_TRACE_OPTIONS, 1)
for tag in range(0x43000000, 0x43000008):
    setopt(Option.SELF_TRACE_TID, console)
    setopt(Option.SELF_TRACE_CODE, tag)
    config()
exit()
"""


def test_trace_of_a_stranger_is_not_taken_for_a_jobs(vm: VirtualMachine) -> None:
    """It has the form of a trace, and the daemon traces the stranger's end."""
    path = vm.home / "trace"
    with Console(vm, "debian", "ours") as console:
        before = console.do(f"spawn -@{path} -> /bin/sleep 1000")
        tid = console.do("id").splitlines()[-2].removeprefix("t")
        env = {"PYTHONPATH": str(modules_dir())}
        stranger = vm.run(sys.executable, "-c", TRACED, tid, env=env).check().out.strip()
        assert console.do("jobs").splitlines()[-2] == f"T1: {before.split()[-2]}"
        assert "[1] finished" in console.do("reset", until="[1] finished")
    told = {event.tid for event in read(path)}
    assert int(before.split()[-2].removeprefix("t"), 16) in told
    assert int(stranger.removeprefix("t"), 16) not in told


def test_bytes_that_are_no_text_pass_through(vm: VirtualMachine) -> None:
    done = run(vm.env, stdin=b"echo caf\xe9\nspawn -> /bin/printf \\\\351\\\\n\nwait\n")
    assert done.stdout.count("caf\udce9") == 2 and "] \udce9\n" in done.stdout


@pytest.mark.parametrize(
    "text",
    ["spawn -99999999999999999999 /bin/true", "spawn -: /bin/true", "spawn -@", "spawn ->>"]
    + ["kill zz t-1 tffffffffff 0", "sig 99999 t40001", "pstat x", "ps -h -hzz -n", "tickle x y"]
    + ["put a zz b", "put '' 0 x", "names '\\'", "setopt PvmDebugMask zz", "setopt PvmFragSize -5"]
    + ["export =", "unexport ''", "alias '' x", "trace buf zz", "trace opt", "reset info x y"]
    + ["mstat ''", "add ''", "delete ''", "getopt ''", "help ''", "log ''", "'' x", "setenv = x"]
    + ["wait 99999999999999999999 t0", "spawn '' ''", "spawn -~ /bin/true", "add '&'", "echo $"],
)
def test_nonsense_is_an_answer(ours: VirtualMachine, text: str) -> None:
    """No traceback, and the console goes on."""
    done = run(ours.env, stdin=f"{text}\necho after\n".encode())
    assert done.returncode == 0, done
    assert "\nafter\n" in done.stdout
