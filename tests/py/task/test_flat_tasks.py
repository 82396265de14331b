# SPDX-License-Identifier: MIT
"""The flat functions about tasks, and those that tell of the machine."""

from __future__ import annotations

from support.programs.scripts import ScriptMachine

WORDS = "words of the child"
SPEAKS = f"print({WORDS!r}); mytid(); exit()"


def test_spawned_tasks_know_parent_and_siblings(machine: ScriptMachine) -> None:
    out = machine.run(
        """
        tids = spawn("child", ["one", "t w o"], count=3)
        assert len(set(tids)) == 3 and parent() is None
        for tid in tids:
            (args, parent_tid, family), message = recv_obj(tid)
            assert args == ["one", "t w o"] and parent_tid == mytid(), (args, parent_tid)
            assert family == tids
        initsend()
        mcast(tids, 5)
        print("done")
        """,
        child="""
        send_obj((sys.argv[1:], parent(), siblings()), parent())
        recv(parent(), 5)
        exit()
        """,
    )
    assert out == "done\n"


def test_spawn_of_an_unknown_program_is_an_exception(machine: ScriptMachine) -> None:
    machine.run("""
        try:
            spawn("no_such_program", count=2)
        except SpawnError as error:
            assert error.code is Code.NO_FILE and error.tids == []
            assert error.codes == [Code.NO_FILE] * 2
            assert "No such file" in str(error)
        else:
            raise SystemExit("no error")
    """)


def test_notify_reports_the_end_of_a_killed_task(machine: ScriptMachine) -> None:
    machine.run(
        """
        child, = spawn("child")
        notify(Event.TASK_EXIT, 77, [child])
        assert pstat(child)
        assert child in [task.tid for task in tasks()]
        assert [task.program for task in tasks(child)] == ["child"]
        kill(child)
        recv(tag=77)
        assert upkint() == child and not pstat(child)
        """,
        child="recv()",
    )


def test_machine_is_described(machine: ScriptMachine) -> None:
    machine.run("""
        host, = config()
        assert host.tid == tidtohost(mytid()) == 0x40000 and host.arch == "LINUX64"
        assert mstat(host.name) and not mstat("no-such-host")
        assert archcode("LINUX64") == host.dsig == 0x408c41
        assert version() == "3.4.6"
        assert len(getfds()) >= 1
    """)


def test_output_of_children_is_caught(machine: ScriptMachine) -> None:
    out = machine.run(
        """
        with open("caught", "w+") as file:
            catchout(file)
            child, = spawn("child")
            exit()
        with open("caught") as file:
            print(file.read())
        """,
        child=SPEAKS,
    )
    assert WORDS in out


def test_output_is_caught_by_descriptor_or_refused(machine: ScriptMachine) -> None:
    """The standard output of a notebook has a descriptor, and no mode."""
    out = machine.run(
        """
        import gc, io
        class Notebooks:
            def __init__(self, file): self.file = file
            def fileno(self): return self.file.fileno()
            def write(self, text): self.file.write(text)
            def flush(self): self.file.flush()
        try:
            catchout(io.StringIO())
        except TypeError as error:
            assert "Task.spawn(output=...)" in str(error)
        else:
            raise SystemExit("taken")
        with open("caught", "w+") as file:
            catchout(Notebooks(file))
            gc.collect()
            child, = spawn("child")
            exit()
        with open("caught") as file:
            print(file.read())
        """,
        child=SPEAKS,
    )
    assert WORDS in out


def test_mistakes_of_newcomers_are_named(machine: ScriptMachine) -> None:
    machine.run("""
        def error_of(kind, call):
            try:
                call()
            except kind as error:
                return str(error)
            raise SystemExit(f"no {kind.__name__}")
        assert "send_obj(obj, tid, tag)" in error_of(TypeError, lambda: send_obj(mytid(), {}))
        assert "spawn absent: No such file" in error_of(SpawnError, lambda: spawn("absent"))
        initsend()
        for call in (joingroup, gsize, spawn, pkstr, export, recvinfo, mstat,
                     lambda text: putinfo(text, getsbuf()), lambda text: spawn("absent", [text]),
                     lambda text: packf("%s", text), lambda text: addhosts([text])):
            assert "NUL" in error_of(ValueError, lambda: call("a\\0b"))
    """)
