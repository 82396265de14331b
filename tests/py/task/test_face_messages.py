# SPDX-License-Identifier: MIT
"""Task, Message and Notices, used as a program uses them."""

from __future__ import annotations

from pathlib import Path

import pytest
from support.compiler import compile_program
from support.programs.scripts import RAISES, STRUCK, ScriptMachine

FACE = "from pvm3py import *\nimport pvm3py\nfrom pvm3py import classic\n"


def run(machine: ScriptMachine, text: str, **children: str) -> str:
    import textwrap  # noqa: PLC0415

    def whole(part: str) -> str:
        return FACE + RAISES + STRUCK + textwrap.dedent(part)

    return machine.run(whole(text), **{name: whole(child) for name, child in children.items()})


# ---- enrolling -----------------------------------------------------------------------


def test_task_is_one_and_gets_a_new_tid_after_it_left(machine: ScriptMachine) -> None:
    run(
        machine,
        """
        with Task() as task:
            assert task is Task() and task.enrolled and task.parent is None
            with Task():
                first = task.tid
            assert task.tid == first and str(first) == f"t{int(first):x}" == f"{first}"
            assert f"{first:#x}" == hex(first) and f"{first:>9}" == str(first).rjust(9)
            assert first.alive() and first.host.name and task.host.tid == first & ~0x3ffff
            assert task.siblings == (first,)
        assert not task.enrolled
        assert task.tid != first
        """,
    )


def test_task_without_a_daemon_says_what_to_do(machine: ScriptMachine) -> None:
    run(
        machine,
        """
        os.environ["PVM_VMID"] = "nobody"
        error = raises(ConnectionError, lambda: Task().tid, "no daemon of yours runs")
        assert isinstance(error, ConnectionLost) and not Task().enrolled
        """,
    )


# ---- objects ---------------------------------------------------------------------------


def test_objects_of_all_sizes_come_as_they_were_sent(machine: ScriptMachine) -> None:
    run(
        machine,
        """
        import pickle
        with Task() as task:
            me = task.tid
            for size in (0, 1, 4071, 4072, 4073, 5000, 100_000, 1 << 20):
                for buffers in (0, 1, 3):
                    large = [pickle.PickleBuffer(bytearray(b"x" * 5000)) for _ in range(buffers)]
                    task.send((b"y" * size, large), me, 3)
                    large = None
                    data, got = task.recv(me, 3)
                    assert data == b"y" * size
                    assert [bytes(b) for b in got] == [b"x" * 5000] * buffers
            me.send({"by": "tid"}, 4)
            assert task.recv(tag=4) == {"by": "tid"}
        """,
    )


def test_object_may_be_changed_when_send_returns(machine: ScriptMachine) -> None:
    run(
        machine,
        """
        import pickle
        with Task() as task:
            numbers = array.array("d", [1.0]) * 100_000
            for i in range(20):
                task.send(pickle.PickleBuffer(numbers), task.tid)
                numbers[:] = array.array("d", [float(i)]) * len(numbers)
            wanted = [1.0, *map(float, range(19))]
            assert [memoryview(task.recv()).cast("d")[77] for _ in range(20)] == wanted
        """,
    )


def test_object_goes_to_several_by_one_multicast(machine: ScriptMachine) -> None:
    run(
        machine,
        """
        with Task() as task:
            them = list(map(Tid, classic.spawn("child", count=3)))
            task.send(["all", b"z" * 10_000], them, 1)
            assert sorted(task.recv(tag=2, timeout=60) for _ in them) == sorted(map(int, them))
            for everybody in ([task.tid, them[0]], [them[0], task.tid]):
                task.send("both", everybody, 3)
                task.Send(b"both", everybody, 4)
                task.Send(Message().pack(b"both"), everybody, 4)
                assert task.recv(task.tid, 3, timeout=60) == "both"
                for _ in range(2):
                    assert task.receive(task.tid, 4, timeout=60).unpack("byte", 4) == b"both"
                assert task.probe() is None
        """,
        child="""
        with Task() as task:
            assert task.recv(task.parent, 1) == ["all", b"z" * 10_000]
            task.send(int(task.tid), task.parent, 2)
        """,
    )


def test_message_that_is_no_object_is_handed_over_and_never_unpickled(
    machine: ScriptMachine,
) -> None:
    run(
        machine,
        """
        import pickle
        class Fatal:
            def __reduce__(self):
                return os._exit, (9,)
        data = pickle.dumps(Fatal())
        with Task() as task:
            for packed in (data, b"pvm3py\\0\\1" + data, b"", b"pvm3py\\0\\1" + bytes(16)[:15]):
                task.Send(Message("raw").pack(packed), task.tid, 7)
                error = raises(NotAnObject, task.recv, "tag 7", str(task.tid))
                message = error.message
                assert (message.tag, message.source, message.length) == (7, task.tid, len(packed))
                assert message.unpack("byte", len(packed)) == packed
            classic.initsend(); classic.pkbytes(data); classic.send(task.tid, 7)
            raises(BadMsg, classic.recv_obj)
            assert classic.upkbytes(len(data)) == data
        """,
    )


