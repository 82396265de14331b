# SPDX-License-Identifier: MIT
"""The Python task interface, used as a program uses it: in tasks of their own."""

from __future__ import annotations

import inspect
import sys

import pytest
from support.compiler import compile_program
from support.programs import cases
from support.programs.scripts import ScriptMachine
from support.system import PATIENCE, PROJECT, SIDES, Side


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


# ---- messages ------------------------------------------------------------------


def test_every_item_type_comes_back_as_it_was_sent(machine: ScriptMachine) -> None:
    machine.run("""
        me = mytid()
        initsend()
        pkint(5); pkint([1, -2]); pkint(range(3)); pkint(array.array("i", [7, 8]))
        pkuint([4294967295]); pkshort([-3]); pkushort(65535); pklong([-4, 4]); pkulong(6)
        pkfloat([0.5]); pkdouble([1e300, -1.0]); pkdcplx([1 + 2j]); pkdcplx(3j); pkcplx(0.5j)
        pkbytes(b"abc"); pkstr("grüß"); pkarray(array.array("d", [2.5, 3.5])); pkstr("")
        send(me, 3)
        got = recv(me, 3)
        assert (got.tag, got.tid) == (3, me)
        assert upkint() == 5 and upkint(2) == [1, -2] and upkint(3) == [0, 1, 2]
        assert upkint(2) == [7, 8]
        assert upkuint() == 4294967295 and upkshort() == -3 and upkushort() == 65535
        assert upklong(2) == [-4, 4] and upkulong() == 6
        assert upkfloat() == 0.5 and upkdouble(2) == [1e300, -1.0]
        assert upkdcplx(1) == [1 + 2j] and upkdcplx() == 3j and upkcplx(1) == [0.5j]
        assert upkbytes(3) == b"abc" and upkstr() == "grüß"
        numbers = array.array("d", [0, 0])
        upkarray(numbers)
        assert list(numbers) == [2.5, 3.5] and upkstr() == ""
        try:
            upkint()
        except NoData as error:
            assert error.code is Code.NO_DATA and error.function == "upkint"
        else:
            raise SystemExit("read past the end")
    """)


def test_formats_are_those_of_c(machine: ScriptMachine) -> None:
    machine.run("""
        me = mytid()
        packf("%+ tag %d, %ud; %hd%hud", Encoding.RAW, -1, 4294967295, -3, 65535)
        packf("%ld%lud%f%lf%x%lx%s", 1 << 40, 1 << 63, 0.5, 1e300, 1 + 2j, 3j, "grüß")
        packf("%3d%*d%2.2d%*.*hd", [1, 2, 3], 2, (4, 5), range(6, 9), 2, 3, [1, 0, 0, 2])
        packf("%c%3c%0d%2lx", b"z", b"abcd", [], [1j, 2])
        packf("%2lf", array.array("d", [2.5, 3.5]))
        send(me, 3)
        recv(me, 3)
        assert [upkint(), upkuint(), upkshort(), upkushort()] == [-1, 4294967295, -3, 65535]
        assert unpackf("%ld%lud%f%lf%x%lx%s") == (
            1 << 40, 1 << 63, 0.5, 1e300, 1 + 2j, 3j, "grüß"
        )
        assert upkint(7) == [1, 2, 3, 4, 5, 6, 8] and unpackf("%*.3hd", 2) == ([1, 2],)
        assert unpackf("%c%3c%0d%2lx %*lf", 2) == (b"z", b"abc", [], [1j, 2], [2.5, 3.5])
        for call in (
            lambda: packf("%d"), lambda: packf("%d", 1, 2), lambda: packf("%*d", 2),
            lambda: packf("%d", "text"), lambda: packf("%2d", 1), lambda: unpackf("", 2),
        ):
            try:
                call()
            except TypeError:
                continue
            raise SystemExit("wrong arguments are taken")
        for call in (lambda: packf("%2d", [1]), lambda: packf("%.0d", [1]),
                     lambda: packf("%s", "a\\0b")):
            try:
                call()
            except ValueError:
                continue
            raise SystemExit("wrong values are taken")
        try:
            packf("%d", 1 << 40)
        except OverflowError:
            pass
        else:
            raise SystemExit("too large a number is taken")
    """)


