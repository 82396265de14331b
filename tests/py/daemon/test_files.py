# SPDX-License-Identifier: MIT
"""The daemon's files in a PVM_TMP that is crowded, or that others write to."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from support.compiler import compile_program
from support.impostors.rawtask import Connector, RawTask
from support.machines.vm import VirtualMachine, wait_until
from support.system import (
    PATIENCE,
    PROJECT,
    daemon_program,
    library_dir,
    missing,
    modules_dir,
    pvm_root,
    require_daemon,
    require_library,
)

from pvm3py.pvmd.io import guard, sockfile
from pvm3py.pvmd.io.door import Door
from pvm3py.pvmd.state import private
from pvm3py.pvmd.state.config import Settings
from pvm3py.pvmd.state.log import Log
from pvm3py.wire import constants as c

OTHER = 65534
USER = os.geteuid()


@pytest.fixture
def tmp() -> Iterator[Path]:
    """A directory as /tmp is: all may write to it, and remove what is theirs."""
    path = Path(tempfile.mkdtemp(prefix="pv"))
    path.chmod(0o1777)
    yield path
    shutil.rmtree(path)


def settings_in(tmp: Path, vmid: str | None = None) -> Settings:
    return Settings(str(tmp), vmid, "X")


def environment(tmp: Path) -> dict[str, str]:
    return {
        "PATH": os.environ["PATH"],
        "HOME": str(tmp),
        "PVM_TMP": str(tmp),
        "PVM_ROOT": str(pvm_root()),
        "PVM_ALLOW_ROOT": "1",
        "PYTHONPATH": str(modules_dir()),
    }


def ignore(_line: str) -> None:
    """A log that nobody reads."""


# ---- what is there already -------------------------------------------------------------------


def foreign_file(path: Path) -> str:
    if USER != 0:
        missing("only root can make files of another user")
    path.write_text("7f000001:0001")
    path.chmod(0o666)
    os.chown(path, OTHER, OTHER)
    return f"it belongs to user {OTHER}"


def foreign_fifo(path: Path) -> str:
    if USER != 0:
        missing("only root can make files of another user")
    os.mkfifo(path, 0o666)
    os.chown(path, OTHER, OTHER)
    return f"it belongs to user {OTHER}"


def fifo(path: Path) -> str:
    os.mkfifo(path, 0o666)
    return "it is no regular file"


def directory(path: Path) -> str:
    path.mkdir()
    return "it is no regular file"


def link(path: Path) -> str:
    path.with_name("precious").write_text("precious")
    path.symlink_to("precious")
    return "it is no regular file"


OBSTACLES = [foreign_file, foreign_fifo, fifo, directory, link]
each_obstacle = pytest.mark.parametrize("obstacle", OBSTACLES, ids=lambda f: f.__name__)


@each_obstacle
def test_what_is_not_ours_under_the_name_of_the_log_is_left_alone(
    obstacle: Callable[[Path], str], tmp: Path
) -> None:
    path = tmp / f"pvml.{USER}"
    why = obstacle(path)
    before = path.lstat()
    done = subprocess.run(
        [daemon_program("ours"), "-t"],
        env=environment(tmp),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
    )
    assert done.returncode == 0
    assert f"no log file: {path}: {why}" in done.stderr
    after = path.lstat()
    assert (after.st_ino, after.st_size) == (before.st_ino, before.st_size)
    assert (tmp / "precious").read_text() == "precious" if obstacle is link else True


@pytest.mark.parametrize("mode", [0o600, 0o666])
def test_log_is_a_new_file_that_nobody_has_open(mode: int, tmp: Path) -> None:
    path, elsewhere = tmp / f"pvml.{USER}", tmp / "elsewhere"
    elsewhere.write_text("a file of ours that somebody linked from here")
    os.link(elsewhere, path)
    path.chmod(mode)
    with open(path, encoding="utf-8") as reader:
        log = Log(1000)
        log.open(str(path))
        log("secret")
        log.close()
        assert "secret" not in reader.read()
    assert "somebody linked" in elsewhere.read_text()
    assert "secret" in path.read_text()
    assert path.stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize("taken", [1, 100, 5000])
def test_names_that_others_have_taken_keep_no_daemon_from_starting(taken: int, tmp: Path) -> None:
    settings = settings_in(tmp)
    for number in range(taken):
        Path(settings.temporary(number)).touch()
    Path(f"{settings.file('pvmd')}.{os.getpid()}").mkdir()
    listener, address = sockfile.listen(settings)
    with listener:
        sockfile.publish(settings, address, ignore)
        assert sockfile.answers(sockfile.read(settings.file("pvmd")))
        assert len(address) <= len(settings.temporary(9999))
        sockfile.withdraw(settings, address)
    left = {path.name for path in tmp.iterdir()}
    expected = {Path(settings.temporary(number)).name for number in range(taken)}
    assert left == expected | {f"pvmd.{USER}.{os.getpid()}"}


def test_names_are_numbered_and_then_cannot_be_foreseen(tmp: Path) -> None:
    settings = settings_in(tmp)
    names = [*settings.temporaries(7)]
    assert names[0] == f"{tmp}/pvmtmp{os.getpid():06d}.7"
    assert len(names) == len({*names})
    assert not {*names[16:]} & {*settings.temporaries(7)}


def test_nothing_of_another_user_is_removed(tmp: Path) -> None:
    own, other = tmp / "own", tmp / "other"
    own.touch()
    assert private.remove(str(own)) and not own.exists()
    foreign_file(other)
    assert not private.remove(str(other)) and other.exists()
    assert not private.remove(str(tmp / "none"))


def test_a_socket_of_another_user_is_no_daemon(tmp: Path) -> None:
    if USER != 0:
        missing("only root can make files of another user")
    path = tmp / "socket"
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(path))
        listener.listen()
        assert sockfile.answers(str(path))
        os.chown(path, OTHER, OTHER)
        assert not sockfile.answers(str(path))


# ---- staying reachable -----------------------------------------------------------------------


@pytest.mark.parametrize("change", ["removed", "empty", "garbage", "dead", "open", "moved"])
def test_lost_sock_file_is_written_again(change: str) -> None:
    with VirtualMachine("ours") as vm:
        path = vm.sock_file
        wait_until(path.exists, "sock file")
        if change == "removed":
            path.unlink()
        elif change == "open":
            path.chmod(0o666)
        elif change == "moved":
            path.rename(vm.home / "moved")
        else:
            path.write_text({"empty": "", "garbage": "\0\xff", "dead": "/tmp/no/socket"}[change])
        wait_until(lambda: "written again" in vm.log(), "sock file noticed")
        assert path.read_text() == vm.address
        assert path.stat().st_mode & 0o777 == 0o600
        assert vm.log().count("written again") == 1


def test_lost_log_is_begun_anew() -> None:
    with VirtualMachine("ours") as vm:
        path = vm.tmp / f"pvml.{vm.suffix}"
        wait_until(path.exists, "log")
        path.unlink()
        wait_until(lambda: f"somebody has removed {path}" in vm.log(), "new log")


def test_name_of_a_lost_socket_that_is_taken_is_told() -> None:
    with VirtualMachine("ours") as vm:
        Path(vm.address).unlink()
        Path(vm.address).touch()
        said = f"Address already in use: '{vm.address}'"
        wait_until(lambda: said in vm.log(), "complaint")
        Path(vm.address).unlink()
        wait_until(lambda: "was lost, made again" in vm.log(), "socket")


def test_lost_socket_is_made_again(connector: Connector) -> None:
    with VirtualMachine("ours") as vm, RawTask(vm.address, connector) as before:
        before.enrol(vm.tmp)
        for path in vm.tmp.glob("pvm[dt]*"):
            path.unlink()
        wait_until(vm.sock_file.exists, "sock file")
        assert vm.sock_file.read_text() == vm.address
        with RawTask(vm.address, connector) as task:
            task.enrol(vm.tmp)
            assert task.sync() and before.sync()
        assert Path(vm.address).stat().st_mode & 0o777 == 0o600


def test_sock_file_taken_by_another_user_meanwhile_is_complained_of_once() -> None:
    with VirtualMachine("ours") as vm:
        vm.tmp.chmod(0o1777)
        vm.sock_file.unlink()
        foreign_file(vm.sock_file)
        wait_until(lambda: "belongs to user" in vm.log(), "complaint")
        vm.sock_file.unlink()
        wait_until(lambda: "written again" in vm.log(), "sock file again")
        assert vm.log().count("belongs to user") == 1


def test_old_files_are_made_to_look_new(tmp: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    door = Door(settings_in(tmp))
    door.tell(ignore)
    paths = [Path(door.address), tmp / f"pvmd.{USER}"]
    door.look_after(ignore)
    for path in paths:
        os.utime(path, (1, 1))
    now = time.monotonic()
    monkeypatch.setattr(time, "monotonic", lambda: now + 4000)
    door.look_after(ignore)
    assert all(path.stat().st_mtime > 1 for path in paths)
    door.close()
    assert not [*tmp.iterdir()]


def test_second_daemon_finds_the_first_without_its_sock_file() -> None:
    with VirtualMachine("ours") as vm:
        vm.sock_file.unlink()
        done = subprocess.run(
            [daemon_program("ours")],
            env=vm.env | {"PVM_TMP": f"{vm.tmp}/home/.."},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=PATIENCE,
            check=False,
        )
        assert (done.returncode, done.stdout) == (1, "")
        assert f"a pvmd already runs at {vm.address}" in done.stderr
        assert vm.sock_file.read_text() == vm.address


def test_guard_in_the_hands_of_another_user_stops_nobody(tmp: Path) -> None:
    if USER != 0:
        missing("only root can start a process of another user")
    name = guard._name(settings_in(tmp))
    assert name
    reading, writing = os.pipe()
    pid = os.fork()
    if pid == 0:
        os.setuid(OTHER)
        with socket.socket(socket.AF_UNIX) as sock:
            sock.bind(name)
            sock.listen()
            os.write(writing, b"x")
            signal.pause()
    try:
        os.read(reading, 1)
        door = Door(settings_in(tmp))
        door.tell(ignore)
        assert sockfile.read(settings_in(tmp).file("pvmd")) == door.address
        door.close()
    finally:
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)


def test_guard_is_of_directory_and_vmid(tmp: Path) -> None:
    first, beside = guard.Guard(), guard.Guard()
    first.take(settings_in(tmp))
    beside.take(settings_in(tmp, "beside"))
    (tmp / "in").mkdir()
    inside = guard.Guard()
    inside.take(settings_in(tmp / "in"))
    guard.Guard().take(settings_in(tmp, "v" * 200))
    for one in (first, beside, inside):
        one.hang_up()
        one.close()


# ---- starters --------------------------------------------------------------------------------

PYTHON_STARTER = """
import pvm3py.classic as pvm3py
try:
    pvm3py.start_pvmd(block=False)
    print("started")
