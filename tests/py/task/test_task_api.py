# SPDX-License-Identifier: MIT
"""The flat functions, used as a program uses them: in tasks of their own."""

from __future__ import annotations

import inspect
import sys

import pytest
from support.compiler import compile_program
from support.programs import cases
from support.programs.scripts import ScriptMachine
from support.system import PROJECT, SIDES, Side


@pytest.mark.parametrize("daemon", SIDES)
def test_every_function_and_its_exceptions(daemon: Side) -> None:
    assert cases.python(daemon)


# ---- settings --------------------------------------------------------------------


def test_trace_masks_of_task_and_children_are_set_apart(machine: ScriptMachine) -> None:
    machine.run("""
        before = gettmask()
        mask = "A" + 34 * "@"
        settmask(mask, child=True)
        assert (gettmask(child=True), gettmask()) == (mask, before)
        settmask(mask)
        assert gettmask() == mask
        try:
            settmask("short")
        except ValueError as error:
            assert "35 characters, not 5" in str(error)
        else:
            raise SystemExit("a short mask was taken")
    """)


def test_reset_deletes_what_ended_tasks_have_left_and_ends_tasks(machine: ScriptMachine) -> None:
    machine.run("""
        initsend()
        putinfo("left", getsbuf(), Mbox.PERSISTENT)
        putinfo("other", getsbuf(), Mbox.PERSISTENT)
    """)
    machine.run("""
        names = lambda: {c.name for c in getmboxinfo()}
        reset(tasks=False, name="left", index=1)
        assert names() == {"left", "other"}
        reset(tasks=False, name="left", index=0)
        assert names() == {"other"}
        tid, = spawn("/bin/sleep", ["1000"])
        notify(Event.TASK_EXIT, 5, [tid])
        reset()
        assert names() == set()
        recv(tag=5)
    """)


# ---- with C, and the interface itself ---------------------------------------------


def test_python_task_converses_with_c_task(machine: ScriptMachine) -> None:
    worker = compile_program("sum_worker", [PROJECT / "examples" / "sum_worker.c"], "ours")
    (machine.programs / "sum_worker").symlink_to(worker)
    done = machine.vm.run(sys.executable, PROJECT / "examples" / "conversation.py").check()
    assert "1 + ... + 1000 = 500500" in done.out


def test_every_public_function_explains_itself() -> None:
    import pvm3py.classic  # noqa: PLC0415

    for name in pvm3py.classic.__all__:
        thing = getattr(pvm3py.classic, name)
        if not isinstance(thing, int):
            assert inspect.getdoc(thing), f"{name} has no docstring"
        if inspect.isfunction(thing):
            assert "return" in thing.__annotations__, f"{name} is not typed"


def test_every_constant_of_the_header_that_tasks_use_has_a_name() -> None:
    from pvm3py._task import lib  # noqa: PLC0415
    from pvm3py.binding import enums  # noqa: PLC0415

    named = {int(member) for member in enums.Code}
    codes = {
        getattr(lib, name)
        for name in dir(lib)
        if name.startswith("Pvm") and isinstance(getattr(lib, name), int) and getattr(lib, name) < 0
    }
    assert codes == named


def test_signal_handler_runs_while_a_task_waits(machine: ScriptMachine) -> None:
    machine.run(
        """
        child, = spawn("child")
        assert recv_obj(child)[0] == "ready"
        notify(Event.TASK_EXIT, 1, [child])
        sendsig(child, signal.SIGTERM)
        assert recv_obj(child, 2)[0] == "handled"
        recv(tag=1)
        """,
        child="""
        def handled(*_):
            send_obj("handled", parent(), 2)
            exit()
            os._exit(0)
        signal.signal(signal.SIGTERM, handled)
        send_obj("ready", parent())
        recv()
        """,
    )


# ---- threads -------------------------------------------------------------------


def test_threads_send_and_receive_while_one_is_blocked(machine: ScriptMachine) -> None:
    out = machine.run("""
        me = mytid()
        setopt(Option.THREAD_BUFFERS, 1)
        wrong = []

        def waits():
            recv(me, tag=999)
            if upkstr() != "end":
                wrong.append("end")

        def talks(tag):
            for number in range(50):
                initsend()
                pkint([tag, number])
                send(me, tag)
                recv(me, tag)
                if upkint(2) != [tag, number] or not pstat(me):
                    wrong.append(tag)

        waiting = threading.Thread(target=waits)
        waiting.start()
        talking = [threading.Thread(target=talks, args=(tag,)) for tag in range(1, 5)]
        for thread in talking:
            thread.start()
        for thread in talking:
            thread.join()
        initsend()
        pkstr("end")
        send(me, 999)
        waiting.join()
        print("wrong", wrong)
    """)
    assert out.split("\n")[0] == "wrong []"


def test_second_start_of_a_daemon_says_what_to_do(machine: ScriptMachine) -> None:
    machine.run("""
        try:
            start_pvmd()
        except PvmError as error:
            assert error.code is Code.DUP_HOST and error.text == "Duplicate host"
            assert "runs already" in str(error) and "mytid()" in str(error), str(error)
            assert "PVM_VMID" in str(error)
        else:
            raise SystemExit("started")
        assert mytid() > 0
    """)
