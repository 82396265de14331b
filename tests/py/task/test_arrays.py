# SPDX-License-Identifier: MIT
"""numpy arrays in objects, in buffers and in messages; numpy is never imported by the package."""

from __future__ import annotations

import importlib.util

import pytest
from support.programs.scripts import RAISES, ScriptMachine
from support.system import missing

PRELUDE = """
import numpy as np
from pvm3py import *
from pvm3py import classic
"""


@pytest.fixture(autouse=True)
def numpy() -> None:
    if importlib.util.find_spec("numpy") is None:
        missing("numpy: `make build/stamps/venv-test` brings it")


def run(machine: ScriptMachine, text: str) -> None:
    import textwrap  # noqa: PLC0415

    machine.run(PRELUDE + RAISES + textwrap.dedent(text))


def test_array_in_an_object_comes_back_with_type_and_shape(machine: ScriptMachine) -> None:
    run(
        machine,
        """
        with Task() as task:
            for dtype in "f2 f4 f8 i1 i8 u2 ? c8 c16 S7 U3 >f8 O".split():
                for shape in ((), (3,), (50, 40), (0, 5), (200, 100)):
                    sent = np.zeros(shape, dtype)
                    task.send({"array": sent, "fortran": np.asarray(sent, order="F")}, task.tid)
                    got = task.recv()
                    for one in got.values():
                        assert one.dtype == sent.dtype and one.shape == shape
                        assert (one == sent).all() and one.flags.writeable
            pair = np.array([(1, 2.5)], [("a", "i4"), ("b", "f8")])
            task.send([pair, np.arange(12.0).reshape(3, 4)[:, ::2]], task.tid)
            again, strided = task.recv()
            assert again == pair and (strided == [[0, 2], [4, 6], [8, 10]]).all()
        """,
    )


def test_array_that_is_read_only_stays_so(machine: ScriptMachine) -> None:
    run(
        machine,
        """
        with Task() as task:
            fixed = np.arange(10_000)
            fixed.flags.writeable = False
            task.send(fixed, task.tid)
            assert not task.recv().flags.writeable
        """,
    )


@pytest.mark.parametrize("encoding", ["auto", "xdr", "raw"])
def test_buffers_of_each_item_type_go_both_ways(machine: ScriptMachine, encoding: str) -> None:
    run(
        machine,
        f"""
        with Task() as task:
            for dtype in "f4 f8 i1 u1 i2 u2 i4 u4 i8 u8 ? c8 c16".split():
                for shape in ((7,), (3, 4), ()):
                    sent = np.ones(shape, dtype)
                    room = np.zeros(shape, dtype)
                    task.Send(sent, task.tid, 4, encoding={encoding!r})
                    assert task.Recv(room, task.tid, 4).count == sent.size
                    assert (room == sent).all()
            message = Message({"raw" if encoding == "raw" else "xdr"!r})
            message.pack(np.arange(6.0)[::2]).pack(np.arange(3) * 1j)
            message.pack(np.array([b"abc", b"de"]))
            task.Send(message, task.tid)
            got = task.receive()
            room = np.zeros(3)
            got.unpack_into(room)
            assert room.tolist() == [0, 2, 4] and got.unpack("dcplx", 3) == [0, 1j, 2j]
            assert got.unpack("byte", 6) == b"abcde\\0"
        """,
    )


def test_no_message_is_taken_for_a_buffer_that_cannot_be_filled(machine: ScriptMachine) -> None:
    run(
        machine,
        """
        with Task() as task:
            task.Send(np.ones(3), task.tid)
            for room, why in ((bytes(24), "read-only"), (np.zeros((3, 4)).T, "ascontiguousarray"),
                              (np.zeros(3, "f2"), "send()")):
                raises(TypeError, lambda: task.Recv(room), why)
            room = np.zeros(3)
            assert task.Recv(room, timeout=100).count == 3 and room.all()
        """,
    )


def test_array_without_a_form_in_pvm_is_refused_with_the_cure(machine: ScriptMachine) -> None:
    run(
        machine,
        """
        with Task() as task:
            me = task.tid
            raises(TypeError, lambda: task.Send(np.zeros((3, 4)).T, me), "np.ascontiguousarray")
            raises(TypeError, lambda: task.Send(np.zeros(3, "f2"), me), "send()")
            raises(TypeError, lambda: task.Send(np.zeros(3, ">f8"), me), "byte order")
            raises(TypeError, lambda: task.Send(np.zeros(3, "f8,i4"), me), "send()")
            raises(TypeError, lambda: task.Send(np.zeros(3, "U4"), me), "send()")
            raises(OverflowError, lambda: task.Send(np.array([1, 2, 2**31]), me, encoding="xdr"),
                   "item 2")
            raises(TypeError, lambda: classic.pkarray(np.zeros((3, 4)).T), "np.ascontiguousarray")
            classic.initsend()
            classic.pkarray(np.array([1 + 2j, 3j], "c8"))
            classic.send(me, 1)
            classic.recv(me, 1)
            room = np.zeros(2, "c8")
            classic.upkarray(room)
            assert room.tolist() == [1 + 2j, 3j]
        """,
    )


def test_array_like_one_before_that_was_cut_is_no_object_and_not_lost(
    machine: ScriptMachine,
) -> None:
    run(
        machine,
        """
        from pvm3py.binding import objects
        with Task() as task:
            array = np.arange(10_000.0)
            for _ in range(3):
                task.send(array, task.tid)
                got = task.recv()
                assert (got == array).all() and got.flags.writeable
            other = task.send(array, task.tid), task.recv()
            got += 1
            assert (other[1] == array).all()
            head, items = objects.dump(array)
            for length in (0, 8, array.nbytes - 8, array.nbytes + 8):
                body = head + bytes(-len(head) % objects.ALIGN) + bytes(length)
                task.Send(body, task.tid, 7)
                error = raises(NotAnObject, lambda: task.recv(task.tid, 7))
                assert error.message.length == len(body)
                assert error.message.unpack("byte", len(body)) == body
        """,
    )
