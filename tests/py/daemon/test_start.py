# SPDX-License-Identifier: MIT
"""Start and end of the daemon: command line, sock file, log, signals, environment."""

from __future__ import annotations

import os
import re
import resource
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from support.impostors.rawtask import Connector, RawTask, enrolled, ints, message, string
from support.machines.vm import VirtualMachine, wait_until
from support.system import (
    PATIENCE,
    SIDES,
    Side,
    daemon_program,
    modules_dir,
    require_daemon,
)

from pvm3py.wire import constants as c


@pytest.fixture
def tmp() -> Iterator[Path]:
    path = Path(tempfile.mkdtemp(prefix="pv"))
    yield path
    shutil.rmtree(path)


class LowSoftLimit(VirtualMachine):
    """A machine whose daemon is started with a limit that it may raise."""

    enter = ("sh", "-c", 'ulimit -S -n 16 && exec "$0" "$@"')


def start(tmp: Path, *args: str, **env: str) -> subprocess.CompletedProcess[str]:
    """Run a daemon that ends by itself."""
    require_daemon("ours")
    return run_daemon(tmp, [daemon_program("ours"), *args], env)


def start_limited(tmp: Path, limit: str) -> subprocess.CompletedProcess[str]:
    """Run a daemon that ends by itself. limit: words for ulimit."""
    require_daemon("ours")
    return run_daemon(tmp, ["sh", "-c", f'ulimit {limit}; exec "$0"', daemon_program("ours")], {})


def run_daemon(
    tmp: Path, command: list[str], env: dict[str, str]
) -> subprocess.CompletedProcess[str]:
    """Run a command in the environment of a daemon, and one's own."""
    return subprocess.run(
        command,
        env={"PATH": os.environ["PATH"], "PVM_TMP": str(tmp), "PVM_ALLOW_ROOT": "1"} | env,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
    )


def check_failed(done: subprocess.CompletedProcess[str], *words: str) -> None:
    """The start failed with a status and one line that has these words."""
    assert done.returncode == 1, done
    assert done.stdout == ""
    assert len(done.stderr.splitlines()) == 1, done.stderr
    for word in words:
        assert word in done.stderr


def test_missing_directory_is_named(tmp: Path) -> None:
    check_failed(start(tmp / "none"), str(tmp / "none"), "PVM_TMP")


def test_long_directory_is_refused(tmp: Path) -> None:
    path = tmp / ("x" * 100)
    path.mkdir()
    check_failed(start(path), "too long", "PVM_TMP")


def test_two_words_give_the_usage(tmp: Path) -> None:
    check_failed(start(tmp, "a", "b"), "usage: pvmd3 [-ddebugmask] [-nhostname] [hostfile]")


@pytest.mark.parametrize("option", ["-x", "--nonsense", "-hx"])
def test_unknown_option_is_named(tmp: Path, option: str) -> None:
    check_failed(start(tmp, option), f"unknown option {option}", "usage: pvmd3", "--help")
    assert not list(tmp.iterdir())


@pytest.mark.parametrize("option", ["-dzz", "-d0xzz", "-d2x", "-d", "-n"])
def test_option_with_a_bad_value_is_named(tmp: Path, option: str) -> None:
    check_failed(start(tmp, option), option, "usage: pvmd3")
    assert not list(tmp.iterdir())


@pytest.mark.parametrize(
    "name", ["PVMDDEBUG", "PVMDLOGMAX", "PVM_MAX_TASKS", "PVMNETSOCKPORT", "PVM_HOST_TIMEOUT"]
)
def test_variable_that_is_no_number_is_named(tmp: Path, name: str) -> None:
    check_failed(start(tmp, **{name: "many"}), f"{name}=many is not a number")
    assert not list(tmp.iterdir())


@pytest.mark.parametrize(
    ("name", "why"),
    [
        ("PVM_OWNER", 'many: "many" tells nothing of an owner; there are tty, input, load'),
        ("PVM_VACATE_SIGNAL", "many is neither TERM nor USR1"),
    ],
)
def test_variable_with_an_unknown_word_is_named(tmp: Path, name: str, why: str) -> None:
    check_failed(start(tmp, **{name: "many"}), f"{name}={why}")
    assert not list(tmp.iterdir())


@pytest.mark.parametrize("files", [12, 13, 14, 18, 23])
def test_too_few_open_files_end_the_start_before_the_address(tmp: Path, files: int) -> None:
    done = start_limited(tmp, f"-n {files}")
    check_failed(done, f"at most {files} files may be open", "needs 24", "`ulimit -n`")
    assert not list(tmp.iterdir())


@pytest.mark.parametrize("kilobytes", [6000, 8000, 10000])
def test_too_little_memory_ends_the_start_with_a_line(tmp: Path, kilobytes: int) -> None:
    done = start_limited(tmp, f"-d {kilobytes}")
    check_failed(done, "too little memory", "`ulimit -v`")
    assert not list(tmp.glob("pvmd.*"))


