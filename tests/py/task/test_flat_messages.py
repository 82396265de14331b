# SPDX-License-Identifier: MIT
"""The flat functions that pack, send, receive and unpack."""

from __future__ import annotations

from support.programs.scripts import ScriptMachine


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