def test_receiver_that_is_no_tid_is_named(machine: ScriptMachine) -> None:
    run(
        machine,
        """
        with Task() as task:
            raises(TypeError, lambda: task.send(task.tid, {"a": 1}), "not dict", "send(obj, to")
            raises(TypeError, lambda: task.send(task.tid, 2.5), "not float")
            raises(BadParam, lambda: task.send(1, task.tid, -3), f"to {task.tid} (tag -3)")
            raises(ValueError, lambda: task.send(1, -5), "to t-5")
        """,
    )


# ---- waiting ----------------------------------------------------------------------------


def test_wait_ends_in_time_and_says_for_whom(machine: ScriptMachine) -> None:
    run(
        machine,
        """
        with Task() as task:
            for call in (task.recv, task.receive, lambda **k: task.Recv(bytearray(4), **k)):
                raises(TimeoutError, lambda: call(timeout=0.01), "from any task (any tag)")
                raises(Timeout, lambda: call(timeout=0))
            raises(TimeoutError, lambda: task.recv(5, 6, timeout=0), "from t5 (tag 6)")
            assert task.probe() is None and task.probe(timeout=0.01) is None
            assert list(task.messages(idle=0.01)) == []
        """,
    )


def test_probe_leaves_the_message_where_it_is(machine: ScriptMachine) -> None:
    run(
        machine,
        """
        with Task() as task:
            task.send("here", task.tid, 3)
            seen = task.probe(tag=3, timeout=60)
            assert (seen.tag, seen.source, seen.is_object) == (3, task.tid, True)
            raises(BadMsg, seen.object, "receive()")
            raises(BadMsg, lambda: seen.unpack("int"), "receive()")
            seen.release()
            assert task.probe(tag=4) is None
            assert task.recv(tag=3, timeout=0) == "here"
            assert task.probe() is None
        """,
    )


def test_ctrl_c_ends_each_wait_and_loses_nothing(machine: ScriptMachine) -> None:
    run(
        machine,
        """
        with Task() as task:
            notices = task.notify_exit(task.tid)
            for wait in (task.recv, task.receive, lambda: task.recv(timeout=100), notices.next,
                         lambda: task.probe(timeout=None), lambda: next(task.messages())):
                struck(wait)
            task.send("kept", task.tid)
            assert task.recv() == "kept"
        """,
    )


def test_threads_send_and_receive_in_contexts_of_their_own(machine: ScriptMachine) -> None:
    run(
        machine,
        """
        task = Task()
        me = task.tid
        wrong = []
        def work(number):
            with task.context():
                for i in range(300):
                    task.send((number, i), me, 1)
                    if task.recv(me, 1, timeout=60) != (number, i):
                        wrong.append((number, i))
        threads = [threading.Thread(target=work, args=(n,)) for n in range(4)]
        for t in threads: t.start()
        for t in threads: t.join()
        assert not wrong and task.probe() is None
        task.leave()
        """,
    )


# ---- messages ---------------------------------------------------------------------------