def test_raw_encoding_carries_64_bit_longs(machine: ScriptMachine) -> None:
    machine.run("""
        initsend(Encoding.RAW)
        pklong([1 << 40])
        send(mytid(), 1)
        recv()
        assert upklong() == 1 << 40
        initsend()
        try:
            pklong([1 << 40])
        except PvmError as error:
            assert error.code == Code.OVERFLOW
        else:
            raise SystemExit("cut silently")
    """)


def test_wrong_arguments_are_refused_before_the_library_sees_them(machine: ScriptMachine) -> None:
    machine.run("""
        initsend()
        for call, error in [
            (lambda: pkint([1 << 40]), OverflowError),
            (lambda: pkint(array.array("d", [1])), TypeError),
            (lambda: pkarray(memoryview(array.array("i", range(4)))[::2]), TypeError),
            (lambda: pkstr("a\\0b"), ValueError),
            (lambda: upkbytes(-1), ValueError),
            (lambda: initsend(2), ValueError),
            (lambda: setopt(Option.AUTO_ERR, 1), ValueError),
            (lambda: upkarray(b"not writable"), (TypeError, BufferError, ValueError)),
        ]:
            try:
                call()
            except error:
                pass
            else:
                raise SystemExit(f"accepted: {call.__code__.co_names}")
    """)


def test_polling_calls_return_none_when_nothing_is_there(machine: ScriptMachine) -> None:
    machine.run("""
        mytid()
        assert nrecv() is None and probe() is None
        start = time.monotonic()
        assert trecv(timeout=0.05) is None
        assert time.monotonic() - start >= 0.05
        initsend(); pkint(1); send(mytid(), 9)
        while not (seen := probe(tag=9)):
            pass
        assert seen == trecv(tag=9, timeout=60) and upkint() == 1
    """)


def test_psend_and_precv_move_a_buffer(machine: ScriptMachine) -> None:
    machine.run("""
        me = mytid()
        psend(me, 4, array.array("i", range(1000)))
        room = array.array("i", bytes(400))
        got = precv(room, me, 4)
        assert (got.length, got.tag, got.tid) == (4000, 4, me)
        assert list(room) == list(range(100))
    """)


def test_objects_travel_by_pickle(machine: ScriptMachine) -> None:
    machine.run("""
        value = {"a": [1, 2.5, None], "b": ("x" * 100_000, {3, 4})}
        send_obj(value, mytid(), 8)
        got, message = recv_obj(tag=8)
        assert got == value and message.tag == 8
    """)


def test_ctrl_c_ends_a_waiting_recv(machine: ScriptMachine) -> None:
    machine.run("""
        mytid()
        timer = threading.Timer(0.3, os.kill, (os.getpid(), signal.SIGINT))
        timer.start()
        try:
            recv()
        except KeyboardInterrupt:
            pass
        timer.join()
        exit()
    """)


def test_buffers_can_be_switched_and_freed(machine: ScriptMachine) -> None:
    machine.run("""
        first = initsend()
        other = mkbuf()
        assert setsbuf(other) == first and getsbuf() == other
        pkint(1)
        assert bufinfo(other).length == 4
        assert setsbuf(first) == other
        freebuf(other)
        try:
            freebuf(other)
        except PvmError as error:
            assert error.code is Code.NO_SUCH_BUF
        else:
            raise SystemExit("freed twice")
        inner = mkbuf(); setsbuf(inner); pkstr("inside")
        setsbuf(first); pkmesg(inner); pkmesgbody(inner); send(mytid(), 1)
        outer = recv().bufid
        taken = upkmesg()
        assert upkstr() == "inside"
        setrbuf(taken)
        assert upkstr() == "inside" and getrbuf() == taken
    """)


# ---- tasks ---------------------------------------------------------------------


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
        child="print('words of the child'); mytid(); exit()",
    )
    assert "words of the child" in out


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
        child="print('words of the child'); mytid(); exit()",
    )
    assert "words of the child" in out


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


# ---- mailbox, contexts, options, handlers ----------------------------------------