class NoThreads(VirtualMachine):
    """A machine whose daemon may start no thread, as its stack does not fit into the memory."""

    enter = ("sh", "-c", 'ulimit -s 1000000; ulimit -v 500000; exec "$0" "$@"')


def test_no_thread_can_be_started(connector: Connector) -> None:
    """The name of the own host is looked up all the same, and an addition fails in words."""
    with NoThreads("ours") as vm, enrolled(vm, connector) as task:
        assert task.request(c.TM_CONFIG).ints()[0] >= 0
        reply = task.request(c.TM_ADDHOST, ints(1) + string(b"nowhere.test"))
        assert c.PvmNoHost in reply.ints()
        assert "no address of nowhere.test" in vm.log()


def test_soft_limit_of_open_files_may_be_low(connector: Connector) -> None:
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    with LowSoftLimit("ours") as vm:
        assert resource.prlimit(vm.pid, resource.RLIMIT_NOFILE) == (before[1], before[1])
        with enrolled(vm, connector) as task:
            assert task.request(c.TM_CONFIG).ints()[0] >= 0


@pytest.mark.parametrize("where", ["argument", "environment"])
def test_host_file_that_cannot_be_read_ends_the_start(tmp: Path, where: str) -> None:
    path = str(tmp / "none")
    done = start(tmp, path) if where == "argument" else start(tmp, PVMHOSTFILE=path)
    check_failed(done, f"host file {path} can't be read: No such file", "PVMHOSTFILE")
    assert not list(tmp.glob("pvm[dt]*"))


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root")
def test_root_must_be_allowed(tmp: Path) -> None:
    require_daemon("ours")
    done = subprocess.run(
        [daemon_program("ours")],
        env={"PATH": os.environ["PATH"], "PVM_TMP": str(tmp)},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
    )
    check_failed(done, "root", "PVM_ALLOW_ROOT")


def test_test_option_logs_and_ends(tmp: Path) -> None:
    done = start(tmp, "-t", "-d2")
    assert (done.returncode, done.stdout) == (0, "")
    assert "debug mask is 0x2 (msg)" in (tmp / f"pvml.{os.geteuid()}").read_text()
    assert not list(tmp.glob("pvmd*"))


@pytest.mark.parametrize("daemon", SIDES)
def test_start_without_problems_is_silent(daemon: Side) -> None:
    with VirtualMachine(daemon) as vm:
        wait_until(lambda: "ready" in vm.log(), "the daemon is ready")
        assert (vm.home / "daemon.err").read_text() == ""


@pytest.mark.parametrize("daemon", SIDES)
def test_start_with_problems_tells_them(daemon: Side, tmp: Path) -> None:
    hosts = tmp / "hosts"
    hosts.write_text("* nonsense=1\n")
    with VirtualMachine(daemon, arguments=[str(hosts)]) as vm:
        wait_until(lambda: "ready" in vm.log(), "the daemon is ready")
        assert 'unknown option "nonsense' in (vm.home / "daemon.err").read_text()


def test_second_daemon_says_how_to_run_beside() -> None:
    with VirtualMachine("ours") as vm:
        address = vm.sock_file.read_text()
        check_failed(start(vm.tmp), "already runs", address, "PVM_VMID")
        assert vm.sock_file.read_text() == address
        assert "ready" in vm.log()


def test_vmid_makes_a_second_machine() -> None:
    with VirtualMachine("ours", env={"PVM_VMID": "two"}) as vm:
        assert vm.sock_file.name == f"pvmd.{os.geteuid()}.two"
        assert vm.sock_file.read_text() == vm.address
        assert vm.sock_file.stat().st_mode & 0o777 == 0o600


def test_vmid_from_standard_input(tmp: Path) -> None:
    require_daemon("ours")
    reading, writing = os.pipe()
    os.write(writing, b"other PVM_VMID=in\n")
    os.close(writing)
    with subprocess.Popen(
        [daemon_program("ours")],
        env={"PATH": os.environ["PATH"], "PVM_TMP": str(tmp), "PVM_ALLOW_ROOT": "1"},
        stdin=reading,
        stdout=subprocess.PIPE,
    ) as process:
        os.close(reading)
        assert process.stdout
        address = process.stdout.readline().decode().strip()
        assert (tmp / f"pvmd.{os.geteuid()}.in").read_text() == address
        process.terminate()
        assert process.wait(PATIENCE) == signal.SIGTERM


@pytest.mark.parametrize("content", ["", "/tmp/no/such/socket", "7f000001:0001", "nonsense"])
def test_stale_sock_file_is_replaced(content: str) -> None:
    with VirtualMachine("ours") as vm:
        vm.process.kill()
        vm.process.wait()
        stale = content or vm.address
        vm.sock_file.write_text(content)
        vm.start_again()
        assert vm.sock_file.read_text() == vm.address != stale
        assert "replaced stale" in vm.log()
        for path in vm.tmp.glob("pvmtmp*"):
            if str(path) != vm.address:
                path.unlink()


