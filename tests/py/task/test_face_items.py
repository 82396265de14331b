# SPDX-License-Identifier: MIT
"""Message: packing and unpacking items of every kind, buffers, and a C task at the other end."""

from __future__ import annotations

from pathlib import Path

import pytest
from support.compiler import compile_program
from support.programs.scripts import ScriptMachine, run_face


@pytest.mark.parametrize("encoding", ["xdr", "raw"])
def test_items_of_every_kind_come_back(machine: ScriptMachine, encoding: str) -> None:
    run_face(
        machine,
        f"""
        encoding = {encoding!r}
        with Task() as task:
            m = Message(encoding)
            m.pack(5).pack([1, -2]).pack(range(3)).pack(array.array("i", [7, 8]))
            m.pack([4294967295], "uint").pack(-3, "short").pack(65535, "ushort")
            m.pack([-4, 4], "long").pack(6, "ulong").pack(0.5, "float").pack([1e300, -1])
            m.pack([1 + 2j]).pack(0.5j, "cplx")
            m.pack(b"abc").pack_str("grüß").pack(range(10), count=3, stride=2)
            m.pack(array.array("d", range(10)), count=2, stride=4)
            m.pack(memoryview(array.array("h", range(10)))[::3]).pack_object({{"an": ["object"]}})
            m.packf("%d%s", 5, "text").pack_message(Message().pack(77))
            for _ in range(2):
                task.Send(m, task.tid, 3)
                got = task.receive(task.tid, 3)
                for _ in range(2):
                    assert got.unpack("int") == 5 and got.unpack("int", 5) == [1, -2, 0, 1, 2]
                    room = array.array("i", [0, 0])
                    assert got.unpack_into(room) == 2 and list(room) == [7, 8]
                    assert got.unpack("uint", 1) == [4294967295] and got.unpack("short") == -3
                    assert got.unpack("ushort") == 65535 and got.unpack("long", 2) == [-4, 4]
                    assert got.unpack("ulong") == 6 and got.unpack("float") == 0.5
                    assert got.unpack("double", 2) == [1e300, -1] and got.unpack("dcplx") == 1 + 2j
                    assert got.unpack("cplx", 1) == [0.5j]
                    assert got.unpack("byte", 3) == b"abc"
                    assert got.unpack_str() == "grüß" and got.unpack("int", 3) == [0, 2, 4]
                    assert got.unpack("double", 2) == [0, 4]
                    assert got.unpack("short", 4) == [0, 3, 6, 9]
                    assert got.object() == {{"an": ["object"]}}
                    assert got.unpackf("%d%s") == (5, "text")
                    assert got.unpack_message().unpack("int") == 77
                    raises(EOFError, lambda: got.unpack("int"))
                    got.rewind()
                task.Send(got.copy(), task.tid, 4)
                assert task.receive(tag=4).unpack("int") == 5
        """,
    )


def test_message_in_place_reads_memory_when_it_is_sent(machine: ScriptMachine) -> None:
    run_face(
        machine,
        """
        with Task() as task:
            numbers = array.array("d", [1.5, 2.5])
            m = Message("in place").pack(numbers).pack(b"abc").pack([1, 2]).pack(1j)
            numbers[0] = 7.5
            task.Send(m, task.tid, 3)
            got = task.receive()
            assert got.unpack("double", 2) == [7.5, 2.5] and got.unpack("byte", 3) == b"abc"
            assert got.unpack("int", 2) == [1, 2] and got.unpack("dcplx") == 1j
            raises(BufferError, lambda: numbers.append(1.0))
            raises(NotImpl, lambda: m.pack_str("text"))
            m.release()
            numbers.append(1.0)
        """,
    )


def test_items_that_cannot_be_packed_are_refused_with_a_reason(machine: ScriptMachine) -> None:
    run_face(
        machine,
        """
        with Task() as task:
            m = Message()
            raises(OverflowError, lambda: m.pack(array.array("l", [1, 2**31])), "item 1, 214748")
            raises(OverflowError, lambda: m.pack([0, -1, -2**31 - 1], "long"), "item 2")
            raises(OverflowError, lambda: m.pack(2**31))
            raises(TypeError, lambda: m.pack(["text"]), "pack_object")
            raises(TypeError, lambda: m.pack(array.array("d", [1]), "int"), "double, not int")
            square = memoryview(bytes(16)).cast("B", (4, 4))
            raises(TypeError, lambda: m.pack(square[::2]), "in one piece")
            raises(ValueError, lambda: m.pack([1], count=2), "2 are wanted")
            raises(ValueError, lambda: m.pack([1], stride=0))
            raises(ValueError, lambda: m.pack_str("a\\0b"), "NUL")
            raises(ValueError, lambda: Message("ascii"), "in place")
            raises(TypeError, lambda: task.Send([1, 2], task.tid))
            got = m.pack(1)
            m.release()
            m.release()
            raises(NoSuchBuf, lambda: m.pack(1))
            assert repr(m) == "<Message, released>"
        """,
    )


def test_buffers_go_both_ways_and_must_fit(machine: ScriptMachine) -> None:
    run_face(
        machine,
        """
        with Task() as task:
            for form in "bBhHiIlLqQfd":
                sent = array.array(form, [1, 2, 3])
                for encoding in ("auto", "xdr", "raw"):
                    room = array.array(form, [0, 0, 0])
                    task.Send(sent, task.tid, 5, encoding=encoding)
                    got = task.Recv(room, task.tid, 5)
                    assert room == sent and (got.source, got.tag, got.count) == (task.tid, 5, 3)
            for form, count in (("f", 3), ("d", 4), ("d", 1)):
                wrong = array.array(form, [0] * count)
                task.Send(array.array("d", [1, 2, 3]), task.tid, 5)
                before = wrong[:]
                error = raises(Mismatch, lambda: task.Recv(wrong), "24 bytes came")
                assert wrong == before and error.message.unpack("double", 3) == [1, 2, 3]
            task.Send(b"abc", task.tid)
            raises(TypeError, lambda: task.Recv(b"xyz"), "read-only")
        """,
    )


def test_c_task_gets_what_python_packs_and_answers(machine: ScriptMachine) -> None:
    source = Path(machine.programs) / "doubler.c"
    source.write_text("""
#include "pvm3.h"
int main(void)
{
	double x[3];
	char text[20];
	pvm_recv(pvm_parent(), 1);
	pvm_upkdouble(x, 3, 1);
	pvm_recv(pvm_parent(), 2);
	pvm_upkstr(text);
	for (int i = 0; i < 3; i++)
		x[i] *= 2;
	pvm_initsend(PvmDataDefault);
	pvm_pkdouble(x, 3, 1);
	pvm_pkstr(text);
	pvm_send(pvm_parent(), 3);
	pvm_exit();
	return 0;
}
""")
    (machine.programs / "doubler").symlink_to(compile_program("doubler", [source], "ours"))
    run_face(
        machine,
        """
        with Task() as task:
            for encoding in ("auto", "xdr", "raw"):
                them = Tid(classic.spawn("doubler")[0])
                task.Send(array.array("d", [1, 2, 3]), them, 1, encoding=encoding)
                task.Send(Message().pack_str("back"), them, 2)
                got = task.receive(them, 3)
                assert got.unpack("double", 3) == [2, 4, 6] and got.unpack_str() == "back"
        """,
    )