@pytest.mark.parametrize("encoding", ["xdr", "raw"])
def test_items_of_every_kind_come_back(machine: ScriptMachine, encoding: str) -> None:
    run(
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
    run(
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
    run(
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
    run(
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
    run(
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


# ---- handlers, contexts, notices -----------------------------------------------------------


def test_handler_gets_matching_messages_until_it_is_removed(machine: ScriptMachine) -> None:
    run(
        machine,
        """
        with Task() as task:
            seen = []
            @task.handler(tag=9)
            def handle(message):
                seen.append((message.source, message.object()))
            raises(Exists, lambda: task.handler(tag=9)(print))
            task.send("handled", task.tid, 9)
            task.send("next", task.tid, 1)
            assert task.recv() == "next" and seen == [(task.tid, "handled")]
            task.remove_handler(handle)
            raises(LookupError, lambda: task.remove_handler(handle))
            task.send("received", task.tid, 9)
            assert task.recv(tag=9) == "received" and len(seen) == 1
        """,
    )


def test_message_of_a_handler_is_gone_when_that_has_returned(machine: ScriptMachine) -> None:
    run(
        machine,
        """
        with Task() as task:
            kept = []
            task.handler(tag=9)(kept.append)
            task.send("handled", task.tid, 9)
            while not kept:
                task.probe(timeout=0.05)
            task.send("next", task.tid)
            other = task.receive()
            raises(NoSuchBuf, lambda: kept[0].length)
            kept[0].release()
            assert other.object() == "next" and repr(kept[0]) == "<Message, released>"
        """,
    )


def test_message_that_was_looked_at_is_gone_when_it_was_taken_and_freed(
    machine: ScriptMachine,
) -> None:
    run(
        machine,
        """
        with Task() as task:
            task.send("text", task.tid, 4)
            seen = task.probe(timeout=None)
            assert seen.length > 0 and seen.is_object
            task.receive().release()
            others = [Message().pack(5) for _ in range(3)]
            raises(NoSuchBuf, lambda: seen.length)
            raises(NoSuchBuf, lambda: seen.is_object)
            assert repr(seen) == "<Message, released>"
            seen.release()
            assert [other.length for other in others] == [4] * 3
        """,
    )


def test_messages_outlive_the_machine_and_touch_no_later_one(machine: ScriptMachine) -> None:
    run(
        machine,
        """
        task = Task()
        task.send("received", task.tid, 1)
        task.send("left", task.tid, 2)
        sent, got, seen = Message().pack(5), task.receive(tag=1), task.probe(tag=2, timeout=None)
        task.leave()
        later = [Message().pack_str("later") for _ in range(5)]
        task.send("new", task.tid, 2)
        new = [task.receive(), *later]
        assert got.object() == "received"
        task.Send(sent, task.tid)
        assert task.receive().unpack("int") == 5
        for message in (sent, got, seen):
            message.release()
        del sent, got, seen
        assert [message.length for message in later] == [12] * 5
        assert new[0].object() == "new"
        """,
    )


def test_context_keeps_messages_apart(machine: ScriptMachine) -> None:
    run(
        machine,
        """
        with Task() as task:
            task.send("outer", task.tid, 1)
            with task.context() as number:
                task.send("inner", task.tid, 1)
                assert task.recv(tag=1) == "inner"
                task.send("later", task.tid, 1)
            assert task.recv(tag=1) == "outer" and task.probe() is None
            with task.context(number) as same:
                assert same == number and task.recv(tag=1) == "later"
        """,
    )


def test_notices_tell_of_ended_tasks_and_reach_no_receive(machine: ScriptMachine) -> None:
    run(
        machine,
        """
        with Task() as task:
            one, two = map(Tid, classic.spawn("/bin/sleep", ["1000"], count=2))
            with task.notify_exit(one, two) as notices:
                two.kill()
                notice = notices.next(timeout=60)
                assert notice == ("task exit", two) and notice.what == "task exit"
                raises(Timeout, lambda: notices.next(timeout=0.01))
                assert task.probe() is None
                one.signal(signal.SIGKILL)
                assert next(iter(notices)).tid == one
            raises(ValueError, notices.next)
            assert [n for n in notices] == []
            told = []
            three = Tid(classic.spawn("/bin/true")[0])
            notices = task.notify_exit(three)
            notices.callback(told.append)
            while not told:
                task.probe(timeout=0.05)
            assert told == [("task exit", three)]
            notices.close()
        """,
    )


def test_callback_gets_the_notices_that_came_before_it(machine: ScriptMachine) -> None:
    run(
        machine,
        """
        with Task() as task:
            one, two = map(Tid, classic.spawn("/bin/sleep", ["1000"], count=2))
            with task.notify_exit(one, two) as notices:
                one.kill()
                two.kill()
                while classic.pstat(one) or classic.pstat(two):
                    pass
                task.probe(timeout=0)  # which takes the notices in
                told = []
                notices.callback(told.append)
                while len(told) < 2:
                    task.probe(timeout=0.05)
                assert sorted(told) == sorted([("task exit", one), ("task exit", two)])
        """,
    )


# ---- what is left behind ---------------------------------------------------------------------


def test_messages_leave_neither_memory_nor_descriptors(machine: ScriptMachine) -> None:
    run(
        machine,
        """
        import resource
        with Task() as task:
            me = task.tid
            def rounds(n):
                for i in range(n):
                    task.send((i, "x"), me)
                    task.recv()
                    task.Send(Message().pack(i).pack_object(i), me)
                    message = task.receive()
                    message.unpack("int"), message.object()
                    with task.context():
                        pass
                    task.probe()
            rounds(500)
            fds, memory = os.listdir("/proc/self/fd"), resource.getrusage(resource.RUSAGE_SELF)
            rounds(4000)
            assert os.listdir("/proc/self/fd") == fds
            grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - memory.ru_maxrss
            assert grown < 1024, grown
        """,
    )


# ---- sources that have ended --------------------------------------------------------------------


def test_receive_from_a_task_that_has_ended_gives_what_it_sent_and_then_says_so(
    machine: ScriptMachine,
) -> None:
    run(
        machine,
        """
        with Task() as task:
            (worker,) = map(Tid, classic.spawn("worker"))
            assert [task.recv(worker), task.recv(worker)] == [1, 2]
            for wait in (task.recv, task.receive, lambda tid: task.Recv(bytearray(4), tid),
                         lambda tid: task.recv(tid, timeout=100)):
                error = raises(classic.NoTask, lambda: wait(worker))
                assert f"from t{worker:x}" in str(error) and "it has ended" in str(error)
            raises(Timeout, lambda: task.recv(worker, timeout=0))
            raises(Timeout, lambda: task.recv(task.tid, timeout=1.2))
            raises(Timeout, lambda: task.recv(classic.tidtohost(task.tid), timeout=1.2))
        """,
        worker="""
        with Task() as task:
            task.send(1, task.parent)
            task.send(2, task.parent)
        """,
    )


# ---- what is left when a task has gone ----------------------------------------------------------


def test_message_that_outlives_the_task_s_leaving_does_not_enrol_again(
    machine: ScriptMachine,
) -> None:
    run(
        machine,
        """
        with Task() as task:
            message = Message().pack(1)
        del message
        assert not task.enrolled
        """,
    )
