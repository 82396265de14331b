# SPDX-License-Identifier: MIT
"""What the daemon does when something in it or around it fails; a patch makes it fail."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest
from support.impostors.rawtask import ClosedError, Connector, RawTask, ints, message, string
from support.machines.patched import Patch
from support.machines.vm import VirtualMachine, wait_until
from support.system import (
    PATIENCE,
    Side,
    debian_library,
    library_dir,
    require_library,
)

from pvm3py.wire import constants as c
from pvm3py.wire.task import AddHostReply, Codes, SpawnRequest, TaskReply


def spawn(task: RawTask, file: str, *args: str) -> int:
    """Start one task; its tid."""
    body = SpawnRequest(file, 0, "", 1, list(args), 0, 0, 0, 0, 0, 0, [])
    return Codes.decode(task.request(c.TM_SPAWN, body.encode()).body).values[0]


def test_client_that_leaves_before_it_is_answered_is_no_fault(
    connector: Connector, patched: Patch
) -> None:
    patched("""
        import time
        from pvm3py.wire import constants as c
        from pvm3py.pvmd import dispatch, serving
        def delay(route):
            inner = route.function
            def late(pvmd, request, body):
                while pvmd.switch.statistics().connections:
                    time.sleep(0.001)
                try:
                    return inner(pvmd, request, body)
                finally:
                    with open(pvmd.settings.tmp + "/served", "a") as served:
                        served.write(".")
            route.function = late
        delay(dispatch.ROUTES[c.TM_CONN2])
    """)
    with VirtualMachine("ours") as vm:
        served = vm.tmp / "served"
        served.touch()
        with RawTask(vm.address, connector) as client:
            client.send(message(c.TM_CONN2, ints(connector.pid, 0) + string(b"")))
        wait_until(lambda: served.stat().st_size == 1, "it is served")
        served.unlink()
        vm.process.send_signal(signal.SIGTERM)
        vm.process.wait()
        assert "Traceback" not in vm.log(), vm.log()
        assert "pvmd ends" in vm.log()


def test_who_does_not_enrol_in_time_is_dropped(patched: Patch, connector: Connector) -> None:
    patched("import pvm3py.pvmd.topics.enrol as enrol\nenrol.TIMEOUT = 0.3")
    with VirtualMachine() as vm, RawTask(vm.address, connector) as task:
        task.enrol(vm.tmp)
        auth = vm.tmp / "auth"
        auth.touch(0o600)
        with RawTask(vm.address, connector) as silent, RawTask(vm.address, connector) as half:
            half.request(c.TM_CONNECT, ints(c.TDPROTOCOL) + string(bytes(auth)))
            silent.wait_closed()
            half.wait_closed()
        wait_until(lambda: vm.log().count("not enrolled within 0.3 s") == 2, "both in the log")
        assert [path for path in vm.tmp.glob("pvmtmp*") if path.is_file()] == []
        assert task.sync()


@pytest.mark.parametrize("lasting", [False, True], ids=["once", "for good"])
def test_unforeseen_error_ends_the_machine_in_order(
    patched: Patch, connector: Connector, tmp_path: Path, lasting: bool
) -> None:
    flag = tmp_path / "flag"
    patched(f"""
        from pvm3py.pvmd.io.selector import SwitchSelector
        select = SwitchSelector.select
        def broken(self, timeout=None):
            if os.path.exists({str(flag)!r}):
                {"" if lasting else f"os.unlink({str(flag)!r})"}
                raise RuntimeError("selector out of order")
            return select(self, timeout)
        SwitchSelector.select = broken
    """)
    with VirtualMachine() as vm, RawTask(vm.address, connector) as task:
        task.enrol(vm.tmp)
        assert spawn(task, "/bin/sleep", "1000") > 0
        flag.touch()
        task.send(message(c.TM_CONFIG, src=task.tid))
        task.wait_closed()
        assert vm.process.wait(PATIENCE) == 1
        wait_until(lambda: not connector.alive(), "task got SIGTERM")
        wait_until(lambda: not vm.processes(), "all processes gone")
        assert "RuntimeError: selector out of order" in vm.log()
        assert not list(vm.tmp.glob("pvm[dt]*"))


def test_files_of_killed_tasks_are_found_without_listing_the_directory(
    patched: Patch, connector: Connector
) -> None:
    patched("""
        def fail(*_):
            raise AssertionError("a directory is listed")
        os.listdir = os.scandir = fail
    """)
    with VirtualMachine() as vm:
        with RawTask(vm.address, connector) as task:
            task.enrol(vm.tmp)
            mine = [vm.tmp / f"pvmtmp{connector.pid:06d}.{number}" for number in (0, 1, 15)]
            for path in mine:
                with socket.socket(socket.AF_UNIX) as sock:
                    sock.bind(str(path))
        wait_until(lambda: not any(path.exists() for path in mine), "files removed")
        assert "a directory is listed" not in vm.log()


def test_handler_that_raises_is_answered_and_logged(patched: Patch, connector: Connector) -> None:
    patched("""
        from pvm3py.pvmd.topics import tickle
        def fail(*_):
            raise KeyError("lost")
        tickle._ACTIONS[5] = fail
    """)
    with VirtualMachine() as vm, RawTask(vm.address, connector) as task:
        task.enrol(vm.tmp)
        assert task.request(c.TM_TICKLE, ints(1, 5)).ints() == (c.PvmDSysErr,)
        assert "KeyError: 'lost'" in vm.log()
        assert task.sync()


def test_signal_during_the_start_leaves_no_file(patched: Patch, tmp_path: Path) -> None:
    program = patched("""
        import signal
        from pvm3py.pvmd import serve as module
        master_host = module._master_host
        def interrupted(*args):
            os.kill(os.getpid(), signal.SIGTERM)
            return master_host(*args)
        module._master_host = interrupted
    """)
    directory = tmp_path / "t"
    directory.mkdir()
    done = subprocess.run(
        [program],
        env={"PVM_TMP": str(directory), "PVM_ALLOW_ROOT": "1"},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        timeout=PATIENCE,
        check=False,
    )
    assert done.returncode == signal.SIGTERM, done
    assert [path.name for path in directory.iterdir()] == [f"pvml.{os.geteuid()}"]


def test_silent_name_server_delays_neither_start_nor_end(
    patched: Patch, connector: Connector, tmp_path: Path
) -> None:
    patched("""
        import socket, time
        known = socket.gethostbyname
        def silent(name):
            if name.endswith("slow"):
                time.sleep(3600)
            return known(name)
        socket.gethostbyname = silent
    """)
    with VirtualMachine(arguments=["-nslow"]) as vm:
        assert "host name slow has no address" in vm.log()
    hosts = tmp_path / "hosts"
    hosts.write_text("other.slow\n10.1.2.3 sp=77\n")
    with (
        VirtualMachine(arguments=["-n10.1.2.3", str(hosts)]) as vm,
        RawTask(vm.address, connector) as task,
    ):
        task.enrol(vm.tmp)
        assert ints(77) in task.request(c.TM_CONFIG).body
        adding = ints(1) + string(b"another.slow")
        assert task.request(c.TM_ADDHOST, adding).ints() == (c.PvmAlready,)
    with VirtualMachine(arguments=["-n10.1.2.3"]) as vm, RawTask(vm.address, connector) as task:
        task.enrol(vm.tmp)
        task.send(message(c.TM_ADDHOST, adding, src=task.tid, wid=55))
        assert (c.TM_ADDHOST, 55) not in task.sync()


def test_hosts_cannot_be_added_to_a_machine_with_an_address(connector: Connector) -> None:
    with (
        VirtualMachine(arguments=["-n10.1.2.3"]) as vm,
        RawTask(vm.address, connector) as task,
    ):
        task.enrol(vm.tmp)
        names = (b"10.1.2.3", b"10.9.9.9", b"again ip=10.1.2.3", b"x zz=1", b"10.9.9.9.9.9")
        body = ints(len(names)) + b"".join(map(string, names))
        codes = [c.PvmDupHost, c.PvmCantStart, c.PvmDupHost, c.PvmBadParam, c.PvmNoHost]
        reply = AddHostReply.decode(task.request(c.TM_ADDHOST, body).body)
        assert [host.tid for host in reply.hosts] == codes

        task.send(message(c.SM_ADD, body, src=task.tid, ctx=0, wid=8))
        assert task.receive().ints() == (c.PvmDenied,)
        task.request(c.TM_SCHED)
        task.send(message(c.SM_ADD, body, src=task.tid, ctx=0, wid=9))
        answer = task.receive()
        assert (answer.tag, answer.wid) == (c.SM_ADDACK, 9)
        assert [host.tid for host in AddHostReply.decode(answer.body).hosts] == codes


def test_connection_that_ends_while_it_enrols_is_no_task(
    patched: Patch, connector: Connector
) -> None:
    patched("""
        import errno
        from pvm3py.pvmd.io.switch import Switch
        bind, calls = Switch.bind, []
        def ended(self, *args, **named):
            calls.append(args)
            if len(calls) == 1:
                raise OSError(errno.ENOENT, "the connection has ended")
            bind(self, *args, **named)
        Switch.bind = ended
    """)
    with VirtualMachine() as vm, RawTask(vm.address, connector) as first:
        with pytest.raises(ClosedError):
            first.enrol(vm.tmp)
        with RawTask(vm.address, connector) as task:
            task.enrol(vm.tmp)
            entries = TaskReply.decode(task.request(c.TM_TASK, ints(0)).body).tasks
            assert [entry.tid for entry in entries] == [task.tid]
        assert "Traceback" not in vm.log()


def test_standard_files_may_be_closed(patched: Patch, connector: Connector) -> None:
    program = patched("")
    launcher = program.with_name("launcher")
    launcher.write_text(f"#!/bin/sh\necho starting\nexec {program} <&- >&- 2>&-\n")
    launcher.chmod(0o700)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("support.machines.vm.daemon_program", lambda _side: launcher)
        vm = VirtualMachine()
    with vm:
        address = wait_until(lambda: vm.sock_file.exists() and vm.sock_file.read_text(), "start")
        with RawTask(address, connector) as task:
            assert spawn(task.enrol(vm.tmp), "/bin/true") > 0
            assert task.sync()


@pytest.mark.parametrize("side", ["ours", "debian"])
def test_task_of_a_killed_daemon_gets_an_error(side: Side) -> None:
    require_library(side)
    library = library_dir() / "libpvm3.so.3" if side == "ours" else debian_library()
    code = (
        f"import ctypes; pvm = ctypes.CDLL({str(library)!r})\n"
        "print(pvm.pvm_mytid(), flush=True)\nprint(pvm.pvm_recv(-1, -1), flush=True)\n"
    )
    with VirtualMachine() as vm:
        task = vm.start(sys.executable, "-c", code)
        assert task.stdout
        assert int(task.stdout.readline()) > 0
        wait_until(lambda: not [*vm.tmp.glob("pvmtmp*.1")], "file of the enrolment removed")
        vm.process.kill()
        vm.process.wait()
        out, _ = task.communicate(timeout=PATIENCE)
        assert int(out) == c.PvmSysErr
        vm.tasks.remove(task)
        vm.start_again()
        assert "replaced stale" in vm.log()