def test_killed_daemon_is_succeeded_and_its_log_replaced() -> None:
    with VirtualMachine("ours") as vm:
        old = vm.address
        vm.process.kill()
        vm.process.wait()
        vm.start_again()
        assert not Path(old).exists()
        assert vm.log().count("ready") == 1


@pytest.mark.parametrize("signum", [signal.SIGTERM, signal.SIGINT])
def test_signal_ends_the_daemon_with_its_number(signum: signal.Signals) -> None:
    with VirtualMachine("ours") as vm:
        vm.process.send_signal(signum)
        assert vm.process.wait(PATIENCE) == signum
        assert f"caught signal {signum:d}" in vm.log()
        assert not list(vm.tmp.glob("pvm[dt]*"))


def test_hangup_is_ignored(connector: Connector) -> None:
    with VirtualMachine("ours") as vm:
        vm.process.send_signal(signal.SIGHUP)
        with RawTask(vm.address, connector) as task:
            task.enrol(vm.tmp)


def test_halt_ends_daemon_and_tasks(connector: Connector) -> None:
    with VirtualMachine("ours") as vm:
        with RawTask(vm.address, connector) as task:
            task.enrol(vm.tmp)
            task.send(message(c.TM_HALT, src=task.tid))
            task.wait_closed()
        assert vm.process.wait(PATIENCE) == 0
        wait_until(lambda: not connector.alive(), "task got SIGTERM")
        assert not list(vm.tmp.glob("pvm[dt]*"))


def test_log_is_limited(connector: Connector) -> None:
    with VirtualMachine("ours", env={"PVMDLOGMAX": "200"}) as vm:
        with RawTask(vm.address, connector) as task:
            task.enrol(vm.tmp)
            for _ in range(20):
                task.request(c.TM_TICKLE, ints(1, 99))
        assert 0 < len(vm.log()) < 400


def test_log_lines_have_tid_and_time() -> None:
    with VirtualMachine("ours", arguments=["-nlocalhost"]) as vm:
        pattern = r"\[t80040000\] \d\d/\d\d \d\d:\d\d:\d\d localhost \(127.0.0.1\) LINUX64 .*"
        assert re.fullmatch(pattern, vm.log().splitlines()[0])


def test_unresolvable_name_gives_a_machine_of_one_host(connector: Connector) -> None:
    vm = VirtualMachine("ours", arguments=["-nno.such.name.invalid"])
    with vm, RawTask(vm.address, connector) as task:
        assert b"no.such.name.invalid" in task.enrol(vm.tmp).request(c.TM_CONFIG).body


def test_host_file_options_apply_to_this_host(tmp: Path, connector: Connector) -> None:
    path = tmp / "hosts"
    path.write_text("# comment\n* sp=7\nlocalhost sp=500 wd=/usr zz=1\nlocalhost sp=600\nbad zz\n")
    with VirtualMachine("ours", arguments=["-nlocalhost", str(path)]) as vm:
        with RawTask(vm.address, connector) as task:
            assert ints(600) in task.enrol(vm.tmp).request(c.TM_CONFIG).body
        assert 'unknown option "zz=1"' in vm.log()
        assert "2 errors" in vm.log()


def test_max_tasks_refuses_further_ones(connector: Connector) -> None:
    vm = VirtualMachine("ours", env={"PVM_MAX_TASKS": "1"})
    with vm, RawTask(vm.address, connector) as first, RawTask(vm.address, connector) as second:
        first.enrol(vm.tmp)
        with pytest.raises(AssertionError, match="refused"):
            second.enrol(vm.tmp)
        second.wait_closed()


def test_idle_daemon_is_small() -> None:
    with VirtualMachine("ours") as vm:
        assert vm.rss() < 25 << 20


@pytest.mark.parametrize(
    ("module", "unneeded"),
    [
        ("main", ["asyncio", "dataclasses", "pvm3py.pvmd.core"]),
        ("serve", ["dataclasses", "pathlib", "pvm3py.classic", "pvm3py.trace.message"]),
    ],
)
def test_start_loads_only_what_it_needs(module: str, unneeded: list[str]) -> None:
    code = (
        f"import sys; sys.path.insert(0, {str(modules_dir())!r})\n"
        f"sys.modules['ssl'] = None; import pvm3py.pvmd.{module}\n"
        f"print(*set(sys.modules).intersection({unneeded}))"
    )
    done = subprocess.run([sys.executable, "-I", "-S", "-c", code], capture_output=True, text=True)
    assert (done.returncode, done.stdout) == (0, "\n"), done.stderr
