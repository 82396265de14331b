# SPDX-License-Identifier: MIT
"""The flat functions of mailbox, contexts, options, handlers and roles."""

from __future__ import annotations

from support.programs.scripts import ScriptMachine
from support.system import PATIENCE


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