except pvm3py.PvmError as error:
    print(error.code.name)
"""
# What each starter says of a daemon that it started, that runs already, or that cannot be.
STARTERS = {
    "pvmd3": ([str(daemon_program("ours"))], ("\n/", "already runs", "cannot write")),
    "pvmd": ([str(pvm_root() / "lib" / "pvmd")], ("\n/", "already runs", "cannot write")),
    "start_pvmd": (
        [sys.executable, "-P", "-c", PYTHON_STARTER],
        ("started", "DUP_HOST", "CANT_START"),
    ),
}
STARTED, RUNS, REFUSED = range(3)
SITUATIONS = {
    "none": STARTED,
    "empty": STARTED,
    "garbage": STARTED,
    "no socket": STARTED,
    "dead": STARTED,
    "no peer": STARTED,
    "writable": STARTED,
    "fifo": REFUSED,
    "foreign": REFUSED,
    "living": RUNS,
    "living, file lost": RUNS,
}


def prepare(situation: str, tmp: Path, stack: contextlib.ExitStack) -> None:
    """What a starter finds."""
    path = tmp / f"pvmd.{USER}"
    texts = {
        "empty": "",
        "garbage": "garbage",
        "no socket": f"{tmp}/pvmtmp000001.0",
        "no peer": "7f000001:0001",
        "writable": "7f000001:0001",
    }
    if situation in texts:
        path.write_text(texts[situation])
        path.chmod(0o666 if situation == "writable" else 0o600)
    elif situation == "dead":
        with socket.socket(socket.AF_UNIX) as sock:
            sock.bind(f"{tmp}/pvmtmp000001.0")
        path.write_text(f"{tmp}/pvmtmp000001.0")
    elif situation == "fifo":
        os.mkfifo(path)
    elif situation == "foreign":
        foreign_file(path)
    elif situation.startswith("living"):
        stack.callback(end, start_daemon(tmp))
        if situation.endswith("lost"):
            path.unlink()


def start_daemon(tmp: Path) -> subprocess.Popen[str]:
    process = subprocess.Popen(
        [daemon_program("ours")],
        env=environment(tmp),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout and process.stdout.readline()
    return process


def end(process: subprocess.Popen[str]) -> None:
    process.terminate()
    process.communicate(timeout=PATIENCE)


@pytest.mark.parametrize("starter", STARTERS)
@pytest.mark.parametrize("situation", SITUATIONS)
def test_every_starter_does_the_same(situation: str, starter: str, tmp: Path) -> None:
    require_daemon("ours")
    require_library("ours")
    command, answers = STARTERS[starter]
    with contextlib.ExitStack() as stack:
        prepare(situation, tmp, stack)
        output = tmp / "output"
        with open(output, "wb") as file:
            process = subprocess.Popen(
                command,
                env=environment(tmp),
                stdin=subprocess.DEVNULL,
                stdout=file,
                stderr=file,
            )
        expected = answers[SITUATIONS[situation]]

        def said() -> str:
            logs = [log.read_text() for log in tmp.glob("pvml.*")]
            return "\n".join(["", output.read_text(), *logs])

        wait_until(lambda: expected in said() or process.poll() is not None, "an answer")
        assert expected in said(), said()
        if SITUATIONS[situation] == STARTED:
            end_by_address(tmp)
        process.wait(PATIENCE)


@pytest.mark.parametrize("situation", ["living", "living, file lost"])
def test_program_that_starts_a_second_daemon_is_advised_once(situation: str, tmp: Path) -> None:
    program = compile_program("start_hosts", [PROJECT / "tests" / "c" / "start_hosts.c"], "ours")
    with contextlib.ExitStack() as stack:
        prepare(situation, tmp, stack)
        done = subprocess.run(
            [program, "1", "-nlocalhost", "/dev/null"],
            env=environment(tmp) | {"LD_LIBRARY_PATH": str(library_dir())},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=PATIENCE,
        )
    assert done.stdout.startswith(f"{c.PvmDupHost} "), done
    assert done.stderr.count("PVM_VMID") == 1, done.stderr


def end_by_address(tmp: Path) -> None:
    """End the daemon that the sock file names."""
    path = tmp / f"pvmd.{USER}"
    os.kill(int(Path(path.read_text()).stem.removeprefix("pvmtmp")), signal.SIGTERM)
    wait_until(lambda: not path.exists(), "the daemon's end")


# ---- directories -----------------------------------------------------------------------------


def test_relative_directory_is_the_one_where_the_daemon_was_started(
    tmp: Path, connector: Connector
) -> None:
    (tmp / "here").mkdir()
    process = subprocess.Popen(
        [daemon_program("ours")],
        env=environment(tmp) | {"PVM_TMP": "here", "PVM_WD": "/"},
        cwd=tmp,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout
    address = process.stdout.readline().strip()
    assert address.startswith(f"{tmp}/here/pvmtmp")
    with RawTask(address, connector) as task:
        task.enrol(tmp)
    variables = Path(f"/proc/{process.pid}/environ").read_bytes().split(b"\0")
    assert b"PVM_TMP=here" in variables
    end(process)
    assert {path.name for path in (tmp / "here").iterdir()} == {f"pvml.{USER}"}


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("none", "directory {} does not exist; create it"),
        ("file", "{} is no directory; set PVM_TMP"),
        ("file/in", "directory {}: Not a directory; set PVM_TMP"),
        ("circle", "directory {}: Too many levels of symbolic links; set PVM_TMP"),
    ],
)
def test_directory_that_cannot_be_used_is_named_with_the_cause(
    name: str, said: str, tmp: Path
) -> None:
    (tmp / "file").touch()
    (tmp / "circle").symlink_to("circle")
    done = subprocess.run(
        [daemon_program("ours")],
        env=environment(tmp / name),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1
    assert said.format(tmp / name) in done.stderr


def test_directory_may_be_a_link_and_need_not_be_readable(tmp: Path) -> None:
    (tmp / "real").mkdir(0o300)
    (tmp / "link").symlink_to("real")
    process = start_daemon(tmp / "link")
    assert (tmp / "link" / f"pvmd.{USER}").exists()
    end(process)
    (tmp / "real").chmod(0o700)


def in_small_file_system(
    tmp: Path, options: str, script: str, **more: str
) -> subprocess.CompletedProcess[str]:
    """Run a script of the shell whose PVM_TMP is a file system in memory, mounted with options."""
    if USER != 0:
        missing("only root can mount a small file system")
    small = tmp / "small"
    small.mkdir()
    done = subprocess.run(
        [
            "unshare",
            "-m",
            "/bin/sh",
            "-c",
            f"mount -t tmpfs -o {options} none {small} || exit 77\n{script}",
        ],
        env=environment(tmp) | {"PVM_TMP": str(small)} | more,
        cwd=tmp,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
    )
    if done.returncode == 77 or "unshare" in done.stderr:
        missing(f"a file system cannot be mounted here: {done.stderr}")
    return done


def test_full_disk_is_said_and_leaves_nothing(tmp: Path) -> None:
    script = f"cd $PVM_TMP; touch a b; {daemon_program('ours')}; echo $?; ls"
    done = in_small_file_system(tmp, "size=4k,nr_inodes=4", script)
    assert done.stdout.split() == ["1", "a", "b"]
    assert "No space left on device" in done.stderr
    assert len(done.stderr.splitlines()) == 1


def test_task_says_that_the_disk_has_become_full(tmp: Path) -> None:
    task = f"{sys.executable} -c 'import pvm3py.classic as pvm3py; pvm3py.mytid()'"
    script = (
        f"{daemon_program('ours')} & until [ -s $PVM_TMP/pvmd.0 ]; do sleep 0.1; done\n"
        f"cat /dev/zero >$PVM_TMP/filler 2>/dev/null; {task}; rm $PVM_TMP/filler; kill $!; wait"
    )
    done = in_small_file_system(tmp, "size=64k", script, PYTHONPATH=str(modules_dir()))
    said = [line for line in done.stderr.splitlines() if "pvmd refuses connection" in line]
    assert len(said) == 1, done.stderr
    assert (
        f"{tmp / 'small' / 'pvmtmp'}" in done.stderr
        and ": No space left on device\n" in done.stderr
    )
