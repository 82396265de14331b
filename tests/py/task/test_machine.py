# SPDX-License-Identifier: MIT
"""VirtualMachine: private ones, which leave nothing behind, and the user's own."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import tempfile
import textwrap
from collections.abc import Iterator
from pathlib import Path

import pytest
from support.machines.hosts import Bed
from support.machines.vm import wait_until
from support.programs.scripts import ScriptMachine
from support.system import PATIENCE, modules_dir

PRELUDE = """
import os, signal, sys, threading, time
from pvm3py import *
"""


@pytest.fixture
def place() -> Iterator[Path]:
    """A directory for temporary files, which must be empty at the end."""
    directory = Path(tempfile.mkdtemp(prefix="pvmach"))
    yield directory
    left = sorted(path.name for path in directory.iterdir() if path.name != "script")
    shutil.rmtree(directory)
    assert left == []


def start(place: Path, text: str) -> subprocess.Popen[str]:
    """A Python script that nothing was prepared for."""
    script = place / "script"
    script.write_text(PRELUDE + textwrap.dedent(text))
    unset = ("PVM_TMP", "PVM_VMID", "PVM_ROOT", "PVM_ALLOW_ROOT", "PVM_PATH", "PVMSOCK")
    env = {name: value for name, value in os.environ.items() if name not in unset}
    return subprocess.Popen(
        [sys.executable, script],
        env=env | {"TMPDIR": str(place), "PYTHONPATH": str(modules_dir())},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        text=True,
    )


def run(place: Path, text: str) -> str:
    """Run such a script to its end, which must be success; its output."""
    process = start(place, text)
    out, _ = process.communicate(timeout=PATIENCE)
    assert process.returncode == 0
    return out


def of_directory(place: Path) -> list[int]:
    """Processes whose environment has the directory for temporary files."""
    mark = f"TMPDIR={place}".encode()
    found = []
    for entry in Path("/proc").iterdir():
        try:
            if entry.name.isdigit() and mark in (entry / "environ").read_bytes().split(b"\0"):
                found.append(int(entry.name))
        except OSError:
            pass
    return found


# ---- private machines --------------------------------------------------------------------


def test_private_machine_needs_nothing_and_leaves_nothing(place: Path) -> None:
    run(
        place,
        """
        before = dict(os.environ)
        with VirtualMachine() as machine:
            directory = os.environ["PVM_TMP"]
            assert machine.current and len(machine.hosts) == 1
            with machine.task as task:
                sleeper, = task.spawn("/bin/sleep", 1000)
                assert machine.tasks[sleeper].parent == task.tid
                assert set(machine.tasks) == {task.tid, sleeper}
                assert machine.tasks.get(sleeper + 7) is None
        assert not machine.current and not os.path.exists(directory)
        os.environ.pop("PVM_ALLOW_ROOT")
        assert dict(os.environ) == before
        assert "ended" in repr(machine)
        """,
    )
    wait_until(lambda: not of_directory(place), "all processes gone")


def test_machines_follow_each_other_in_one_process_but_not_two_at_once(place: Path) -> None:
    run(
        place,
        """
        for name in ("first", "second"):
            with VirtualMachine() as machine:
                assert Task(name=name) is machine.task
                with machine.task as task:
                    assert machine.tasks[task.tid].program == name
                try:
                    VirtualMachine()
                except RuntimeError:
                    pass
                else:
                    raise SystemExit("two machines")
        try:
            Task(machine=machine)
        except RuntimeError:
            pass
        else:
            raise SystemExit("a task of a machine that has ended")
        """,
    )


def test_killed_process_takes_its_machine_with_it(place: Path) -> None:
    process = start(
        place,
        """
        machine = VirtualMachine()
        machine.task.spawn("/bin/sleep", 1000)
        print("ready", flush=True)
        signal.pause()
        """,
    )
    assert process.stdout and process.stdout.readline() == "ready\n"
    assert len(of_directory(place)) >= 3
    process.send_signal(signal.SIGKILL)
    process.communicate()
    wait_until(lambda: not of_directory(place), "all processes gone")
    # The directory is the last thing that the daemon removes.
    assert [path.name for path in place.iterdir()] == ["script"]


def test_machine_that_nobody_closed_ends_with_the_process(place: Path) -> None:
    run(place, "machine = VirtualMachine(); machine.task.tid")
    wait_until(lambda: not of_directory(place), "all processes gone")


def test_halt_spares_the_process_and_ends_all_else(place: Path) -> None:
    """As in a notebook, whose kernel is a task."""
    run(
        place,
        """
        machine = VirtualMachine()
        sleeper, = machine.task.spawn("/bin/sleep", 1000)
        machine.halt()
        assert not machine.task.enrolled if machine.current else True
        print("alive")
        """,
    )
    wait_until(lambda: not of_directory(place), "all processes gone")


def test_machine_that_is_kept_goes_on_until_it_is_halted(place: Path) -> None:
    run(
        place,
        """
        with VirtualMachine(keep=True) as machine:
            pass
        with VirtualMachine.attach() as again:
            assert len(again.hosts) == 1
            directory = os.environ["PVM_TMP"]
            again.halt()
        assert [name for name in os.listdir(directory) if name.startswith("pvmd.")] == []
        import shutil
        shutil.rmtree(directory, ignore_errors=True)  # the daemon removes its files, too
        """,
    )
    wait_until(lambda: not of_directory(place), "all processes gone")


# ---- the user's own ------------------------------------------------------------------------


def test_attached_machine_goes_on_and_halt_spares_who_asked(machine: ScriptMachine) -> None:
    machine.run("""
        from pvm3py import VirtualMachine
        with VirtualMachine.attach() as attached:
            assert "attached" in repr(attached) and len(attached.hosts) == 1
        with VirtualMachine.attach(start=True) as attached:
            first = attached.task.tid
            attached.halt()
        assert not attached.current and not attached.task.enrolled if attached.current else True
        try:
            VirtualMachine.attach()
        except ConnectionLost as error:
            assert "no daemon" in str(error)
        else:
            raise SystemExit("there is a machine")
        machine = VirtualMachine.attach(start=True)
        assert len(machine.hosts) == 1
        machine.halt()
    """)


def test_mailbox_is_a_mapping_with_put_and_waiting(machine: ScriptMachine) -> None:
    machine.run("""
        from pvm3py import Message, VirtualMachine
        with VirtualMachine.attach() as attached:
            mailbox = attached.mailbox
            assert "x" not in mailbox and mailbox.get("x") is None
            mailbox.put("x", {"a": 1}, several=True)
            assert mailbox.put("x", Message().pack([1, 2]), several=True) == 1
            one, two = mailbox["x"]
            assert one.object() == {"a": 1} and two.message().unpack("int", 2) == [1, 2]
            assert (one.index, one.owner) == (0, attached.task.tid)
            assert mailbox.message("x", take=True).object() == {"a": 1}
            del mailbox["x"]
            assert list(mailbox) == []
            try:
                mailbox.message("x")
            except NotFound:
                pass
            else:
                raise SystemExit("a message")
            threading.Timer(0.1, lambda: mailbox.put("late", 5)).start()
            assert mailbox.message("late", wait=True).object() == 5
    """)


def test_events_tell_of_tasks_that_end(machine: ScriptMachine) -> None:
    machine.run("""
        from pvm3py import VirtualMachine
        with VirtualMachine.attach() as attached:
            sleeper, = attached.task.spawn("/bin/sleep", 1000)
            with attached.events() as events:
                attached.reset()
                assert events.next(timeout=100) == ("task exit", sleeper)
    """)


def test_html_is_a_table_and_escaped(machine: ScriptMachine) -> None:
    machine.run("""
        from pvm3py import Message, VirtualMachine
        from pvm3py.task.html import table
        with VirtualMachine.attach() as attached:
            host, = attached.hosts
            task = attached.task
            assert f"<td>{host}</td>" in attached._repr_html_()
            assert f"<td>{host}</td>" in attached.hosts._repr_html_()
            assert f"<td>{task.tid}</td>" in attached.tasks._repr_html_()
            attached.mailbox.put("<name>", 1)
            row = f"<tr><td>&lt;name&gt;</td><td>0</td><td>{task.tid}</td></tr>"
            assert row in attached.mailbox._repr_html_()
            message = Message("raw").pack_str("text")
            assert "<tr><td>-</td><td>0</td><td>0</td><td>9</td><td>raw</td></tr>" in (
                message._repr_html_()
            )
            message.release()
            assert "Message, released" in message._repr_html_()
        assert table("<b>", ["&"], [("<i>",)]) == (
            "<table><caption>&lt;b&gt;</caption><tr><th>&amp;</th></tr>"
            "<tr><td>&lt;i&gt;</td></tr></table>"
        )
    """)


# ---- hosts -----------------------------------------------------------------------------------


@pytest.fixture
def bed() -> Iterator[Bed]:
    """Two hosts, of which the first has a daemon when the test starts it."""
    with Bed(["ours", "ours"]) as made:
        yield made


def test_hosts_are_added_with_a_reason_for_each_that_is_not(bed: Bed) -> None:
    first, second = bed.hosts
    first.start_daemon()
    script = first.tmp / "script"
    script.write_text(
        PRELUDE
        + textwrap.dedent(f"""
        def where():
            task = Task()
            task.send(task.host.name, task.parent)
        if __name__ == "__main__":
            with VirtualMachine.attach() as machine, machine.task as task:
                hosts = machine.hosts
                try:
                    hosts.add("{second.name}", "nowhere")
                except HostsNotAdded as error:
                    assert [host.name for host in error.added] == ["{second.name}"]
                    assert list(error.errors) == ["nowhere"]
                else:
                    raise SystemExit("added")
                assert list(hosts) == ["{first.name}", "{second.name}"]
                task.spawn(where, where="{second.name}")
                assert task.recv(timeout=100) == "{second.name}"
                try:
                    task.spawn("absent", n=2)
                except SpawnError as error:
                    assert set(error.errors) == set(hosts), error.errors
                else:
                    raise SystemExit("spawned")
                with machine.events() as events:
                    hosts.remove("{second.name}")
                    while events.next(timeout=100).what != "host deleted":
                        pass
                assert list(hosts) == ["{first.name}"]
                try:
                    hosts.remove("{second.name}")
                except NoHost:
                    pass
                else:
                    raise SystemExit("removed")
        """)
    )
    env = {"PYTHONPATH": str(modules_dir())}
    first.run(sys.executable, script, env=env).check()


def test_private_machine_has_hosts_that_end_with_it(bed: Bed) -> None:
    first, second = bed.hosts
    script = first.tmp / "script"
    script.write_text(
        PRELUDE
        + textwrap.dedent(f"""
        def where():
            print("started", flush=True)
            Task().send(Task().host.name, Task().parent)
            signal.pause()
        if __name__ == "__main__":
            with VirtualMachine(["{second.name}"], ssh="{bed.remote_shell}") as machine:
                with machine.task as task:
                    task.spawn(where, where="{second.name}")
                    assert task.recv(timeout=100) == "{second.name}"
            try:
                VirtualMachine(["nowhere"], ssh="{bed.remote_shell}")
            except HostsNotAdded as error:
                assert list(error.errors) == ["nowhere"]
            else:
                raise SystemExit("added")
        """)
    )
    env = {"PYTHONPATH": str(modules_dir()), "TMPDIR": str(first.tmp)}
    first.run(sys.executable, script, env=env).check()
    wait_until(lambda: not second.processes(), "all processes of the other host gone")
    assert list(first.tmp.glob("pvm-*")) == []


def test_host_without_this_interpreter_uses_its_own(bed: Bed) -> None:
    first, second = bed.hosts
    second.set_env({"PVM3PY_PYTHON": sys.executable})
    first.start_daemon()
    script = first.tmp / "script"
    script.write_text(
        PRELUDE
        + textwrap.dedent("""
        def where():
            Task().send(sys.executable, Task().parent)
        if __name__ == "__main__":
            with VirtualMachine.attach() as machine, machine.task as task:
                other, = machine.hosts.add("%s")
                real, sys.executable = sys.executable, "/no/such/python"
                task.spawn(where, where=other.name)
                assert task.recv(timeout=100) == real
        """)
        % second.name
    )
    first.run(sys.executable, script, env={"PYTHONPATH": str(modules_dir())}).check()


def test_child_of_an_unguarded_script_says_what_to_do(place: Path) -> None:
    """Its traceback comes with the output; the receive that waits for it ends."""
    out = run(
        place,
        """
        def work(number):
            Task().parent.send(number)

        with VirtualMachine() as machine:
            (tid,) = machine.task.spawn(work, 1)
            try:
                machine.task.recv(tid)
            except NoTask as error:
                print(error)
        """,
    )
    assert f"{place}/script starts a machine while a child of it imports it" in out
    assert 'behind `if __name__ == "__main__":`' in out
    assert "it has ended" in out