def test_mailbox_keeps_messages_under_names(machine: ScriptMachine) -> None:
    machine.run("""
        initsend(); pkstr("stored")
        index = putinfo("box", getsbuf(), Mbox.PERSISTENT)
        recvinfo("box", index)
        assert upkstr() == "stored"
        entry, = [c for c in getmboxinfo("bo*")][0].entries
        assert entry.index == index and entry.owner == mytid()
        delinfo("box", index)
        try:
            recvinfo("box")
        except NotFound as error:
            assert error.code is Code.NOT_FOUND
        else:
            raise SystemExit("still there")
    """)


def test_contexts_separate_messages(machine: ScriptMachine) -> None:
    machine.run("""
        base = getcontext()
        private = newcontext()
        initsend(); pkint(1); send(mytid(), 1)
        assert setcontext(private) == base
        assert trecv(timeout=0.1) is None
        setcontext(base)
        assert trecv(timeout=60) is not None
        freecontext(private)
    """)


def test_options_return_their_old_value(machine: ScriptMachine) -> None:
    machine.run("""
        assert setopt(Option.ROUTE, Route.DIRECT) == Route.ALLOW_DIRECT
        assert getopt(Option.ROUTE) == Route.DIRECT
        try:
            setopt(Option.ROUTE, 9)
        except PvmError as error:
            assert error.code is Code.BAD_PARAM
        else:
            raise SystemExit("accepted")
    """)


def test_handlers_take_their_messages(machine: ScriptMachine) -> None:
    machine.run("""
        seen = []
        number = addmhf(lambda message: seen.append((message.tag, upkint())), tag=6)
        initsend(); pkint(42); send(mytid(), 6); send(mytid(), 7)
        recv(tag=7)
        assert seen == [(6, 42)]
        delmhf(number)
        send(mytid(), 6)
        recv(tag=6)
    """)


def test_lost_daemon_raises_connection_lost(machine: ScriptMachine) -> None:
    machine.run("""
        mytid()
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        halt()
        try:
            recv()
        except ConnectionLost as error:
            assert error.code is Code.SYS_ERR
        else:
            raise SystemExit("received")
    """)
    machine.vm.process.wait(PATIENCE)


def test_function_of_the_task_chooses_the_message(machine: ScriptMachine) -> None:
    machine.run("""
        me = mytid()
        for tag in (1, 2, 3):
            initsend(); pkint(tag); send(me, tag)
        while not probe(tag=3):
            pass
        recvf(lambda bufid, tid, tag: bufinfo(bufid).tag == 2)
        assert recv().tag == 2 and nrecv() is None
        recvf(lambda bufid, tid, tag: 1 + bufinfo(bufid).tag)
        assert recv().tag == 3
        recvf(None)
        assert recv().tag == 1
    """)


def test_header_of_a_message_can_be_read_and_changed(machine: ScriptMachine) -> None:
    machine.run("""
        me = mytid()
        initsend(); pkint([1, 2]); send(me, 9)
        header = getminfo(recv().bufid)
        assert (header.tag, header.src, header.len) == (9, me, 8)
        assert header.ctx == getcontext()
        initsend()
        setminfo(getsbuf(), header._replace(wid=77))
        assert getminfo(getsbuf()).wid == 77
    """)


# ---- serving the machine ---------------------------------------------------------------


def test_daemon_answers_about_itself(machine: ScriptMachine) -> None:
    machine.run("""
        host = tidtohost(mytid())
        clock = hostsync(host)
        assert abs(clock.time - time.time()) < 60 and abs(clock.ahead) < 60
        assert isinstance(tickle(6), list)
        assert getnoresets() == []
        setopt(Option.NO_RESET, 1)
        assert getnoresets() == [mytid()]
        assert pvmgettmp() == os.environ["PVM_TMP"] and pvmgetrsh()
    """)


def test_roles_are_taken_and_given_up(machine: ScriptMachine) -> None:
    machine.run("""
        for register in (reg_hoster, reg_tasker):
            before = len(getmboxinfo())
            register()
            assert len(getmboxinfo()) == before + 1
            register()
            assert len(getmboxinfo()) == before
        before, host = reg_rm()
        assert before == 0 and host.tid == tidtohost(mytid())
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
